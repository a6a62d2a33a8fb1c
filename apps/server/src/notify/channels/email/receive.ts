import { eq } from 'drizzle-orm'
import type { AppContext } from '../../../access/index.ts'
import { addDays } from '../../../kernel/clock.ts'
import { transactionRetried } from '../../../kernel/database.ts'
import { idFor, newId } from '../../../kernel/ids.ts'
import { AppProblem } from '../../../kernel/problems.ts'
import { type AnswerDesk, parseAnswer } from '../../answers.ts'
import type { Outbox } from '../../outbox.ts'
import { messages } from '../../tables.ts'
import { reportFor } from './delivery-report.ts'
import { type IncomingMail, type IncomingReport, RefusedMail } from './inbox.ts'

/**
 * Acts on an answer to a page by email, and replies with the outcome.
 * @throws RefusedMail for a reply from another address than the page went to: whoever it was forwarded to answers for themselves
 */
export async function answerByMail(context: AppContext, desk: AnswerDesk, { messageId, ownId, from, text }: IncomingMail): Promise<void> {
  const [asked] = await context.database.reader().db.select().from(messages).where(eq(messages.id, messageId))
  if (asked?.address.toLowerCase() !== from) throw new RefusedMail('Reply from the email address that received the page')
  // The reply has an id derived from the mail's own: one that is received again, because its sender never learned that it was accepted, does nothing.
  const id = ownId === '' ? newId() : idFor(`${messageId} ${ownId}`)
  const [done] = await context.database.reader().db.select({ id: messages.id }).from(messages).where(eq(messages.id, id))
  if (done !== undefined) return
  const reply = { id, channel: 'email', address: asked.address, purpose: 'page-answer', purposeId: asked.purposeId, withinId: asked.withinId } as const
  try {
    await transactionRetried(context.database, async tx => {
      const answered = await desk.byMessage(tx, messageId, parseAnswer(text))
      if (answered === undefined) throw new AppProblem('not-found', 'This page no longer exists.')
      const subject = answered.isUnderstood ? answered.text.slice(0, 200) : `Reply not recognized: ${asked.subject}`
      await context.messenger.postAll(tx, [{ ...reply, subject, body: `${answered.text}\n` }])
    })
  } catch (error) {
    if (!(error instanceof AppProblem)) throw error
    await transactionRetried(context.database, tx =>
      context.messenger.postAll(tx, [{ ...reply, subject: `Reply failed: ${asked.subject}`, body: `${error.message}\n` }]),
    )
  }
}

/** Servers give up after days (RFC 5321, 4.5.4.1), also where mail is forwarded. Whoever has a mail has its return address, too: later they undo nothing. */
const reportDays = 30

/**
 * Acts on a report of what became of a mail of ours.
 * @throws RefusedMail where it is about a mail to somebody else, or about one that was sent long ago
 */
export async function takeReport(context: AppContext, messenger: Outbox, { messageId, report }: IncomingReport): Promise<void> {
  const reader = context.database.reader()
  const [sent] = await reader.db.select({ address: messages.address, sentAt: messages.sentAt }).from(messages).where(eq(messages.id, messageId))
  const about = sent && reportFor(report, messageId, sent.address)
  if (sent === undefined || about === undefined) throw new RefusedMail('This report is not about the mail that has this return address')
  if (sent.sentAt !== null && sent.sentAt < addDays(reader.now, -reportDays))
    throw new RefusedMail(`This report is about a mail that was sent more than ${reportDays} days ago`)
  await transactionRetried(context.database, tx => messenger.report(tx, messageId, about))
}
