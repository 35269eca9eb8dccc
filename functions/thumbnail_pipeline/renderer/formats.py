"""What a source is, from its first bytes: format, size and frames, all bounded before anything is decoded.

The format is sniffed from the content, and only that one decoder is ever tried. Its container is read before, by the
module of its format: sizes are held against the limits, and what is beside the pixels is kept from the decoder.
"""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from functools import cache
from typing import IO, TYPE_CHECKING, Final, cast

from PIL import GifImagePlugin, Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from thumbnail_pipeline.errors import Permanent
from thumbnail_pipeline.outcomes import Reason
from thumbnail_pipeline.renderer.encoders import MOVING
from thumbnail_pipeline.renderer.gif_frames import container_of_gif
from thumbnail_pipeline.renderer.iso_boxes import HeifCoding, container_of_boxes, is_cut_short
from thumbnail_pipeline.renderer.jpeg_scans import JpegLayout
from thumbnail_pipeline.renderer.png_chunks import PngHeader, container_of_png
from thumbnail_pipeline.renderer.reading import Container, Pieces
from thumbnail_pipeline.renderer.tiff_tags import container_of_tiff
from thumbnail_pipeline.renderer.webp_chunks import WebpCoding, coding_of_webp, container_of_webp
from thumbnail_pipeline.settings import MOST_PIXELS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from PIL import ImageFile

    from thumbnail_pipeline.settings import Limits, Settings

__all__ = ["Header", "animates", "inspect", "lacks_end", "opened"]

# Our own limits hold before anything is decoded. Pillow's, which fails at twice this number, is the second net.
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
    ("AVIF", re.compile(rb".{4}ftyp(?:mif[123]|msf1|miaf).{0,64}?avi[fs]", re.DOTALL)),
    ("HEIF", re.compile(rb".{4}ftyp(?:mif[123]|msf1|miaf)", re.DOTALL)),
)
_UNSUPPORTED: Final = (
    ("PDF", re.compile(rb"%PDF-")),
    ("PostScript", re.compile(rb"%!PS|\xc5\xd0\xd3\xc6")),
    ("Photoshop", re.compile(rb"8BPS")),
    ("JPEG XL", re.compile(rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n")),
    ("JPEG 2000", re.compile(rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51")),
    ("icon", re.compile(rb"\0\0[\x01\x02]\0[^\0]\0")),
    ("SVG", re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:svg|(?:\?xml|!--|!DOCTYPE).{0,2048}?<svg)", re.DOTALL)),
    ("HEIF with AVC", re.compile(rb".{4}ftypavc[is]", re.DOTALL)),
    ("HEIF with JPEG 2000", re.compile(rb".{4}ftypj2[ki][is]", re.DOTALL)),
    ("HEIF with VVC", re.compile(rb".{4}ftypvvi[cs]", re.DOTALL)),
    ("video", re.compile(rb".{4}ftyp|\x1a\x45\xdf\xa3|RIFF.{4}AVI ", re.DOTALL)),
    ("camera raw", re.compile(rb"FUJIFILMCCD-RAW|IIRO|IIU\0|MMOR")),
)  # fmt: skip

# Decoders that most functions never need are imported with the first image that does.
_LAZY: Final = {"AVIF": "PIL.AvifImagePlugin", "HEIF": "pi_heif"}
_EAGER: Final = (GifImagePlugin, JpegImagePlugin, PngImagePlugin, WebPImagePlugin)

_BLOCK: Final = (
    1 << 20
)  # bytes that a decoder is given at a time; Pillow's own 64 KB are copied, and asked for, more often
_LONGEST_RUNS: Final = 4_000_000  # bytes of a run-length coded BMP: Pillow unpacks it in Python, run by run
_MOST_SCANS: Final = 100  # of a JPEG; encoders write about ten, and each one more costs a pass over the picture


@dataclass(frozen=True)
class Header:
    """What the header of a source says. Width and height are in stored pixels, before any EXIF orientation.

    clear   whether anything may let the background through, as far as the header tells
    extent  width and height that hold every frame: those of a GIF may reach beyond its screen
    """

    format: str
    width: int
    height: int
    mode: str
    frames: int
    clear: bool
    extent: tuple[int, int]
    container: Container
    jpeg: JpegLayout | None = None
    png: PngHeader | None = None
    webp: WebpCoding | None = None
    heif: HeifCoding | None = None


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
    jpeg, png, webp, heif = None, None, None, None
    if form == "JPEG":
        jpeg = _jpeg(source)
        container = Container(jpeg.size, jpeg.parts(source), jpeg.aside)
    elif form == "PNG":
        container, png = container_of_png(source)
    elif form == "GIF":
        container = container_of_gif(source)
    elif form == "WEBP":
        container = container_of_webp(source)
        webp = coding_of_webp(container)
    elif form in {"AVIF", "HEIF"}:
        container, heif = container_of_boxes(source, form)
    elif form == "TIFF":
        container = container_of_tiff(source)
    else:
        container = Container((0, 0), (source,))
    if container.size != (0, 0):
        _check_size(*container.size, limits)
    if webp is not None:  # which Pillow lays out at full size as it opens it
        extent = max(container.size[0], container.extent[0]), max(container.size[1], container.extent[1])
        mode = "RGBA" if webp.alpha else "RGB"
        clear = webp.alpha or container.box is not None
        return Header(form, *container.size, mode, container.frames, clear, extent, container, webp=webp)
    with opened(container.parts, form) as image:
        # A still that covers only a part of its canvas is drawn on one.
        size = image.size if container.box is None else container.size
        _check_size(*size, limits)
        if form == "BMP" and image.tile[0].codec_name == "bmp_rle" and len(source) > _LONGEST_RUNS:
            raise Permanent(
                Reason.UNSUPPORTED_FORMAT, "The bitmap is run-length coded, and longer than such files are."
            )
        frames = max(container.frames, getattr(image, "n_frames", 1) if form == "AVIF" else 1)
        extent = max(size[0], container.extent[0]), max(size[1], container.extent[1])
        clear = image.has_transparency_data or container.box is not None or (png is not None and bool(png.clear))
        return Header(form, *size, image.mode, frames, clear, extent, container, jpeg, png, heif=heif)


def _jpeg(source: bytes) -> JpegLayout:
    layout = JpegLayout.of(source, _MOST_SCANS)
    if layout.scans > _MOST_SCANS:
        raise Permanent(Reason.TOO_MANY_SCANS, f"The JPEG has more than {_MOST_SCANS} scans.")
    if layout.strange is not None:
        raise Permanent(Reason.UNSUPPORTED_FORMAT, f"The JPEG is of a kind that is not decoded: {layout.strange}.")
    return layout


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


def opened(parts: Iterable[bytes | memoryview], form: str) -> ImageFile.ImageFile:
    """The file made of these parts, opened by the one decoder that its content asks for, with nothing decoded yet."""
    # Not Image.open: it tries the decoder, and keeps what it says to itself.
    decoder = _decoder(form)
    try:
        image = decoder(cast("IO[bytes]", Pieces(parts)), "")
    except SyntaxError as error:
        if form != "TIFF":
            raise
        # Most often whole, and of one of the many kinds that nobody reads.
        raise Permanent(Reason.UNSUPPORTED_FORMAT, f"The TIFF is of a kind that is not decoded: {error}.") from error
    image.decodermaxblock = _BLOCK
    return image


@cache
def _decoder(form: str) -> Callable[[IO[bytes], str], ImageFile.ImageFile]:
    """The class that opens files of this format."""
    if form == "TIFF":
        from thumbnail_pipeline.renderer.tiff import Tiff  # noqa: PLC0415 - most functions never need it

        return Tiff
    if form == "BMP":
        from thumbnail_pipeline.renderer.bitmap import Bitmap  # noqa: PLC0415 - most functions never need it

        return Bitmap
    if form in _LAZY:
        try:
            plugin = importlib.import_module(_LAZY[form])
        except ImportError:
            raise Permanent(Reason.UNSUPPORTED_FORMAT, f"This installation has no {form} decoder.") from None
        if form == "HEIF":
            plugin.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
    return Image.OPEN[form][0]


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
    return source[4:8] == b"ftyp" and is_cut_short(source)


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
