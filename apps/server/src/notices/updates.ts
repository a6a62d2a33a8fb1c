import { addHours } from '@tocsin/deadlines'
import { and, asc, count, countDistinct, eq, isNotNull } from 'drizzle-orm'
import { customers } from '../directory/index.ts'
import { type CustomerObligations, type IncidentRow, incidentCustomers } from '../incidents/index.ts'
import { record, recordAll, system } from '../journal/index.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { conflict } from '../kernel/problems.ts'
import { plan } from './clocks.ts'
import { discardNotices } from './discard.ts'
import { endObligations } from './follow.ts'
import { notices, obligations } from './tables.ts'

/** Hours in which customers who were notified hear that the incident was stood down, or reopened. */
const updateHours = 24

const isNotified = (incidentId: string) => and(eq(obligations.incidentId, incidentId), eq(obligations.state, 'notified'), isNotNull(obligations.customerId))

async function countNotified(reader: Reader, incidentId: string): Promise<number> {
  const [found] = await reader.db
    .select({ n: countDistinct(obligations.customerId) })
    .from(obligations)
    .where(isNotified(incidentId))
  return found?.n ?? 0
}

/** Makes an update owed to each customer who was notified: in as many statements for many as for one. */
async function oweUpdates(tx: Tx, incident: IncidentRow, why: 'stood-down' | 'reopened'): Promise<void> {
  const notified = await tx.db
    .selectDistinct({ id: customers.id, name: customers.name })
    .from(obligations)
    .innerJoin(customers, eq(customers.id, obligations.customerId))
    .where(isNotified(incident.id))
    .orderBy(asc(customers.id))
  if (notified.length === 0) return
  const dueAt = addHours(tx.now, updateHours)
  const owed = await tx.db
    .insert(obligations)
    .values(
      notified.map(({ id }) => ({
        ...{ id: newId(), incidentId: incident.id, customerId: id, kind: 'update' as const, state: 'due' as const },
        ...{ startedAt: tx.now, dueAt, isDemo: incident.isDemo, isExercise: incident.isExercise },
      })),
    )
    .onConflictDoNothing()
    .returning()
  const nameOf = new Map(notified.map(({ id, name }) => [id, name]))
  await recordAll(
    tx,
    owed.flatMap(({ id, customerId }) =>
      customerId === null
        ? []
        : [
            {
              ...{ actor: system, type: 'obligation.update-opened' as const, subject: { kind: 'obligation' as const, id }, within: incident.id },
              data: { customer: nameOf.get(customerId) ?? '', customerId, startedAt: tx.now, dueAt, hours: updateHours, why },
            },
          ],
    ),
  )
  await plan(tx, incident.id, owed)
}

async function assertNothingLeaves(tx: Tx, incident: IncidentRow, act: string): Promise<void> {
  const [{ n: sending } = { n: 0 }] = await tx.db
    .select({ n: count() })
    .from(notices)
    .innerJoin(obligations, eq(obligations.id, notices.obligationId))
    .where(and(eq(obligations.incidentId, incident.id), eq(notices.state, 'sending')))
  if (sending > 0) throw conflict(`A notice to a customer is being sent now. ${act} once it has arrived or failed.`)
}

/**
 * What is owed because of a declaration that was an error ends, and notices that were not sent are discarded. Customers who were notified are owed an update that says so.
 * @throws AppProblem conflict while a notice is on its way: its customer would be told of the incident after that
 */
async function standDown(tx: Tx, incident: IncidentRow): Promise<void> {
  await assertNothingLeaves(tx, incident, 'Stand the incident down')
  await discardNotices(tx, incident.id, eq(obligations.incidentId, incident.id))
  for (const kind of ['scope', 'initial', 'update'] as const) await endObligations(tx, incident.id, kind, 'stood-down')
  await oweUpdates(tx, incident, 'stood-down')
  await plan(tx, incident.id, [])
}

/**
 * The declaration was no error after all: what customers were to hear about that is not owed any more, and drafts of it are discarded; first notices are pending, to be started by what follows a
 * declaration, and so is the list of who is affected.
 * @throws AppProblem conflict while a notice that it was nothing is on its way
 */
async function reinstate(tx: Tx, incident: IncidentRow): Promise<void> {
  await assertNothingLeaves(tx, incident, 'Reopen the incident')
  await discardNotices(tx, incident.id, and(eq(obligations.incidentId, incident.id), eq(obligations.kind, 'update')))
  await endObligations(tx, incident.id, 'update', 'reopened')
  const ended = and(eq(obligations.incidentId, incident.id), eq(obligations.state, 'ended'))
  await tx.db
    .update(obligations)
    .set({ state: 'pending', missedDueAt: null })
    .where(and(ended, eq(obligations.kind, 'initial')))
  // What was waived is looked at again: nobody was asked to meanwhile.
  await plan(
    tx,
    incident.id,
    await tx.db
      .select()
      .from(obligations)
      .where(and(eq(obligations.incidentId, incident.id), eq(obligations.state, 'waived'))),
  )
  const [listed] = await tx.db
    .select({ id: incidentCustomers.customerId })
    .from(incidentCustomers)
    .where(eq(incidentCustomers.incidentId, incident.id))
    .limit(1)
  if (listed) return
  const again = await tx.db
    .update(obligations)
    .set({ state: 'due', missedDueAt: null })
    .where(and(ended, eq(obligations.kind, 'scope')))
    .returning()
  for (const { id, startedAt, dueAt, term } of again)
    if (startedAt !== null && dueAt !== null && term !== null)
      await record(tx, {
        ...{ actor: system, type: 'obligation.scope-opened', subject: { kind: 'obligation', id }, within: incident.id },
        data: { startedAt, dueAt, hours: term.amount },
      })
  await plan(tx, incident.id, again)
}

/** What customers are owed when an incident is stood down or reopened: `incidents` asks for it. */
export const customerObligations: CustomerObligations = {
  countNotified,
  standDown,
  reinstate,
  oweUpdates: (tx, incident) => oweUpdates(tx, incident, 'reopened'),
}
