"""The archive of the change stream as Firehose writes it: events in JSON, by the table's columns, to Parquet by day."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

import hcl2
import pyarrow as pa
from hcl2.utils import SerializationOptions
from pyarrow import parquet

from devtools.localaws.stack import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

TABLE: Final = REPOSITORY / "terraform" / "modules" / "changes" / "table.tf"
QUERIES: Final = TABLE.parent / "queries"
_SIMPLE: Final = {"string": pa.string(), "int": pa.int32(), "bigint": pa.int64(), "boolean": pa.bool_()}
_PLAIN_VALUES: Final = SerializationOptions(with_comments=False, explicit_blocks=False, strip_string_quotes=True)


def schema() -> pa.Schema:
    """The columns of the table, as the module gives them to Glue."""
    (found,) = hcl2.loads(TABLE.read_text(encoding="utf-8"), serialization_options=_PLAIN_VALUES)["locals"]
    data = ",".join(f"{each['name']}:{each['type']}" for each in found["data"])
    columns = {each["name"]: each["type"] for each in found["columns"]}
    assert list(columns)[-1] == "data"
    return schema_of({**columns, "data": f"struct<{data}>"})


def schema_of(columns: dict[str, str]) -> pa.Schema:
    """The same of other columns: their types as Hive has them, by name."""
    return pa.schema([(name, _type(text)) for name, text in columns.items()])


def _type(text: str) -> pa.DataType:
    if of := re.fullmatch("array<(.+)>", text):
        return pa.list_(_type(of[1]))
    if of := re.fullmatch("struct<(.+)>", text):
        return pa.struct([(name, _type(kind)) for name, kind in (each.split(":", 1) for each in _members(of[1]))])
    return _SIMPLE[text]


def _members(text: str) -> list[str]:
    """What stands between the commas that are in no further brackets."""
    members, depth = [""], 0
    for each in text:
        depth += {"<": 1, ">": -1}.get(each, 0)
        if each == "," and depth == 0:
            members.append("")
        else:
            members[-1] += each
    return members


def write(folder: Path, lines: Iterable[str], columns: pa.Schema, *, name: str = "1") -> None:
    """Deliver events, a line of JSON each: what has no column is dropped, and what an event lacks is null."""
    by_day: dict[str, list[Any]] = defaultdict(list)
    for line in lines:
        event = json.loads(line)
        by_day[event["time"][:10]].append(event)
    for day, events in by_day.items():
        (folder / f"day={day}").mkdir(parents=True, exist_ok=True)
        parquet.write_table(pa.Table.from_pylist(events, schema=columns), folder / f"day={day}" / f"{name}.parquet")


def read(folder: Path, columns: pa.Schema) -> list[dict[str, Any]]:
    """Every record of the archive, as a reader sees it who knows these columns, the oldest file first."""
    files = sorted(folder.rglob("*.parquet"))
    return [record for file in files for record in _as_known(parquet.read_table(file, partitioning=None), columns)]


def _as_known(table: pa.Table, columns: pa.Schema) -> list[dict[str, Any]]:
    # By name, at every depth: https://docs.aws.amazon.com/athena/latest/ug/handling-schema-updates-chapter.html
    records: list[dict[str, Any]] = pa.Table.from_pylist(table.to_pylist(), schema=columns).to_pylist()
    return records
