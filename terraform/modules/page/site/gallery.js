// The cards, one for each file that is on its way and each image. What people typed becomes text, and never markup.

import { facts, foreshadow, isStale, show, title } from './pictures.js'

/**
 * @typedef {import('./uploads.js').Item} Item
 * @typedef {'open' | 'retry' | 'dismiss' | 'delete' | 'refresh'} Action What is done with an item, by the class of its button.
 */

const WAITING = { WAITING: 'Waiting for its turn …', PENDING: 'Thumbnails are being made …' }

/** The buttons that a card has, by its status. */
const BUTTONS = {
  REFUSED: ['dismiss'],
  WAITING: [],
  SENDING: [],
  STOPPED: ['retry', 'dismiss'],
  PENDING: [],
  READY: ['delete'],
  FAILED: ['delete']
}

export class Gallery {
  #list = document.querySelector('#images')
  #template = document.querySelector('#card')
  /** @type {Map<Item, HTMLElement>} */
  #cards = new Map()
  #act

  /** @param {(action: Action, item: Item) => void} act */
  constructor (act) {
    this.#act = act
  }

  /** Adds cards before or after those that are there, and returns the first. @param {Item[]} items @param {'prepend' | 'append'} where */
  add (items, where) {
    const cards = items.map(item => this.#card(item))
    this.#list[where](...cards)
    items.forEach(item => this.draw(item))
    return cards[0]
  }

  /** Shows what became of an item. @param {Item} item */
  draw (item) {
    const card = this.#cards.get(item)
    if (!card) return
    const part = selector => card.querySelector(selector)
    const name = title(item)
    const isReady = item.status === 'READY'
    card.classList.toggle('bad', ['REFUSED', 'STOPPED', 'FAILED'].includes(item.status))
    part('.title').textContent = name
    part('.words').textContent = item.words || WAITING[item.status] || (item.image ? facts(item.image) : '')
    part('progress').hidden = item.status !== 'SENDING'
    part('progress').value = item.progress ?? 0
    part('progress').ariaLabel = `Upload of ${name}`
    part('.picture').disabled = !isReady
    part('.picture').ariaLabel = isReady ? `Show ${name}` : `No thumbnail of ${name}`
    for (const button of card.querySelectorAll('.actions button')) {
      button.hidden = !BUTTONS[item.status].includes(button.className)
      button.ariaLabel = `${button.textContent}: ${name}`
    }
    if (!isReady) return
    foreshadow(part('canvas'), item.image)
    show(part('img'), item.image, `Thumbnail of ${name}`)
  }

  /** Takes an item's card away; whoever was at it goes on at the next. @param {Item} item */
  remove (item) {
    const card = this.#cards.get(item)
    const hadFocus = card.contains(document.activeElement)
    const next = card.nextElementSibling ?? card.previousElementSibling
    this.#cards.delete(item)
    card.remove()
    if (hadFocus) (next?.querySelector('button:enabled:not([hidden])') ?? document.querySelector('#images-heading')).focus()
  }

  /** The next image that there is something to see of, or the one before. @param {Item} item @param {1 | -1} step */
  neighbour (item, step) {
    const shown = [...this.#list.children].map(card => this.#item(card)).filter(each => each.status === 'READY')
    return shown[shown.indexOf(item) + step]
  }

  #item (card) {
    return [...this.#cards].find(([, each]) => each === card)[0]
  }

  /** @param {Item} item */
  #card (item) {
    const card = this.#template.content.firstElementChild.cloneNode(true)
    this.#cards.set(item, card)
    card.querySelector('.picture').addEventListener('click', () => this.#act('open', item))
    for (const button of card.querySelectorAll('.actions button')) {
      button.addEventListener('click', () => this.#act(button.className, item))
    }
    const picture = card.querySelector('img')
    picture.addEventListener('load', () => picture.classList.add('loaded'))
    picture.addEventListener('error', () => { if (isStale(item.image)) this.#act('refresh', item) })
    return card
  }
}
