import { randomInt } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { type ContactMethod, channelName, type NotificationRules, type pagingRoutes, type RouteInput } from '@tocsin/api'
import type { Urgency } from '@tocsin/oncall'
import { and, asc, eq, gt, inArray, isNotNull } from 'drizzle-orm'
import { type AppContext, type Caller, canRespond, findPerson, people, tellPerson } from '../access/index.ts'
import { record, subjectsOf } from '../journal/index.ts'
import { addDays, addMinutes } from '../kernel/clock.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { codePlaceholder } from '../kernel/messenger.ts'
import { AppProblem, conflict, invalid, notFound } from '../kernel/problems.ts'
import { sealFor } from '../kernel/sealed-columns.ts'
import { isEqual } from '../kernel/secrets.ts'
import { channels, shownAddress } from './channels/index.ts'
import { contactSecrets } from './sealed-secrets.ts'
import { type ContactKind, contactMethods, messages, notificationRules } from './tables.ts'

const maxMethods = 10
/** Methods that a person may add in a day, removed ones included: each has tries of its own for its code. */
const maxAddedDaily = 15
/** Codes that one method is sent in a day: its address may be anybody's, and each may cost money. */
const maxCodesDaily = 5

/** Where one person is reached. */
export interface NotificationStep {
  readonly kind: ContactKind
  readonly address: string
  readonly secret: string | null
  /** Null: the email of the account. */
  readonly methodId: string | null
}

/** How one person is paged. */
export interface NotificationPlan {
  readonly isDemo: boolean
  readonly all: readonly NotificationStep[]
  /** All of them and the email of the account, in failover order. */
  readonly reserve: readonly NotificationStep[]
  /** For each urgency the methods in order of time. */
  readonly rules: Readonly<Record<Urgency, readonly { readonly afterMinutes: number; readonly step: NotificationStep }[]>>
}

/**
 * How people are paged: by their rules, and without any by every method at once, for a page of low urgency by the quiet ones. One without a
 * verified method is paged at the email of the account: nobody is unreachable because they forgot to set it up.
 */
export async function notificationPlansOf(reader: Reader, personIds: readonly string[]): Promise<Map<string, NotificationPlan>> {
  const ids = [...new Set(personIds)]
  if (ids.length === 0) return new Map()
  const persons = await reader.db
    .select({ id: people.id, email: people.email, isDemo: people.isDemo, isActive: people.isActive, role: people.role })
    .from(people)
    .where(inArray(people.id, ids))
  const methods = await reader.db
    .select()
    .from(contactMethods)
    .where(and(inArray(contactMethods.personId, ids), isNotNull(contactMethods.verifiedAt)))
    .orderBy(asc(contactMethods.createdAt), asc(contactMethods.id))
  const saved = await reader.db.select().from(notificationRules).where(inArray(notificationRules.personId, ids))
  return new Map(
    persons.filter(canRespond).map(person => {
      const own = methods.filter(method => method.personId === person.id)
      const all: NotificationStep[] =
        own.length > 0
          ? own.map(({ id, kind, address, secret }) => ({ methodId: id, kind, address, secret }))
          : [{ methodId: null, kind: 'email', address: person.email, secret: null }]
      const planFor = (urgency: Urgency) => {
        const steps = (saved.find(one => one.personId === person.id && one.urgency === urgency)?.steps ?? []).flatMap(({ methodId, afterMinutes }) =>
          all.filter(step => step.methodId === methodId).map(step => ({ afterMinutes, step })),
        )
        if (steps.length > 0) return steps.toSorted((a, b) => a.afterMinutes - b.afterMinutes)
        const mild = urgency === 'low' ? all.filter(step => !channels[step.kind].isLoud) : all
        return (mild.length > 0 ? mild : all).map(step => ({ afterMinutes: 0, step }))
      }
      const rules = { high: planFor('high'), low: planFor('low') }
      const account: NotificationStep = { methodId: null, kind: 'email', address: person.email, secret: null }
      const isKnown = all.some(step => step.kind === 'email' && step.address === person.email)
      const reserve = [...new Set([...rules.high.map(({ step }) => step), ...all, ...(isKnown ? [] : [account])])]
      return [person.id, { isDemo: person.isDemo, all, reserve, rules }]
    }),
  )
}

const tooMany = (sentence: string) => new AppProblem('too-many', sentence)

const view = ({ id, kind, address, label, verifiedAt, createdAt }: typeof contactMethods.$inferSelect): ContactMethod => ({
  ...{ id, kind, label, createdAt, isVerified: verifiedAt !== null },
  // The address of a push subscription says nothing to people, and is a secret between browser and server.
  address: kind === 'push' ? new URL(address).host : address,
})

export async function listContactMethods(reader: Reader, personId: string): Promise<ContactMethod[]> {
  const methods = await reader.db
    .select()
    .from(contactMethods)
    .where(eq(contactMethods.personId, personId))
    .orderBy(asc(contactMethods.createdAt), asc(contactMethods.id))
  if (methods.length > 0) return methods.map(view)
  const person = await findPerson(reader, personId)
  return person ? [{ id: person.id, kind: 'email', address: person.email, label: '', isVerified: true, createdAt: person.createdAt }] : []
}

type Input = RouteInput<typeof pagingRoutes.addContactMethod>['body']

/** Adds a way to be paged at, and sends a code to it. */
export async function addContactMethod(tx: Tx, context: AppContext, caller: Caller, input: Input): Promise<{ method: ContactMethod; secret: string | null }> {
  const { kind, label } = input
  if (!context.messenger.has(kind) && kind !== 'email')
    throw conflict(`Delivery by ${channelName(kind)} is not configured. Ask your administrator to set it up.`)
  // Two that are added at once: the second finds the first.
  await tx.db.select({ id: people.id }).from(people).where(eq(people.id, caller.personId)).for('no key update')
  const held = await tx.db
    .select({ id: contactMethods.id, kind: contactMethods.kind, address: contactMethods.address })
    .from(contactMethods)
    .where(eq(contactMethods.personId, caller.personId))
  if (held.length >= maxMethods) throw conflict(`A person can have at most ${maxMethods} contact methods.`)
  const added = await subjectsOf(tx, { actorId: caller.personId, type: 'contact-method.added', since: addDays(tx.now, -1) })
  if (added.length >= maxAddedDaily) throw tooMany(`A person can add at most ${maxAddedDaily} contact methods a day. Try again tomorrow.`)
  const { address, secret, shownSecret = null, name = '' } = channels[kind].keepAddress({ ...input, of: 'person' }, context.secrets, context.config)
  if (held.some(one => one.kind === kind && one.address === address)) throw conflict('You already have this contact method.')
  const person = await findPerson(tx, caller.personId)
  // The account's email counts only while nothing is set up: it stays a method when the first other one joins it.
  if (held.length === 0 && person && !(kind === 'email' && person.email === address))
    await tx.db.insert(contactMethods).values({ personId: caller.personId, kind: 'email', address: person.email, createdAt: tx.now, verifiedAt: tx.now })
  const [row] = await tx.db
    .insert(contactMethods)
    .values({
      ...{ id: newId(), personId: caller.personId, kind, address, label: label || name, createdAt: tx.now },
      secret: secret === null ? null : sealFor(context.secrets, contactSecrets, secret, kind, address),
      // Whoever has an account has verified its email.
      verifiedAt: kind === 'email' && person?.email === address ? tx.now : null,
    })
    .returning()
  if (!row) throw notFound('contact method')
  await record(tx, { actor: caller.actor, type: 'contact-method.added', subject: { kind: 'person', id: caller.personId }, data: { id: row.id, kind } })
  if (row.verifiedAt === null) await sendCode(tx, context, row)
  return { method: view(row), secret: shownSecret }
}

const codePurpose = 'contact-code'
const codeMinutes = 10
const maxTries = 6

/** A code has too few possibilities for a plain digest: who reads the database would try them all. */
const codeDigest = ({ secrets }: AppContext, methodId: string, code: string) => secrets.sign('contact code', `${methodId} ${code}`)

/** Wrong tries that still count: another code gives no others before the one before it has expired. */
const wrongTries = ({ now }: Tx, { codeExpiresAt, codeAttempts }: typeof contactMethods.$inferSelect) =>
  codeExpiresAt === null || codeExpiresAt <= now ? 0 : codeAttempts

async function sendCode(tx: Tx, context: AppContext, row: typeof contactMethods.$inferSelect): Promise<void> {
  const sent = and(eq(messages.purpose, codePurpose), eq(messages.purposeId, row.id), gt(messages.createdAt, addDays(tx.now, -1)))
  if ((await tx.db.$count(messages, sent)) >= maxCodesDaily) throw tooMany(`A contact method is sent at most ${maxCodesDaily} codes a day. Try again tomorrow.`)
  const code = String(randomInt(1_000_000)).padStart(6, '0')
  await tx.db
    .update(contactMethods)
    .set({ codeDigest: codeDigest(context, row.id, code), codeExpiresAt: addMinutes(tx.now, codeMinutes), codeAttempts: wrongTries(tx, row) })
    .where(eq(contactMethods.id, row.id))
  const said = channels[row.kind].codeWords?.(code) ?? code
  await context.messenger.post(tx, {
    channel: row.kind,
    address: row.address,
    ...(row.secret === null ? {} : { secret: row.secret }),
    purpose: codePurpose,
    purposeId: row.id,
    subject: 'Your Tocsin verification code',
    code: said,
    body: `${codePlaceholder} is your code to verify this contact method. It expires in ${codeMinutes} minutes.`,
  })
}

async function lockMethod(tx: Tx, personId: string, id: string) {
  const [row] = await tx.db
    .select()
    .from(contactMethods)
    .where(and(eq(contactMethods.id, id), eq(contactMethods.personId, personId)))
    .for('update')
  if (!row) throw notFound('contact method')
  return row
}

export async function sendContactCode(tx: Tx, context: AppContext, caller: Caller, id: string): Promise<void> {
  const row = await lockMethod(tx, caller.personId, id)
  if (row.verifiedAt !== null) throw conflict('This contact method is already verified.')
  if (wrongTries(tx, row) >= maxTries) throw conflict(`Too many wrong codes. Request a new one in ${codeMinutes} minutes.`)
  await sendCode(tx, context, row)
}

/** A wrong code is counted, in a transaction that commits: guessing ends after a few. */
export async function verifyContactMethod(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  id: string,
  code: string,
): Promise<{ method: ContactMethod } | { problem: string }> {
  const row = await lockMethod(tx, caller.personId, id)
  if (row.verifiedAt !== null) return { method: view(row) }
  if (row.codeDigest === null || row.codeExpiresAt === null || row.codeExpiresAt <= tx.now || row.codeAttempts >= maxTries)
    return { problem: 'has expired. Request a new code' }
  if (!isEqual(row.codeDigest, codeDigest(context, id, code))) {
    await tx.db
      .update(contactMethods)
      .set({ codeAttempts: row.codeAttempts + 1 })
      .where(eq(contactMethods.id, id))
    return { problem: 'is incorrect' }
  }
  const verified = { ...row, verifiedAt: tx.now, codeDigest: null, codeExpiresAt: null }
  await tx.db.update(contactMethods).set({ verifiedAt: tx.now, codeDigest: null, codeExpiresAt: null }).where(eq(contactMethods.id, id))
  await record(tx, { actor: caller.actor, type: 'contact-method.verified', subject: { kind: 'person', id: caller.personId }, data: { id, kind: row.kind } })
  await tellPerson(
    tx,
    context,
    caller.personId,
    `a contact method was added to your Tocsin account: ${channelName(row.kind)}, ${shownAddress(row.kind, row.address)}.`,
  )
  return { method: view(verified) }
}

export async function removeContactMethod(tx: Tx, context: AppContext, caller: Caller, id: string): Promise<void> {
  if (id === caller.personId) throw conflict("You cannot remove your account's email until you add another contact method.")
  const all = await tx.db
    .select({ id: contactMethods.id, kind: contactMethods.kind, address: contactMethods.address, verifiedAt: contactMethods.verifiedAt })
    .from(contactMethods)
    .where(eq(contactMethods.personId, caller.personId))
    .for('update')
  const removed = all.find(method => method.id === id)
  if (!removed) throw notFound('contact method')
  if (!all.some(method => method.id !== id && method.verifiedAt !== null))
    throw conflict('This is your last verified contact method. Add and verify another one first.')
  await tx.db.delete(contactMethods).where(and(eq(contactMethods.id, id), eq(contactMethods.personId, caller.personId)))
  await record(tx, { actor: caller.actor, type: 'contact-method.removed', subject: { kind: 'person', id: caller.personId }, data: { id, kind: removed.kind } })
  // One that was never verified was no way to reach anybody.
  if (removed.verifiedAt === null) return
  const shown = shownAddress(removed.kind, removed.address)
  await tellPerson(tx, context, caller.personId, `a contact method was removed from your Tocsin account: ${channelName(removed.kind)}, ${shown}.`)
}

export async function readRules(reader: Reader, personId: string): Promise<NotificationRules> {
  const rows = await reader.db.select().from(notificationRules).where(eq(notificationRules.personId, personId))
  const known = new Set((await listContactMethods(reader, personId)).map(method => method.id))
  const of = (urgency: Urgency) => (rows.find(row => row.urgency === urgency)?.steps ?? []).filter(step => known.has(step.methodId))
  return { high: of('high'), low: of('low') }
}

export async function saveRules(tx: Tx, caller: Caller, rules: NotificationRules): Promise<NotificationRules> {
  const own = await tx.db
    .select({ id: contactMethods.id, verifiedAt: contactMethods.verifiedAt })
    .from(contactMethods)
    .where(eq(contactMethods.personId, caller.personId))
  for (const urgency of ['high', 'low'] as const)
    for (const [i, { methodId }] of rules[urgency].entries()) {
      const method = own.find(one => one.id === methodId)
      if (!method) throw invalid(`${urgency}.${i}.methodId`, 'must be one of your contact methods')
      if (method.verifiedAt === null) throw invalid(`${urgency}.${i}.methodId`, 'must be a verified contact method')
    }
  const before = await readRules(tx, caller.personId)
  if (isDeepStrictEqual(before, { high: rules.high, low: rules.low })) return before
  for (const urgency of ['high', 'low'] as const)
    await tx.db
      .insert(notificationRules)
      .values({ personId: caller.personId, urgency, steps: rules[urgency] })
      .onConflictDoUpdate({ target: [notificationRules.personId, notificationRules.urgency], set: { steps: rules[urgency] } })
  await record(tx, {
    actor: caller.actor,
    type: 'notification-rules.changed',
    subject: { kind: 'person', id: caller.personId },
    data: { high: rules.high, low: rules.low, before },
  })
  return readRules(tx, caller.personId)
}
