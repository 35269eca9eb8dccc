"""What a source is, from its first bytes: format, size and frames, all bounded before anything is decoded.

The format is sniffed from the content, and only that one decoder is ever tried. Where opening a file already
costs memory in proportion to what its header claims (WebP), or where the header alone does not say how large
or long the picture is (GIF), the bytes are read here first.
"""

from __future__ import annotations

import importlib
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PIL import Image, JpegImagePlugin, PngImagePlugin, UnidentifiedImageError, WebPImagePlugin

from thumbnail_pipeline.errors import Permanent
from thumbnail_pipeline.outcomes import Reason
from thumbnail_pipeline.renderer.encoders import MOVING
from thumbnail_pipeline.renderer.jpeg_scans import JpegLayout
from thumbnail_pipeline.settings import MOST_PIXELS

if TYPE_CHECKING:
    from PIL import ImageFile

    from thumbnail_pipeline.settings import Limits, Settings

__all__ = ["Header", "animates", "inspect", "lacks_end", "opened"]

# Our own limits hold before anything is decoded. Pillow's, which fails at twice this number, is the second net: it
# catches a GIF that Pillow reads differently from the walk below.
Image.MAX_IMAGE_PIXELS = MOST_PIXELS // 2

_SIGNATURES: Final = (
    ("JPEG", re.compile(rb"\xff\xd8\xff")),
    ("PNG", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("WEBP", re.compile(rb"RIFF.{4}WEBP", re.DOTALL)),
    ("GIF", re.compile(rb"GIF8[79]a")),
    ("TIFF", re.compile(rb"II[*+]\0|MM\0[*+]")),
    ("BMP", re.compile(rb"BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0", re.DOTALL)),
    ("AVIF", re.compile(rb".{4}ftypavi[fs]", re.DOTALL)),
    ("HEIF", re.compile(rb".{4}ftyp(?:hei[cxsm]|hev[cxms])", re.DOTALL)),
    # The brands "any still image" and "any sequence": the compatible brands that follow say of what.
    ("AVIF", re.compile(rb".{4}ftyp(?:mif1|msf1|miaf).{0,64}?avi[fs]", re.DOTALL)),
    ("HEIF", re.compile(rb".{4}ftyp(?:mif1|msf1|miaf)", re.DOTALL)),
)
_UNSUPPORTED: Final = (
    ("PDF", re.compile(rb"%PDF-")),
    ("PostScript", re.compile(rb"%!PS|\xc5\xd0\xd3\xc6")),
    ("Photoshop", re.compile(rb"8BPS")),
    ("JPEG XL", re.compile(rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n")),
    ("JPEG 2000", re.compile(rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51")),
    ("icon", re.compile(rb"\0\0[\x01\x02]\0[^\0]\0")),
    ("SVG", re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:svg|(?:\?xml|!--|!DOCTYPE).{0,2048}?<svg)", re.DOTALL)),
    ("video", re.compile(rb".{4}ftyp|\x1a\x45\xdf\xa3|RIFF.{4}AVI ", re.DOTALL)),
    ("camera raw", re.compile(rb"FUJIFILMCCD-RAW|IIRO|IIU\0|MMOR")),
)  # fmt: skip

# Decoders that most functions never need are imported with the first image that does.
_LAZY: Final = {"AVIF": "PIL.AvifImagePlugin", "TIFF": "PIL.TiffImagePlugin", "HEIF": "pi_heif"}
_EAGER: Final = (JpegImagePlugin, PngImagePlugin, WebPImagePlugin)

_GIF_BLOCK: Final = re.compile(rb"[!,;]")  # an extension, a frame, the end; decoders skip what is none of them
_MOST_BLOCKS: Final = 2_000_000  # of a GIF, 255 bytes each in files that people make
_LONGEST_RUNS: Final = 4_000_000  # bytes of a run-length coded BMP: Pillow unpacks it in Python, run by run
_MOST_SCANS: Final = 100  # of a JPEG; encoders write about ten, and each one more costs a pass over the picture


@dataclass(frozen=True)
class Header:
    """What the header of a source says. Width and height are in stored pixels, before any EXIF orientation.

    extent  width and height that hold every frame: those of a GIF may reach beyond its screen
    """

    format: str
    width: int
    height: int
    mode: str
    frames: int
    extent: tuple[int, int]
    jpeg: JpegLayout | None = None


def inspect(source: bytes, limits: Limits) -> Header:
    """Sniff the format, read the header, and hold it against the limits; no pixel is decoded.

    Raises Permanent: empty, too-large, unidentified, unsupported-format, too-many-pixels, too-many-scans. What
    a header makes Pillow raise passes through as it is.
    """
    if not source:
        raise Permanent(Reason.EMPTY, "The object has no bytes.")
    if len(source) > limits.bytes:
        raise Permanent(Reason.TOO_LARGE, f"The file has {len(source):,} bytes; the limit is {limits.bytes:,}.")
    form = _sniff(source)
    frames, extent = 1, (0, 0)
    if form == "WEBP":
        _check_size(*_webp_size(source), limits)
    elif form == "GIF":
        first, extent, frames = _gif_extent(source)
        _check_size(*first, limits)
    jpeg = JpegLayout.of(source, _MOST_SCANS) if form == "JPEG" else None
    if jpeg is not None and jpeg.scans > _MOST_SCANS:
        raise Permanent(Reason.TOO_MANY_SCANS, f"The JPEG has more than {_MOST_SCANS} scans.")
    with opened(source, form) as image:
        width, height = image.size
        if form in {"WEBP", "PNG", "AVIF"}:
            frames = getattr(image, "n_frames", 1)
        _check_size(width, height, limits)
        if form == "BMP" and image.tile[0].codec_name == "bmp_rle" and len(source) > _LONGEST_RUNS:
            raise Permanent(
                Reason.UNSUPPORTED_FORMAT, "The bitmap is run-length coded, and longer than such files are."
            )
        extent = max(width, extent[0]), max(height, extent[1])
        return Header(form, width, height, image.mode, frames, extent, jpeg)


def animates(header: Header, settings: Settings) -> bool:
    """Whether the source is to be rendered as an animation.

    Raises Permanent: too-many-frames, too-many-pixels, both for the animation as a whole. They do not hold for
    an animation of which only the first frame is rendered: the rest is never decoded.
    """
    moving = [rendition for rendition in settings.renditions if rendition.format in MOVING]
    if header.frames == 1 or settings.animation == "first-frame" or not moving:
        return False
    limits = settings.limits
    if header.frames > limits.frames:
        raise Permanent(Reason.TOO_MANY_FRAMES, f"It has {header.frames:,} frames; the limit is {limits.frames:,}.")
    _check_size(*header.extent, limits)
    # What is written counts as well as what is read: a rendition may enlarge.
    boxes = [each.width * each.height for each in moving if each.enlarge or each.fit == "pad"]
    pixels = header.frames * max(header.extent[0] * header.extent[1], *boxes, 1)
    if pixels > limits.animated_pixels:
        raise Permanent(
            Reason.TOO_MANY_PIXELS, f"The animation has {pixels:,} pixels; the limit is {limits.animated_pixels:,}."
        )
    return True


def opened(source: bytes, form: str) -> ImageFile.ImageFile:
    """The source, opened by the one decoder that its content asks for, with nothing decoded yet."""
    if form in _LAZY and form not in Image.OPEN:
        try:
            plugin = importlib.import_module(_LAZY[form])
        except ImportError:
            raise Permanent(Reason.UNSUPPORTED_FORMAT, f"This installation has no {form} decoder.") from None
        if form == "HEIF":
            plugin.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
    try:
        return Image.open(io.BytesIO(source), formats=[form])
    except UnidentifiedImageError:
        if form == "TIFF":  # most often whole, and of one of the many kinds that nobody reads
            raise Permanent(Reason.UNSUPPORTED_FORMAT, "The TIFF holds pixels of a kind that is not decoded.") from None
        raise SyntaxError("its header cannot be read") from None


def lacks_end(source: bytes) -> bool:
    """Whether a file stops before the end that its format gives it, judged from its frame alone."""
    tail = source[-4096:]
    if source.startswith(b"\xff\xd8"):
        return b"\xff\xd9" not in tail
    if source.startswith(b"\x89PNG"):
        return b"IEND" not in tail
    if source.startswith(b"GIF8"):
        return b"\x3b" not in tail
    if source.startswith(b"RIFF"):
        return len(source) < int.from_bytes(source[4:8], "little") + 8
    at = 0
    while source[4:8] == b"ftyp" and 0 <= at < len(source):  # boxes, each with its length first
        at += max(8, int.from_bytes(source[at : at + 4], "big") or len(source))
    return at > len(source)


def _sniff(source: bytes) -> str:
    """Pillow's name of the format that the bytes begin like."""
    for form, signature in _SIGNATURES:
        if signature.match(source):
            return form
    for name, signature in _UNSUPPORTED:
        if signature.match(source):
            raise Permanent(Reason.UNSUPPORTED_FORMAT, f"The file is of the kind {name}, which is not rendered.")
    raise Permanent(Reason.UNIDENTIFIED, "The bytes are not an image of a known format.")


def _check_size(width: int, height: int, limits: Limits) -> None:
    if width < 1 or height < 1:
        raise Permanent(Reason.CORRUPT, f"The header says {width} x {height} pixels.")
    if max(width, height) > limits.side:
        raise Permanent(
            Reason.TOO_MANY_PIXELS, f"The picture is {width:,} x {height:,}; the limit is {limits.side:,} a side."
        )
    if width * height > limits.pixels:
        raise Permanent(
            Reason.TOO_MANY_PIXELS, f"The picture is {width:,} x {height:,}; the limit is {limits.pixels:,} pixels."
        )


def _webp_size(source: bytes) -> tuple[int, int]:
    """Width and height of the canvas. https://developers.google.com/speed/webp/docs/riff_container"""
    if len(source) < 30:  # noqa: PLR2004 - the longest of the three headers
        raise EOFError("the header is truncated")
    kind = source[12:16]
    if kind == b"VP8X":
        return int.from_bytes(source[24:27], "little") + 1, int.from_bytes(source[27:30], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(source[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return int.from_bytes(source[26:28], "little") & 0x3FFF, int.from_bytes(source[28:30], "little") & 0x3FFF


def _gif_extent(source: bytes) -> tuple[tuple[int, int], tuple[int, int], int]:
    """Width and height that hold the first frame, those that hold every frame, and how many: one walk over the blocks.

    A frame may reach beyond the screen that the header declares, and decoders then grow the picture.
    https://www.w3.org/Graphics/GIF/spec-gif89a.txt
    """
    if len(source) < 13:  # noqa: PLR2004 - the header and the screen descriptor
        raise EOFError("the header is truncated")
    width, height = int.from_bytes(source[6:8], "little"), int.from_bytes(source[8:10], "little")
    first, frames, blocks = (width, height), 0, 0
    at = 13 + _gif_table(source[10])
    while (found := _GIF_BLOCK.search(source, at)) is not None and found.group() != b";":
        at = found.start()
        if source[at] == 0x2C:  # noqa: PLR2004 - the image separator
            left, top, across, down = (
                int.from_bytes(source[at + field : at + field + 2], "little") for field in (1, 3, 5, 7)
            )
            width, height, frames = max(width, left + across), max(height, top + down), frames + 1
            first = (width, height) if frames == 1 else first
            if at + 9 >= len(source):
                break
            at += 11 + _gif_table(source[at + 9])
        else:
            at += 2
        blocks += 1
        while at < len(source) and source[at]:
            at += 1 + source[at]
            blocks += 1
            if blocks > _MOST_BLOCKS:
                raise Permanent(Reason.CORRUPT, f"The GIF is cut into more than {_MOST_BLOCKS:,} blocks.")
        at += 1
    return first, (width, height), max(1, frames)


def _gif_table(flags: int) -> int:
    """Bytes of the colour table that the flags announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0
