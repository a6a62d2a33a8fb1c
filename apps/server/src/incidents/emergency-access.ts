import { and, asc, eq, ne } from 'drizzle-orm'
import { type AppContext, type Caller, findPerson, peopleBehind } from '../access/index.ts'
import { entriesAbout } from '../journal/index.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { forbidden } from '../kernel/problems.ts'
import { assertSecondPerson } from '../notify/index.ts'
import type { IncidentRow } from './incident.ts'
import { pageLead } from './scope.ts'
import { incidents } from './tables.ts'

const brokenGlass = async (reader: Reader, incidentId: string) =>
  (await entriesAbout(reader, incidentId, ['incident.glass-broken'])).flatMap(entry =>
    entry.fault === null && entry.type === 'incident.glass-broken' ? [entry] : [],
  )

/**
 * Emergency access lasts a day and does not make itself last: as long as somebody leads the incident, whoever has it does not decide who sees the incident.
 * @param what ends the sentence, as in `name suspects`
 * @throws AppProblem forbidden
 */
export async function assertNoEmergencyAccess(tx: Tx, caller: Caller, incident: IncidentRow, what: string): Promise<void> {
  if (!incident.isRestricted || incident.leadId === caller.personId) return
  const isTheirs = (await brokenGlass(tx, incident.id)).some(({ actor, data }) => actor.id === caller.personId && data.until > tx.now)
  if (!isTheirs || incident.leadId === null || (await findPerson(tx, incident.leadId))?.isActive !== true) return
  throw forbidden(`You have emergency access to this incident, so somebody who has a part in it has to ${what}.`)
}

/** Restricted incidents whose leads are told at once. */
const maxTold = 200

/** A service account that sees restricted incidents is emergency access to all of them for whoever made it: the leads of those that are open are paged. */
export async function tellOfAccount(tx: Tx, context: AppContext, account: { readonly id: string; readonly name: string }): Promise<void> {
  const restricted = await tx.db
    .select()
    .from(incidents)
    .where(and(eq(incidents.isRestricted, true), ne(incidents.status, 'closed')))
    .orderBy(asc(incidents.number))
    .limit(maxTold)
  for (const incident of restricted)
    await pageLead(tx, context, incident, {
      topic: `service-account ${account.id}`,
      brief: `the new service account ${account.name} can read it`,
      title: '',
      summary: '',
    })
}

/** @throws AppProblem forbidden where a task is the review of an emergency access, and the caller is who had it */
export async function assertNotReviewedByOneself(tx: Tx, caller: Caller, incidentId: string, taskId: string): Promise<void> {
  const reviewed = (await brokenGlass(tx, incidentId)).filter(({ data }) => data.reviewTaskId === taskId)
  if (reviewed.length === 0) return
  const had = await peopleBehind(
    tx,
    reviewed.map(({ actor }) => actor),
  )
  await assertSecondPerson(tx, caller, had, 'The review of an emergency access belongs to somebody other than the person who had it.')
}
