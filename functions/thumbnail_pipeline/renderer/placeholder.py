"""What stands in for a picture before it has loaded: one colour, and a ThumbHash of about 25 bytes.

ThumbHash is a discrete cosine transform of brightness and two colour differences, coarsely quantised:
https://evanw.github.io/thumbhash/ (the description and format by Evan Wallace, public domain).
"""

from __future__ import annotations

import base64
import math
from functools import lru_cache
from itertools import compress
from operator import mul
from typing import TYPE_CHECKING, Final

from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["dominant_colour", "thumbhash"]

_SIDE: Final = 24  # samples each way: the highest frequency kept is 7, so 24 lose nothing that the hash holds
_OPAQUE: Final = 128


def dominant_colour(picture: Image.Image) -> str:
    """The colour, as `#rrggbb`, that most of an RGB or RGBA picture is near; pixels mostly transparent do not count."""
    small = picture.convert("RGBA").resize((32, 32), Image.Resampling.BOX, reducing_gap=1.0)
    pixels = small.convert("RGB").tobytes()
    alpha = small.getchannel("A").tobytes()
    if min(alpha) < _OPAQUE:
        pixels = bytes(compress(pixels, (value >= _OPAQUE for value in alpha for _ in range(3))))
    if not pixels:
        return "#000000"
    line = Image.frombytes("RGB", (len(pixels) // 3, 1), pixels)
    few = line.quantize(6, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    counts = few.histogram()
    most = max(range(256), key=lambda index: (counts[index], -index))
    palette = few.getpalette() or []
    return "#{:02x}{:02x}{:02x}".format(*palette[3 * most : 3 * most + 3])


def thumbhash(picture: Image.Image, width: int, height: int) -> str:
    """The ThumbHash, in base64, of an RGB or RGBA picture that is displayed as width x height."""
    small = picture.convert("RGBA").resize((_SIDE, _SIDE), Image.Resampling.BOX, reducing_gap=1.0)
    bands = [band.tobytes() for band in small.split()]
    alpha = [value / 255 for value in bands[3]]
    transparent = bands[3].count(255) < _SIDE * _SIDE
    colours = [[value / 255 for value in band] for band in bands[:3]]
    if transparent:
        colours = [_laid_over_its_mean(colour, alpha) for colour in colours]
    red, green, blue = colours
    light = [(r + g + b) / 3 for r, g, b in zip(red, green, blue, strict=True)]
    yellow = [(r + g) / 2 - b for r, g, b in zip(red, green, blue, strict=True)]
    pink = [r - g for r, g in zip(red, green, strict=True)]

    most = 5 if transparent else 7
    across = max(1, _round(most * width / max(width, height)))
    down = max(1, _round(most * height / max(width, height)))
    l_mean, l_waves, l_scale = _waves(light, max(3, across), max(3, down))
    p_mean, p_waves, p_scale = _waves(yellow, 3, 3)
    q_mean, q_waves, q_scale = _waves(pink, 3, 3)
    landscape = width > height
    first = (
        _round(63 * l_mean)
        | _round(31.5 + 31.5 * p_mean) << 6
        | _round(31.5 + 31.5 * q_mean) << 12
        | _round(31 * l_scale) << 18
        | transparent << 23
    )
    second = (down if landscape else across) | _round(63 * p_scale) << 3 | _round(63 * q_scale) << 9 | landscape << 15
    packed = first.to_bytes(3, "little") + second.to_bytes(2, "little")
    waves = [*l_waves, *p_waves, *q_waves]
    if transparent:
        a_mean, a_waves, a_scale = _waves(alpha, 5, 5)
        packed += bytes((_round(15 * a_mean) | _round(15 * a_scale) << 4,))
        waves += a_waves
    nibbles = [_round(15 * wave) for wave in waves] + [0] * (len(waves) % 2)
    packed += bytes(low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2], strict=True))
    return base64.b64encode(packed).decode()


def _laid_over_its_mean(colour: list[float], alpha: list[float]) -> list[float]:
    """As the format wants what shows through."""
    shown = [value * cover for value, cover in zip(colour, alpha, strict=True)]
    opacity = sum(alpha)
    mean = sum(shown) / opacity if opacity else 0.0
    return [value + mean * (1 - cover) for value, cover in zip(shown, alpha, strict=True)]


def _waves(samples: Sequence[float], across: int, down: int) -> tuple[float, list[float], float]:
    """The mean, the other cosine coefficients scaled to 0…1, and that scale: rows first, then columns."""
    cosines = _cosines()
    rows = [samples[start : start + _SIDE] for start in range(0, _SIDE * _SIDE, _SIDE)]
    found: list[float] = []
    columns = [[sum(map(mul, row, cosines[x])) for row in rows] for x in range(across)]
    for y in range(down):
        found.extend(
            sum(map(mul, columns[x], cosines[y])) / _SIDE**2 for x in range(across) if x * down < across * (down - y)
        )
    mean, *rest = found
    largest = max(map(abs, rest))
    if not largest:
        return mean, rest, 0.0
    return mean, [0.5 + 0.5 / largest * value for value in rest], largest


@lru_cache(maxsize=1)
def _cosines() -> tuple[tuple[float, ...], ...]:
    """cos(pi / n * frequency * (sample + 1/2)) for each frequency and sample."""
    return tuple(
        tuple(math.cos(math.pi / _SIDE * frequency * (sample + 0.5)) for sample in range(_SIDE))
        for frequency in range(8)
    )


def _round(value: float) -> int:
    """Halves up, as the format's reference does; Python's own would round them to even."""
    return math.floor(value + 0.5)
