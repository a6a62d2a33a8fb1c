import { digest } from '@tocsin/merkle'
import { z } from 'zod'
import type { AppContext } from '../access/index.ts'
import type { customers } from '../directory/index.ts'
import type { IncidentRow } from '../incidents/index.ts'
import { type Actor, assertAsRecorded, lastEntryAbout, record } from '../journal/index.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import type { Leaving } from '../kernel/messenger.ts'
import { conflict } from '../kernel/problems.ts'
import { readSetting } from '../kernel/settings.ts'
import { incidentsOf } from './joined.ts'
import { noticeRecord } from './records.ts'
import type { notices } from './tables.ts'
import { textOf } from './text.ts'

type NoticeRow = typeof notices.$inferSelect
type CustomerRow = typeof customers.$inferSelect

/** One mail of a notice, as it is handed to the mail server. */
type NoticeMail = Omit<Leaving, 'id' | 'purposeId'> & {
  /** It leaves only where no mail to another contact has arrived. */
  readonly isAlternate: boolean
  /** The linked incidents that it names. */
  readonly namedIds: readonly string[]
}

/** The mails of a notice, one for each contact, alternates too: everything that leaves or may leave, and so what an approval is for. */
export async function mailsOf(
  reader: Reader,
  incident: IncidentRow,
  notice: NoticeRow,
  { id: customerId, contacts, isDemo }: CustomerRow,
): Promise<NoticeMail[]> {
  const organization = (await readSetting(reader, 'organization', z.string())) ?? 'Our organization'
  const about = await incidentsOf(reader, incident, customerId)
  const reference = about.map(({ number }) => `incident ${number}`).join(' and ')
  const subject = `Security notice from ${organization} (${reference}${notice.kind === 'update' ? ', update' : ''})`
  return contacts.map(({ name, email, isAlternate }) => ({
    address: email,
    subject,
    body: noticeText(organization, reference, name, notice),
    isDemo,
    isExercise: incident.isExercise,
    isAlternate,
    namedIds: about.flatMap(({ id }) => (id === incident.id ? [] : [id])),
  }))
}

/** True where the mails are what was approved. Approvals of earlier versions do not say all of that, and are given anew. */
export async function areApproved(reader: Reader, notice: NoticeRow, mails: readonly NoticeMail[]): Promise<boolean> {
  const approval = await lastEntryAbout(reader, { kind: 'notice', id: notice.id }, 'notice.approved')
  return approval?.data.mailsSha256 === mailsDigest(mails)
}

/** What leaves is what was approved: its text, whom it is for, and in whose name. */
export async function assertAsApproved(
  tx: Tx,
  context: AppContext,
  incidentId: string,
  notice: NoticeRow,
  customer: string,
  mails: readonly NoticeMail[],
): Promise<void> {
  await assertAsRecorded(context, tx, incidentId, noticeRecord(notice))
  if (!(await areApproved(tx, notice, mails)))
    throw conflict(
      `The mails to ${customer} are not those that were approved: the contacts, the name of your organization or the linked incidents have changed, or an earlier version of Tocsin recorded the approval. Save the notice again and have it approved.`,
    )
}

/** As it was before mails said whether they belong to an exercise, or are for an alternate, where they are neither. */
const mailFacts = ({ address, subject, body, isDemo, isExercise, isAlternate }: Omit<NoticeMail, 'namedIds'>) => ({
  ...{ address, subject, body, isDemo, ...(isExercise ? { isExercise } : {}), ...(isAlternate ? { isAlternate } : {}) },
})
export const mailsDigest = (mails: readonly NoticeMail[]) => digest(mails.map(mailFacts))
/** Of what is handed to the mail server: whom a contact stands in for is no part of that. */
const mailDigest = (mail: Omit<NoticeMail, 'isAlternate' | 'namedIds'>) => digest(mailFacts({ ...mail, isAlternate: false }))

/** Posts mails of a notice, and records that they were sent. */
export async function postMails(
  tx: Tx,
  { messenger }: AppContext,
  actor: Actor,
  incident: IncidentRow,
  notice: NoticeRow,
  customer: CustomerRow,
  all: readonly NoticeMail[],
  isToAlternates: boolean,
): Promise<void> {
  const mails = all.flatMap(({ isAlternate, ...mail }) => (isAlternate === isToAlternates ? [{ ...mail, id: newId() }] : []))
  await messenger.postAll(
    tx,
    mails.map(mail => ({ ...mail, channel: 'email', purpose: 'notice', purposeId: notice.id, withinId: incident.id })),
  )
  await record(tx, {
    actor,
    type: 'notice.sent',
    subject: { kind: 'notice', id: notice.id },
    within: incident.id,
    data: {
      ...{ customer: customer.name, to: mails.map(({ address }) => address), sha256: digest(textOf(notice)) },
      ...{ mails: mails.map(mail => ({ messageId: mail.id, sha256: mailDigest(mail) })), ...(isToAlternates ? { isToAlternates } : {}) },
    },
  })
}

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

function noticeText(organization: string, reference: string, name: string, notice: NoticeRow): string {
  const parts = [
    `Dear ${name},`,
    notice.kind === 'update'
      ? `this is an update to our notice about ${reference}.`
      : `we are writing to inform you of a security incident (our reference: ${reference}) that affects you.`,
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
