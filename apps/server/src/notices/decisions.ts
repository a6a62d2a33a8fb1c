import { type delayGrounds, includesRole } from '@tocsin/api'
import { eq } from 'drizzle-orm'
import type { Caller, House } from '../identity/index.ts'
import { incidents, pageLead } from '../incidents/index.ts'
import { record, system } from '../journal/index.ts'
import { resolvePagesAbout } from '../oncall/index.ts'
import type { Tx } from '../platform/database.ts'
import { cancel, schedule } from '../platform/jobs.ts'
import { changedMeanwhile, conflict, forbidden, invalid } from '../platform/problems.ts'
import { lockDuty } from './notices.ts'
import { morningOf, openDuties, warnTopic } from './obligations.ts'
import { obligations } from './tables.ts'

export const reviewJob = 'notices.review-decision'
const reviewKey = (obligationId: string) => `decision:${obligationId}`

interface Proposal {
  readonly version: number
  readonly kind: 'delay' | 'not-notify'
  readonly ground: (typeof delayGrounds)[number]
  readonly statement: string
  readonly reviewOn: string
}

/** Proposes to delay a notice, or not to notify: with ground, statement and a date on which it is looked at again. */
export async function proposeDecision(tx: Tx, house: House, caller: Caller, obligationId: string, input: Proposal): Promise<void> {
  const { obligation, incident, customer } = await lockDuty(tx, house, caller, obligationId)
  if (obligation.version !== input.version) throw changedMeanwhile()
  if (obligation.state === 'met') throw conflict(`${customer.name} was notified already.`)
  if (input.reviewOn < tx.now.slice(0, 10)) throw invalid('reviewOn', 'must not lie in the past')
  await tx.db
    .update(obligations)
    .set({
      decisionKind: input.kind,
      decisionGround: input.ground,
      decisionStatement: input.statement,
      decisionReviewOn: input.reviewOn,
      decisionById: caller.personId,
      decisionApprovedById: null,
      // A new proposal replaces a decision: until it is approved the duty is open.
      state: obligation.startedAt === null ? 'prepared' : 'running',
      version: obligation.version + 1,
    })
    .where(eq(obligations.id, obligationId))
  const { version: _, ...data } = input
  await record(tx, {
    actor: caller.actor,
    type: 'decision.proposed',
    subject: { kind: 'obligation', id: obligationId },
    within: incident.id,
    data: { customer: customer.name, ...data },
  })
}

/** Approves it: somebody else than who proposed it, being the incident's executive or a lead. */
export async function approveDecision(tx: Tx, house: House, caller: Caller, obligationId: string, version: number): Promise<void> {
  const { obligation, incident, customer } = await lockDuty(tx, house, caller, obligationId)
  if (obligation.version !== version) throw changedMeanwhile()
  if (obligation.decisionKind === null || obligation.decisionReviewOn === null) throw conflict('Nothing was proposed.')
  if (obligation.decisionApprovedById !== null) throw conflict('This decision is approved already.')
  if (obligation.startedAt === null) throw conflict('The incident is not declared yet: there is no duty to decide on.')
  if (obligation.decisionById === caller.personId) throw forbidden('Somebody else than who proposed it approves a decision.')
  if (incident.executiveId !== caller.personId && !includesRole(caller.role, 'lead')) throw forbidden('The executive of the incident or a lead approves this.')
  await tx.db
    .update(obligations)
    .set({ decisionApprovedById: caller.personId, state: obligation.decisionKind === 'delay' ? 'delayed' : 'waived', version: obligation.version + 1 })
    .where(eq(obligations.id, obligationId))
  await schedule(tx, { kind: reviewJob, key: reviewKey(obligationId), runAt: morningOf(obligation.decisionReviewOn), data: { obligationId } })
  await record(tx, {
    actor: caller.actor,
    type: 'decision.approved',
    subject: { kind: 'obligation', id: obligationId },
    within: incident.id,
    data: { customer: customer.name, kind: obligation.decisionKind, ground: obligation.decisionGround, reviewOn: obligation.decisionReviewOn },
  })
  if ((await openDuties(tx, incident.id)).length === 0) await resolvePagesAbout(tx, house, system, incident.id, warnTopic)
}

/** Withdraws a decision: the duty is open again, on the clock that it always had. */
export async function withdrawDecision(tx: Tx, house: House, caller: Caller, obligationId: string): Promise<void> {
  const { obligation, incident, customer } = await lockDuty(tx, house, caller, obligationId)
  if (obligation.decisionKind === null || obligation.state === 'met') throw conflict('There is no decision to withdraw.')
  await tx.db
    .update(obligations)
    .set({
      decisionKind: null,
      decisionGround: null,
      decisionStatement: null,
      decisionReviewOn: null,
      decisionById: null,
      decisionApprovedById: null,
      state: obligation.startedAt === null ? 'prepared' : 'running',
      version: obligation.version + 1,
    })
    .where(eq(obligations.id, obligationId))
  await cancel(tx, reviewKey(obligationId))
  await record(tx, {
    actor: caller.actor,
    type: 'decision.withdrawn',
    subject: { kind: 'obligation', id: obligationId },
    within: incident.id,
    data: { customer: customer.name },
  })
}

/** The day of review has come: the lead is paged to look at the decision again. */
export async function reviewDecision(tx: Tx, house: House, obligationId: string): Promise<void> {
  const [found] = await tx.db
    .select({ obligation: obligations, incident: incidents })
    .from(obligations)
    .innerJoin(incidents, eq(incidents.id, obligations.incidentId))
    .where(eq(obligations.id, obligationId))
  if (!found || (found.obligation.state !== 'delayed' && found.obligation.state !== 'waived')) return
  const { obligation, incident } = found
  await record(tx, {
    actor: system,
    type: 'decision.due',
    subject: { kind: 'obligation', id: obligationId },
    within: incident.id,
    data: { kind: obligation.decisionKind, reviewOn: obligation.decisionReviewOn },
  })
  await pageLead(tx, house, incident, {
    topic: `decision ${obligationId}`,
    title: `Incident ${incident.number}: a decision on a notice is due for review`,
    summary: `It was decided ${obligation.decisionKind === 'delay' ? 'to delay a notice' : 'not to notify'} until it is looked at again today: notify, or decide anew.`,
  })
}
