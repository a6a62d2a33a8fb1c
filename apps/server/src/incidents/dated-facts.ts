import { type factRoutes, type IncidentFact, includesRole, type RouteInput } from '@tocsin/api'
import { approvedOfFact } from '@tocsin/events/fold'
import { digest } from '@tocsin/merkle'
import { and, count, desc, eq } from 'drizzle-orm'
import { type AppContext, accountsThatActed, type Caller, type Viewer } from '../access/index.ts'
import { assertAsRecorded, record } from '../journal/index.ts'
import type { Instant } from '../kernel/clock.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { conflict, forbidden, invalid, notFound } from '../kernel/problems.ts'
import { assertSecondPerson } from '../notify/index.ts'
import { findIncident, type IncidentRow, isExecutiveSponsor, lockOpenIncident, namesOf } from './incident.ts'
import { factRecord } from './records.ts'
import { incidentFacts } from './tables.ts'
import type { DeclarationEffects } from './transitions.ts'

type FactRow = typeof incidentFacts.$inferSelect
type Kind = FactRow['kind']
type Statement = RouteInput<typeof factRoutes.stateFact>['body']
type Correction = RouteInput<typeof factRoutes.correctFact>['body']

/** Versions of one key date: whoever corrects it more often does not know it. */
const maxVersions = 50

/** All versions of the key dates of an incident, newest first. */
export async function listFacts(reader: Reader, incidentId: string): Promise<IncidentFact[]> {
  const rows = await reader.db.select().from(incidentFacts).where(eq(incidentFacts.incidentId, incidentId)).orderBy(desc(incidentFacts.id))
  const names = await namesOf(
    reader,
    rows.flatMap(({ recordedById, decidedById }) => [recordedById, decidedById]),
  )
  const accounts = await accountsThatActed(
    reader,
    rows.map(({ id, recordedById }) => ({ id, personId: recordedById })),
    ...(['fact.stated', 'fact.corrected', 'fact.proposed'] as const),
  )
  const person = (id: string) => ({ id, name: names.get(id) ?? '' })
  return rows.map(({ incidentId: _, recordedById, decidedById, ...fact }) => ({
    ...fact,
    recordedBy: { id: recordedById, name: accounts.get(fact.id) ?? person(recordedById).name },
    decidedBy: decidedById === null ? null : person(decidedById),
  }))
}

/** The key dates of an incident that the viewer may see. */
export async function readFacts(reader: Reader, context: AppContext, viewer: Viewer, incidentId: string): Promise<IncidentFact[]> {
  await findIncident(reader, context, viewer, incidentId)
  return listFacts(reader, incidentId)
}

/** When the organization became aware of an incident, as far as that is stated and in force. */
export async function awareAt(reader: Reader, incidentId: string): Promise<Instant | null> {
  return (await currentFact(reader, incidentId, 'aware'))?.at ?? null
}

async function currentFact(reader: Reader, incidentId: string, kind: Kind): Promise<FactRow | undefined> {
  const isCurrent = and(eq(incidentFacts.incidentId, incidentId), eq(incidentFacts.kind, kind), eq(incidentFacts.state, 'current'))
  const [fact] = await reader.db.select().from(incidentFacts).where(isCurrent)
  return fact
}

/** States a key date of an incident, of which none of its kind was known. */
export async function stateFact(tx: Tx, context: AppContext, effects: DeclarationEffects, caller: Caller, incidentId: string, input: Statement): Promise<void> {
  const incident = await lockOpenIncident(tx, context, caller, incidentId)
  if (await currentFact(tx, incidentId, input.kind)) throw conflict(`The key date ${input.kind} is stated already. Correct it instead.`)
  await write(tx, effects, caller, incident, { ...input, reason: null }, undefined)
}

/** Corrects a key date: the version before is kept, and says that it was superseded. */
export async function correctFact(
  tx: Tx,
  context: AppContext,
  effects: DeclarationEffects,
  caller: Caller,
  incidentId: string,
  factId: string,
  input: Correction,
): Promise<void> {
  const incident = await lockOpenIncident(tx, context, caller, incidentId)
  const before = await findFact(tx, incidentId, factId)
  if (before.state !== 'current') throw conflict(`This version is ${before.state}. Correct the current one.`)
  if (input.at === before.at && input.source === before.source && input.basis === before.basis)
    throw invalid('at', 'must differ from the version that is corrected, or its source or basis must')
  await write(tx, effects, caller, incident, { ...input, kind: before.kind }, before)
}

/** What a contract may count from. */
const startsDeadlines = (kind: Kind) => kind === 'aware'

/** True where deadlines could become later by it: then somebody else has to approve it, so that nobody gives themselves more time. */
function mustBeApproved(kind: Kind, at: Instant, { declaredAt }: IncidentRow, before: FactRow | undefined): boolean {
  const counted = before === undefined ? declaredAt : before.at
  return startsDeadlines(kind) && counted !== null && at > counted
}

async function write(
  tx: Tx,
  effects: DeclarationEffects,
  caller: Caller,
  incident: IncidentRow,
  { kind, at, source, basis, reason }: Pick<FactRow, 'kind' | 'at' | 'source' | 'basis' | 'reason'>,
  before: FactRow | undefined,
): Promise<void> {
  if (at > tx.now) throw invalid('at', 'must not be in the future')
  await assertRoom(tx, incident.id, kind)
  const isProposed = mustBeApproved(kind, at, incident, before)
  if (isProposed) await assertNoneProposed(tx, incident.id, kind)
  else if (before !== undefined) await tx.db.update(incidentFacts).set({ state: 'superseded' }).where(eq(incidentFacts.id, before.id))
  const id = newId()
  await tx.db.insert(incidentFacts).values({
    ...{ id, incidentId: incident.id, kind, at, source, basis, reason },
    ...{ state: isProposed ? ('proposed' as const) : ('current' as const), recordedById: caller.personId, recordedAt: tx.now },
  })
  const entry = { actor: caller.actor, subject: { kind: 'fact', id }, within: incident.id } as const
  const stated = { kind, at, source, basis }
  if (isProposed) await record(tx, { ...entry, type: 'fact.proposed', data: { ...stated, reason, before: before === undefined ? null : superseded(before) } })
  else if (before === undefined || reason === null) await record(tx, { ...entry, type: 'fact.stated', data: stated })
  else await record(tx, { ...entry, type: 'fact.corrected', data: { ...stated, reason, before: superseded(before) } })
  if (!isProposed && startsDeadlines(kind)) await effects.follow(tx, incident)
}

const superseded = ({ id, at }: FactRow) => ({ id, at })

async function assertRoom(tx: Tx, incidentId: string, kind: Kind): Promise<void> {
  const [found] = await tx.db
    .select({ n: count() })
    .from(incidentFacts)
    .where(and(eq(incidentFacts.incidentId, incidentId), eq(incidentFacts.kind, kind)))
  if ((found?.n ?? 0) >= maxVersions) throw conflict(`This key date has ${maxVersions} versions, as many as there can be.`)
}

async function assertNoneProposed(tx: Tx, incidentId: string, kind: Kind): Promise<void> {
  const proposed = and(eq(incidentFacts.incidentId, incidentId), eq(incidentFacts.kind, kind), eq(incidentFacts.state, 'proposed'))
  const found = await tx.db.select({ id: incidentFacts.id }).from(incidentFacts).where(proposed)
  if (found.length > 0) throw conflict('A later time is proposed already. Approve or reject it first.')
}

async function findFact(tx: Tx, incidentId: string, id: string): Promise<FactRow> {
  const [fact] = await tx.db
    .select()
    .from(incidentFacts)
    .where(and(eq(incidentFacts.id, id), eq(incidentFacts.incidentId, incidentId)))
  if (!fact) throw notFound('key date')
  return fact
}

/** Approves a proposed key date: somebody else than who proposed it, being the executive sponsor or a lead. Deadlines are counted anew. */
export async function approveFact(tx: Tx, context: AppContext, effects: DeclarationEffects, caller: Caller, incidentId: string, factId: string): Promise<void> {
  const incident = await lockOpenIncident(tx, context, caller, incidentId)
  const fact = await findFact(tx, incidentId, factId)
  if (fact.state !== 'proposed') throw conflict(`This version is ${fact.state}: there is nothing to approve.`)
  await assertSecondPerson(tx, caller, [fact.recordedById], 'A later time must be approved by somebody other than the person who proposed it.')
  await assertMayDecide(tx, incident, caller)
  await assertAsRecorded(context, tx, incidentId, factRecord(fact))
  const before = await currentFact(tx, incidentId, fact.kind)
  if (before !== undefined) await tx.db.update(incidentFacts).set({ state: 'superseded' }).where(eq(incidentFacts.id, before.id))
  await tx.db.update(incidentFacts).set({ state: 'current', decidedById: caller.personId, decidedAt: tx.now }).where(eq(incidentFacts.id, factId))
  await record(tx, {
    ...{ actor: caller.actor, type: 'fact.approved', subject: { kind: 'fact', id: factId }, within: incidentId },
    data: { kind: fact.kind, at: fact.at, before: before === undefined ? null : superseded(before), sha256: digest(approvedOfFact(fact)) },
  })
  await effects.follow(tx, incident)
}

/** Rejects a proposed key date: whoever may approve it, or who proposed it. */
export async function rejectFact(tx: Tx, context: AppContext, caller: Caller, incidentId: string, factId: string): Promise<void> {
  const incident = await lockOpenIncident(tx, context, caller, incidentId)
  const fact = await findFact(tx, incidentId, factId)
  if (fact.state !== 'proposed') throw conflict(`This version is ${fact.state}: there is nothing to reject.`)
  if (fact.recordedById !== caller.personId) await assertMayDecide(tx, incident, caller)
  await tx.db.update(incidentFacts).set({ state: 'rejected', decidedById: caller.personId, decidedAt: tx.now }).where(eq(incidentFacts.id, factId))
  await record(tx, {
    ...{ actor: caller.actor, type: 'fact.rejected', subject: { kind: 'fact', id: factId }, within: incidentId },
    data: { kind: fact.kind, at: fact.at },
  })
}

async function assertMayDecide(tx: Tx, incident: IncidentRow, caller: Caller): Promise<void> {
  if (!includesRole(caller.role, 'lead') && !(await isExecutiveSponsor(tx, incident, caller)))
    throw forbidden('Only the executive sponsor or a lead can decide about a proposed key date.')
}
