"""What AWS allows, as limits.toml has it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

_FILE = Path(__file__).with_name("limits.toml")


@dataclass(frozen=True)
class Limit:
    """So much and no more, by default."""

    value: float
    unit: str
    page: str
    """AWS's own page of it."""
    remedy: str
    """What to do where it is reached, as the end of a sentence."""


@dataclass(frozen=True)
class AwsLimits:
    """All that a bulk job can run into, as it was read on one day."""

    date: date
    lambda_mapping: Limit
    lambda_first_batches: Limit
    lambda_more_batches: Limit
    lambda_provisioned: Limit
    lambda_provisioned_more: Limit
    lambda_environments: Limit
    lambda_account: Limit
    s3_put_prefix: Limit
    s3_get_prefix: Limit
    dynamodb_first_write: Limit
    dynamodb_first_read: Limit
    dynamodb_doubling: Limit
    dynamodb_table_write: Limit
    dynamodb_table_read: Limit
    dynamodb_partition_write: Limit
    sqs_in_flight: Limit
    sqs_retention_days: Limit
    kms_requests: Limit
    logs_put: Limit

    @classmethod
    def load(cls) -> AwsLimits:
        """Read limits.toml."""
        limits = tomllib.loads(_FILE.read_text(encoding="utf-8"))
        date = limits.pop("date")
        return cls(date, **{name: Limit(**limit) for name, limit in limits.items()})

    def each(self) -> dict[str, Limit]:
        """Every limit by its name."""
        named = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: value for name, value in named if isinstance(value, Limit)}
