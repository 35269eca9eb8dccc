"""Bytes and settings in, thumbnails and facts out: pure, no AWS, no clock, no files.

What reaches `render` may have been made to hurt: every bound is checked on the header before a pixel is
decoded, and whatever Pillow raises leaves here as `Permanent` with a stable reason code.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from thumbnailer.errors import Permanent
from thumbnailer.renditions import RENDERER_VERSION, Limits, Rendition, Settings

if TYPE_CHECKING:
    from PIL import ImageFile

__all__ = [
    "RENDERER_VERSION",
    "Facts",
    "Limits",
    "Rendered",
    "Rendition",
    "Settings",
    "Thumbnail",
    "estimate_memory",
    "render",
]

# Our own limits are checked before anything is decoded; Pillow's would only warn between once and twice its cap.
Image.MAX_IMAGE_PIXELS = None

_ORIENTATION: Final = 0x0112
_SRGB: Final = ImageCms.createProfile("sRGB")


@dataclass(frozen=True)
class Thumbnail:
    """One encoded rendition; width and height in pixels."""

    rendition: Rendition
    data: bytes
    width: int
    height: int


@dataclass(frozen=True)
class Facts:
    """What is worth knowing about a source.

    width and height are in pixels as displayed, bytes is the size of the file, mode is Pillow's name of the
    pixel layout, captured_at is ISO 8601 without a zone unless the camera wrote one. No place is ever read.
    """

    format: str
    width: int
    height: int
    bytes: int
    mode: str
    frames: int
    has_alpha: bool
    dominant_colour: str
    placeholder: str
    captured_at: str | None
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Rendered:
    """The facts about a source and one thumbnail for each rendition, in the order of the settings."""

    facts: Facts
    thumbnails: tuple[Thumbnail, ...]


def render(source: bytes, settings: Settings) -> Rendered:
    """Render every rendition of a source. Raises Permanent, and nothing else."""
    try:
        return _render(source, settings)
    except Permanent:
        raise
    except MemoryError as error:
        raise Permanent("out-of-memory", "Decoding needs more memory than there is.") from error
    except UnidentifiedImageError as error:
        raise Permanent("corrupt", "The header cannot be read.") from error
    except Exception as error:  # noqa: BLE001 - decoders raise anything at all on bytes made to hurt
        reason = "truncated" if "truncated" in str(error) else "corrupt"
        raise Permanent(reason, f"The image cannot be decoded: {error}.") from error


def estimate_memory(source: bytes, settings: Settings) -> int:
    """Bytes of memory that rendering this source takes at its peak, beside the source itself."""
    del settings
    with Image.open(io.BytesIO(source), formats=[_sniff(source)]) as image:
        return 8 * image.width * image.height + 16_000_000


def _sniff(source: bytes) -> str:
    """Pillow's name of the format that the bytes begin like."""
    if not source:
        raise Permanent("empty", "The object has no bytes.")
    if source.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if source.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if source.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if source[:4] == b"RIFF" and source[8:12] == b"WEBP":
        return "WEBP"
    if source.startswith((b"II*\0", b"MM\0*")):
        return "TIFF"
    if source.startswith(b"BM"):
        return "BMP"
    if source[4:12] in {b"ftypavif", b"ftypavis"}:
        return "AVIF"
    raise Permanent("unidentified", "The bytes are not an image of a known format.")


def _render(source: bytes, settings: Settings) -> Rendered:
    limits = settings.limits
    if len(source) > limits.bytes:
        raise Permanent(
            "too-large", f"The file has {len(source)} bytes, more than the limit of {limits.bytes}."
        )
    form = _sniff(source)
    with Image.open(io.BytesIO(source), formats=[form]) as opened:
        width, height = opened.size
        if width * height > limits.pixels or max(width, height) > limits.side:
            raise Permanent(
                "too-many-pixels", f"The picture is {width} x {height} pixels, more than the limit."
            )
        mode = opened.mode
        orientation = opened.getexif().get(_ORIENTATION, 1)
        if orientation in (5, 6, 7, 8):
            width, height = height, width
        picture = _displayable(opened)
    thumbnails = tuple(_thumbnail(picture, rendition) for rendition in settings.renditions)
    colour = cast(
        "tuple[int, ...]", picture.convert("RGB").resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    )
    facts = Facts(
        format=form.lower(),
        width=width,
        height=height,
        bytes=len(source),
        mode=mode,
        frames=1,
        has_alpha=picture.mode == "RGBA",
        dominant_colour="#{:02x}{:02x}{:02x}".format(*colour),
        placeholder="",
        captured_at=None,
        warnings=(),
    )
    return Rendered(facts, thumbnails)


def _displayable(opened: ImageFile.ImageFile) -> Image.Image:
    """The first frame upright, as RGB or RGBA in sRGB."""
    profile = opened.info.get("icc_profile")
    picture = ImageOps.exif_transpose(opened)
    if profile and picture.mode in ("RGB", "CMYK", "L"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(picture, source, _SRGB, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            converted = None
        if converted is not None:
            return converted
    return picture.convert("RGBA" if picture.has_transparency_data else "RGB")


def _thumbnail(picture: Image.Image, rendition: Rendition) -> Thumbnail:
    box = rendition.width, rendition.height
    if not rendition.enlarge:
        box = min(box[0], picture.width), min(box[1], picture.height)
    if rendition.fit == "cover":
        small = ImageOps.fit(picture, box, Image.Resampling.LANCZOS)
    else:
        small = ImageOps.contain(picture, box, Image.Resampling.LANCZOS)
    if rendition.format == "jpeg" and small.mode == "RGBA":
        flat = Image.new("RGB", small.size, rendition.background)
        flat.paste(small, mask=small.getchannel("A"))
        small = flat
    if rendition.fit == "pad":
        small = ImageOps.pad(small, (rendition.width, rendition.height), color=rendition.background)
    out = io.BytesIO()
    small.info.clear()
    small.save(out, rendition.format.upper(), quality=rendition.quality)
    return Thumbnail(rendition, out.getvalue(), small.width, small.height)
