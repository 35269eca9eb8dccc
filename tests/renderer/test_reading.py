"""The bounded reader: no file leads a parser beyond its end, and a file of pieces reads as any other."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from renderer import browser
from renderer.pictures import photograph, saved
from thumbnail_pipeline.errors import Permanent
from thumbnail_pipeline.renderer.gif_frames import container_of_gif
from thumbnail_pipeline.renderer.iso_boxes import container_of_boxes, is_cut_short
from thumbnail_pipeline.renderer.jpeg_scans import JpegLayout, without_detail
from thumbnail_pipeline.renderer.png_chunks import container_of_png
from thumbnail_pipeline.renderer.reading import Cursor, Pieces
from thumbnail_pipeline.renderer.tiff_tags import container_of_tiff
from thumbnail_pipeline.renderer.webp_chunks import coding_of_webp, container_of_webp

if TYPE_CHECKING:
    from collections.abc import Callable

    from thumbnail_pipeline.renderer.reading import Container


@given(
    parts=st.lists(st.binary(max_size=9), max_size=6),
    steps=st.lists(st.tuples(st.integers(-1, 30), st.integers(-1, 30))),
)
def test_a_file_of_pieces_reads_as_the_whole(parts: list[bytes], steps: list[tuple[int, int]]) -> None:
    pieces, whole = Pieces(parts), io.BytesIO(b"".join(parts))
    assert len(pieces) == len(whole.getvalue())
    for place, size in steps:
        if place >= 0:
            assert pieces.seek(place) == whole.seek(place)
        assert pieces.read(size) == whole.read(size)
        assert pieces.tell() == whole.tell()


def test_a_whole_piece_is_not_copied() -> None:
    data = b"a picture"
    assert Pieces((data,)).read() is data


@given(source=st.binary(max_size=40), at=st.integers(0, 50), end=st.integers(0, 50), counts=st.lists(st.integers(0, 9)))
def test_a_cursor_gives_what_is_there_or_says_what_is_not(source: bytes, at: int, end: int, counts: list[int]) -> None:
    cursor = Cursor(source, at, end)
    for count in counts:
        before = cursor.at
        try:
            assert len(cursor.take(count)) == count
        except EOFError:
            assert cursor.end == len(source)
        except ValueError:
            assert cursor.end < len(source)
        else:
            assert cursor.at == before + count
            assert cursor.at <= max(before, cursor.end)


def played(container: Container) -> None:
    for _ in container.play() if container.play else ():
        pass


def of_jpeg(source: bytes) -> None:
    layout = JpegLayout.of(source, 5)
    assert sum(map(len, layout.parts(source))) <= len(source) + 2
    without_detail(source, layout)


def of_webp(source: bytes) -> None:
    container = container_of_webp(source)
    coding_of_webp(container)
    played(container)


def of_boxes(source: bytes) -> None:
    is_cut_short(source)
    # What is mended there leaves all others where they are.
    assert sum(map(len, container_of_boxes(source, "AVIF")[0].parts)) == len(source)


PARSERS: dict[str, tuple[Callable[[bytes], object], bytes]] = {
    "JPEG": (of_jpeg, saved(photograph("chelsea.png", (64, 48)), "JPEG", progressive=True)),
    "PNG": (lambda source: played(container_of_png(source)[0]), browser.apng(1, 1, apart=True)),
    "GIF": (lambda source: played(container_of_gif(source)), browser.cases()["GIF with small frames cleared"]),
    "WebP": (of_webp, next(data for name, data in browser.cases().items() if name.startswith("WebP"))),
    "TIFF": (container_of_tiff, saved(photograph("chelsea.png", (8, 6)), "TIFF", tiffinfo={270: b"a cat" * 4})),
    "boxes": (of_boxes, saved(photograph("chelsea.png", (64, 48)), "AVIF")),
}


@pytest.mark.parametrize("kind", PARSERS)
@example(noise=b"\xff\xd8\x00\x00\xff\xda", at=0, cut=False)
@example(noise=b"\0\0\1\0infe\2\0\0\0\xff\xff\xff\xff\0\0\2\0infe\2\0\0\0\xff\xff\xff\xff\xff", at=60, cut=False)
@given(noise=st.binary(max_size=60), at=st.integers(0, 600), cut=st.booleans())
@hypothesis_settings(max_examples=200, deadline=None)
def test_no_bytes_upset_a_parser(kind: str, noise: bytes, at: int, *, cut: bool) -> None:
    parse, whole = PARSERS[kind]
    source = whole[:at] + noise + (b"" if cut else whole[at + len(noise) :])
    with contextlib.suppress(Permanent, EOFError, ValueError):  # what `render` takes for truncated and for corrupt
        parse(source)
