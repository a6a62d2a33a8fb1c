import { includesRole, type Proposal, type ProposalInput } from '@tocsin/api'
import { proposedChange } from '@tocsin/events'
import { approvedOfProposal } from '@tocsin/events/fold'
import { digest } from '@tocsin/merkle'
import { and, desc, eq } from 'drizzle-orm'
import { type AppContext, assertPerson, type Caller } from '../access/index.ts'
import { assertAsRecorded, record } from '../journal/index.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { conflict, forbidden, invalid, notFound } from '../kernel/problems.ts'
import { assertSecondPerson } from '../notify/index.ts'
import { setClass, setSeverity } from './facts.ts'
import { assertMayLead, assertVersion, type IncidentRow, isExecutiveSponsor, lockOpenIncident, namesOf } from './incident.ts'
import { isLowerClass, isLowerSeverity } from './lifecycle.ts'
import { proposalRecord } from './records.ts'
import { assertMayCloseAlone, separateLowering } from './segregation.ts'
import { assessSeverity } from './severity.ts'
import { standDown } from './stand-down.ts'
import { type ProposedChange, proposals } from './tables.ts'
import { type ClosingConditions, closeIncident, type DeclarationEffects } from './transitions.ts'

type ProposalRow = typeof proposals.$inferSelect

/** Proposals that an incident is read with. */
const maxShown = 20

const digestOf = (proposal: ProposalRow) => digest(approvedOfProposal(proposal))

/** The latest proposals of an incident, newest first. */
export const proposalsOf = (reader: Reader, incidentId: string): Promise<Proposal[]> => readProposals(reader, incidentId, maxShown)

/** Every proposal of an incident, newest first. */
export const allProposals = (reader: Reader, incidentId: string): Promise<Proposal[]> => readProposals(reader, incidentId)

async function readProposals(reader: Reader, incidentId: string, limit?: number): Promise<Proposal[]> {
  const asked = reader.db.select().from(proposals).where(eq(proposals.incidentId, incidentId)).orderBy(desc(proposals.proposedAt), desc(proposals.id))
  const rows = limit === undefined ? await asked : await asked.limit(limit)
  const names = await namesOf(
    reader,
    rows.flatMap(row => [row.proposedById, row.decidedById]),
  )
  return rows.map(row => ({
    ...{ id: row.id, kind: row.kind, reason: row.reason, state: row.state, proposedAt: row.proposedAt, decidedAt: row.decidedAt },
    change: proposedChange(row),
    proposedBy: { id: row.proposedById, name: names.get(row.proposedById) ?? '' },
    decidedBy: row.decidedById === null ? null : (names.get(row.decidedById) ?? ''),
    sha256: digestOf(row),
  }))
}

/** Proposes what one person may not do alone to a declared incident. */
export async function propose(tx: Tx, context: AppContext, caller: Caller, incidentId: string, input: ProposalInput): Promise<void> {
  const incident = await lockOpenIncident(tx, context, caller, incidentId)
  assertPerson(caller, 'This must be proposed')
  assertVersion(incident, input.version)
  const { status, class: kindOfIncident, severity } = incident
  if (incident.declaredAt === null || severity === null) throw conflict('This incident is not declared: nobody else has to approve this. Change it directly.')
  if (incident.stoodDownAt !== null) throw conflict('This incident was stood down.')
  if (input.kind === 'close') await assertMayCloseAlone(tx, caller, incident, true)
  const change = { from: { status, class: kindOfIncident, severity }, to: changeOf(caller, incident, input) }
  const id = newId()
  const made = await tx.db
    .insert(proposals)
    .values({ id, incidentId, kind: input.kind, change, reason: input.reason, state: 'open', proposedById: caller.personId, proposedAt: tx.now })
    .onConflictDoNothing()
    .returning({ id: proposals.id })
  if (made.length === 0) throw conflict(`It is already proposed to ${proposedChange({ kind: input.kind, change })}. Approve, reject or withdraw that first.`)
  await record(tx, {
    ...{ actor: caller.actor, type: 'proposal.made', subject: { kind: 'proposal', id }, within: incidentId },
    data: { kind: input.kind, change, reason: input.reason },
  })
}

/** What an incident would be, where that is less than it is: anything else needs no second person. */
function changeOf(caller: Caller, incident: IncidentRow, input: ProposalInput): ProposedChange['to'] {
  for (const [kind, field] of [
    ['lower-class', 'class'],
    ['lower-severity', 'criteria'],
  ] as const)
    if (input.kind !== kind && input[field] !== undefined) throw invalid(field, `must be omitted unless kind is ${kind}`)
  switch (input.kind) {
    case 'stand-down':
      assertMayLead(caller, incident, 'propose to stand it down')
      return { class: 'not-an-incident' }
    case 'close':
      assertMayLead(caller, incident, 'propose to close it')
      return {}
    case 'lower-class':
      if (input.class === undefined) throw invalid('class', 'is required to lower the class')
      if (input.class === 'suspected' || input.class === 'not-an-incident')
        throw invalid('class', 'must be a confirmed class. If the incident was declared in error, propose to stand it down')
      if (!isLowerClass(incident.class, input.class)) throw invalid('class', 'must be lower than the class of the incident. Set this one directly')
      return { class: input.class }
    case 'lower-severity': {
      if (input.criteria === undefined) throw invalid('criteria', 'is required to lower the severity')
      const { severity } = assessSeverity(input.criteria)
      if (!isLowerSeverity(incident.severity, severity))
        throw invalid('criteria', `must result in a lower severity than ${incident.severity}: they result in ${severity}. Assess it directly`)
      return { severity, criteria: input.criteria }
    }
  }
}

interface LockedProposal {
  readonly incident: IncidentRow
  readonly proposal: ProposalRow
}

/** Locks an open proposal. @throws AppProblem conflict where it is decided, or void because the incident has changed */
async function lockProposal(tx: Tx, context: AppContext, caller: Caller, incidentId: string, id: string): Promise<LockedProposal> {
  const incident = await lockOpenIncident(tx, context, caller, incidentId)
  const [proposal] = await tx.db
    .select()
    .from(proposals)
    .where(and(eq(proposals.id, id), eq(proposals.incidentId, incidentId)))
    .for('update')
  if (!proposal) throw notFound('proposal')
  if (proposal.state === 'void') throw conflict('The incident has changed since this was proposed, so the proposal is void. Propose it again.')
  if (proposal.state !== 'open') throw conflict(`This proposal was already ${proposal.state}.`)
  return { incident, proposal }
}

/** @throws AppProblem forbidden unless the caller is another person than who proposed it, and leads or is the executive sponsor */
async function assertMayDecide(tx: Tx, caller: Caller, { incident, proposal }: LockedProposal): Promise<void> {
  await assertSecondPerson(tx, caller, [proposal.proposedById], 'A proposal must be decided by somebody other than the person who made it.')
  if (!includesRole(caller.role, 'lead') && !(await isExecutiveSponsor(tx, incident, caller)))
    throw forbidden('Only the executive sponsor or a lead can decide this.')
}

async function decide(tx: Tx, { id }: ProposalRow, state: 'approved' | 'rejected' | 'withdrawn', personId: string): Promise<void> {
  await tx.db.update(proposals).set({ state, decidedById: personId, decidedAt: tx.now }).where(eq(proposals.id, id))
}

/** Approves exactly what was proposed, and carries it out in the same transaction. */
export async function approveProposal(
  tx: Tx,
  context: AppContext,
  conditions: ClosingConditions,
  effects: DeclarationEffects,
  caller: Caller,
  incidentId: string,
  id: string,
  sha256: string,
): Promise<void> {
  const locked = await lockProposal(tx, context, caller, incidentId, id)
  const { incident, proposal } = locked
  await assertMayDecide(tx, caller, locked)
  if (sha256 !== digestOf(proposal)) throw invalid('sha256', 'must be that of this proposal. Read the incident again')
  await assertAsRecorded(context, tx, incidentId, proposalRecord(proposal))
  if (proposal.kind !== 'close') await separateLowering(tx, caller, incident)
  await decide(tx, proposal, 'approved', caller.personId)
  const { kind, change, reason } = proposal
  await record(tx, {
    ...{ actor: caller.actor, type: 'proposal.approved', subject: { kind: 'proposal', id }, within: incidentId },
    data: { kind, change, sha256 },
  })
  if (kind === 'close') await closeIncident(tx, context, conditions, caller, incidentId, { version: incident.version, reason }, true)
  if (kind === 'stand-down') await standDown(tx, context, conditions, effects, caller, incident, reason)
  if (kind === 'lower-class' && change.to.class !== undefined) await setClass(tx, effects, caller.actor, incident, { class: change.to.class, reason })
  if (kind === 'lower-severity' && change.to.criteria !== undefined) await setSeverity(tx, caller.actor, incident, change.to.criteria)
}

/** Rejects a proposal: the incident stays as it is. */
export async function rejectProposal(tx: Tx, context: AppContext, caller: Caller, incidentId: string, id: string, reason: string): Promise<void> {
  const locked = await lockProposal(tx, context, caller, incidentId, id)
  await assertMayDecide(tx, caller, locked)
  const { kind, change } = locked.proposal
  await decide(tx, locked.proposal, 'rejected', caller.personId)
  await record(tx, {
    ...{ actor: caller.actor, type: 'proposal.rejected', subject: { kind: 'proposal', id }, within: incidentId },
    data: { kind, change, reason },
  })
}

/** Withdraws a proposal: who made it does, or who leads the incident. */
export async function withdrawProposal(tx: Tx, context: AppContext, caller: Caller, incidentId: string, id: string): Promise<void> {
  const { incident, proposal } = await lockProposal(tx, context, caller, incidentId, id)
  assertPerson(caller, 'A proposal must be withdrawn')
  if (proposal.proposedById !== caller.personId) assertMayLead(caller, incident, 'withdraw the proposal of somebody else')
  const { kind, change } = proposal
  await decide(tx, proposal, 'withdrawn', caller.personId)
  await record(tx, {
    ...{ actor: caller.actor, type: 'proposal.withdrawn', subject: { kind: 'proposal', id }, within: incidentId },
    data: { kind, change },
  })
}
