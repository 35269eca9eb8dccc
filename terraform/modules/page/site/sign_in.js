// Who is signed in: authorization code with PKCE, tokens for as long as the tab is open, and new ones before they run out.
// https://www.rfc-editor.org/rfc/rfc7636, https://www.rfc-editor.org/rfc/rfc9700

import { Trouble, Unreachable } from './network.js'

/**
 * @typedef {{ id: string, scopes: string[] }} Client
 * @typedef {{ authorization: string, token: string, revocation: string | null, end_session: string | null }} Endpoints
 */

const HERE = `${location.origin}/`
const SPARE_MILLISECONDS = 30_000

/** Nobody is signed in, or no longer. */
export class SignedOut extends Trouble {
  constructor () {
    super('You have been signed out. Sign in again to go on.')
  }
}

export class Session {
  #client
  #endpoints
  #tokens = JSON.parse(sessionStorage.getItem('tokens') ?? 'null')
  #renewal = null

  /** @param {Client} client @param {Endpoints} endpoints */
  constructor (client, endpoints) {
    this.#client = client
    this.#endpoints = endpoints
  }

  get isOpen () {
    return this.#tokens !== null
  }

  /** What the ID token calls the person; empty where it says nothing. */
  get name () {
    const claims = payload(this.#tokens?.id ?? '')
    return String(claims.email ?? claims.preferred_username ?? '')
  }

  /** Takes the code that the address may have brought back. Throws Trouble where signing in did not work. */
  async resume () {
    const brought = new URLSearchParams(location.search)
    if (!brought.has('state')) return
    const begun = JSON.parse(sessionStorage.getItem('begun') ?? 'null')
    sessionStorage.removeItem('begun')
    // Neither the code nor what went wrong stays in the history.
    history.replaceState(null, '', HERE)
    if (brought.get('state') !== begun?.state || !brought.has('code')) {
      throw new Trouble('Signing in did not work. Please try again.')
    }
    await this.#fetchTokens({ grant_type: 'authorization_code', code: brought.get('code'), code_verifier: begun.verifier })
  }

  /** Leaves for the place where people sign in. */
  async begin () {
    const begun = { state: random(), verifier: random() }
    sessionStorage.setItem('begun', JSON.stringify(begun))
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(begun.verifier))
    location.assign(withQuery(this.#endpoints.authorization, {
      response_type: 'code',
      client_id: this.#client.id,
      redirect_uri: HERE,
      scope: this.#client.scopes.join(' '),
      state: begun.state,
      code_challenge: base64url(new Uint8Array(digest)),
      code_challenge_method: 'S256'
    }))
  }

  /** An access token that is good for a while. Throws SignedOut, Unreachable. */
  async token () {
    if (!this.#tokens) throw new SignedOut()
    if (Date.now() > this.#tokens.until - SPARE_MILLISECONDS) {
      this.#renewal ??= this.#renew().finally(() => { this.#renewal = null })
      await this.#renewal
    }
    return this.#tokens.access
  }

  /** An access token was refused before its time: the next one is another. @param {string} token */
  expire (token) {
    if (this.#tokens?.access === token) this.#tokens.until = 0
  }

  /** Forgets the tokens, here and where they came from, and leaves. */
  async end () {
    const { refresh, id } = this.#tokens ?? {}
    this.#keep(null)
    const { revocation, end_session: leave } = this.#endpoints
    const client = { client_id: this.#client.id }
    if (revocation && refresh) {
      await fetch(revocation, { method: 'POST', body: new URLSearchParams({ token: refresh, ...client }) }).catch(() => {})
    }
    // Cognito calls the way back logout_uri, OpenID Connect post_logout_redirect_uri.
    // https://docs.aws.amazon.com/cognito/latest/developerguide/logout-endpoint.html
    location.assign(leave
      ? withQuery(leave, { ...client, logout_uri: HERE, post_logout_redirect_uri: HERE, ...(id ? { id_token_hint: id } : {}) })
      : HERE)
  }

  async #renew () {
    if (!this.#tokens.refresh) return this.#close()
    await this.#fetchTokens({ grant_type: 'refresh_token', refresh_token: this.#tokens.refresh })
  }

  #close () {
    this.#keep(null)
    throw new SignedOut()
  }

  /** @param {Record<string, string>} grant */
  async #fetchTokens (grant) {
    const body = new URLSearchParams({ ...grant, client_id: this.#client.id, redirect_uri: HERE })
    const answer = await fetch(this.#endpoints.token, { method: 'POST', body }).catch(() => { throw new Unreachable() })
    if (answer.status >= 500) throw new Unreachable()
    if (!answer.ok) return this.#close()
    const given = await answer.json()
    this.#keep({
      access: given.access_token,
      id: given.id_token ?? this.#tokens?.id,
      refresh: given.refresh_token ?? this.#tokens?.refresh,
      until: Date.now() + 1000 * given.expires_in
    })
  }

  #keep (tokens) {
    this.#tokens = tokens
    if (tokens) sessionStorage.setItem('tokens', JSON.stringify(tokens))
    else sessionStorage.removeItem('tokens')
  }
}

const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)))

/** @param {Uint8Array} bytes */
const base64url = bytes => btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')

/** @param {string} address @param {Record<string, string>} query */
function withQuery (address, query) {
  const url = new URL(address)
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
  return url.href
}

/** What a token says, for show alone: only the API finds out whether it is true. @param {string} token */
function payload (token) {
  try {
    const bytes = atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/'))
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes, letter => letter.charCodeAt(0))))
  } catch {
    return {}
  }
}
