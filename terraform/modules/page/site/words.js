// What people read: why an image failed, how large something is, when it was.

/** What became of an image that has no thumbnails, by the API's reason. */
const REASONS = {
  'access-denied': 'It could not be read.',
  archived: 'It was moved to an archive before it could be read.',
  corrupt: 'The file is damaged: it begins like an image, and cannot be decoded.',
  crashed: 'Making thumbnails of it failed.',
  empty: 'The file is empty.',
  'key-too-long': 'Its thumbnails could not be stored.',
  'out-of-memory': 'It is too complex to make thumbnails of.',
  'too-large': 'It has too many bytes.',
  'too-many-frames': 'It is an animation of too many frames.',
  'too-many-pixels': 'It has too many pixels.',
  'too-many-scans': 'It is a JPEG of too many scans. Saved anew, it may do.',
  'too-slow': 'Making thumbnails of it took too long.',
  truncated: 'The file stops half-way. It may not have been copied completely.',
  unidentified: 'It is no image of a known format, whatever its name says.',
  'unreadable-encryption': 'It is encrypted with a key that could not be used.',
  'unsupported-format': 'Images of its format are not taken.'
}

/** @param {string} reason */
export const failure = reason => REASONS[reason] ?? `No thumbnails could be made of it (${reason}).`

/** A media type as people know it, such as JPEG. @param {string} type */
export const format = type => type.replace(/^.*\//, '').replace(/\+.*/, '').toUpperCase().replace('WEBP', 'WebP')

/** @param {string[]} items @param {'conjunction' | 'disjunction'} [type] */
export const listed = (items, type = 'conjunction') => new Intl.ListFormat('en', { type }).format(items)

/** @param {number} bytes */
export function size (bytes) {
  const [unit, number] = bytes < 1e6 ? ['kilobyte', Math.max(1, bytes / 1e3)] : ['megabyte', bytes / 1e6]
  return new Intl.NumberFormat('en', { style: 'unit', unit, maximumSignificantDigits: 3 }).format(number)
}

/** @param {number} number @param {string} noun */
export const count = (number, noun) => `${number} ${noun}${number === 1 ? '' : 's'}`

/** @param {string} moment */
export const date = moment => new Date(moment).toLocaleString('en-GB', { dateStyle: 'long', timeStyle: 'short' })
