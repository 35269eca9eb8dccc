"""How much memory a render takes at its peak, estimated from the header, so that several can run side by side.

Every constant is bytes a pixel as measured (docs/renderer.md); tests hold the estimate against the real peak.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from thumbnail_pipeline.renderer import heif_tiles, png_rows, webp_scaled
from thumbnail_pipeline.renderer.formats import animates, inspect
from thumbnail_pipeline.renderer.geometry import scale
from thumbnail_pipeline.renderer.pyramid import decoder_reduction, reduction, scaled_size, tiled_size

if TYPE_CHECKING:
    from thumbnail_pipeline.renderer.formats import Header
    from thumbnail_pipeline.renderer.iso_boxes import HeifCoding
    from thumbnail_pipeline.settings import Rendition, Settings

__all__ = ["estimate_memory"]

_AT_REST: Final = 4_000_000  # buffers, strips, the encoded files, and what the allocator keeps
_STORED: Final = {"L": 1, "P": 1, "1": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}  # Pillow takes four for all others
_GREY: Final = frozenset({"1", "L", "I;16", "I;16B", "I;16L"})
_AS_IT_IS: Final = frozenset({"L", "RGB", "RGBA", "CMYK", "LAB"})  # modes that thumbnails are drawn from
_TURNED_BY_PILLOW: Final = frozenset({"AVIF", "HEIF", "TIFF"})  # whose EXIF was not read yet

# A pixel of the source while its decoder runs. WebP, without libwebp at hand: two canvases, a copy as bytes and a copy
# as a picture. AVIF is that of ten bits without subsampling, which its header does not tell from eight.
_DECODING: Final = {"WEBP": 19.0, "AVIF": 15.0, "HEIF": 16.0, "TIFF": 8.5}
# Of a HEIF decoded as a whole, by its numbers for each pixel, in eight bits and in more.
_WHOLE_HEIF: Final = {(1.0, False): 4.5, (1.5, False): 8.0, (2.0, False): 9.0, (3.0, False): 10.0, (1.5, True): 9.0}
_TILE_OF_HEIF: Final = 20.0  # a pixel of a tile, in ten bits without subsampling
_SCALED_WEBP: Final = {(False, False): 0.0, (False, True): 2.0, (True, False): 4.5, (True, True): 4.5}
_ROWS_OF_WEBP: Final = 400  # bytes for each pixel across: the rows that its filter and the scaling look at
_STRIPS_OF_PNG: Final = 6_000_000  # rows as bytes, as pixels and premultiplied
_STORED_AT_MOST: Final = 4
_SMALL_TIFF: Final = 3.5  # times what is stored: a strip as it comes, what libtiff makes of it, and the picture
_EXACT: Final = 16.0  # of a PNG with a transparent colour of 16 bits, decoded twice
_ANIMATING: Final = {"GIF": 16.0, "WEBP": 19.0, "PNG": 16.0, "AVIF": 19.0}

# A pixel of a thumbnail while its encoder runs, without and with alpha.
_ENCODING: Final = {"webp": (6, 21), "jpeg": (5, 5), "png": (3, 3), "avif": (44, 44), "gif": (13, 15)}


def estimate_memory(source: bytes, settings: Settings) -> int:
    """Bytes that `render` takes at its peak, beside the source itself; never less than it really does.

    Reads the header and decodes nothing. Raises Permanent for a source that `render` would refuse for its
    format or size, and what a header makes Pillow raise passes through: such a source costs nothing to render.
    """
    header = inspect(source, settings.limits)
    frames = header.frames if animates(header, settings) else 1
    pixels = header.width * header.height
    # An orientation may swap the sides; the larger of the two is what the picture may need.
    largest = max(
        scale(rendition, *sides)
        for rendition in settings.renditions
        for sides in ((header.width, header.height), (header.height, header.width))
    )
    decoding, decoded, across, down = _decoding(header, largest, frames)
    factor = reduction(1.0, largest * header.width / across)
    bands = 1 if header.mode in _GREY and not header.clear else 4
    # What thumbnails are drawn from is the decoded picture itself, or a reduced or converted copy of it.
    base = bands * across * down / factor**2
    copied = base if factor > 1 or header.mode not in _AS_IT_IS else 0.0
    sizes = {each: _pixels(each, header) for each in settings.renditions}
    first, together = max(sizes.values()), sum(sizes.values())
    # Lanczos goes across first: a picture as wide as the thumbnail and as high as what it is drawn from. After that
    # there is the thumbnail twice, while its colours are converted or it is turned.
    across_first = (first * pixels) ** 0.5 * (down / factor / header.height)
    passes = bands * (first + max(first, across_first))
    passes += 20 * first if header.mode == "CMYK" else 0  # inks are converted one by one
    passes += base + bands * first if header.clear else 0  # colours are multiplied by alpha, and divided again
    # Each thumbnail stays as it was drawn, for smaller ones, and turned or flattened.
    upright = header.container.aside.exif is None and header.format not in _TURNED_BY_PILLOW
    padded = any(each.fit == "pad" for each in settings.renditions)
    kept = 4 * together * (1 if upright and not header.clear and not padded else 2)
    encoding = max(size * _ENCODING[each.format][header.clear] for each, size in sizes.items())
    if frames == 1:
        stages = [decoding, decoded + copied + passes + kept - 4 * first, 4 * together + encoding]
    else:
        kept = 4 * together * (frames + 1)
        encoding += max(5 * size * frames for size in sizes.values())
        stages = [decoding, decoded + copied + passes + kept, kept + encoding + decoding]
    return int(_AT_REST + max(stages))


def _decoding(header: Header, largest: float, frames: int) -> tuple[float, float, int, int]:
    """Bytes while the decoder runs, bytes of what it leaves, and how many pixels across and down that is."""
    pixels = header.width * header.height
    stored = _STORED.get(header.mode, 4)
    if header.webp is not None and frames == 1 and header.container.box is None and webp_scaled.available():
        across, down = scaled_size((header.width, header.height), largest, header.webp)
        kept = _SCALED_WEBP[header.webp.lossless, header.webp.alpha] * pixels + _ROWS_OF_WEBP * header.width
        decoding = kept + sum(map(len, header.container.parts)) + 7 * across * down
        return decoding, 4 * across * down, across, down
    if frames == 1 and png_rows.suits(header):
        factor = reduction(1.0, largest)
        across, down = -(-header.width // factor), -(-header.height // factor)
        kept = sum(map(len, header.container.parts)) + _STRIPS_OF_PNG
        copies = 2 if header.clear else 1  # without alpha, if all of it was opaque
        return kept + 4 * copies * across * down, 4 * across * down, across, down
    if header.heif is not None and heif_tiles.suits(header):
        return _in_tiles(header, header.heif, largest)
    if header.jpeg is None:
        decoding = _DECODING.get(header.format, stored) * pixels
        if header.png is not None and header.png.exact:
            decoding = _EXACT * pixels
        if header.heif is not None:
            decoding = _WHOLE_HEIF.get((header.heif.samples, header.heif.deep), _DECODING["HEIF"]) * pixels
        if header.format == "TIFF" and stored < _STORED_AT_MOST:
            decoding = _SMALL_TIFF * stored * pixels
        if header.format in {"AVIF", "HEIF"} and header.mode == "RGBA":
            decoding += 2 * pixels
        if frames > 1 or header.container.box is not None:
            decoding = _ANIMATING[header.format] * header.extent[0] * header.extent[1]
        return decoding, stored * pixels, header.width, header.height
    step = decoder_reduction(largest)
    across, down = -(-header.width // step), -(-header.height // step)
    # Two bytes a coefficient, of the whole picture at full size whatever the scale, or a few rows of blocks.
    coefficients = header.jpeg.samples * 2 * (pixels if header.jpeg.whole else 32 * header.width)
    return coefficients + stored * across * down, stored * across * down, across, down


def _in_tiles(header: Header, coding: HeifCoding, largest: float) -> tuple[float, float, int, int]:
    """As `_decoding`, of a grid of which one row is held at a time."""
    width, height = header.container.size
    factor, (across, down) = tiled_size((width, height), largest)
    tile = coding.tile or (width, height)
    rows = heif_tiles.strip_rows(height, down, factor, tile[1])
    # The strip, what it is drawn to first across and then down, and the tile that comes next.
    strip = 4 * rows * (width + across) + 4 * across * down * min(1.0, rows / height)
    return strip + _TILE_OF_HEIF * tile[0] * tile[1] + 4 * across * down, 4 * across * down, across, down


def _pixels(rendition: Rendition, header: Header) -> int:
    """Pixels of a thumbnail at most, whichever way the picture is turned; with its padding, if it has any."""
    if rendition.fit == "pad":
        return rendition.width * rendition.height
    sides = (header.width, header.height), (header.height, header.width)
    factor = max(scale(rendition, *each) for each in sides)
    whole = (header.width * factor + 1) * (header.height * factor + 1)
    return int(min(rendition.width * rendition.height, whole))
