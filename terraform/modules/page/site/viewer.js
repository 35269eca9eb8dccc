// One image, as large as there is room for.

import { facts, show, title } from './pictures.js'

/** @typedef {import('./uploads.js').Item} Item */

export class Viewer {
  #dialog = document.querySelector('#viewer')
  #neighbour
  /** @type {Item} */
  #item

  /** @param {(item: Item, step: 1 | -1) => Item | undefined} neighbour @param {(item: Item) => void} remove */
  constructor (neighbour, remove) {
    this.#neighbour = neighbour
    this.#on('.previous', () => this.#step(-1))
    this.#on('.next', () => this.#step(1))
    this.#on('.delete', () => remove(this.#item))
    this.#on('.close', () => this.#dialog.close())
    this.#dialog.addEventListener('keydown', event => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key]
      if (step) this.#step(step)
    })
  }

  /** @param {Item} item */
  open (item) {
    this.#draw(item)
    this.#dialog.showModal()
  }

  close () {
    this.#dialog.close()
  }

  #step (step) {
    const item = this.#neighbour(this.#item, step)
    if (item) this.#draw(item)
  }

  #draw (item) {
    this.#item = item
    const name = title(item)
    show(this.#part('img'), item.image, name)
    this.#part('h2').textContent = name
    this.#part('.words').textContent = facts(item.image)
    // A button that is disabled loses the focus, and with it the keys: these only say that there is nothing further.
    this.#part('.previous').ariaDisabled = String(!this.#neighbour(item, -1))
    this.#part('.next').ariaDisabled = String(!this.#neighbour(item, 1))
  }

  #on (selector, act) {
    this.#part(selector).addEventListener('click', act)
  }

  #part (selector) {
    return this.#dialog.querySelector(selector)
  }
}
