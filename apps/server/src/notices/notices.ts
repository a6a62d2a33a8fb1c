import { digest } from '@tocsin/merkle'
import { and, eq, ne } from 'drizzle-orm'
import type { AppContext, Caller } from '../access/index.ts'
import { customers } from '../directory/index.ts'
import { type IncidentRow, lockOpenIncident } from '../incidents/index.ts'
import { assertAsRecorded, record } from '../journal/index.ts'
import { addDays, type Instant } from '../kernel/clock.ts'
import type { Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { changedMeanwhile, conflict, invalid, notFound } from '../kernel/problems.ts'
import { assertSecondPerson } from '../notify/index.ts'
import { isOfCustomer, type ObligationRow } from './clocks.ts'
import { discardNotices } from './discard.ts'
import { assertNotJoined } from './joined.ts'
import { assertAsApproved, mailsDigest, mailsOf, postMails } from './mails.ts'
import { noticeRecord } from './records.ts'
import { notices, obligations } from './tables.ts'
import { type NoticeText, textOf } from './text.ts'

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

/** What is announced for later than that is a slip of the year. */
const maxAheadDays = 366

/** @throws AppProblem invalid where a notice announces more for a time that is past, or too far away */
function assertAhead({ nextCommunicationAt }: NoticeText, now: Instant): void {
  if (nextCommunicationAt === null) return
  if (nextCommunicationAt <= now) throw invalid('nextCommunicationAt', 'must be in the future')
  if (nextCommunicationAt > addDays(now, maxAheadDays)) throw invalid('nextCommunicationAt', `must be within ${maxAheadDays} days`)
}

/** Drafts a notice. It can be done before the declaration; one at a time is in the making. */
export async function draftNotice(tx: Tx, context: AppContext, caller: Caller, obligationId: string, input: NoticeText): Promise<string> {
  const { obligation, incident, customer } = await lockObligation(tx, context, caller, obligationId)
  if (customer === null) throw conflict('It is not known who is affected. List the affected customers first.')
  if (obligation.state === 'ended') throw conflict('Nothing is owed here any more.')
  assertNotWaived(obligation)
  await assertNotJoined(tx, obligation, customer.name)
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

/** Discards a notice that was not sent, whatever became of what it was for: nobody is told by it, and its incident can be closed. */
export async function discardNotice(tx: Tx, context: AppContext, caller: Caller, noticeId: string, version: number): Promise<string> {
  const { notice, obligation, incident } = await lockNotice(tx, context, caller, noticeId, version)
  if (notice.state === 'sending' || notice.state === 'sent') throw conflict('A sent notice cannot be discarded. Draft an update instead.')
  await discardNotices(tx, incident.id, eq(notices.id, noticeId), caller.actor)
  return obligation.id
}

/** Approves a notice: somebody else than who wrote it, or changed it last. */
export async function approveNotice(tx: Tx, context: AppContext, caller: Caller, noticeId: string, version: number): Promise<string> {
  const { notice, obligation, incident, customer } = await lockNotice(tx, context, caller, noticeId, version)
  if (notice.state === 'sending' || notice.state === 'sent') throw conflict('This notice was already sent.')
  if (notice.state !== 'draft') throw conflict('This notice is already approved.')
  assertNotWaived(obligation)
  await assertNotJoined(tx, obligation, customer.name)
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
      ...{ customer: customer.name, sha256: digest(textOf(notice)), to: recipientsOf(customer, false), alternates: recipientsOf(customer, true) },
      mailsSha256: mailsDigest(await mailsOf(tx, incident, notice, customer)),
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
  await assertNotJoined(tx, obligation, customer.name)
  if (notice.nextCommunicationAt !== null && notice.nextCommunicationAt <= tx.now)
    throw conflict('The time that this notice announces for the next communication has passed. Set a new time and have the notice approved again.')
  const approved = await mailsOf(tx, incident, notice, customer)
  await assertAsApproved(tx, context, incident.id, notice, customer.name, approved)
  await tx.db
    .update(notices)
    .set({ state: 'sending', version: notice.version + 1 })
    .where(eq(notices.id, noticeId))
  await postMails(tx, context, caller.actor, incident, notice, customer, approved, false)
  return obligation.id
}

const recipientsOf = ({ contacts }: CustomerRow, alternates: boolean) =>
  contacts.flatMap(({ email, isAlternate }) => (isAlternate === alternates ? [email] : []))
