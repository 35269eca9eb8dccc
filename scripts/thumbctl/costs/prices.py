"""AWS's list prices, as prices.toml has them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

_FILE = Path(__file__).with_name("prices.toml")


@dataclass(frozen=True)
class Price:
    """`dollars` for `per` units."""

    dollars: float
    per: int
    unit: str
    page: str
    """AWS's own page of it."""
    seen: str
    """Where the figure was read."""

    def of(self, amount: float) -> float:
        """Dollars for so many units."""
        return self.dollars * amount / self.per


@dataclass(frozen=True)
class Prices:
    """All that the pipeline is charged for, in one region, on one day."""

    date: date
    region: str
    s3_put: Price
    s3_get: Price
    s3_storage: Price
    s3_inventory: Price
    lambda_arm64: Price
    lambda_x86_64: Price
    lambda_request: Price
    dynamodb_write: Price
    dynamodb_read: Price
    dynamodb_storage: Price
    dynamodb_recovery: Price
    sqs_request: Price
    kms_request: Price
    kms_key: Price
    sns_publish: Price
    xray_trace: Price
    logs_ingestion: Price
    logs_storage: Price
    cloudwatch_metric: Price
    cloudwatch_alarm: Price
    cloudwatch_composite: Price
    cloudwatch_dashboard: Price
    eventbridge_event: Price
    http_api_request: Price
    cognito_user: Price
    iot_minute: Price
    iot_message: Price
    iot_rule: Price
    iot_action: Price
    kinesis_stream_hour: Price
    kinesis_shard_hour: Price
    kinesis_put_gb: Price
    kinesis_read_gb: Price
    kinesis_put_unit: Price
    firehose_gb: Price
    firehose_conversion_gb: Price

    @classmethod
    def load(cls) -> Prices:
        """Read prices.toml."""
        prices = tomllib.loads(_FILE.read_text(encoding="utf-8"))
        date, region = prices.pop("date"), prices.pop("region")
        return cls(date, region, **{name: Price(**price) for name, price in prices.items()})

    def each(self) -> dict[str, Price]:
        """Every price by its name."""
        named = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: value for name, value in named if isinstance(value, Price)}
