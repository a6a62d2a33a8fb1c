import type { Refusal } from '@tocsin/events'
import { type Actor, type NewEntry, recordAll } from '../journal/index.ts'
import type { CallOrigin } from '../kernel/call-origin.ts'
import type { Clock, Instant } from '../kernel/clock.ts'
import type { Database } from '../kernel/database.ts'
import type { Answered } from '../kernel/http.ts'
import { networkOf } from '../kernel/network.ts'
import { Repeating } from '../kernel/repeating.ts'
import type { Secrets } from '../kernel/secrets.ts'
import type { Log } from '../kernel/telemetry.ts'
import { actorOfRequest } from './caller.ts'

/** Counts are put on record that often. */
const flushMs = 60_000
const hourMs = 3_600_000
/** Counts about strangers that are kept apart at once, and as many more about accounts, whose names strangers so cannot keep off the record. What comes beyond is counted together, by its kind. */
const maxCounts = 500
/** Addresses, and accounts, that one count names. */
const maxNamed = 10

const somebody: Actor = { kind: 'system', id: null, name: 'Somebody' }

/** What is counted together: by who, what happened, and where. */
interface Happening {
  /** A person, a service account, or whoever is at an address. */
  readonly caller: string
  readonly actor: Actor
  /** Part of the API, such as `incidents`. */
  readonly area: string
  readonly origin: CallOrigin
}

interface Counted extends Happening {
  readonly kind: Refusal | 'read'
  readonly firstAt: Instant
  lastAt: Instant
  count: number
  readonly addresses: Set<string>
  readonly accounts: Set<string>
}

/** Records whose readers are put on record; who opens a restricted incident, a report or an export is so where that happens. */
const readAreas: ReadonlySet<string> = new Set(['customers', 'journal', 'obligations', 'messages', 'people'])

/**
 * What callers are refused, and which records they read: counted by caller, kind and part of the API, and put on record each minute, so that a flood of
 * requests is one entry. Reads are at most two entries an hour: the first minute's, and the rest.
 */
export class SecurityEvents {
  readonly #services: { readonly database: Database; readonly clock: Clock; readonly secrets: Pick<Secrets, 'sign'>; readonly log: Log }
  #counts = new Map<string, Counted>()
  /** The hour in which the reads of a caller were put on record last. */
  readonly #readIn = new Map<string, number>()
  readonly #flushes: Repeating

  constructor(services: { readonly database: Database; readonly clock: Clock; readonly secrets: Pick<Secrets, 'sign'>; readonly log: Log }) {
    this.#services = services
    this.#flushes = new Repeating(flushMs, () => this.flush(), services.log, 'what callers were refused and read could not be put on record')
  }

  /** A password was given for an email address that is nobody's. It may be a password that was typed into the wrong field, so only a keyed digest is kept. */
  unknownAccount(email: string, origin: CallOrigin): void {
    const counted = this.#count('unknown-account', { caller: networkOf(origin.address), actor: somebody, area: 'session', origin })
    if (counted.accounts.size < maxNamed) counted.accounts.add(this.#services.secrets.sign('unknown account', email).slice(0, 16))
  }

  /** A password was given for an account that takes none from there for a while. */
  locked(personId: string, origin: CallOrigin): void {
    this.#count('locked', { caller: personId, actor: somebody, area: 'session', origin })
  }

  /** Looks at what a request was answered with. */
  answered(answer: Answered): void {
    const area = areaOf(answer.route)
    const actor = actorOfRequest(answer.request)
    const { origin } = answer
    const happening = { caller: actor?.id ?? networkOf(origin.address), actor: actor ?? somebody, area, origin }
    const refusal = refusalOf(answer, actor !== undefined)
    if (refusal !== undefined) this.#count(refusal, happening)
    else if (actor !== undefined && answer.method === 'GET' && answer.status === 200 && readAreas.has(area)) this.#count('read', happening)
  }

  #count(kind: Counted['kind'], happening: Happening): Counted {
    const now = this.#services.clock.now()
    const key = `${kind} ${happening.area} ${happening.caller}`
    const { place, who } = this.#placeOf(key, kind, happening)
    const known = this.#counts.get(place)
    const counted = known ?? { ...who, kind, firstAt: now, lastAt: now, count: 0, addresses: new Set<string>(), accounts: new Set<string>() }
    if (known === undefined) this.#counts.set(place, counted)
    counted.count += 1
    counted.lastAt = now
    if (counted.addresses.size < maxNamed) counted.addresses.add(happening.origin.address)
    return counted
  }

  /** Where something is counted: beyond so many counts, with all others of its kind. */
  #placeOf<Who extends Happening>(key: string, kind: Counted['kind'], who: Who): { place: string; who: Who } {
    const max = who.actor === somebody && kind !== 'locked' ? maxCounts : 2 * maxCounts
    if (this.#counts.has(key) || this.#counts.size < max) return { place: key, who }
    return { place: kind, who: { ...who, caller: 'many', actor: somebody, area: 'several parts' } }
  }

  start(): void {
    this.#flushes.start()
  }

  /** Puts on record what was counted. @param isLast also what would be kept until the hour is over */
  async flush(isLast = false): Promise<void> {
    const taken = this.#counts
    const { database, clock, log } = this.#services
    const hour = Math.floor(Date.parse(clock.now()) / hourMs)
    for (const [key, at] of this.#readIn) if (at < hour) this.#readIn.delete(key)
    const isDue = ([key, { kind }]: readonly [string, Counted]) => isLast || kind !== 'read' || !this.#readIn.has(key)
    const due = [...taken].filter(isDue)
    if (due.length === 0) return
    this.#counts = new Map([...taken].filter(one => !isDue(one)))
    try {
      await database.transaction(tx =>
        recordAll(
          tx,
          due.map(([, counted]) => entryOf(counted)),
        ),
      )
      for (const [key, { kind }] of due) if (kind === 'read' && this.#readIn.size < 10 * maxCounts) this.#readIn.set(key, hour)
    } catch (error) {
      log.warn({ err: error }, 'what callers were refused and read could not be put on record; retrying')
      for (const [key, counted] of due) this.#restore(key, counted)
    }
  }

  /** What could not be recorded is counted on. */
  #restore(key: string, earlier: Counted): void {
    const { place, who: counted } = this.#placeOf(key, earlier.kind, earlier)
    const newer = this.#counts.get(place)
    if (newer) counted.lastAt = newer.lastAt
    counted.count += newer?.count ?? 0
    for (const named of ['addresses', 'accounts'] as const) for (const one of newer?.[named] ?? []) if (counted[named].size < maxNamed) counted[named].add(one)
    this.#counts.set(place, counted)
  }

  async stop(): Promise<void> {
    await this.#flushes.stop()
    await this.flush(true)
  }
}

function entryOf({ kind, caller, actor, area, origin, count, firstAt, lastAt, addresses, accounts }: Counted): NewEntry {
  const subject = { kind: 'caller', id: caller } as const
  const data = { area, count, firstAt, lastAt, addresses: [...addresses], device: origin.device }
  if (kind === 'read') return { actor, type: 'records.read', subject, data }
  return { actor, type: 'access.refused', subject, data: { ...data, reason: kind, ...(accounts.size > 0 ? { accounts: [...accounts] } : {}) } }
}

/** The part of the API that a route belongs to: its first word. Never what stands in an address, which may be a key or a private link. */
const areaOf = (route: string) => /^\/(?:api\/v1\/)?([\w-]+)/.exec(route)?.[1] ?? 'the server'

/** Why a request was refused, where it was: by its route and its status. */
function refusalOf({ route, method, status, hasCredential }: Answered, isKnown: boolean): Refusal | undefined {
  if (status === 429) return 'too-many'
  if (isPasskey(route) && (status === 400 || status === 401)) return 'passkey'
  if (invalid.has(status)) return 'invalid'
  if (route.startsWith('/hooks/')) return status === 403 ? 'wrong-signature' : undefined
  if (route.startsWith('/in/') || route.startsWith('/v2/')) return status === 403 ? 'wrong-key' : undefined
  // Who gives a wrong password is on record by itself; who shows nothing, as a browser that opens the sign-in page, was refused nothing.
  if (status === 401) return hasCredential ? 'not-signed-in' : undefined
  if (status === 403) return isKnown || hasCredential ? 'forbidden' : 'wrong-link'
  const carriesSecret = method !== 'GET' || route.includes(':')
  return status === 404 && !isKnown && carriesSecret ? 'wrong-link' : undefined
}

/** What no schema takes, what is too large, and what is of another type. */
const invalid: ReadonlySet<number> = new Set([400, 413, 415])

const isPasskey = (route: string) => /\/(?:session|reauthenticate)\/passkey$/.test(route)
