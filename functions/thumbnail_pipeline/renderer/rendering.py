"""Renders a file: bytes and settings in, thumbnails and facts out. Pure: no AWS, no clock, no files.

A file may be made to hurt. Every bound is checked on its header before a pixel is decoded, and whatever a decoder
raises becomes `Permanent` with a stable reason.

The order of the steps is what makes it fast, and each is a module beside this one: decode no larger than needed, draw
the largest thumbnail first and the others from it, convert colours and turn upright only what is already small.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageChops

from thumbnail_pipeline.errors import Permanent
from thumbnail_pipeline.outcomes import Reason
from thumbnail_pipeline.renderer import heif_tiles, png_rows, webp_scaled
from thumbnail_pipeline.renderer.canvas import Canvas
from thumbnail_pipeline.renderer.encoders import MOVING, Timing, encoded, flattened
from thumbnail_pipeline.renderer.formats import Header, animates, inspect, lacks_end, opened
from thumbnail_pipeline.renderer.geometry import Cut, cut, scale
from thumbnail_pipeline.renderer.jpeg_scans import without_detail
from thumbnail_pipeline.renderer.placeholder import dominant_colour, thumbhash
from thumbnail_pipeline.renderer.pyramid import Pyramid, decoder_reduction, reduction, scaled_size, tiled_size
from thumbnail_pipeline.renderer.reading import Frame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL import ImageFile

    from thumbnail_pipeline.renderer.png_chunks import PngHeader
    from thumbnail_pipeline.renderer.webp_chunks import WebpCoding
    from thumbnail_pipeline.settings import Rendition, Settings

__all__ = ["Facts", "Rendered", "Thumbnail", "render"]

# EXIF 2.32, CIPA DC-008: https://www.cipa.jp/std/documents/e/DC-X008-Translation-2019-E.pdf
_ORIENTATION, _EXIF, _TAKEN, _TAKEN_ZONE = 0x0112, 0x8769, 0x9003, 0x9011
_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_STRONGEST: Final = 8  # the strongest reduction that a JPEG decoder does by itself
_ON_ITS_SIDE: Final = 5  # this orientation and those above it swap width and height
_READ_BY_PILLOW: Final = frozenset({"AVIF", "HEIF", "TIFF"})  # whose EXIF we leave to it
_ZONE: Final = re.compile(r"[+-](?:0\d|1[0-4]):[0-5]\d")
_FIRST_PHOTOGRAPH: Final = 1826
_CUT_SHORT: Final = "The file is truncated: what is there was rendered."
_DAMAGED: Final = "The file is damaged: what could be decoded was rendered."
_DEFAULT_DURATION: Final = 100  # milliseconds, what browsers make of a frame that lasts 0


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

    format           jpeg, png, gif, webp, avif, heif, tiff or bmp
    width, height    in pixels, as displayed
    bytes            of the file
    mode             Pillow's name for how the file stores a pixel
    frames           of an animation; 1 for a still, and for pages
    has_alpha        whether anything shows through
    dominant_colour  #rrggbb
    placeholder      a ThumbHash in base64
    captured_at      ISO 8601, with an offset only if the camera wrote one; never a place
    warnings         one sentence for each thing that was ignored or made up
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
    """Render every rendition of the file `source`.

        rendered = render(Path("cat.jpg").read_bytes(), settings)
        Path("cat.webp").write_bytes(rendered.thumbnails[0].data)

    Raises Permanent, and nothing else: `empty`, `too-large`, `unidentified`, `unsupported-format`, `too-many-pixels`,
    `too-many-frames`, `too-many-scans`, `truncated`, `corrupt`, `out-of-memory`.
    """
    try:
        return _rendered(source, settings)
    except Permanent:
        raise
    except MemoryError as error:
        raise Permanent(Reason.OUT_OF_MEMORY, "Rendering needs more memory than there is.") from error
    except Exception as error:
        # Decoders raise anything at all on bytes made to hurt: OSError, SyntaxError, struct.error, KeyError …
        raise Permanent(_blame(source, error), f"The image cannot be decoded: {_one_line(error)}.") from error


@dataclass(frozen=True)
class _FirstFrame:
    """It decoded, and what the file says about it.

    size is that of the picture as stored, in pixels, and scale how much of it was decoded, each way.
    """

    image: Image.Image
    size: tuple[int, int]
    scale: tuple[float, float]
    orientation: int
    taken: str | None
    profile: bytes | None

    @property
    def on_its_side(self) -> bool:
        """Whether width and height change places for display."""
        return self.orientation >= _ON_ITS_SIDE


@dataclass(frozen=True)
class _Drawing:
    """Everything that is needed once the source's own pixels are gone: the frames of each rendition, upright."""

    pictures: tuple[tuple[Image.Image, ...], ...]
    timing: Timing
    facts: Facts


def _rendered(source: bytes, settings: Settings) -> Rendered:
    drawing = _drawing(source, settings)
    thumbnails = [
        Thumbnail(
            rendition,
            encoded(frames, rendition, drawing.timing if len(frames) > 1 else None),
            frames[0].width,
            frames[0].height,
        )
        for rendition, frames in zip(settings.renditions, drawing.pictures, strict=True)
    ]
    return Rendered(drawing.facts, tuple(thumbnails))


def _drawing(source: bytes, settings: Settings) -> _Drawing:
    header = inspect(source, settings.limits)
    moves = animates(header, settings)
    notes = list(header.container.aside.notes)
    first = _decoded(source, header, settings, notes)
    # Boxes are turned, not pictures: what is drawn in stored orientation is small when it is put upright.
    boxes = [
        replace(each, width=each.height, height=each.width) if first.on_its_side else each
        for each in settings.renditions
    ]
    scales = [scale(box, *first.size) for box in boxes]
    moving = [moves and box.format in MOVING for box in boxes]
    pictures: list[list[Image.Image]] = [[] for _ in boxes]
    cuts: dict[int, Cut] = {}
    durations: list[int] = []

    def draw(frame: Image.Image, scaled: tuple[float, float], wanted: list[bool]) -> Pyramid:
        pyramid = Pyramid(frame, first.size, scaled, max(scales), first.profile)
        for index in sorted(range(len(boxes)), key=lambda each: -scales[each]):
            if wanted[index]:
                if index not in cuts:
                    cuts[index] = cut(boxes[index], *first.size, pyramid.overview)
                upright = _upright(pyramid.drawn(cuts[index]), first.orientation)
                pictures[index].append(flattened(upright, settings.renditions[index]))
        return pyramid

    # What moves is drawn below, from its frames: the still of an animated PNG may be none of them.
    pyramid = draw(first.image, first.scale, [not each for each in moving])
    overview, transparent = _upright(pyramid.overview(), first.orientation), pyramid.transparent
    notes += [pyramid.note] if pyramid.note else []
    if moves:
        for frame, milliseconds in _frames(first.image, header, settings, notes):
            draw(frame, first.scale, moving)
            durations.append(milliseconds or _DEFAULT_DURATION)
    width, height = first.size[::-1] if first.on_its_side else first.size
    facts = Facts(
        format=header.format.lower(),
        width=width,
        height=height,
        bytes=len(source),
        mode=header.mode,
        frames=header.frames,
        has_alpha=transparent,
        dominant_colour=dominant_colour(overview),
        placeholder=thumbhash(overview, width, height),
        captured_at=first.taken,
        warnings=tuple(notes),
    )
    timing = Timing(tuple(durations), header.container.plays)
    return _Drawing(tuple(tuple(each) for each in pictures), timing, facts)


def _decoded(source: bytes, header: Header, settings: Settings, notes: list[str]) -> _FirstFrame:
    """The still, decoded no larger than the largest thumbnail needs where the format can do that."""
    container = header.container
    profile = container.aside.profile
    orientation, taken = _exif(container.aside.exif, notes)
    turned = orientation >= _ON_ITS_SIDE
    if header.jpeg is not None:
        image, scaled = _smaller(source, header, settings, notes, turned=turned)
        _load(image, settings, notes)
        return _FirstFrame(image, container.size, scaled, orientation, taken, profile)
    if header.webp is not None and container.box is None and webp_scaled.available():
        picture = _webp(header, header.webp, settings, turned=turned)
        scaled = picture.width / header.width, picture.height / header.height
        return _FirstFrame(picture, container.size, scaled, orientation, taken, profile)
    if png_rows.suits(header):
        factor = reduction(1.0, _largest(header, settings, turned=turned))
        rows = png_rows.reduced(header, factor)
        if rows is not None:
            return _FirstFrame(rows, container.size, (1 / factor, 1 / factor), orientation, taken, profile)
    image = opened(container.parts, header.format)
    profile = profile or image.info.get("icc_profile")
    image.info.pop("xmp", None)  # only EXIF turns
    if header.format in _READ_BY_PILLOW:
        orientation, taken = _exif(image if header.format == "TIFF" else image.info.get("exif"), notes)
    if header.format == "HEIF":  # whose decoder turns, by what the container says; EXIF is for the date
        orientation = 1
    if header.heif is not None and heif_tiles.suits(header):
        del image  # and its copy of the file
        factor, size = tiled_size(container.size, _largest(header, settings, turned=False))
        picture = heif_tiles.decoded(source, header, size, factor)
        scaled = size[0] / container.size[0], size[1] / container.size[1]
        scaled = (1 / factor, 1 / factor) if factor > 1 else scaled
        return _FirstFrame(picture, container.size, scaled, header.heif.orientation, taken, profile)
    picture = _pixels(image, header, settings, notes)
    return _FirstFrame(picture, picture.size, (1.0, 1.0), orientation, taken, profile)


def _pixels(image: ImageFile.ImageFile, header: Header, settings: Settings, notes: list[str]) -> Image.Image:
    """The still, on its canvas where it does not cover it, and with what its file makes transparent."""
    if header.png is not None and header.png.exact:
        return _cleared(image, header, header.png, settings, notes)
    _load(image, settings, notes)
    transparency = header.png.transparency if header.png is not None else None
    if transparency is not None:
        image.info["transparency"] = transparency
    if header.container.box is None:
        return image
    frame = Frame(header.container.box, (), 0, blends=True, disposal="keep")
    return Canvas(header.container.size).shown(frame, image)


def _cleared(
    image: ImageFile.ImageFile, header: Header, png: PngHeader, settings: Settings, notes: list[str]
) -> Image.Image:
    """A PNG of 16 bits a channel whose transparent colour has as many.

    Pillow keeps the upper eight, so it is asked twice: in the other order of bytes, those are the lower ones.
    """
    again = opened(header.container.parts, header.format)
    again.tile = [tile._replace(args="RGB;16L") for tile in again.tile]
    alpha = Image.new("L", image.size)
    for each, shift in ((image, 8), (again, 0)):
        _load(each, settings, notes)
        for band, value in zip(each.split(), png.clear, strict=True):
            other = band.point([255 * (level != value >> shift & 255) for level in range(256)])
            alpha = ImageChops.lighter(alpha, other)
    image.putalpha(alpha)
    return image


def _largest(header: Header, settings: Settings, *, turned: bool) -> float:
    """How large the largest thumbnail is, over the picture."""
    shown = (header.height, header.width) if turned else (header.width, header.height)
    return max(scale(rendition, *shown) for rendition in settings.renditions)


def _webp(header: Header, coding: WebpCoding, settings: Settings, *, turned: bool) -> Image.Image:
    """The still of a WebP, at twice the size of the largest thumbnail, or as large as it is."""
    size = header.width, header.height
    largest = _largest(header, settings, turned=turned)
    data = b"".join(header.container.parts)
    return webp_scaled.decoded(data, scaled_size(size, largest, coding), alpha=coding.alpha)


def _smaller(
    source: bytes, header: Header, settings: Settings, notes: list[str], *, turned: bool
) -> tuple[ImageFile.ImageFile, tuple[float, float]]:
    """A JPEG set up to be decoded at 1, 1/2, 1/4 or 1/8, and the exact scale that this is each way.

    At 1/8 a progressive file is decoded without the scans that cannot be seen.
    """
    parts, layout = header.container.parts, header.jpeg
    width, height = header.width, header.height
    step = decoder_reduction(_largest(header, settings, turned=turned))
    if layout is not None and step == _STRONGEST and (less := without_detail(source, layout)) is not None:
        parts = (less,)
    if layout is not None and not layout.complete and settings.truncated == "render":
        notes.append(_CUT_SHORT)
        parts = (*parts, b"\xff\xd9")
    image = opened(parts, "JPEG")
    drafted = None if step == 1 else image.draft(None, (max(1, width // step), max(1, height // step)))
    if drafted is None:
        return image, (1.0, 1.0)
    return image, (drafted[1][2] / width, drafted[1][3] / height)


def _load(image: ImageFile.ImageFile, settings: Settings, notes: list[str]) -> None:
    """Decode the picture; one that stops half-way or is damaged is an error, or is kept as far as it goes."""
    try:
        image.load()
    except (OSError, EOFError) as error:
        if settings.truncated == "fail" or not (_is_cut_short(error) or _is_damaged(error)):
            raise
        image.tile = []  # nothing more to decode: the rows that are there are the picture
        image.load()
        if image.mode != "P" and image.getbbox() is None:  # black throughout; a palette's 0 may be any colour
            raise
        note = _CUT_SHORT if _is_cut_short(error) else _DAMAGED
        notes += [] if note in notes else [note]


def _frames(
    first: Image.Image, header: Header, settings: Settings, notes: list[str]
) -> Iterator[tuple[Image.Image, int]]:
    """The frames of an animation, all of the size of the first, and how many milliseconds each stands."""
    if header.container.play is None:  # an AVIF, whose frames are whole pictures
        for index in range(header.frames):
            first.seek(index)
            first.load()
            yield first, int(first.info.get("duration") or 0)
        return
    canvas = Canvas(first.size)
    try:
        for frame in header.container.play():
            picture = opened(frame.parts, header.format)
            broken: list[str] = []
            _load(picture, settings, broken)
            if header.png is not None and header.png.transparency is not None:
                picture.info["transparency"] = header.png.transparency
            yield canvas.shown(frame, picture), frame.milliseconds
            if broken:  # what follows half a frame would be read from the middle of something
                notes += [each for each in broken if each not in notes]
                return
    except (OSError, EOFError):
        if settings.truncated == "fail":
            raise
        notes += [] if _CUT_SHORT in notes else [_CUT_SHORT]


def _exif(source: bytes | Image.Image | None, notes: list[str]) -> tuple[int, str | None]:
    """Orientation, 1 to 8, and when the picture was taken, from an EXIF block or from a TIFF, which is one.

    A broken block costs itself, not the image.
    """
    if not source:
        return 1, None
    try:
        exif = Image.Exif() if isinstance(source, bytes) else source.getexif()
        if isinstance(source, bytes):
            exif.load(source)
            if not len(exif):
                raise ValueError("it cannot be read")  # noqa: TRY301 - as what the parser raises
        orientation = exif.get(_ORIENTATION, 1)
        details = exif.get_ifd(_EXIF)
        taken = _moment(details.get(_TAKEN), details.get(_TAKEN_ZONE))
    except Exception as error:  # noqa: BLE001 - the parsers raise whatever a wrong offset leads to
        notes.append(f"The EXIF block was ignored: {_one_line(error)}.")
        return 1, None
    return orientation if orientation in _UPRIGHT else 1, taken


def _moment(text: object, zone: object) -> str | None:
    """EXIF's "2024:05:31 12:00:00" as ISO 8601, or None if no camera can have meant it."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.strptime(text.strip("\0 "), "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007 - cameras know no zone
    except ValueError:
        return None
    if moment.year < _FIRST_PHOTOGRAPH:
        return None
    return moment.isoformat() + (zone if isinstance(zone, str) and _ZONE.fullmatch(zone) else "")


def _upright(picture: Image.Image, orientation: int) -> Image.Image:
    return picture.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else picture


def _blame(source: bytes, error: Exception) -> Reason:
    """What is wrong with a file: half of it is missing, or a kind of pixel is not decoded, or it is broken."""
    if isinstance(error, Image.DecompressionBombError) or "security limit" in str(error).lower():  # libheif's words
        return Reason.TOO_MANY_PIXELS
    if "unsupported" in str(error).lower():
        return Reason.UNSUPPORTED_FORMAT
    return Reason.TRUNCATED if lacks_end(source) or _is_cut_short(error) else Reason.CORRUPT


def _is_damaged(error: Exception) -> bool:
    return "broken data stream" in str(error) or "unrecognized data stream" in str(error)


def _is_cut_short(error: Exception) -> bool:
    return isinstance(error, EOFError) or "truncated" in str(error).lower()


def _one_line(error: Exception) -> str:
    """What a decoder said, in one short line for a catalog row."""
    return (" ".join(str(error).split()) or type(error).__name__)[:200].rstrip(".")
