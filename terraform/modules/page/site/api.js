// The API, as docs/api.md has it: what is asked, and what its answers mean to a person. It answers where the page is from.

import { Trouble, Unreachable } from './network.js'
import { SignedOut } from './sign_in.js'

/**
 * @typedef {{ name: string, type: string, width: number, height: number, bytes: number, url: string }} Rendition
 * @typedef {object} Image
 * @property {string} id
 * @property {'PENDING' | 'READY' | 'FAILED'} status
 * @property {string} [reason]
 * @property {string} [created_at]
 * @property {string} [format]
 * @property {number} [width]
 * @property {number} [height]
 * @property {number} [bytes]
 * @property {string} [dominant_colour]
 * @property {string} [placeholder]
 * @property {string} [urls_expire_at]
 * @property {Rendition[]} [renditions]
 * @typedef {{ id: string, upload: { method: string, url: string, headers: Record<string, string> } }} Granted
 */

const IMAGES = '/v1/images'
const PAGE = 24

/** What the problems that a person can do something about are called here; the API's own words are for developers. */
const PROBLEMS = {
  'too-large': 'It has too many bytes.',
  'unsupported-type': 'Images of its type are not taken.',
  'too-many-asks': 'That was a lot in one minute. It goes on in a moment.',
  'too-many-bytes': 'That is all that you may upload today.'
}

export class Api {
  #session

  /** @param {import('./sign_in.js').Session} session */
  constructor (session) {
    this.#session = session
  }

  /** Asks for an upload; asking twice with one key is asking once. @param {File} file @param {string} key @returns {Promise<Granted>} */
  async ask (file, key) {
    const headers = { 'content-type': 'application/json', 'idempotency-key': key }
    const answer = await this.#request('POST', '', { headers, body: JSON.stringify({ bytes: file.size, type: file.type }) })
    return answer.json()
  }

  /**
   * What became of an image; null where it is no longer there. `waited` says whether the API took its time.
   * @param {string} id @param {number} [seconds]
   * @returns {Promise<{ image: Image | null, waited: boolean, retryAfter: number }>}
   */
  async show (id, seconds = 0) {
    const headers = seconds ? { prefer: `wait=${seconds}` } : {}
    const answer = await this.#request('GET', `/${id}`, { headers }, [404, 410])
    return {
      image: answer.ok ? await answer.json() : null,
      waited: answer.headers.has('preference-applied'),
      retryAfter: Number(answer.headers.get('retry-after') ?? 2)
    }
  }

  /** A page of images, the newest first. @param {string} [cursor] @returns {Promise<{ images: Image[], cursor?: string }>} */
  async list (cursor) {
    const query = new URLSearchParams({ limit: String(PAGE), ...(cursor ? { cursor } : {}) })
    const answer = await this.#request('GET', `?${query}`)
    return answer.json()
  }

  /** @param {string} id */
  async remove (id) {
    await this.#request('DELETE', `/${id}`, {}, [404])
  }

  /** @param {string} method @param {string} path @param {RequestInit} [parts] @param {number[]} [expected] */
  async #request (method, path, parts = {}, expected = []) {
    for (let renewed = false; ; renewed = true) {
      const token = await this.#session.token()
      const headers = { ...parts.headers, authorization: `Bearer ${token}` }
      const answer = await fetch(IMAGES + path, { ...parts, method, headers }).catch(() => { throw new Unreachable() })
      if (answer.ok || expected.includes(answer.status)) return answer
      if (answer.status !== 401) throw await trouble(answer)
      if (renewed) throw new SignedOut()
      this.#session.expire(token)
    }
  }
}

/** @param {Response} answer */
async function trouble (answer) {
  const { status } = answer
  const problem = await answer.json().catch(() => ({}))
  const words = PROBLEMS[String(problem.type).split(':').at(-1)] ?? `The service answered ${status}. ${problem.title ?? ''}`.trim()
  const passing = status === 429 || status >= 500
  return new Trouble(words, { status, retryAfter: passing ? Number(answer.headers.get('retry-after') ?? 1) : null })
}
