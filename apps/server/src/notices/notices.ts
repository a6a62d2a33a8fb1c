import { digest } from '@tocsin/merkle'
import { and, eq, ne } from 'drizzle-orm'
import { z } from 'zod'
import type { AppContext, Caller } from '../access/index.ts'
import { customers } from '../directory/index.ts'
import { type IncidentRow, incidents, lockOpenIncident, pageLead } from '../incidents/index.ts'
import { assertAsRecorded, lastEntryAbout, record, system } from '../journal/index.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { cancel, schedule } from '../kernel/jobs/schedule.ts'
import type { Delivery, Leaving } from '../kernel/messenger.ts'
import { changedMeanwhile, conflict, notFound } from '../kernel/problems.ts'
import { readSetting } from '../kernel/settings.ts'
import { assertSecondPerson, messages } from '../notify/index.ts'
import { resolvePagesAbout } from '../paging/index.ts'
import { type ObligationRow, recordMissed, resolveWarnings } from './obligations.ts'
import { noticeRecord } from './records.ts'
import { notices, obligations } from './tables.ts'
import { type NoticeText, textOf } from './text.ts'
import { communicationJob, communicationKey, communicationTopic, reviewKey, reviewTopic } from './timers.ts'

type NoticeRow = typeof notices.$inferSelect

interface LockedObligation {
  readonly obligation: ObligationRow
  readonly incident: IncidentRow
  readonly customer: typeof customers.$inferSelect
}

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
  const [customer] = await tx.db.select().from(customers).where(eq(customers.id, obligation.customerId))
  if (!customer) throw notFound('customer')
  return { obligation, incident, customer }
}

async function lockNotice(tx: Tx, context: AppContext, caller: Caller, noticeId: string, version: number): Promise<LockedObligation & { notice: NoticeRow }> {
  const [found] = await tx.db
    .select({ obligationId: notices.obligationId })
    .from(notices)
    .innerJoin(obligations, eq(obligations.id, notices.obligationId))
    .where(and(eq(notices.id, noticeId), context.visibility.condition(caller, obligations.incidentId)))
  if (!found) throw notFound('notice')
  const obligation = await lockObligation(tx, context, caller, found.obligationId)
  const [notice] = await tx.db.select().from(notices).where(eq(notices.id, noticeId)).for('update')
  if (!notice) throw notFound('notice')
  if (notice.version !== version) throw changedMeanwhile()
  return { ...obligation, notice }
}

function assertNotWaived(obligation: ObligationRow): void {
  if (obligation.state === 'waived') throw conflict('The notification of this customer was waived. Withdraw the waiver first.')
}

/** Drafts a notice. It can be done before the declaration; one at a time is in the making. */
export async function draftNotice(tx: Tx, context: AppContext, caller: Caller, obligationId: string, input: NoticeText): Promise<string> {
  const { obligation, incident, customer } = await lockObligation(tx, context, caller, obligationId)
  assertNotWaived(obligation)
  const unsent = await tx.db
    .select({ id: notices.id })
    .from(notices)
    .where(and(eq(notices.obligationId, obligationId), ne(notices.state, 'sent')))
  if (unsent.length > 0) throw conflict('There is already a draft notice to this customer. Edit that one.')
  const id = newId()
  const kind = obligation.state === 'notified' ? 'update' : 'initial'
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

/** Records the delivery of one mail of a notice; the first that a server accepted fulfills the obligation. */
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
  if (delivery.state === 'sent' && (obligation.state === 'due' || obligation.state === 'deferred')) await markNotified(tx, context, obligation, customer)
  if (noticeState !== notice.state) await settleNotice(tx, context, notice, noticeState, within)
}

async function markNotified(tx: Tx, context: AppContext, obligation: ObligationRow, customer: string): Promise<void> {
  // Its job may be a moment late: what is notified after the deadline has missed it.
  await recordMissed(tx, eq(obligations.id, obligation.id))
  await tx.db
    .update(obligations)
    .set({ state: 'notified', notifiedAt: tx.now, version: obligation.version + 1 })
    .where(eq(obligations.id, obligation.id))
  await record(tx, {
    actor: system,
    type: 'obligation.notified',
    subject: { kind: 'obligation', id: obligation.id },
    within: obligation.incidentId,
    data: { customer, notifiedAt: tx.now, dueAt: obligation.dueAt, isInTime: obligation.dueAt !== null && tx.now <= obligation.dueAt },
  })
  await resolveWarnings(tx, context, obligation)
  await cancel(tx, reviewKey(obligation.id))
  await resolvePagesAbout(tx, context, system, obligation.incidentId, reviewTopic(obligation.id))
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

async function settleNotice(tx: Tx, context: AppContext, notice: NoticeRow, state: NoticeRow['state'], incidentId: string): Promise<void> {
  await tx.db
    .update(notices)
    .set({ state, ...(state === 'sent' ? { sentAt: tx.now } : {}), version: notice.version + 1 })
    .where(eq(notices.id, notice.id))
  if (state !== 'sent') return
  // What an earlier notice announced is fulfilled by this one.
  const key = communicationKey(notice.obligationId)
  await resolvePagesAbout(tx, context, system, incidentId, communicationTopic(notice.obligationId))
  if (notice.nextCommunicationAt === null) await cancel(tx, key)
  else await schedule(tx, { kind: communicationJob, key, runAt: notice.nextCommunicationAt, data: { noticeId: notice.id } })
}

/** A further communication was announced for now: unless it went out, the lead is paged. */
export async function remindOfCommunication(tx: Tx, context: AppContext, noticeId: string): Promise<void> {
  const [found] = await tx.db
    .select({ notice: notices, incidentId: obligations.incidentId, customer: customers.name })
    .from(notices)
    .innerJoin(obligations, eq(obligations.id, notices.obligationId))
    .innerJoin(customers, eq(customers.id, obligations.customerId))
    .where(eq(notices.id, noticeId))
  if (!found) return
  const [incident] = await tx.db.select().from(incidents).where(eq(incidents.id, found.incidentId))
  if (!incident || incident.status === 'closed') return
  await pageLead(tx, context, incident, {
    topic: communicationTopic(found.notice.obligationId),
    brief: 'next communication due',
    title: `Incident ${incident.number}: the next communication to ${found.customer} is due`,
    summary: `The last notice to ${found.customer} announced the next communication for now. Draft and send the update.`,
  })
}
