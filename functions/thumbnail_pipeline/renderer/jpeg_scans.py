"""The segments of a JPEG file, without those beside the pixels, and with only the scans that a decode can use.

A progressive JPEG sends the mean of every 8 x 8 block (the DC coefficient) first and the detail (AC) in
later scans. A decode at one eighth of the size makes one pixel of each block out of its DC alone, so all
AC scans, most of the file, are entropy-decoded for nothing. Leaving them out gives the very same pixels.

What applications add (APPn, comments) is read here, and never reaches the decoder: Pillow refuses a whole picture for
a header of JFIF that is short.

ITU-T T.81 annex B (markers, scan headers) and annex G (progressive mode):
https://www.w3.org/Graphics/JPEG/itu-t81.pdf
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from thumbnail_pipeline.errors import Permanent
from thumbnail_pipeline.outcomes import Reason
from thumbnail_pipeline.renderer.reading import Aside, Cursor

__all__ = ["JpegLayout", "without_detail"]

# Inside entropy-coded data FF is followed by 00 (a stuffed byte), by D0 to D7 (a restart) or by FF (fill).
_MARKER: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)

_EOI, _SOS, _COMMENT = 0xD9, 0xDA, 0xFE
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_HUFFMAN: Final = 0xC2  # the progressive frame that everybody writes
_PROGRESSIVE: Final = frozenset({_HUFFMAN, 0xCA})  # and its arithmetic-coded sister
_DECODED: Final = _PROGRESSIVE | {0xC0, 0xC1, 0xC9}  # sequential ones beside them, by Huffman or arithmetic
_STANDALONE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
_APPLICATIONS: Final = frozenset(range(0xE0, 0xF0))
_APP1, _APP2 = 0xE1, 0xE2
_MOST_SEGMENTS: Final = 10_000

# JFIF and Adobe say which colours the components are. A shorter one says nothing, to libjpeg either:
# https://github.com/libjpeg-turbo/libjpeg-turbo/blob/main/src/jdmarker.c
_TELLS_COLOURS: Final = {0xE0: (b"JFIF\0", 14), 0xEE: (b"Adobe", 12)}
_EXIF: Final = b"Exif\0\0"
_PROFILE: Final = b"ICC_PROFILE\0"


@dataclass(frozen=True)
class Segment:
    """A marker and what belongs to it, as positions in the file; a scan includes its entropy-coded data."""

    marker: int
    start: int
    end: int


@dataclass(frozen=True)
class JpegLayout:
    """What the markers of one JPEG image say, read without decoding anything.

    samples   of all components over the pixels: 3 for 4:4:4, 1.5 for 4:2:0, 1 for grey, 4 for CMYK
    whole     whether the decoder has to keep the coefficients of the whole image: it does when more than
              one scan makes the picture
    segments  what the decoder needs; what follows the last of them begins at `rest`
    strange   why nothing here decodes it, if that is so
    """

    size: tuple[int, int]
    progressive: bool
    whole: bool
    samples: float
    scans: int
    complete: bool
    segments: tuple[Segment, ...]
    rest: int
    aside: Aside
    strange: str | None

    @classmethod
    def of(cls, source: bytes, most_scans: int) -> JpegLayout:
        """Walk the markers from the start of the image to its end, or to its `most_scans + 1`st scan."""
        segments: list[Segment] = []
        beside: list[tuple[int, bytes]] = []
        size, progressive, whole, samples, components, scans = (0, 0), False, False, 3.0, 3, 0
        complete, strange = False, None
        at = 2
        # Decoders skip noise between segments, and fill, as well.
        while (found := _MARKER.search(source, at)) is not None:
            at = found.start()
            marker = source[at + 1]
            if marker == _EOI:
                complete = True
                break
            if marker in _STANDALONE:
                at += 2
                continue
            body = _body(source, at)
            if marker in _FRAMES:
                progressive = marker in _PROGRESSIVE
                components = _byte(body, 5) or 3
                samples = _samples(body[6:], components)
                size = int.from_bytes(body[3:5], "big"), int.from_bytes(body[1:3], "big")
                strange = _strange(marker, body)
            if marker == _SOS:
                scans += 1
                whole = whole or progressive or _byte(body, 0) < components
                if not whole or scans > most_scans:
                    complete = source.rfind(b"\xff\xd9", at) >= 0
                    break
                found = _MARKER.search(source, at + 4 + len(body))
                end = found.start() if found else len(source)
            else:
                end = at + 4 + len(body)
            if _is_needed(marker, body):
                segments.append(Segment(marker, at, end))
            elif marker in {_APP1, _APP2}:
                beside.append((marker, body))
            if len(segments) + len(beside) > _MOST_SEGMENTS:
                raise Permanent(Reason.CORRUPT, f"The JPEG is cut into more than {_MOST_SEGMENTS:,} segments.")
            at = end
        else:
            at = len(source)
        return cls(size, progressive, whole, samples, scans, complete, tuple(segments), at, _aside(beside), strange)

    def parts(self, source: bytes) -> tuple[bytes | memoryview, ...]:
        """The file without what is beside the pixels."""
        view = memoryview(source)
        return b"\xff\xd8", *(view[each.start : each.end] for each in self.segments), view[self.rest :]


def _body(source: bytes, at: int) -> bytes:
    """What a segment holds behind its marker and length; shorter where the file ends."""
    cursor = Cursor(source, at + 2)
    if cursor.left < 2:  # noqa: PLR2004 - of the length
        return b""
    length = cursor.number(2)
    return cursor.take(min(max(length - 2, 0), cursor.left))


def _is_needed(marker: int, body: bytes) -> bool:
    """Whether a segment has a part in the pixels."""
    if marker in _TELLS_COLOURS:
        name, least = _TELLS_COLOURS[marker]
        return body.startswith(name) and len(body) >= least
    return marker not in _APPLICATIONS and marker != _COMMENT


def _strange(marker: int, frame: bytes) -> str | None:
    """Why no decoder here reads such a frame (T.81 B.2.2), or None."""
    if marker not in _DECODED:
        return "it is lossless or hierarchical"
    if _byte(frame, 0) != 8:  # noqa: PLR2004 - bits
        return f"it has {_byte(frame, 0)} bits a channel"
    if _byte(frame, 5) not in {1, 3, 4}:
        return f"it has {_byte(frame, 5)} channels"
    return None


def _aside(segments: list[tuple[int, bytes]]) -> Aside:
    """EXIF, which may go on in a second segment, and the colour profile, which says how many it is cut into.

    https://www.color.org/specification/ICC.1-2022-05.pdf, annex B.4
    """
    exif = b"".join(body[len(_EXIF) :] for marker, body in segments if marker == _APP1 and body.startswith(_EXIF))
    chunks = sorted(body for marker, body in segments if marker == _APP2 and body.startswith(_PROFILE))
    start = len(_PROFILE) + 2
    whole = [_byte(each, start - 2) for each in chunks] == list(range(1, len(chunks) + 1)) and all(
        _byte(each, start - 1) == len(chunks) for each in chunks
    )
    if chunks and not whole:
        return Aside(exif or None, notes=("The colour profile was ignored: parts of it are missing.",))
    return Aside(exif or None, b"".join(each[start:] for each in chunks) or None)


def _byte(source: bytes, at: int) -> int:
    """The byte at a position that the file itself may have named: zero beyond the end."""
    return source[at] if at < len(source) else 0


def _samples(specification: bytes, components: int) -> float:
    """Samples a pixel from the sampling factors of a frame header (T.81 B.2.2): H and V of each component."""
    factors = [(byte >> 4, byte & 15) for byte in specification[1 : 3 * components : 3]]
    widest = max((h for h, _ in factors), default=1) or 1
    tallest = max((v for _, v in factors), default=1) or 1
    return sum(h * v for h, v in factors) / (widest * tallest) or 1.0


def without_detail(source: bytes, layout: JpegLayout) -> bytes | None:
    """The same progressive JPEG without the scans that a decode at one eighth cannot see, or None.

    None where there is nothing to gain or where the pixels could change. Never for a decode at any other
    scale: that is a different picture.

    - A component that is halved both ways (the chroma of 4:2:0) is decoded at one quarter, so that it comes
      out as large as the others, and keeps its detail:
      https://github.com/libjpeg-turbo/libjpeg-turbo/blob/main/src/jdmaster.c
    - Each other component gets one empty AC scan, which says that all its AC coefficients are zero. Were
      they merely unknown, libjpeg would guess them from the neighbours (block smoothing) and shift pixels
      by up to 50 steps: https://github.com/libjpeg-turbo/libjpeg-turbo/blob/main/src/jdcoefct.c
    """
    frame = next((source[each.start + 4 : each.end] for each in layout.segments if each.marker == _HUFFMAN), None)
    if frame is None or not layout.complete:
        return None
    coarse = _seen_by_its_mean(frame)
    kept = bytearray(b"\xff\xd8")
    for segment in layout.segments:
        at = segment.start + 4
        if segment.marker == _SOS and _byte(source, at + 1 + 2 * _byte(source, at)) and _byte(source, at + 1) in coarse:
            continue
        kept += source[segment.start : segment.end]
    return bytes(kept + _empty_detail(frame, coarse) + b"\xff\xd9")


def _seen_by_its_mean(frame: bytes) -> bytes:
    """The identifiers of the components (T.81 B.2.2: P, Y, X, Nf, then C, HV, Tq for each) not halved both ways."""
    positions = range(6, 6 + 3 * _byte(frame, 5), 3)
    factors = {_byte(frame, at): (_byte(frame, at + 1) >> 4, _byte(frame, at + 1) & 15) for at in positions}
    widest = max((h for h, _ in factors.values()), default=0)
    tallest = max((v for _, v in factors.values()), default=0)
    return bytes(name for name, (h, v) in factors.items() if 2 * h > widest or 2 * v > tallest)


def _empty_detail(frame: bytes, components: bytes) -> bytes:
    """An AC scan without any detail for each of the components.

    The Huffman table has the single code 0 for EOB14, a run of 2^14 + 14 more bits blocks without detail
    (T.81 G.1.2.2), so the entropy-coded data is 15 zero bits for every 16 384 blocks.
    """
    height, width = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
    table = b"\xff\xc4\x00\x14\x10" + bytes((1, *[0] * 15)) + b"\xe0"
    no_restarts = b"\xff\xdd\x00\x04\x00\x00"
    runs = -(-((width + 7) // 8 * ((height + 7) // 8)) // 2**14)
    data = bytes(-(-15 * runs // 8))
    scans = (b"\xff\xda\x00\x08\x01" + bytes((name, 0, 1, 63, 0)) + data for name in components)
    return table + no_restarts + b"".join(scans)
