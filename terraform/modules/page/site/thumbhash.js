// Draws a ThumbHash, some thirty bytes that look like the image from afar. https://evanw.github.io/thumbhash/

const SIDE = 32

/** Draws the placeholder of an image of this shape. @param {HTMLCanvasElement} canvas @param {string} base64 @param {number} shape width / height */
export function draw (canvas, base64, shape) {
  const hash = Uint8Array.from(atob(base64), letter => letter.charCodeAt(0))
  canvas.width = Math.max(1, Math.round(shape > 1 ? SIDE : SIDE * shape))
  canvas.height = Math.max(1, Math.round(shape > 1 ? SIDE / shape : SIDE))
  const pixels = new ImageData(canvas.width, canvas.height)
  const { light, yellow, red, alpha } = channels(hash)
  for (let y = 0, at = 0; y < canvas.height; y++) {
    for (let x = 0; x < canvas.width; x++, at += 4) {
      const [l, p, q, a] = [light, yellow, red, alpha].map(each => value(each, (x + 0.5) / canvas.width, (y + 0.5) / canvas.height))
      const blue = l - 2 / 3 * p
      const r = (3 * l - blue + q) / 2
      pixels.data.set([r, r - q, blue, a].map(each => 255 * each), at) // clamped by what it is set into
    }
  }
  canvas.getContext('2d').putImageData(pixels, 0, 0)
}

/**
 * A channel is a mean and a few cosines: their numbers of half-waves across and down, and how strong each is.
 * @param {{ mean: number, waves: [number, number, number][] }} channel
 */
function value ({ mean, waves }, x, y) {
  return waves.reduce((sum, [across, down, strength]) =>
    sum + 2 * strength * Math.cos(Math.PI * x * across) * Math.cos(Math.PI * y * down), mean)
}

/** @param {Uint8Array} hash */
function channels (hash) {
  const bits = (first, number) => {
    let read = 0
    for (let bit = 0; bit < number; bit++) read |= (hash[first + bit >> 3] >> (first + bit & 7) & 1) << bit
    return read
  }
  const hasAlpha = bits(23, 1)
  const isLandscape = bits(39, 1)
  const [long, short] = [hasAlpha ? 5 : 7, Math.max(3, bits(24, 3))]
  let at = hasAlpha ? 48 : 40
  const channel = (mean, across, down, scale) => {
    const waves = []
    for (let y = 0; y < down; y++) {
      for (let x = y ? 0 : 1; x * down < across * (down - y); x++, at += 4) {
        waves.push([x, y, (bits(at, 4) / 7.5 - 1) * scale])
      }
    }
    return { mean, waves }
  }
  // Colours are a quarter stronger than they were written: what is written is coarse, and mostly too weak.
  return {
    light: channel(bits(0, 6) / 63, isLandscape ? long : short, isLandscape ? short : long, bits(18, 5) / 31),
    yellow: channel(bits(6, 6) / 31.5 - 1, 3, 3, bits(27, 6) / 63 * 1.25),
    red: channel(bits(12, 6) / 31.5 - 1, 3, 3, bits(33, 6) / 63 * 1.25),
    alpha: hasAlpha ? channel(bits(40, 4) / 15, 5, 5, bits(44, 4) / 15) : { mean: 1, waves: [] }
  }
}
