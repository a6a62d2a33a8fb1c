import type { ContactMethod } from '@tocsin/api'
import { Email } from '@tocsin/api'
import type { Urgency } from '@tocsin/oncall'
import { and, asc, count as countOf, eq, inArray, isNotNull } from 'drizzle-orm'
import { type Caller, findPerson, people } from '../identity/index.ts'
import { record } from '../journal/index.ts'
import type { Reader, Tx } from '../platform/database.ts'
import { newId } from '../platform/ids.ts'
import { conflict, invalid, notFound } from '../platform/problems.ts'
import { randomSecret, type Secrets } from '../platform/secrets.ts'
import { checkWebhookUrl } from '../platform/webhook.ts'
import { type ContactKind, contactMethods, notificationRules } from './tables.ts'

const most = 10

/** Where one person is reached. */
export interface Reach {
  readonly kind: ContactKind
  readonly address: string
  readonly secret: string | null
  /** Null: the e-mail of the account. */
  readonly methodId: string | null
}

/** How one person is paged. */
export interface Plan {
  readonly isDemo: boolean
  readonly all: readonly Reach[]
  /** For each urgency the methods in order of time. */
  readonly rules: Readonly<Record<Urgency, readonly { readonly afterMinutes: number; readonly reach: Reach }[]>>
}

/**
 * How people are paged: by their rules, and without any by every method at once, for a page of low urgency by the quiet ones. One without a
 * verified method is paged at the e-mail of the account: nobody is out of reach by forgetting.
 */
export async function reachesOf(reader: Reader, personIds: readonly string[]): Promise<Map<string, Plan>> {
  const ids = [...new Set(personIds)]
  if (ids.length === 0) return new Map()
  const persons = await reader.db
    .select({ id: people.id, email: people.email, isDemo: people.isDemo })
    .from(people)
    .where(and(inArray(people.id, ids), eq(people.isActive, true)))
  const methods = await reader.db
    .select()
    .from(contactMethods)
    .where(and(inArray(contactMethods.personId, ids), isNotNull(contactMethods.verifiedAt)))
    .orderBy(asc(contactMethods.createdAt), asc(contactMethods.id))
  const rules = await reader.db.select().from(notificationRules).where(inArray(notificationRules.personId, ids))
  return new Map(
    persons.map(person => {
      const own = methods.filter(method => method.personId === person.id)
      const all: Reach[] =
        own.length > 0
          ? own.map(({ id, kind, address, secret }) => ({ methodId: id, kind, address, secret }))
          : [{ methodId: null, kind: 'email', address: person.email, secret: null }]
      const planFor = (urgency: Urgency) => {
        const steps = (rules.find(one => one.personId === person.id && one.urgency === urgency)?.steps ?? []).flatMap(({ methodId, afterMinutes }) =>
          all.filter(reach => reach.methodId === methodId).map(reach => ({ afterMinutes, reach })),
        )
        if (steps.length > 0) return steps.toSorted((a, b) => a.afterMinutes - b.afterMinutes)
        const mild = urgency === 'low' ? all.filter(reach => !loud.has(reach.kind)) : all
        return (mild.length > 0 ? mild : all).map(reach => ({ afterMinutes: 0, reach }))
      }
      return [person.id, { isDemo: person.isDemo, all, rules: { high: planFor('high'), low: planFor('low') } }]
    }),
  )
}

/** Those that wake people. */
const loud: ReadonlySet<ContactKind> = new Set(['sms', 'voice'])

export async function listContactMethods(reader: Reader, personId: string): Promise<ContactMethod[]> {
  const methods = await reader.db.select().from(contactMethods).where(eq(contactMethods.personId, personId)).orderBy(asc(contactMethods.createdAt))
  if (methods.length > 0) return methods.map(({ id, kind, address, createdAt }) => ({ id, kind, address, createdAt }))
  const person = await findPerson(reader, personId)
  return person ? [{ id: person.id, kind: 'email', address: person.email, createdAt: person.createdAt }] : []
}

export async function addContactMethod(
  tx: Tx,
  secrets: Secrets,
  caller: Caller,
  input: { kind: 'email' | 'webhook'; address: string },
): Promise<{ method: ContactMethod; secret: string | null }> {
  const [held] = await tx.db.select({ n: countOf() }).from(contactMethods).where(eq(contactMethods.personId, caller.personId))
  if ((held?.n ?? 0) >= most) throw conflict(`At most ${most} contact methods are kept for a person.`)
  const address = checkAddress(input)
  const secret = input.kind === 'webhook' ? Buffer.from(randomSecret(24), 'base64url').toString('base64') : null
  const method = { id: newId(), kind: input.kind, address, createdAt: tx.now }
  // The account's e-mail counts only while nothing is set up: it stays a method when the first other one joins it.
  if ((held?.n ?? 0) === 0) {
    const person = await findPerson(tx, caller.personId)
    if (person && person.email !== address)
      await tx.db.insert(contactMethods).values({ personId: caller.personId, kind: 'email', address: person.email, createdAt: tx.now, verifiedAt: tx.now })
  }
  await tx.db.insert(contactMethods).values({ ...method, verifiedAt: tx.now, personId: caller.personId, secret: secret === null ? null : secrets.seal(secret) })
  await record(tx, { actor: caller.actor, type: 'contact-method.added', subject: { kind: 'person', id: caller.personId }, data: { kind: input.kind } })
  return { method, secret: secret === null ? null : `whsec_${secret}` }
}

function checkAddress(input: { kind: 'email' | 'webhook'; address: string }): string {
  if (input.kind === 'email') {
    const parsed = Email.safeParse(input.address)
    if (!parsed.success) throw invalid('address', 'must be an e-mail address')
    return parsed.data
  }
  try {
    return checkWebhookUrl(input.address).href
  } catch (error) {
    throw invalid('address', error instanceof Error ? error.message : String(error))
  }
}

export async function removeContactMethod(tx: Tx, caller: Caller, id: string): Promise<void> {
  if (id === caller.personId) throw conflict("The account's e-mail stays until there is another contact method.")
  const all = await tx.db.select({ id: contactMethods.id }).from(contactMethods).where(eq(contactMethods.personId, caller.personId)).for('update')
  if (!all.some(method => method.id === id)) throw notFound('contact method')
  if (all.length === 1) throw conflict('This is the last contact method: add another one first.')
  await tx.db.delete(contactMethods).where(and(eq(contactMethods.id, id), eq(contactMethods.personId, caller.personId)))
  await record(tx, { actor: caller.actor, type: 'contact-method.removed', subject: { kind: 'person', id: caller.personId } })
}
