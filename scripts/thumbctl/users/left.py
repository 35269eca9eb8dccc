"""What a deletion does not reach, and until when it is there: docs/security.md says the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any


@dataclass(frozen=True)
class Left:
    """Something about a user that is somewhere else."""

    where: str
    what: str
    until: str


def left(outputs: Mapping[str, Any]) -> Iterator[Left]:
    """Yield what may be left, of a deployment with these outputs."""
    table = outputs["table_name"]
    if outputs["propagate_deletions"]:
        yield Left(f"rows of {table}", "key and time of what was deleted", "retention.tombstone_days")
    yield Left(f"point-in-time copies of {table}", "rows as they were", "35 days")
    if (api := outputs.get("api")) is not None:
        yield Left(api["asks_table_name"], "that an address was granted which is still good", "two days at most")
        yield Left("the issuer of tokens", "the user, if nobody has deleted them there", "somebody deletes them")
    yield Left(f"{outputs['log_group_name']}, traces, alerts", "keys", "retention.log_days; 30 days; in mailboxes")
    yield Left("queues and dead letters", "keys, and the address of the uploader", "14 days")
    if outputs.get("publishers"):
        yield Left(outputs["parked_bucket"], "whole rows that could not be announced", "retention.parked_days")
        yield Left("consumers of events", "keys and facts of each image", "they delete it")
    if outputs.get("change_stream"):
        yield Left("the change stream and its archive in Parquet", "the same", "retention_hours; archive.days")
    yield Left("operators' machines", "keys in journals and purged dead letters", "somebody deletes them")
    yield Left(
        "backups, replicas, access logs and inventories of buckets and tables",
        "whatever you have copied",
        "as you have set them up",
    )
    yield Left("caches of browsers", "thumbnails that were shown", "their Cache-Control")
