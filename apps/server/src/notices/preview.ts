import type { NoticeMail } from '@tocsin/api'
import { and, eq } from 'drizzle-orm'
import type { AppContext, Caller } from '../access/index.ts'
import { customers } from '../directory/index.ts'
import { incidents } from '../incidents/index.ts'
import type { Reader } from '../kernel/database.ts'
import { notFound } from '../kernel/problems.ts'
import { mailsOf } from './mails.ts'
import { notices, obligations } from './tables.ts'

/**
 * The mails of a notice, as they would leave now: whoever sends it reads first what its customer will.
 * @throws AppProblem notFound
 */
export async function previewMails(
  reader: Reader,
  context: AppContext,
  caller: Caller,
  noticeId: string,
): Promise<{ incidentId: string; mails: NoticeMail[] }> {
  const [found] = await reader.db
    .select({ notice: notices, incident: incidents, customer: customers })
    .from(notices)
    .innerJoin(obligations, eq(obligations.id, notices.obligationId))
    .innerJoin(incidents, eq(incidents.id, obligations.incidentId))
    .innerJoin(customers, eq(customers.id, obligations.customerId))
    .where(and(eq(notices.id, noticeId), context.visibility.condition(caller, obligations.incidentId)))
  if (!found) throw notFound('notice')
  const mails = await mailsOf(reader, found.incident, found.notice, found.customer)
  return { incidentId: found.incident.id, mails: mails.map(({ address, isAlternate, subject, body }) => ({ to: address, isAlternate, subject, body })) }
}
