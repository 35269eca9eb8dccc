// Takes files, says of those that would be refused why, and sends the others, a few at a time.

import { Trouble, Unreachable, patiently } from './network.js'
import { format, listed, size } from './words.js'

/**
 * @typedef {{ bytes: number, types: string[] }} Limits
 * @typedef {object} Item What the page shows: a file on its way, an image, or both.
 * @property {'REFUSED' | 'WAITING' | 'SENDING' | 'STOPPED' | 'PENDING' | 'READY' | 'FAILED'} status
 * @property {string} [id]
 * @property {File} [file]
 * @property {string} [key] By which the API tells an ask that is repeated from another.
 * @property {number} [progress] From 0 to 1.
 * @property {string} [words] Why it does not go on.
 * @property {import('./api.js').Image} [image]
 */

const AT_ONCE = 4

export class Uploads {
  #api
  #limits
  #changed
  /** @type {Item[]} */
  #queue = []
  #sending = 0

  /** @param {import('./api.js').Api} api @param {Limits} limits @param {(item: Item) => void} changed */
  constructor (api, limits, changed) {
    this.#api = api
    this.#limits = limits
    this.#changed = changed
  }

  /** What a file becomes; nothing of it is sent yet. @param {File} file @returns {Item} */
  item (file) {
    const words = refusal(file, this.#limits)
    return { file, key: crypto.randomUUID(), words, status: words ? 'REFUSED' : 'WAITING' }
  }

  /** Sends it when it is its turn. @param {Item} item */
  send (item) {
    this.#change(item, { status: 'WAITING', words: '' })
    this.#queue.push(item)
    this.#next()
  }

  async #next () {
    if (this.#sending === AT_ONCE || !this.#queue.length) return
    const item = this.#queue.shift()
    this.#sending++
    try {
      const id = await patiently(() => this.#attempt(item), trouble => this.#change(item, { words: trouble.message }))
      this.#change(item, { status: 'PENDING', id, words: '' })
    } catch (error) {
      this.#change(item, { status: 'STOPPED', words: error.message })
    }
    this.#sending--
    this.#next()
  }

  /** Asks, which is the same ask each time, and puts. @param {Item} item */
  async #attempt (item) {
    const { id, upload } = await this.#api.ask(item.file, item.key)
    this.#change(item, { status: 'SENDING', progress: 0, words: '' })
    const status = await put(item.file, upload, progress => this.#change(item, { progress }))
    if (status === 403) {
      item.key = crypto.randomUUID()
      throw new Trouble('The upload took longer than it was allowed to.', { status, retryAfter: 0 })
    }
    // What is there already has arrived: its answer was lost.
    if (status >= 300 && status !== 412) {
      throw new Trouble(`The upload was refused (${status}).`, { status, retryAfter: status === 409 || status >= 500 ? 1 : null })
    }
    return id
  }

  /** @param {Item} item @param {Partial<Item>} changes */
  #change (item, changes) {
    this.#changed(Object.assign(item, changes))
  }
}

/** Why the API would refuse a file; empty where it would not. @param {File} file @param {Limits} limits */
export function refusal (file, { bytes, types }) {
  if (!types.includes(file.type)) {
    const given = file.type ? `${format(file.type)} is not taken` : 'What kind of file this is cannot be told'
    return `${given}: choose ${allowed(types)}.`
  }
  if (file.size === 0) return 'The file is empty.'
  return file.size > bytes ? `It has ${size(file.size)}, and ${size(bytes)} are allowed.` : ''
}

/** @param {string[]} types */
export const allowed = types => listed(types.map(format), 'disjunction')

/** Sends a file, and returns the status of the answer. fetch() tells nothing of how far it is. */
function put (file, { method, url, headers }, progressed) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open(method, url)
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value)
    request.upload.onprogress = event => progressed(event.loaded / event.total)
    request.onload = () => resolve(request.status)
    request.onerror = () => reject(new Unreachable())
    request.send(file)
  })
}
