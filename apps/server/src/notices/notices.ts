import { lastTime, wasFoundTooLate } from '@tocsin/deadlines'
import { digest } from '@tocsin/merkle'
import { and, eq, ne, sql } from 'drizzle-orm'
import { z } from 'zod'
import type { AppContext, Caller } from '../access/index.ts'
import { customers } from '../directory/index.ts'
import { type IncidentRow, lockOpenIncident } from '../incidents/index.ts'
import { assertAsRecorded, lastEntryAbout, record, system } from '../journal/index.ts'
import type { Instant } from '../kernel/clock.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import type { Delivery, Leaving } from '../kernel/messenger.ts'
import { changedMeanwhile, conflict, invalid, notFound } from '../kernel/problems.ts'
import { readSetting } from '../kernel/settings.ts'
import { assertSecondPerson, messages } from '../notify/index.ts'
import { resolvePagesAbout } from '../paging/index.ts'
import { isOpen, type ObligationRow, plan, recordMissed, resolveCalls } from './clocks.ts'
import { noticeRecord } from './records.ts'
import { notices, obligations } from './tables.ts'
import { type NoticeText, textOf } from './text.ts'
import { reviewTopic } from './timers.ts'

type NoticeRow = typeof notices.$inferSelect

interface LockedObligation {
  readonly obligation: ObligationRow
  readonly incident: IncidentRow
  /** Null where it is not known who is affected. */
  readonly customer: CustomerRow | null
}
type CustomerRow = typeof customers.$inferSelect

/** Loads an obligation to work on: the caller may see its incident, and that is not closed. */
export async function lockObligation(tx: Tx, context: AppContext, caller: Caller, obligationId: string): Promise<LockedObligation> {
  const [found] = await tx.db
    .select({ incidentId: obligations.incidentId })
    .from(obligations)
    .where(and(eq(obligations.id, obligationId), context.visibility.condition(caller, obligations.incidentId)))
  if (!found) throw notFound('notification obligation')
  const incident = await lockOpenIncident(tx, context, caller, found.incidentId)
  const [obligation] = await tx.db.select().from(obligations).where(eq(obligations.id, obligationId)).for('update')
  if (!obligation) throw notFound('notification obligation')
  const [customer = null] = obligation.customerId === null ? [] : await tx.db.select().from(customers).where(eq(customers.id, obligation.customerId))
  return { obligation, incident, customer }
}

interface LockedNotice extends LockedObligation {
  readonly notice: NoticeRow
  readonly customer: CustomerRow
}

async function lockNotice(tx: Tx, context: AppContext, caller: Caller, noticeId: string, version: number): Promise<LockedNotice> {
  const [found] = await tx.db
    .select({ obligationId: notices.obligationId })
    .from(notices)
    .innerJoin(obligations, eq(obligations.id, notices.obligationId))
    .where(and(eq(notices.id, noticeId), context.visibility.condition(caller, obligations.incidentId)))
  if (!found) throw notFound('notice')
  const { customer, ...locked } = await lockObligation(tx, context, caller, found.obligationId)
  if (customer === null) throw notFound('customer')
  const [notice] = await tx.db.select().from(notices).where(eq(notices.id, noticeId)).for('update')
  if (!notice) throw notFound('notice')
  if (notice.version !== version) throw changedMeanwhile()
  return { ...locked, customer, notice }
}

function assertNotWaived(obligation: ObligationRow): void {
  if (obligation.state === 'waived') throw conflict('The notification of this customer was waived. Withdraw the waiver first.')
}

/** What is owed to the same customer of the same incident. */
const isOfCustomer = ({ incidentId, customerId }: ObligationRow) =>
  and(eq(obligations.incidentId, incidentId), sql`${obligations.customerId} is not distinct from ${customerId}::uuid`)

/** @throws AppProblem invalid where a notice promises more for a time that is past */
function assertAhead({ nextCommunicationAt }: NoticeText, now: Instant): void {
  if (nextCommunicationAt !== null && nextCommunicationAt <= now) throw invalid('nextCommunicationAt', 'must be in the future')
}

/** Drafts a notice. It can be done before the declaration; one at a time is in the making. */
export async function draftNotice(tx: Tx, context: AppContext, caller: Caller, obligationId: string, input: NoticeText): Promise<string> {
  const { obligation, incident, customer } = await lockObligation(tx, context, caller, obligationId)
  if (customer === null) throw conflict('It is not known who is affected. List the affected customers first.')
  if (obligation.state === 'ended') throw conflict('Nothing is owed here any more.')
  assertNotWaived(obligation)
  assertAhead(input, tx.now)
  const unsent = await tx.db
    .select({ id: notices.id })
    .from(notices)
    .innerJoin(obligations, eq(obligations.id, notices.obligationId))
    .where(and(isOfCustomer(obligation), ne(notices.state, 'sent')))
  if (unsent.length > 0) throw conflict('There is already a draft notice to this customer. Edit that one.')
  const id = newId()
  const [notified] = await tx.db
    .select({ id: obligations.id })
    .from(obligations)
    .where(and(isOfCustomer(obligation), eq(obligations.state, 'notified')))
    .limit(1)
  const kind = notified ? 'update' : 'initial'
  await tx.db.insert(notices).values({
    ...input,
    id,
    obligationId,
    kind,
    state: 'draft',
    authorId: caller.personId,
    editorId: caller.personId,
  })
  await record(tx, {
    actor: caller.actor,
    type: 'notice.drafted',
    subject: { kind: 'notice', id },
    within: incident.id,
    data: { customer: customer.name, ...textOf(input), sha256: digest(textOf(input)), kind, obligationId },
  })
  return obligationId
}

/** Changes a notice that was not sent. An approval given before is void. */
export async function changeNotice(tx: Tx, context: AppContext, caller: Caller, noticeId: string, input: NoticeText & { version: number }): Promise<string> {
  const { version, ...content } = input
  const { notice, obligation, incident, customer } = await lockNotice(tx, context, caller, noticeId, version)
  if (notice.state === 'sending' || notice.state === 'sent') throw conflict('A sent notice cannot be changed. Draft an update instead.')
  assertNotWaived(obligation)
  assertAhead(content, tx.now)
  await tx.db
    .update(notices)
    .set({ ...content, state: 'draft', editorId: caller.personId, approvedById: null, approvedAt: null, version: notice.version + 1 })
    .where(eq(notices.id, noticeId))
  await record(tx, {
    actor: caller.actor,
    type: 'notice.changed',
    subject: { kind: 'notice', id: noticeId },
    within: incident.id,
    data: { customer: customer.name, ...textOf(content), sha256: digest(textOf(content)), before: textOf(notice), isApprovalVoid: notice.state === 'approved' },
  })
  return obligation.id
}

/** Approves a notice: somebody else than who wrote it, or changed it last. */
export async function approveNotice(tx: Tx, context: AppContext, caller: Caller, noticeId: string, version: number): Promise<string> {
  const { notice, obligation, incident, customer } = await lockNotice(tx, context, caller, noticeId, version)
  if (notice.state === 'sending' || notice.state === 'sent') throw conflict('This notice was already sent.')
  if (notice.state !== 'draft') throw conflict('This notice is already approved.')
  assertNotWaived(obligation)
  await assertSecondPerson(tx, caller, [notice.authorId, notice.editorId], 'A notice must be approved by somebody other than its author.')
  await assertAsRecorded(context, tx, incident.id, noticeRecord(notice))
  await tx.db
    .update(notices)
    .set({ state: 'approved', approvedById: caller.personId, approvedAt: tx.now, version: notice.version + 1 })
    .where(eq(notices.id, noticeId))
  await record(tx, {
    actor: caller.actor,
    type: 'notice.approved',
    subject: { kind: 'notice', id: noticeId },
    within: incident.id,
    data: {
      ...{ customer: customer.name, sha256: digest(textOf(notice)), to: recipientsOf(customer) },
      mailsSha256: digest((await mailsOf(tx, incident, notice, customer)).map(mailFacts)),
    },
  })
  return obligation.id
}

/** Sends an approved notice to the customer's contacts. The obligation is notified when a contact's mail server has accepted it. */
export async function sendNotice(tx: Tx, context: AppContext, caller: Caller, noticeId: string, version: number): Promise<string> {
  const { notice, obligation, incident, customer } = await lockNotice(tx, context, caller, noticeId, version)
  if (notice.state === 'draft') throw conflict('The notice must first be approved by somebody other than its author.')
  if (notice.state !== 'approved') throw conflict('This notice was already sent.')
  if (incident.isExercise) throw conflict('This incident is an exercise: nothing is sent to customers. Waive the notification to close it.')
  if (obligation.startedAt === null) throw conflict('Declare the incident before sending the notice.')
  assertNotWaived(obligation)
  if (notice.nextCommunicationAt !== null && notice.nextCommunicationAt <= tx.now)
    throw conflict('The time that this notice announces for the next communication has passed. Set a new time and have the notice approved again.')
  const approved = await mailsOf(tx, incident, notice, customer)
  await assertAsApproved(tx, context, incident.id, notice, customer.name, approved)
  await tx.db
    .update(notices)
    .set({ state: 'sending', version: notice.version + 1 })
    .where(eq(notices.id, noticeId))
  const mails = approved.map(mail => ({ ...mail, id: newId() }))
  await context.messenger.postAll(
    tx,
    mails.map(mail => ({ ...mail, channel: 'email', purpose: 'notice', purposeId: noticeId, withinId: incident.id })),
  )
  await record(tx, {
    actor: caller.actor,
    type: 'notice.sent',
    subject: { kind: 'notice', id: noticeId },
    within: incident.id,
    data: {
      ...{ customer: customer.name, to: recipientsOf(customer), sha256: digest(textOf(notice)) },
      mails: mails.map(mail => ({ messageId: mail.id, sha256: mailDigest(mail) })),
    },
  })
  return obligation.id
}

/** One mail of a notice, as it is handed to the mail server. */
type NoticeMail = Omit<Leaving, 'id' | 'purposeId'>

/** The mails of a notice, one for each contact: everything that leaves, and so what an approval is for. */
async function mailsOf(reader: Reader, incident: IncidentRow, notice: NoticeRow, { contacts, isDemo }: typeof customers.$inferSelect): Promise<NoticeMail[]> {
  const organization = (await readSetting(reader, 'organization', z.string())) ?? 'Our organization'
  const subject = `Security notice from ${organization} (incident ${incident.number}${notice.kind === 'update' ? ', update' : ''})`
  return contacts.map(({ name, email }) => ({
    address: email,
    subject,
    body: noticeText(organization, incident, name, notice),
    isDemo,
    isExercise: incident.isExercise,
  }))
}

/** What leaves is what was approved: its text, whom it is for, and in whose name. Approvals of earlier versions do not say all of that, and are given anew. */
async function assertAsApproved(
  tx: Tx,
  context: AppContext,
  incidentId: string,
  notice: NoticeRow,
  customer: string,
  mails: readonly NoticeMail[],
): Promise<void> {
  await assertAsRecorded(context, tx, incidentId, noticeRecord(notice))
  const approval = await lastEntryAbout(tx, { kind: 'notice', id: notice.id }, 'notice.approved')
  if (approval?.data.mailsSha256 !== digest(mails.map(mailFacts)))
    throw conflict(
      `The mails to ${customer} are not those that were approved: the contacts or the name of your organization have changed, or an earlier version of Tocsin recorded the approval. Save the notice again and have it approved.`,
    )
}

/** As it was before mails said whether they belong to an exercise, where they belong to none. */
const mailFacts = ({ isExercise, ...mail }: NoticeMail) => (isExercise ? { ...mail, isExercise } : mail)
const mailDigest = ({ address, subject, body, isDemo, isExercise }: NoticeMail) => digest(mailFacts({ address, subject, body, isDemo, isExercise }))

/** Why a mail of a notice must not leave: it is not one that was sent by an act on record, or was changed since. */
export async function whyHeldBack(context: AppContext, message: Leaving): Promise<string | undefined> {
  const reader = context.database.reader()
  const sent = await lastEntryAbout(reader, { kind: 'notice', id: message.purposeId }, 'notice.sent')
  // Entries of older versions name addresses alone.
  const isSent = sent?.data.mails
    ? sent.data.mails.some(({ messageId, sha256 }) => messageId === message.id && sha256 === mailDigest(message))
    : sent?.data.to.includes(message.address)
  if (isSent) return undefined
  await context.database.transaction(tx =>
    context.alarms.raise(tx, {
      key: `notice-altered:${message.id}`,
      title: 'A mail of a customer notice was changed in the database and is not sent',
      summary: `Message ${message.id} (notice ${message.purposeId}) is not what was sent by an act in the audit log. Somebody changed the database outside Tocsin.`,
    }),
  )
  return 'not sent: it is not the message that the audit log has; the administrators are paged'
}

const recipientsOf = ({ contacts }: typeof customers.$inferSelect) => contacts.map(contact => contact.email)

function noticeText(organization: string, incident: IncidentRow, name: string, notice: NoticeRow): string {
  const parts = [
    `Dear ${name},`,
    notice.kind === 'update'
      ? `this is an update to our notice about incident ${incident.number}.`
      : `we are writing to inform you of a security incident (our reference: incident ${incident.number}) that affects you.`,
    `What happened\n${notice.nature}`,
    `Approximate impact on users\n${notice.userImpact}`,
    `What has been done\n${notice.mitigation}`,
    ...(notice.nextSteps ? [`What happens next\n${notice.nextSteps}`] : []),
    ...(notice.nextCommunicationAt ? [`We will send the next update by ${notice.nextCommunicationAt.slice(0, 16).replace('T', ' ')} UTC.`] : []),
    notice.isInvestigationComplete ? 'Our investigation is complete.' : 'Our investigation is ongoing.',
    organization,
  ]
  return `${parts.join('\n\n')}\n`
}

/** Records the delivery of one mail of a notice; the first that a server accepted meets what is owed to the customer, and makes what it promises owed. */
export async function settleDelivery(tx: Tx, context: AppContext, delivery: Delivery): Promise<void> {
  const [found] = await tx.db
    .select({ notice: notices, obligation: obligations, customer: customers.name })
    .from(notices)
    .innerJoin(obligations, eq(obligations.id, notices.obligationId))
    .innerJoin(customers, eq(customers.id, obligations.customerId))
    .where(eq(notices.id, delivery.purposeId))
    .for('update', { of: obligations })
  if (!found) return
  const { obligation, customer } = found
  const within = obligation.incidentId
  const [notice, noticeState] = await settledState(tx, delivery.purposeId)
  await record(tx, {
    actor: system,
    type: delivery.state === 'sent' ? 'notice.delivered' : 'notice.undelivered',
    subject: { kind: 'notice', id: delivery.purposeId },
    within,
    data: { customer, address: delivery.address, receipt: delivery.receipt, messageId: delivery.messageId, noticeState },
  })
  if (delivery.state === 'sent') {
    await meet(tx, context, obligation, notice, customer)
    await promise(tx, obligation, notice, customer)
  }
  if (noticeState !== notice.state)
    await tx.db
      .update(notices)
      .set({ state: noticeState, ...(noticeState === 'sent' ? { sentAt: tx.now } : {}), version: notice.version + 1 })
      .where(eq(notices.id, notice.id))
}

/** A notice meets everything that is owed to its customer, but for what it promises itself. */
async function meet(tx: Tx, context: AppContext, obligation: ObligationRow, notice: NoticeRow, customer: string): Promise<void> {
  const which = and(isOfCustomer(obligation), isOpen, sql`${obligations.promisedById} is distinct from ${notice.id}::uuid`)
  // Its check may be a moment late: what is notified after the deadline has missed it.
  await recordMissed(tx, which)
  const met = await tx.db
    .update(obligations)
    .set({ state: 'notified', notifiedAt: tx.now, nextCheckAt: null, version: sql`${obligations.version} + 1` })
    .where(which)
    .returning()
  for (const { id, incidentId, dueAt, foundAt, foundDueAt } of met) {
    await record(tx, {
      ...{ actor: system, type: 'obligation.notified', subject: { kind: 'obligation', id }, within: incidentId },
      data: {
        ...{ customer, notifiedAt: tx.now, dueAt },
        isInTime: dueAt !== null && tx.now <= lastTime({ dueAt, foundAt, foundDueAt }),
        ...(dueAt !== null && foundDueAt !== null && wasFoundTooLate({ dueAt, foundAt }) ? { foundDueAt } : {}),
      },
    })
    await resolvePagesAbout(tx, context, system, incidentId, reviewTopic(id))
  }
  if (met.length > 0) await resolveCalls(tx, context, obligation.incidentId)
}

/** The next communication that a notice promises is owed from its first delivery on. */
export async function promise(tx: Tx, obligation: ObligationRow, notice: NoticeRow, customer: string): Promise<void> {
  const { incidentId, customerId, isDemo, isExercise } = obligation
  const { id: noticeId, nextCommunicationAt: dueAt } = notice
  if (dueAt === null || customerId === null) return
  const [known] = await tx.db.select({ id: obligations.id }).from(obligations).where(eq(obligations.promisedById, noticeId)).limit(1)
  if (known) return
  const id = newId()
  const promised = await tx.db
    .insert(obligations)
    .values({ id, incidentId, customerId, kind: 'update', state: 'due', promisedById: noticeId, startedAt: tx.now, dueAt, isDemo, isExercise })
    .returning()
  await record(tx, {
    ...{ actor: system, type: 'obligation.promised', subject: { kind: 'obligation', id }, within: incidentId },
    data: { customer, customerId, noticeId, startedAt: tx.now, dueAt },
  })
  await plan(tx, incidentId, promised)
}

/** Once every mail has gone its way the notice is sent; when none was taken it is back to be sent again. @returns the notice, locked, and what it is to be */
async function settledState(tx: Tx, noticeId: string): Promise<[NoticeRow, NoticeRow['state']]> {
  const [notice] = await tx.db.select().from(notices).where(eq(notices.id, noticeId)).for('update')
  if (!notice) throw notFound('notice')
  if (notice.state !== 'sending') return [notice, notice.state]
  const sent = await tx.db
    .select({ state: messages.state })
    .from(messages)
    .where(and(eq(messages.purpose, 'notice'), eq(messages.purposeId, noticeId)))
  if (sent.some(message => message.state === 'queued' || message.state === 'held')) return [notice, 'sending']
  return [notice, sent.some(message => message.state === 'sent') ? 'sent' : 'approved']
}
