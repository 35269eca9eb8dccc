// Waits for what becomes of images that are on their way.

import { patiently, pause } from './network.js'
import { SignedOut } from './sign_in.js'

const WAITERS = 2 // of one user, the API lets so many requests wait
const SECONDS = 10

export class Watch {
  #api
  #decided
  /** @type {string[]} */
  #ids = []
  #waiters = 0

  /** @param {import('./api.js').Api} api @param {(id: string, image: import('./api.js').Image | null) => void} decided */
  constructor (api, decided) {
    this.#api = api
    this.#decided = decided
  }

  /** @param {string} id */
  add (id) {
    this.#ids.push(id)
    if (this.#waiters < WAITERS) this.#wait()
  }

  async #wait () {
    this.#waiters++
    for (let id; (id = this.#ids.shift());) {
      try {
        // The more there are, the less each is waited for: one that takes long must not keep the others from being shown.
        const seconds = Math.max(1, Math.round(SECONDS / (this.#ids.length + 1)))
        const { image, waited, retryAfter } = await patiently(() => this.#api.show(id, seconds))
        if (image?.status !== 'PENDING') {
          this.#decided(id, image)
          continue
        }
        if (!waited) await pause(retryAfter)
      } catch (error) {
        if (error instanceof SignedOut) break
        await pause(SECONDS)
      }
      this.#ids.push(id)
    }
    this.#waiters--
  }
}
