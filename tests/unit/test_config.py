"""The function's environment, and what is said of one that is not usable."""

from __future__ import annotations

import pytest

from support.pipeline import RENDITIONS, environment
from thumbnail_pipeline.errors import Systemic
from thumbnailer.config import ThumbnailerConfig

GOOD = environment("arn:aws:sns:us-east-1:123456789012:alerts", RENDITIONS)


def test_a_good_environment_is_read() -> None:
    config = ThumbnailerConfig.from_environment(GOOD)
    assert [rendition.name for rendition in config.settings.renditions] == ["large", "small"]
    assert config.tombstone_days == 30


@pytest.mark.parametrize(("value", "propagates"), [("true", True), ("false", False)])
def test_deletions_are_propagated_or_not(value: str, *, propagates: bool) -> None:
    assert ThumbnailerConfig.from_environment({**GOOD, "PROPAGATE_DELETIONS": value}).propagates_deletions is propagates


@pytest.mark.parametrize(
    "name",
    [
        "SETTINGS",
        "SOURCE_BUCKET",
        "THUMBNAILS_BUCKET",
        "CATALOG_TABLE",
        "ALERTS_TOPIC_ARN",
        "TOMBSTONE_DAYS",
        "RETRY_FIRST_SECONDS",
        "RETRY_DENIED_SECONDS",
        "MAX_RECEIVE_COUNT",
        "KEY_IDS",
        "TIMEOUT_SECONDS",
    ],
)
def test_a_missing_variable_is_named(name: str) -> None:
    with pytest.raises(Systemic, match=name):
        ThumbnailerConfig.from_environment({key: value for key, value in GOOD.items() if key != name})


@pytest.mark.parametrize(
    ("name", "value"),
    [("SETTINGS", "{"), ("SETTINGS", '{"renditions": []}'), ("TOMBSTONE_DAYS", "-1"), ("PROPAGATE_DELETIONS", "no")],
)
def test_a_bad_value_is_named(name: str, value: str) -> None:
    with pytest.raises(Systemic, match=name):
        ThumbnailerConfig.from_environment({**GOOD, name: value})
