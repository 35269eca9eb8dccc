// Tries again what may do the next time, and waits for the network where there is none.

const ATTEMPTS = 5
const LONGEST_PAUSE = 90 // seconds; whoever is told to come back later than that is told why instead

/** Something that did not work, in words, and after how many seconds it may; null where it will not. */
export class Trouble extends Error {
  /** @param {string} message @param {{ status?: number, retryAfter?: number | null }} [more] */
  constructor (message, { status = 0, retryAfter = null } = {}) {
    super(message)
    this.status = status
    this.retryAfter = retryAfter
  }
}

/** The other side did not answer. */
export class Unreachable extends Trouble {
  constructor () {
    super('There is no connection. It goes on when there is one.', { retryAfter: 0 })
  }
}

/** @param {number} seconds */
export const pause = seconds => new Promise(resolve => setTimeout(resolve, 1000 * seconds))

/** Waits until the browser believes to be online, or half a minute: it is not always right. */
async function connected () {
  if (navigator.onLine) return
  await Promise.race([new Promise(resolve => addEventListener('online', resolve, { once: true })), pause(30)])
}

/**
 * Does some work, again where that may help, and tells of each time that it did not.
 * @template T
 * @param {() => Promise<T>} work
 * @param {(trouble: Trouble) => void} [tell]
 * @returns {Promise<T>}
 */
export async function patiently (work, tell = () => {}) {
  for (let attempts = 1; ;) {
    try {
      return await work()
    } catch (trouble) {
      if (!(trouble instanceof Trouble) || trouble.retryAfter === null || trouble.retryAfter > LONGEST_PAUSE) throw trouble
      const offline = !navigator.onLine
      // To be offline, or to be told when to come back, is no attempt that failed.
      if (!offline && trouble.status !== 429 && attempts++ === ATTEMPTS) throw trouble
      tell(trouble)
      await (offline ? connected() : pause(Math.max(trouble.retryAfter, 2 ** attempts / 4 * (0.5 + Math.random()))))
    }
  }
}
