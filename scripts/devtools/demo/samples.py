"""What is uploaded: the built-in sample, or a person's own images.

The built-in sample starts from the real photographs that scikit-image carries and makes variants of them.
Every run makes the same bytes.
"""

from __future__ import annotations

import importlib.resources
import io
import mimetypes
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from PIL import Image, ImageFilter

from devtools.errors import DevtoolsError

if TYPE_CHECKING:
    from collections.abc import Iterator

Status = Literal["READY", "FAILED", "DELETED"]

_ORIENTATION_TAG: Final = 0x0112
# How to store an upright picture so that a viewer that honours the EXIF value shows it upright again.
_STORED_AS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
# What the tables of some operating systems and older Pythons do not know.
_CONTENT_TYPES: Final = {
    ".avif": "image/avif",
    ".heic": "image/heic",
    ".heif": "image/heif",
    ".webp": "image/webp",
}


@dataclass(frozen=True)
class Sample:
    """One object to upload.

    `bodies` are put one after the other under the same key, so the last one is what must be found in the
    end; a path is read when it is needed. `group` and `about` tell a reader what it is there to show.
    """

    key: str
    bodies: tuple[bytes | Path, ...]
    group: str
    about: str
    expected: Status | None = None
    deleted: bool = False

    @property
    def content_type(self) -> str:
        """What an uploader would claim from the name alone, true or not."""
        suffix = Path(self.key).suffix.lower()
        return _CONTENT_TYPES.get(suffix) or mimetypes.guess_type(self.key)[0] or "application/octet-stream"

    def body(self, index: int = -1) -> bytes:
        """The bytes of one upload; by default of the last."""
        body = self.bodies[index]
        return body if isinstance(body, bytes) else body.read_bytes()


def from_directory(directory: Path) -> tuple[Sample, ...]:
    """Every file below `directory`, keyed by its path in it. Raises DevtoolsError where there is none."""
    if not directory.is_dir():
        raise DevtoolsError(f"there is no directory {directory}: name one that holds images")
    try:
        files = sorted(path for path in directory.rglob("*") if path.is_file())
        unreadable = next((path for path in files if not os.access(path, os.R_OK)), None)
    except OSError as error:
        raise DevtoolsError(f"{error.filename} cannot be read ({error.strerror}): check its permissions") from None
    if not files:
        raise DevtoolsError(f"{directory} holds no files: name a directory that holds images")
    if unreadable is not None:
        raise DevtoolsError(f"{unreadable} cannot be read: check its permissions")
    return tuple(
        Sample(key=_key(path.relative_to(directory)), bodies=(path,), group="Your images", about="") for path in files
    )


def _key(path: Path) -> str:
    # A file name may be any bytes, but a key is UTF-8.
    return os.fsencode(path.as_posix()).decode("utf-8", "backslashreplace")


def built_in() -> tuple[Sample, ...]:
    """The sample of the demo: every kind of upload that the pipeline promises something about."""
    return (
        *_photographs(),
        *_orientations(),
        *_formats(),
        *_difficult_keys(),
        *_changes(),
        *_failures(),
    )


def _photographs() -> Iterator[Sample]:
    group = "Photographs"
    for name, about in (
        ("astronaut.png", "A large PNG"),
        ("coffee.png", "Warm colours, fine gradients"),
        ("retina.jpg", "The largest: two megapixels"),
        ("hubble_deep_field.jpg", "Thousands of points of light"),
        ("rocket.jpg", "A long exposure at dusk"),
        ("camera.png", "Greyscale"),
    ):
        yield Sample(f"photos/{name}", (_data(name),), group, about, "READY")


def _orientations() -> Iterator[Sample]:
    picture = _picture("motorcycle_left.png")
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[_ORIENTATION_TAG] = orientation
        transpose = _STORED_AS.get(orientation)
        stored = picture if transpose is None else picture.transpose(transpose)
        yield Sample(
            f"orientation/exif-{orientation}.jpg",
            (_encode(stored, "JPEG", quality=85, exif=exif),),
            "One picture, eight EXIF orientations",
            f"Orientation {orientation}",
            "READY",
        )


def _formats() -> Iterator[Sample]:
    group = "Formats"
    coffee = _picture("coffee.png")
    yield Sample("formats/alpha.png", (_data("logo.png"),), group, "PNG with transparency", "READY")
    yield Sample(
        "formats/photo.webp",
        (_encode(_picture("motorcycle_right.png"), "WEBP", quality=85),),
        group,
        "WebP",
        "READY",
    )
    yield Sample(
        "formats/print-cmyk.jpg",
        (_encode(coffee.convert("CMYK"), "JPEG", quality=90),),
        group,
        "JPEG in CMYK, as printers send it",
        "READY",
    )
    yield Sample(
        "formats/progressive.jpg",
        (_encode(_picture("astronaut.png"), "JPEG", quality=85, progressive=True),),
        group,
        "Progressive JPEG",
        "READY",
    )
    yield Sample("formats/animated.gif", (_animation(),), group, "Animated GIF", "READY")
    yield Sample(
        "formats/scan.tiff",
        (_encode(coffee, "TIFF", compression="tiff_lzw"),),
        group,
        "TIFF, which no browser shows",
        "READY",
    )


def _difficult_keys() -> Iterator[Sample]:
    cat = _picture("chelsea.png")
    for index, (key, about) in enumerate(
        (
            ("keys/summer in  the city 2024.jpg", "Spaces, two of them in a row"),
            ("keys/1+1=2 & 100% true.jpg", "Plus, equals, ampersand, percent"),
            ("keys/looks%20encoded%2Fbut+is+not.jpg", "Looks percent-encoded, and is not"),
            ("keys/東京/Äpfel & crème brûlée 🐈.jpg", "Unicode"),
            ("keys/<img src=x onerror=alert('hi')>.jpg", "A key that attacks whoever lists it"),
        )
    ):
        # A different crop each, so that a thumbnail under the wrong key would be seen.
        crop = cat.crop((index * 30, 0, index * 30 + 300, 300))
        yield Sample(key, (_encode(crop, "JPEG", quality=85),), "Difficult keys", about, "READY")


def _changes() -> Iterator[Sample]:
    group = "Changed after the upload"
    first = _encode(_picture("coins.png"), "JPEG", quality=85)
    second = _encode(_picture("color.png"), "JPEG", quality=85)
    yield Sample("changes/overwritten.jpg", (first, second), group, "Overwritten: coins, then a colour wheel", "READY")
    yield Sample(
        "changes/repaired.jpg",
        (first[: len(first) // 3], first),
        group,
        "Uploaded in part, then whole",
        "READY",
    )
    yield Sample("changes/deleted.jpg", (first,), group, "Deleted after the upload", "DELETED", deleted=True)


def _failures() -> Iterator[Sample]:
    group = "Failures"
    photo = _data("rocket.jpg")
    text = b"Dear diary, today somebody renamed me to a photograph.\n" * 20
    yield Sample("failures/truncated.jpg", (photo[: len(photo) // 2],), group, "Half of a JPEG", "FAILED")
    yield Sample("failures/diary.jpg", (text,), group, "A text file named .jpg", "FAILED")
    yield Sample("failures/empty.png", (b"",), group, "No bytes at all", "FAILED")
    bomb = _encode(Image.new("1", (20_000, 20_000)), "PNG")
    yield Sample(
        "failures/bomb.png",
        (bomb,),
        group,
        "A decompression bomb: 400 megapixels in 48 kB",
        "FAILED",
    )


def _data(name: str) -> bytes:
    return (importlib.resources.files("skimage") / "data" / name).read_bytes()


def _picture(name: str) -> Image.Image:
    return Image.open(io.BytesIO(_data(name))).convert("RGB")


def _encode(picture: Image.Image, form: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def _animation() -> bytes:
    """A photograph that goes out of focus."""
    cat = _picture("chelsea.png").resize((300, 200))
    frames = [cat.filter(ImageFilter.GaussianBlur(radius)) for radius in (0, 1, 2, 4, 6, 9)]
    return _encode(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=200, loop=0)
