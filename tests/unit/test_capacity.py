"""How much an invocation does at a time follows from its memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.pipeline import RENDITIONS, environment
from thumbnail_pipeline.errors import Systemic
from thumbnailer.capacity import Capacity
from thumbnailer.config import ThumbnailerConfig

MEBIBYTE = 2**20
memories = st.integers(128, 10_240).map(lambda megabytes: megabytes * MEBIBYTE)


@pytest.mark.parametrize(("megabytes", "renders"), [(128, 1), (1769, 1), (1770, 2), (3538, 2), (10_240, 6)])
def test_as_many_images_are_rendered_at_a_time_as_there_are_processors(megabytes: int, renders: int) -> None:
    assert Capacity.of(megabytes * MEBIBYTE).renders == renders


@given(memories)
def test_sources_and_rendering_leave_room_for_the_rest(memory: int) -> None:
    capacity = Capacity.of(memory)
    assert 0 < capacity.source_bytes < capacity.render_bytes
    assert capacity.source_bytes + capacity.render_bytes <= max(memory - 128 * MEBIBYTE, MEBIBYTE)


@given(memories, memories)
def test_more_memory_never_means_less(one: int, other: int) -> None:
    less, more = (Capacity.of(memory) for memory in sorted((one, other)))
    for name in ("images", "renders", "writes", "source_bytes", "render_bytes", "connections"):
        assert getattr(less, name) <= getattr(more, name)


@given(memories)
def test_every_image_and_every_write_has_a_connection(memory: int) -> None:
    capacity = Capacity.of(memory)
    assert capacity.connections == capacity.images + capacity.writes


def test_what_the_deployer_says_is_taken() -> None:
    variables = {"IMAGES_AT_ONCE": "3", "RENDERS_AT_ONCE": "2", "WRITES_AT_ONCE": "5"}
    config = ThumbnailerConfig.from_environment({**environment("arn", RENDITIONS), **variables})
    assert (config.capacity.images, config.capacity.renders, config.capacity.writes) == (3, 2, 5)


@pytest.mark.parametrize("value", ["0", "many"])
def test_a_number_that_cannot_be_is_named(value: str) -> None:
    with pytest.raises(Systemic, match="RENDERS_AT_ONCE"):
        ThumbnailerConfig.from_environment({**environment("arn", RENDITIONS), "RENDERS_AT_ONCE": value})
