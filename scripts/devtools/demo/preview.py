"""Any image → a small one that every browser shows."""

from __future__ import annotations

import base64
import io
import warnings
from dataclasses import dataclass
from typing import Final

import pi_heif  # type: ignore[import-untyped]
from PIL import Image

# Sharp at half this size on a dense screen.
_BOX: Final = (400, 400)
# Decoding more than this for a preview is not worth anybody's wait, or memory.
_MOST_PIXELS: Final = 60_000_000

pi_heif.register_heif_opener()


@dataclass(frozen=True)
class Picture:
    """Encoded pixels for a page. `width` and `height` are those of what it shows, before it was made smaller."""

    content_type: str
    data: bytes
    width: int
    height: int

    @property
    def uri(self) -> str:
        """The picture as a `data:` URI."""
        return f"data:{self.content_type};base64,{base64.b64encode(self.data).decode()}"


def shrink(data: bytes) -> Picture | None:
    """A small WebP of the pixels as they are stored, EXIF orientation left alone; None where there is none."""
    try:
        with warnings.catch_warnings():
            # Pillow warns of pictures that the bound below declines.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data))
        with image:
            if image.width * image.height > _MOST_PIXELS:
                return None
            size = image.size
            image.draft("RGB", _BOX)
            small = image.convert("RGBA" if image.has_transparency_data else "RGB")
    except Exception:  # noqa: BLE001 - decoders raise anything at all on broken bytes, and it is only a preview
        return None
    small.thumbnail(_BOX)
    small.info.clear()
    out = io.BytesIO()
    small.save(out, "WEBP", quality=80)
    return Picture("image/webp", out.getvalue(), *size)
