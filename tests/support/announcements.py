"""Completion events as consumers see them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import publisher

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jsonschema import Draft202012Validator

SCHEMA_FILE = Path(publisher.__file__).with_name("image_event.schema.json")


@cache
def _validator() -> Draft202012Validator:
    # Takes seconds to import, which every run of any test would wait for.
    from jsonschema import Draft202012Validator  # noqa: PLC0415

    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def require_valid(detail: dict[str, Any]) -> None:
    """Raise unless a completion event is what its JSON Schema says."""
    _validator().validate(detail)


def newest(details: Iterable[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """What a consumer ends with that keeps the newest event of each image, by its bucket and key."""
    kept: dict[tuple[str, str], dict[str, Any]] = {}
    for detail in details:
        image = detail["data"]["bucket"], detail["data"]["key"]
        if image not in kept or detail["sequence"] > kept[image]["sequence"]:
            kept[image] = detail
    return kept
