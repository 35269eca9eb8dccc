"""What to make of a source: renditions, limits and two policies, read from JSON and checked once.

A mistake is found when the settings are read, never while an image is rendered, and told in one sentence that names
the field and the remedy.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import re
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "EXTENSIONS",
    "MOST_PIXELS",
    "NAME",
    "RENDERER_VERSION",
    "KeyGlobs",
    "Limits",
    "Rendition",
    "Settings",
    "is_mended",
    "made_by",
]

RENDERER_VERSION: Final = 1
"""Raised by one when the same settings give other bytes of every source: all catalog rows are then out of date."""

_VERSIONS: Final = {
    # Frames on their canvas, transparency, what turns, and what was refused: as browsers have them.
    **dict.fromkeys(("avif", "gif", "heif"), 2),
    "webp": 2,  # decoded by libwebp at the size that is needed
    "truncated": 2,
    # What other people's test suites found: alpha, profiles of grey, EXIF behind the pixels, masks, names in HEIC.
    **dict.fromkeys(("png", "tiff", "corrupt", "unsupported-format"), 3),
    **dict.fromkeys(("bmp", "crashed"), 2),
}
"""Raised by one when the sources of one kind come out otherwise: a backfill renders exactly those again. A kind is a
format, or the reason of a failure that may be one no longer. What is not named is of version 1."""

MOST_PIXELS: Final = 200_000_000
"""The most that `limits.pixels` can allow: at 19 bytes a pixel, the hungriest format takes 3.8 GB for it."""

NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
"""What a rendition can be called."""

EXTENSIONS: Final = {"webp": "webp", "jpeg": "jpg", "png": "png", "avif": "avif", "gif": "gif"}
"""How a thumbnail's key ends, without a dot, by format."""

Fit = Literal["contain", "cover", "pad"]
Format = Literal["webp", "jpeg", "png", "avif", "gif"]
Crop = Literal["centre", "attention", "entropy"]
Animation = Literal["animate", "first-frame"]
Truncated = Literal["fail", "render"]

_COLOUR = re.compile(r"#[0-9a-f]{6}")
_HIGHEST_EFFORT: Final = {"webp": 6, "jpeg": 2, "png": 9, "avif": 10, "gif": 0}
_LONGEST_SIDE: Final = 16_383  # of a WebP file, the smallest bound among the formats written
_MOST_RENDITIONS: Final = 10


@dataclass(frozen=True)
class Rendition:
    """One thumbnail to make of every source: a box in pixels, how to fill it, and how to encode it.

    fit         contain: the whole picture inside the box; cover: the box filled, the rest cut off;
                pad: the whole picture, the rest of the box in `background`
    crop        what `cover` keeps: the centre, what draws the eye, or what has the most detail
    background  `#rrggbb`, behind transparent pixels where the format has none, and around `pad`
    enlarge     whether a source smaller than the box grows to fill it
    effort      0 (fastest) to 6 webp, 2 jpeg, 9 png, 10 avif (smallest); None is the measured best trade.
                For JPEG: 0 plain, 1 optimised, 2 progressive
    """

    name: str
    width: int
    height: int
    fit: Fit = "contain"
    format: Format = "webp"
    quality: int = 80
    crop: Crop = "centre"
    background: str = "#ffffff"
    enlarge: bool = False
    effort: int | None = None

    @property
    def extension(self) -> str:
        """The end of a thumbnail's key, without a dot; it depends on the rendition alone, never on the source."""
        return EXTENSIONS[self.format]

    @property
    def content_type(self) -> str:
        """The media type to serve the thumbnail with."""
        return f"image/{self.format}"


@dataclass(frozen=True)
class Limits:
    """How large a source may be; all of it is known before a pixel is decoded.

    `bytes` is held against the object before it is read (`thumbnailer.storage`), the others against the header of the
    file (`renderer.formats`).

    bytes            of the file
    pixels           width x height of one picture
    side             the longer of width and height
    frames           of an animation
    animated_pixels  frames x width x height of an animation that is rendered as one
    """

    bytes: int = 64 * 1024 * 1024
    pixels: int = 100_000_000
    side: int = 30_000
    frames: int = 500
    animated_pixels: int = 100_000_000


@dataclass(frozen=True)
class Settings:
    """Everything that decides what a source becomes.

        settings = Settings.from_json('{"renditions": [{"name": "small", "width": 256, "height": 256}]}')
        rendered = render(source, settings)

    animation  animate: an animated source stays one where the format can; first-frame: it becomes a still
    truncated  what to do with a file that stops half-way: fail, or render what is there
    include    globs, of which a key must match one to be an image's; empty matches every key
    exclude    globs of keys that are no image's, such as what programs leave behind in folders
    """

    renditions: tuple[Rendition, ...]
    limits: Limits = Limits()
    animation: Animation = "first-frame"
    truncated: Truncated = "fail"
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, text: str) -> Settings:
        """Parse `{"renditions": [{"name": …, "width": …, "height": …}, …], "limits": {…}, …}`.

        A field that is null or missing takes its default. Raises ValueError with one sentence that names
        the field and the remedy; a field that is not known is an error, for it is most often a misspelling.
        """
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"The settings are not JSON ({error}): pass an object with a list 'renditions'.") from None
        given = _fields(document, "settings", cls)
        items = given.get("renditions")
        if not isinstance(items, list) or not 1 <= len(items) <= _MOST_RENDITIONS:
            raise ValueError(f"renditions must be a list of 1 to {_MOST_RENDITIONS} objects.")
        renditions = tuple(_rendition(item, f"renditions[{index}]") for index, item in enumerate(items))
        names = [rendition.name for rendition in renditions]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"renditions has two entries named {twice!r}: give each a name of its own.")
        return cls(
            renditions=renditions,
            limits=_limits(given.get("limits", {})),
            animation=_choice(given, "", "animation", Animation, "first-frame"),
            truncated=_choice(given, "", "truncated", Truncated, "fail"),
            include=_globs(given, "include"),
            exclude=_globs(given, "exclude"),
        )

    def watches(self, key: str, size: int | None) -> bool:
        """Whether an object of `size` bytes, where that is known, is to have thumbnails by its name alone.

        What ends in a slash and has no bytes is a folder, as consoles and copying tools make them.
        """
        return not (key.endswith("/") and size == 0) and self._globs.take(key)

    @cached_property
    def _globs(self) -> KeyGlobs:
        return KeyGlobs(self.include, self.exclude)

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits that change with anything that changes the bytes of a thumbnail; limits and globs do not."""
        shape = [RENDERER_VERSION, [asdict(each) for each in self.renditions], self.animation, self.truncated]
        text = json.dumps(shape, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class KeyGlobs:
    """Which keys are images', by their names alone.

        KeyGlobs.from_json('{"exclude": ["*.xmp"]}').take("holiday/beach.xmp")

    In a glob, `*` matches slashes too, and case does not matter. One without a slash is about what comes after the last
    slash of a key.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, text: str) -> KeyGlobs:
        """Parse `{"include": […], "exclude": […]}`. Raises ValueError with one sentence."""
        try:
            given = _fields(json.loads(text), "the globs", cls)
        except RecursionError:
            raise ValueError("The globs are not JSON.") from None
        return cls(_globs(given, "include"), _globs(given, "exclude"))

    def take(self, key: str) -> bool:
        """Whether a key is an image's."""
        included, excluded = self._compiled
        return (not included or _matches(included, key)) and not _matches(excluded, key)

    @cached_property
    def _compiled(self) -> tuple[tuple[_Glob, ...], tuple[_Glob, ...]]:
        return tuple(map(_Glob.of, self.include)), tuple(map(_Glob.of, self.exclude))


@dataclass(frozen=True)
class _Glob:
    pattern: re.Pattern[str]
    of_names: bool
    """Whether it is matched with the last part of a key, and not with all of it."""

    @classmethod
    def of(cls, glob: str) -> _Glob:
        return cls(re.compile(fnmatch.translate(glob), re.IGNORECASE), "/" not in glob)


def _matches(globs: tuple[_Glob, ...], key: str) -> bool:
    name = key.rpartition("/")[2]
    return any(each.pattern.match(name if each.of_names else key) for each in globs)


def _globs(given: Mapping[str, object], name: str) -> tuple[str, ...]:
    value = given.get(name, [])
    if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
        raise ValueError(f"{name} must be a list of globs such as '*.jpg'.")
    return tuple(value)


def made_by(settings_fingerprint: str, kind: str | None) -> str:
    """The fingerprint of what is made now of a source of this kind: that of the settings, and the kind's version."""
    version = _VERSIONS.get(kind or "", 1)
    return settings_fingerprint if version == 1 else f"{settings_fingerprint}-{version}"


def is_mended(made_with: str | None, reason: str | None) -> bool:
    """Whether a failure with this fingerprint and reason may succeed by now, whatever the settings."""
    version = _VERSIONS.get(reason or "", 1)
    return version > 1 and not (made_with or "").endswith(f"-{version}")


def _fields(value: object, where: str, cls: type[Settings | Rendition | Limits | KeyGlobs]) -> dict[str, object]:
    """The fields of a JSON object that are not null, all of them known to the dataclass."""
    if not isinstance(value, dict):
        raise ValueError(f"{where} must be an object, not {_json_type(value)}.")
    known = [field.name for field in fields(cls)]
    for name in value:
        if name not in known:
            raise ValueError(f"{where} has an unknown field {name!r}: use {', '.join(known)}.")
    return {name: item for name, item in value.items() if item is not None}


def _rendition(value: object, where: str) -> Rendition:
    given = _fields(value, where, Rendition)
    name = given.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(
            f"{where}.name must be 1 to 32 lower-case letters, digits and hyphens, and not begin with a hyphen: "
            "it becomes the first part of the thumbnail's key."
        )
    where = f"{where} ({name})"
    form: Format = _choice(given, f"{where}.", "format", Format, "webp")
    background = given.get("background", "#ffffff")
    if not isinstance(background, str) or not _COLOUR.fullmatch(background.lower()):
        raise ValueError(f"{where}.background must be a colour like '#ffffff'.")
    enlarge = given.get("enlarge", False)
    if not isinstance(enlarge, bool):
        raise ValueError(f"{where}.enlarge must be true or false.")
    effort = None
    if "effort" in given:
        effort = _whole(given, f"{where}.", "effort", 0, (0, _HIGHEST_EFFORT[form]), f" for {form}")
    return Rendition(
        name=name,
        width=_whole(given, f"{where}.", "width", None, (1, _LONGEST_SIDE)),
        height=_whole(given, f"{where}.", "height", None, (1, _LONGEST_SIDE)),
        fit=_choice(given, f"{where}.", "fit", Fit, "contain"),
        format=form,
        quality=_whole(given, f"{where}.", "quality", 80, (1, 100)),
        crop=_choice(given, f"{where}.", "crop", Crop, "centre"),
        background=background.lower(),
        enlarge=enlarge,
        effort=effort,
    )


def _limits(value: object) -> Limits:
    given = _fields(value, "limits", Limits)
    default = Limits()
    most = {"pixels": MOST_PIXELS}
    return Limits(
        **{
            field.name: _whole(
                given, "limits.", field.name, getattr(default, field.name), (1, most.get(field.name, 2**40))
            )
            for field in fields(Limits)
        }
    )


def _whole(
    given: Mapping[str, object],
    where: str,
    name: str,
    default: int | None,
    span: tuple[int, int],
    note: str = "",
) -> int:
    value = given.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not span[0] <= value <= span[1]:
        raise ValueError(f"{where}{name} must be a whole number from {span[0]} to {span[1]}{note}.")
    return value


def _choice(given: Mapping[str, object], where: str, name: str, choices: object, default: str) -> Any:  # noqa: ANN401 - one of a Literal's values, which no type can say here
    value = given.get(name, default)
    if value not in get_args(choices):
        raise ValueError(f"{where}{name} must be one of {', '.join(get_args(choices))}.")
    return value


def _json_type(value: object) -> str:
    names = {"NoneType": "null", "list": "a list", "str": "a string", "int": "a number", "float": "a number"}
    return names.get(type(value).__name__, "a boolean")
