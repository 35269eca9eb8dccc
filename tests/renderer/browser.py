"""What Chromium shows of animations whose frames do not cover their canvas, as numbers to hold ours against.

    PYTHONPATH=tests python -m renderer.browser     asks a headless Chromium, and writes browser.json

The files are made here, the same each time. For the still and for every frame: the mean of alpha, and the mean of red,
green and blue on white.
"""

from __future__ import annotations

import base64
import json
import struct
import sys
from functools import cache
from pathlib import Path

from PIL import Image

from renderer.containers import IEND, PNG, chunk, gif, gif_frame, pixels
from renderer.pictures import saved

__all__ = ["SEEN", "cases"]

SEEN = Path(__file__).with_suffix(".json")

# Pixels are asked for one by one, through a canvas that is transparent at first.
_PAGE = """
async (cases) => {
  const mean = (source, width, height) => {
    const canvas = new OffscreenCanvas(width, height), context = canvas.getContext("2d");
    context.drawImage(source, 0, 0);
    const data = context.getImageData(0, 0, width, height).data, sums = [0, 0, 0, 0];
    for (let at = 0; at < data.length; at += 4) {
      const alpha = data[at + 3] / 255;
      sums[0] += data[at + 3];
      for (let band = 0; band < 3; band++) sums[band + 1] += data[at + band] * alpha + 255 * (1 - alpha);
    }
    return sums.map((sum) => Math.round((sum / (width * height)) * 100) / 100);
  };
  const seen = {};
  for (const [name, type, text] of cases) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const image = new Image();
    image.src = `data:${type};base64,${text}`;
    await image.decode();
    const decoder = new ImageDecoder({ data: bytes, type });
    await decoder.tracks.ready;
    const frames = [];
    for (let index = 0; index < decoder.tracks.selectedTrack.frameCount; index++) {
      const frame = (await decoder.decode({ frameIndex: index })).image;
      frames.push(mean(frame, frame.displayWidth, frame.displayHeight));
    }
    const still = new ImageDecoder({ data: bytes, type, preferAnimation: false });
    const first = (await still.decode()).image;
    seen[name] = {
      size: [image.naturalWidth, image.naturalHeight],
      still: mean(first, first.displayWidth, first.displayHeight),
      frames,
    };
  }
  return seen;
}
"""


@cache
def cases() -> dict[str, bytes]:
    """The files by what is special about them."""
    red, green = (Image.new("P", size, index) for size, index in (((16, 16), 0), ((8, 8), 1)))
    for picture in (red, green):
        picture.putpalette([255, 0, 0, 0, 255, 0])
    small = Image.new("P", (8, 8), 0)
    small.putpalette([255, 0, 0, 0, 255, 0])
    half = Image.new("P", (8, 8), 0)
    half.putpalette([255, 0, 0, 0, 255, 0])
    half.paste(1, (0, 0, 8, 4))
    found = {
        "GIF whose first frame is small": gif((16, 16), gif_frame(small, (4, 4))),
        "GIF whose first frame is small, with a background": gif((16, 16), gif_frame(small, (4, 4)), background=1),
        "GIF whose first frame is small and has holes": gif((16, 16), gif_frame(half, (4, 4), clear=1)),
        "GIF that grows": gif((8, 8), gif_frame(small, (4, 4))),
    }
    for disposal, name in enumerate(("of no disposal", "left alone", "cleared", "put back")):
        found[f"GIF with frames {name}"] = gif(
            (16, 16), gif_frame(red, disposal=disposal), gif_frame(green, (4, 4), disposal=disposal), gif_frame(
                half, (8, 8), clear=1, disposal=disposal), gif_frame(small, (0, 8))
        )  # fmt: skip
        found[f"GIF with small frames {name}"] = gif(
            (16, 16), gif_frame(small, disposal=disposal), gif_frame(green, (6, 6), disposal=disposal),
            gif_frame(half, (8, 8), clear=0),
        )  # fmt: skip
    for alpha in (False, True):
        for disposal in (0, 1):
            for blend in (0, 1):
                frames = [
                    ((0, 0), (8, 8), (255, 0, 0, 255)),
                    ((4, 4), (8, 8), (0, 255, 0, 128)),
                    ((8, 0), (8, 16), (0, 0, 255, 255)),
                ]
                name = f"{'cleared' if disposal else 'left alone'} and {'replacing' if blend else 'blended'}"
                flag = "with" if alpha else "without"
                found[f"WebP {flag} the flag, frames {name}"] = webp((16, 16), frames, disposal, blend, alpha=alpha)
    for disposal in (0, 1, 2):
        for blend in (0, 1):
            found[f"APNG of disposal {disposal} and blending {blend}"] = apng(disposal, blend, apart=False)
    found["APNG whose default image is apart"] = apng(0, 1, apart=True)
    return found


def webp(
    size: tuple[int, int],
    frames: list[tuple[tuple[int, int], tuple[int, int], tuple[int, int, int, int]]],
    disposal: int,
    blend: int,
    *,
    alpha: bool,
) -> bytes:
    """An animated WebP of plain lossless frames."""

    def three(number: int) -> bytes:
        return number.to_bytes(3, "little")

    body = b"VP8X" + struct.pack("<IB3x", 10, 2 | 16 * alpha) + three(size[0] - 1) + three(size[1] - 1)
    body += b"ANIM" + struct.pack("<IIH", 6, 0xFF00FFFF, 0)
    for at, box, colour in frames:
        picture = saved(Image.new("RGBA", box, colour), "WEBP", lossless=True, exact=True)[12:]
        picture = picture[picture.index(b"VP8L") :]
        head = three(at[0] // 2) + three(at[1] // 2) + three(box[0] - 1) + three(box[1] - 1) + three(100)
        frame = head + bytes((blend << 1 | disposal,)) + picture
        body += b"ANMF" + struct.pack("<I", len(frame)) + frame + b"\0" * (len(frame) & 1)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def apng(disposal: int, blend: int, *, apart: bool) -> bytes:
    """An animated PNG in RGBA: a full red frame, a small green one and a small blue one that is half transparent."""
    frames = [
        ((0, 0), (16, 16), (255, 0, 0, 255)),
        ((4, 4), (8, 8), (0, 255, 0, 128)),
        ((8, 0), (8, 16), (0, 0, 255, 99)),
    ]
    header = struct.pack(">IIBBBBB", 16, 16, 8, 6, 0, 0, 0)
    out = PNG + chunk(b"IHDR", header) + chunk(b"acTL", struct.pack(">II", len(frames) - apart, 0))
    number = 0
    for index, (at, (width, height), colour) in enumerate(frames):
        data = pixels([list(colour) * width] * height, 8)
        if index or not apart:
            control = struct.pack(">IIIIIHHBB", number, width, height, *at, 1, 10, disposal, blend)
            out += chunk(b"fcTL", control)
            number += 1
        out += chunk(b"fdAT", struct.pack(">I", number) + data) if index else chunk(b"IDAT", data)
        number += bool(index)
    return out + IEND


def main() -> int:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    types = {b"GIF8": "image/gif", b"RIFF": "image/webp", PNG[:4]: "image/png"}
    asked = [[name, types[data[:4]], base64.b64encode(data).decode()] for name, data in cases().items()]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=sys.argv[1] if len(sys.argv) > 1 else None)
        page = browser.new_page()
        # Frames are handed out in secure contexts only.
        page.route("**/*", lambda route: route.fulfill(content_type="text/html", body=""))
        page.goto("https://pictures.test/")
        seen = page.evaluate(_PAGE, asked)
        print(f"Chromium {browser.version}: {len(seen)} files")
        browser.close()
    lines = [f"  {json.dumps(name)}: {json.dumps(values)}" for name, values in seen.items()]
    SEEN.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
