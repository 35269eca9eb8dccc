// What of an image is shown where: its renditions for an <img> to choose from, and what stands there until one has come.

import { draw } from './thumbhash.js'
import { date, failure, format, size } from './words.js'

/** @typedef {import('./api.js').Image} Image */

/** What it is called: as its file was, where that is still known. @param {import('./uploads.js').Item} item */
export function title ({ file, image }) {
  if (file) return file.name
  return image?.created_at ? `Image of ${date(image.created_at)}` : 'Image'
}

/** @param {Image} image */
export function facts (image) {
  if (image.status === 'FAILED') return failure(image.reason)
  return `${format(image.format)}, ${image.width} × ${image.height}, ${size(image.bytes)}`
}

/** Shows the renditions that fit where `picture` is. @param {HTMLImageElement} picture @param {Image} image @param {string} alt */
export function show (picture, image, alt) {
  const renditions = whole(image)
  const srcset = renditions.map(({ url, width }) => `${url} ${width}w`).join(', ')
  picture.alt = alt
  if (!renditions.length || picture.srcset === srcset) return
  Object.assign(picture, { width: image.width, height: image.height }) // of its shape before it has come
  picture.srcset = srcset
  picture.src = renditions.at(-1).url
}

/** Whether its URLs are good for no longer. @param {Image} image */
export const isStale = image => Date.parse(image.urls_expire_at) <= Date.now()

/** Shows what an image looks like from afar. @param {HTMLCanvasElement} canvas @param {Image} image */
export function foreshadow (canvas, image) {
  if (image.dominant_colour) canvas.style.backgroundColor = image.dominant_colour
  if (image.placeholder) draw(canvas, image.placeholder, image.width / image.height)
}

/** The renditions that show all of an image, the narrowest first; where each is cut to another shape, those. @param {Image} image */
function whole ({ renditions, width, height }) {
  const shape = width / height
  // Sides are whole pixels: the shape of a small rendition is not quite that of its image.
  const same = renditions.filter(each => Math.abs(each.width - each.height * shape) <= Math.max(1, shape))
  return (same.length ? same : renditions).toSorted((a, b) => a.width - b.width)
}
