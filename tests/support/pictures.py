"""Small pictures, made here, for tests that care about the way of an image and not about its looks."""

from __future__ import annotations

from io import BytesIO

from PIL import Image


def picture(colour: str = "teal", *, size: tuple[int, int] = (64, 48), image_format: str = "PNG") -> bytes:
    """An encoded picture of one colour."""
    encoded = BytesIO()
    Image.new("RGB", size, colour).save(encoded, image_format)
    return encoded.getvalue()


def colour_of(encoded: bytes) -> tuple[int, int, int]:
    """The colour in the middle of an encoded picture."""
    with Image.open(BytesIO(encoded)) as opened:
        pixel = opened.convert("RGB").getpixel((opened.width // 2, opened.height // 2))
    assert isinstance(pixel, tuple)
    red, green, blue = (round(channel) for channel in pixel)
    return red, green, blue
