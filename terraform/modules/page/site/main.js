// Starts the page, and puts its parts together: who is signed in, what is sent, what became of it, and what is shown.

import { Api } from './api.js'
import { Gallery } from './gallery.js'
import { patiently, Unreachable } from './network.js'
import { isStale, title } from './pictures.js'
import { Session, SignedOut } from './sign_in.js'
import { allowed, Uploads } from './uploads.js'
import { Viewer } from './viewer.js'
import { Watch } from './watch.js'
import { count, listed, size } from './words.js'

/** @typedef {import('./uploads.js').Item} Item */

const OVER = ['REFUSED', 'STOPPED', 'READY', 'FAILED']
const element = id => document.getElementById(id)
const notice = words => { element('notice').textContent = words }

const { limits, client, endpoints } = await patiently(async () => {
  const answer = await fetch('config.json').catch(() => { throw new Unreachable() })
  return answer.json()
}, trouble => notice(trouble.message))
notice('')

const session = new Session(client, endpoints)
const api = new Api(session)
const gallery = new Gallery((action, item) => actions[action](item))
const viewer = new Viewer((item, step) => gallery.neighbour(item, step), item => actions.delete(item))
const uploads = new Uploads(api, limits, changed)
const watch = new Watch(api, decided)

/** The images that are shown, by id. @type {Map<string, Item>} */
const images = new Map()
/** The files that were given since the page was opened. @type {Item[]} */
let files = []
let cursor

const actions = {
  async open (item) {
    if (isStale(item.image)) await actions.refresh(item)
    if (item.status === 'READY') viewer.open(item)
  },
  retry: item => uploads.send(item),
  dismiss: forget,
  async delete (item) {
    if (!await isConfirmed(title(item))) return
    viewer.close()
    await tried(item, 'Deleting …', async () => {
      await api.remove(item.id)
      forget(item)
    })
  },
  refresh: item => tried(item, '', async () => decided(item.id, (await api.show(item.id)).image))
}

// ── what happens ─────────────────────────────────────────────────────────────────────────────────────

/** Files were given. @param {Iterable<File>} given */
function take (given) {
  const items = Array.from(given, file => uploads.item(file))
  files.push(...items)
  gallery.add(items, 'prepend')
  items.filter(item => item.status === 'WAITING').forEach(item => uploads.send(item))
  summarise()
}

/** A file got on. @param {Item} item */
function changed (item) {
  if (item.id && !images.has(item.id)) {
    images.set(item.id, item)
    watch.add(item.id)
  }
  gallery.draw(item)
  summarise()
  if (!session.isOpen) showWho()
}

/** It is known what became of an image. @param {string} id @param {import('./api.js').Image | null} image */
function decided (id, image) {
  const item = images.get(id)
  if (!item) return
  if (!image) return forget(item)
  gallery.draw(Object.assign(item, { status: image.status, image }))
  summarise()
}

/** @param {Item} item */
function forget (item) {
  images.delete(item.id)
  files = files.filter(each => each !== item)
  gallery.remove(item)
  summarise()
}

/** Does something with an image, and says on its card that, and why it did not work. @param {Item} item @param {string} words @param {() => Promise<void>} work */
async function tried (item, words, work) {
  gallery.draw(Object.assign(item, { words }))
  try {
    await patiently(work)
  } catch (error) {
    gallery.draw(Object.assign(item, { words: error.message }))
    if (error instanceof SignedOut) showWho()
  }
}

async function showMore () {
  element('more').disabled = true
  try {
    const page = await patiently(() => api.list(cursor), trouble => notice(trouble.message))
    notice('')
    const isFirst = cursor === undefined
    cursor = page.cursor
    const items = page.images.filter(({ id }) => !images.has(id)).map(image => ({ id: image.id, image, status: image.status }))
    for (const item of items) images.set(item.id, item)
    const card = items.length ? gallery.add(items, 'append') : undefined
    items.filter(item => item.status === 'PENDING').forEach(item => watch.add(item.id))
    if (!isFirst) card?.querySelector('button:enabled')?.focus()
    summarise()
  } catch (error) {
    notice(error.message)
    if (error instanceof SignedOut) showWho()
  }
  element('more').disabled = false
  element('more').hidden = cursor === undefined
}

// ── what is said ─────────────────────────────────────────────────────────────────────────────────────

let saying
/** Says how far it is, once in a while: whoever listens is not told of every byte. */
function summarise () {
  saying ??= setTimeout(() => {
    saying = undefined
    element('summary').textContent = summary()
  }, 500)
}

function summary () {
  if (!files.length) return images.size ? '' : 'There are no images yet.'
  const over = files.filter(item => OVER.includes(item.status))
  const ready = over.filter(item => item.status === 'READY').length
  const failed = over.filter(item => item.status !== 'READY').map(title)
  const said = over.length < files.length
    ? `${over.length} of ${count(files.length, 'file')} done.`
    : `${count(ready, 'image')} ${ready === 1 ? 'is' : 'are'} ready.`
  return failed.length ? `${said} ${failed.length} failed: ${listed(failed)}.` : said
}

function showWho () {
  element('welcome').hidden = session.isOpen
  element('signed-in').hidden = !session.isOpen
  element('sign-out').hidden = !session.isOpen
  element('who').textContent = session.name
  if (!session.isOpen && files.length) notice(new SignedOut().message)
}

/** Asks whether to delete. @param {string} name */
function isConfirmed (name) {
  const dialog = element('confirm')
  dialog.querySelector('.words').textContent = name
  dialog.returnValue = ''
  dialog.showModal()
  return new Promise(resolve => dialog.addEventListener('close', () => resolve(dialog.returnValue === 'delete'), { once: true }))
}

// ── what people do ───────────────────────────────────────────────────────────────────────────────────

element('sign-in').addEventListener('click', () => session.begin())
element('sign-out').addEventListener('click', () => session.end())
element('more').addEventListener('click', showMore)
element('files').accept = limits.types.join(',')
element('allowed').textContent = `or drop them here: ${allowed(limits.types)}, up to ${size(limits.bytes)} each.`
element('files').addEventListener('change', event => {
  take(event.target.files)
  event.target.value = '' // so that the same file can be chosen again
})

for (const type of ['dragover', 'drop', 'dragleave']) {
  addEventListener(type, event => {
    event.preventDefault()
    document.body.classList.toggle('dragging', type === 'dragover' && session.isOpen)
    if (type === 'drop' && session.isOpen) take(event.dataTransfer.files)
  })
}
addEventListener('offline', () => notice('You are offline. What is on its way goes on when you are back.'))
addEventListener('online', () => notice(''))
addEventListener('beforeunload', event => {
  if (files.some(item => ['WAITING', 'SENDING'].includes(item.status))) event.preventDefault()
})

try {
  await session.resume()
} catch (error) {
  notice(error.message)
}
showWho()
if (session.isOpen) await showMore()
