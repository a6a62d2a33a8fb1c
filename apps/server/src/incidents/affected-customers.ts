import { eq } from 'drizzle-orm'
import type { AppContext, Caller } from '../access/index.ts'
import { customers, listCustomers } from '../directory/index.ts'
import { record } from '../journal/index.ts'
import { addDays, type Instant } from '../kernel/clock.ts'
import type { Tx } from '../kernel/database.ts'
import { conflict, invalid } from '../kernel/problems.ts'
import { assertVersion, type IncidentRow, lockOpenIncident, saveIncident } from './incident.ts'
import { assertOnce } from './scope.ts'
import { incidentCustomers } from './tables.ts'
import type { DeclarationEffects } from './transitions.ts'

/** A customer cannot be found affected much before there is an incident: that is a slip of the year. */
const maxDaysBefore = 366

interface Listed {
  readonly id: string
  readonly basis: string
  readonly foundAt?: Instant | undefined
}

interface Stored {
  readonly id: string
  readonly name: string
  readonly basis: string
  readonly foundAt: Instant
}

/** Sets the affected customers, each with the basis for listing it and when it was found affected. A declared incident keeps those it has: their deadlines are running. */
export async function setAffectedCustomers(
  tx: Tx,
  context: AppContext,
  effects: DeclarationEffects,
  caller: Caller,
  id: string,
  input: { version: number; customers: readonly Listed[] },
): Promise<void> {
  const incident = await lockOpenIncident(tx, context, caller, id)
  assertVersion(incident, input.version)
  assertOnce(input.customers, 'customers')
  const ids = input.customers.map(each => each.id)
  const known = new Map((await listCustomers(tx, ids)).map(customer => [customer.id, customer.name]))
  if (ids.some(customerId => !known.has(customerId))) throw invalid('customers', 'must be IDs of customers in the catalog')
  const before: Stored[] = await tx.db
    .select({ id: customers.id, name: customers.name, basis: incidentCustomers.basis, foundAt: incidentCustomers.foundAt })
    .from(incidentCustomers)
    .innerJoin(customers, eq(customers.id, incidentCustomers.customerId))
    .where(eq(incidentCustomers.incidentId, id))
  const was = new Map(before.map(each => [each.id, each]))
  const listed = input.customers.map((each, at) => {
    const old = was.get(each.id)
    const foundAt = each.foundAt ?? old?.foundAt ?? tx.now
    assertFound(tx.now, incident, old, foundAt, `customers.${at}.foundAt`)
    return { id: each.id, name: known.get(each.id) ?? '', basis: each.basis, foundAt }
  })
  const isKept = (each: Stored) => was.get(each.id)?.basis === each.basis && was.get(each.id)?.foundAt === each.foundAt
  if (listed.length === before.length && listed.every(isKept)) return
  const isListed = new Set(ids)
  if (incident.declaredAt !== null && before.some(old => !isListed.has(old.id)))
    throw conflict('Customers cannot be removed from a declared incident, because their notification deadlines are running. Waive the notification instead.')
  await tx.db.delete(incidentCustomers).where(eq(incidentCustomers.incidentId, id))
  if (listed.length > 0)
    await tx.db.insert(incidentCustomers).values(listed.map(each => ({ incidentId: id, customerId: each.id, basis: each.basis, foundAt: each.foundAt })))
  const saved = await saveIncident(tx, incident, {})
  await record(tx, {
    actor: caller.actor,
    type: 'incident.customers-set',
    subject: { kind: 'incident', id },
    within: id,
    data: { customers: listed, before: { customers: before } },
  })
  await effects.follow(tx, saved)
}

/** Deadlines are counted from when a customer was found: while they run that can only become earlier. */
function assertFound(now: Instant, incident: IncidentRow, old: Stored | undefined, foundAt: Instant, field: string): void {
  if (foundAt === old?.foundAt) return
  if (foundAt > now) throw invalid(field, 'must not be in the future')
  const earliest = addDays(incident.openedAt, -maxDaysBefore)
  if (foundAt < earliest) throw invalid(field, `must be at most ${maxDaysBefore} days before the incident was opened`)
  if (incident.declaredAt !== null && old !== undefined && foundAt > old.foundAt)
    throw conflict(
      `The deadline of ${old.name} is running: that it was found on ${old.foundAt} can be corrected to an earlier time only. Defer or waive the notification instead.`,
    )
}
