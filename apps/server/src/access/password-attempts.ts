import { and, eq, isNull, lt, or } from 'drizzle-orm'
import { type Actor, record } from '../journal/index.ts'
import { addDays, addSeconds, type Instant } from '../kernel/clock.ts'
import type { Tx } from '../kernel/database.ts'
import type { Connection } from '../kernel/http.ts'
import { networkOf } from '../kernel/network.ts'
import type { Secrets } from '../kernel/secrets.ts'
import type { PersonRow } from './accounts.ts'
import type { AppContext } from './context.ts'
import { isPassword } from './passwords.ts'
import { people, signInOrigins } from './tables.ts'

/** Wrong passwords in a row from one address, from which each is followed by a pause: 2 seconds, then twice as long each time, up to 5 minutes. */
const failuresBeforePause = 5
/** Wrong passwords in a row from all addresses, from which strange addresses may try one an hour. NIST SP 800-63B, section 3.2.2: at most 100. */
const failuresBeforeLock = 50
const lockSeconds = 3_600
/** Addresses are forgotten: of strangers after a day, of the person after a year. */
const [strangerDays, knownDays] = [1, 365]

const pauseSeconds = (failures: number) => (failures < failuresBeforePause ? 0 : Math.min(300, 2 ** (failures - failuresBeforePause + 1)))

interface Attempt {
  readonly email: string
  readonly password: string
  readonly connection: Pick<Connection, 'ip' | 'userAgent'>
  /** Who asks, and for what, where it is not a sign-in. */
  readonly inside?: { readonly actor: Actor; readonly during: 'password change' | 're-authentication' }
}

interface Reserved {
  readonly person: PersonRow
  /** Set by the attempt that locks the account for strange addresses. */
  readonly lockedUntil: Instant | null
}

const originOf = (secrets: Secrets, personId: string, ip: string) => secrets.sign('sign-in-origin', `${personId}\n${networkOf(ip)}`)
const ofPerson = (personId: string, origin: string) => and(eq(signInOrigins.personId, personId), eq(signInOrigins.origin, origin))

/**
 * Tries passwords. Wrong ones are counted by account and address together, so that a stranger who knows an email address keeps nobody out; and with a
 * higher bound by account, beyond which only addresses that the person has signed in from may go on. Passkeys are never locked.
 */
export class PasswordAttempts {
  readonly #context: AppContext
  /** The last attempt under way for each account and address. */
  readonly #underWay = new Map<string, Promise<unknown>>()

  constructor(context: AppContext) {
    this.#context = context
  }

  /**
   * Checks a password. An attempt is counted before it is tried, so that many at once, on several servers, are no more than the limit; a right one takes
   * the count back. Those of one account and address come one after another, so that none that is right is refused because of others that are.
   * @returns undefined for a wrong password, a locked or deactivated account, and one that does not exist; each costs one hash
   */
  check(attempt: Attempt): Promise<PersonRow | undefined> {
    const key = `${networkOf(attempt.connection.ip)} ${attempt.email}`
    const before = this.#underWay.get(key) ?? Promise.resolve()
    const turn = before.then(() => this.#try(attempt))
    const settled = turn.catch(() => undefined).finally(() => this.#underWay.get(key) === settled && this.#underWay.delete(key))
    this.#underWay.set(key, settled)
    return turn
  }

  async #try({ email, password, connection, inside }: Attempt): Promise<PersonRow | undefined> {
    const { database, secrets, messenger, securityEvents } = this.#context
    const reserved = await database.transaction(tx => reserveAttempt(tx, secrets, email, connection.ip))
    const isRight = await isPassword(password, 'person' in reserved && reserved.person.isActive ? reserved.person.passwordHash : null)
    if (!('person' in reserved)) {
      const origin = { address: connection.ip, device: connection.userAgent }
      if (reserved.lockedId === null) securityEvents.unknownAccount(email, origin)
      else securityEvents.locked(reserved.lockedId, origin)
      return undefined
    }
    const { person, lockedUntil } = reserved
    if (isRight) {
      await database.transaction(tx => returnAttempts(tx, secrets, person.id, connection.ip))
      return person
    }
    await database.transaction(async tx => {
      const origin = { address: connection.ip, device: connection.userAgent }
      const about = { actor: inside?.actor ?? { kind: 'system', id: null, name: 'Somebody' }, subject: { kind: 'person', id: person.id } } as const
      await record(tx, { ...about, type: 'sign-in.refused', data: { ...origin, ...(inside && { during: inside.during }) } })
      if (lockedUntil === null) return
      await record(tx, { ...about, type: 'sign-in.locked', data: { ...origin, failedAttempts: person.failedAttempts, until: lockedUntil } })
      if (person.failedAttempts > failuresBeforeLock) return
      await messenger.post(tx, {
        channel: 'email',
        address: person.email,
        purpose: 'wrong-passwords',
        purposeId: person.id,
        subject: 'Wrong passwords for your account',
        body: `Hello ${person.name},\n\nsomebody gave ${person.failedAttempts} wrong passwords in a row for your Tocsin account. For a while passwords are only tried from addresses that you have signed in from; a passkey works everywhere.\n\nIf that was not you, tell your administrators.\n`,
      })
    })
    return undefined
  }
}

/** Whose password may not be tried now; null for an account that does not exist. */
interface NotTried {
  readonly lockedId: string | null
}

/** Counts an attempt as failed. @returns whose password may be tried now, and what is counted */
async function reserveAttempt(tx: Tx, secrets: Secrets, email: string, ip: string): Promise<Reserved | NotTried> {
  const [person] = await tx.db.select().from(people).where(eq(people.email, email)).for('update')
  if (!person) return { lockedId: null }
  const origin = originOf(secrets, person.id, ip)
  const [from] = await tx.db.select().from(signInOrigins).where(ofPerson(person.id, origin))
  const isKnown = from?.signedInAt != null
  const isLocked = (until: Instant | null | undefined) => until != null && until > tx.now
  if (isLocked(from?.lockedUntil) || (!isKnown && isLocked(person.lockedUntil))) return { lockedId: person.id }
  const ofOrigin = (from?.failedAttempts ?? 0) + 1
  const pause = pauseSeconds(ofOrigin)
  const counted = { failedAttempts: ofOrigin, lockedUntil: pause > 0 ? addSeconds(tx.now, pause) : null, triedAt: tx.now }
  await tx.db
    .insert(signInOrigins)
    .values({ personId: person.id, origin, ...counted })
    .onConflictDoUpdate({ target: [signInOrigins.personId, signInOrigins.origin], set: counted })
  const failedAttempts = person.failedAttempts + 1
  const lockedUntil = failedAttempts >= failuresBeforeLock && !isKnown ? addSeconds(tx.now, lockSeconds) : null
  await tx.db
    .update(people)
    .set({ failedAttempts, ...(lockedUntil === null ? {} : { lockedUntil }) })
    .where(eq(people.id, person.id))
  return { person: { ...person, failedAttempts }, lockedUntil }
}

async function returnAttempts(tx: Tx, secrets: Secrets, personId: string, ip: string): Promise<void> {
  await tx.db.update(people).set({ failedAttempts: 0, lockedUntil: null }).where(eq(people.id, personId))
  await tx.db
    .update(signInOrigins)
    .set({ failedAttempts: 0, lockedUntil: null })
    .where(ofPerson(personId, originOf(secrets, personId, ip)))
}

/** Keeps that a person has signed in from an address with both factors: from there, strangers keep nobody out. Ends what is counted against the account. */
export async function noteSignIn(tx: Tx, secrets: Secrets, personId: string, ip: string): Promise<void> {
  await tx.db.update(people).set({ failedAttempts: 0, lockedUntil: null }).where(eq(people.id, personId))
  const now = { failedAttempts: 0, lockedUntil: null, signedInAt: tx.now, triedAt: tx.now }
  await tx.db
    .insert(signInOrigins)
    .values({ personId, origin: originOf(secrets, personId, ip), ...now })
    .onConflictDoUpdate({ target: [signInOrigins.personId, signInOrigins.origin], set: now })
  await tx.db
    .delete(signInOrigins)
    .where(
      or(
        lt(signInOrigins.triedAt, addDays(tx.now, -knownDays)),
        and(isNull(signInOrigins.signedInAt), lt(signInOrigins.triedAt, addDays(tx.now, -strangerDays))),
      ),
    )
}
