import { includesRole, type reasonCategories } from '@tocsin/api'
import { digest } from '@tocsin/merkle'
import { and, eq } from 'drizzle-orm'
import { type AppContext, assertPerson, type Caller } from '../access/index.ts'
import { customers } from '../directory/index.ts'
import { incidents, isExecutiveSponsor, pageLead } from '../incidents/index.ts'
import { assertAsRecorded, record, system } from '../journal/index.ts'
import type { Tx } from '../kernel/database.ts'
import { cancel, schedule } from '../kernel/jobs/schedule.ts'
import { changedMeanwhile, conflict, forbidden, invalid } from '../kernel/problems.ts'
import { assertSecondPerson } from '../notify/index.ts'
import { resolvePagesAbout } from '../paging/index.ts'
import { lockObligation } from './notices.ts'
import { morningOf, type ObligationRow, recordMissed, resolveWarnings, warnAnew } from './obligations.ts'
import { obligationRecord } from './records.ts'
import { notices, obligations } from './tables.ts'
import { reviewJob, reviewKey, reviewTopic } from './timers.ts'

interface Proposal {
  readonly version: number
  readonly kind: 'defer' | 'waive'
  readonly reasonCategory: (typeof reasonCategories)[number]
  readonly reason: string
  readonly reviewOn: string
}

/** Proposes to defer or waive a notification: with reason category, reason and review date. */
export async function proposeDecision(tx: Tx, context: AppContext, caller: Caller, obligationId: string, input: Proposal): Promise<void> {
  const { obligation, incident, customer } = await lockObligation(tx, context, caller, obligationId)
  assertPerson(caller, 'A deferral or waiver must be proposed')
  if (obligation.version !== input.version) throw changedMeanwhile()
  await assertUnanswered(tx, obligation, customer.name)
  if (input.reviewOn < tx.now.slice(0, 10)) throw invalid('reviewOn', 'must not be in the past')
  await tx.db
    .update(obligations)
    .set({
      decisionKind: input.kind,
      decisionReasonCategory: input.reasonCategory,
      decisionReason: input.reason,
      decisionReviewOn: input.reviewOn,
      decisionById: caller.personId,
      decisionApprovedById: null,
      // A new proposal replaces a decision: until it is approved the obligation is due.
      state: obligation.startedAt === null ? 'pending' : 'due',
      version: obligation.version + 1,
    })
    .where(eq(obligations.id, obligationId))
  await resolvePagesAbout(tx, context, caller.actor, incident.id, reviewTopic(obligationId))
  if (isAnswered(obligation)) {
    await cancel(tx, reviewKey(obligationId))
    await warnAnew(tx, obligation)
  }
  const { version: _, ...data } = input
  await record(tx, {
    actor: caller.actor,
    type: 'decision.proposed',
    subject: { kind: 'obligation', id: obligationId },
    within: incident.id,
    data: { customer: customer.name, ...data },
  })
}

/** The decision about an obligation, as it was proposed last; undefined where there is none. */
function decisionOf(obligation: ObligationRow): Omit<Proposal, 'version'> | undefined {
  const { decisionKind: kind, decisionReasonCategory: reasonCategory, decisionReason: reason, decisionReviewOn: reviewOn } = obligation
  if (kind === null || reasonCategory === null || reason === null || reviewOn === null) return undefined
  return { kind, reasonCategory, reason, reviewOn }
}

/** A decision stands in the place of the notification: nobody is warned. */
const isAnswered = ({ state }: ObligationRow) => state === 'deferred' || state === 'waived'

/** What was met stays met, and what leaves now meets it in a moment: neither can be deferred or waived any more. */
async function assertUnanswered(tx: Tx, obligation: ObligationRow, customer: string): Promise<void> {
  if (obligation.state === 'notified') throw conflict(`${customer} was already notified.`)
  const [sending] = await tx.db
    .select({ id: notices.id })
    .from(notices)
    .where(and(eq(notices.obligationId, obligation.id), eq(notices.state, 'sending')))
    .limit(1)
  if (sending) throw conflict(`A notice to ${customer} is being sent now.`)
}

/** Approves it: somebody else than who proposed it, being the incident's executive or a lead. */
export async function approveDecision(tx: Tx, context: AppContext, caller: Caller, obligationId: string, version: number): Promise<void> {
  const { obligation, incident, customer } = await lockObligation(tx, context, caller, obligationId)
  if (obligation.version !== version) throw changedMeanwhile()
  const decision = decisionOf(obligation)
  if (decision === undefined) throw conflict('There is no proposed deferral or waiver.')
  if (obligation.decisionApprovedById !== null) throw conflict('This decision is already approved.')
  if (obligation.startedAt === null) throw conflict('The incident is not declared yet, so no notification is due.')
  await assertUnanswered(tx, obligation, customer.name)
  if (decision.reviewOn < tx.now.slice(0, 10)) throw conflict('The review date has passed. Propose the decision again with a new date.')
  await assertSecondPerson(tx, caller, [obligation.decisionById], 'A decision must be approved by somebody other than the person who proposed it.')
  if (!includesRole(caller.role, 'lead') && !(await isExecutiveSponsor(tx, incident, caller)))
    throw forbidden('Only the executive sponsor or a lead can approve this.')
  await assertAsRecorded(context, tx, incident.id, obligationRecord(obligation))
  // A waiver does not undo a deadline that has passed.
  await recordMissed(tx, eq(obligations.id, obligationId))
  await tx.db
    .update(obligations)
    .set({ decisionApprovedById: caller.personId, state: obligation.decisionKind === 'defer' ? 'deferred' : 'waived', version: obligation.version + 1 })
    .where(eq(obligations.id, obligationId))
  await schedule(tx, { kind: reviewJob, key: reviewKey(obligationId), runAt: morningOf(decision.reviewOn), data: { obligationId } })
  await record(tx, {
    actor: caller.actor,
    type: 'decision.approved',
    subject: { kind: 'obligation', id: obligationId },
    within: incident.id,
    data: { customer: customer.name, ...decision, sha256: digest(decision) },
  })
  await resolveWarnings(tx, context, obligation)
}

/** Withdraws a decision: the obligation is due again, with its original deadline. */
export async function withdrawDecision(tx: Tx, context: AppContext, caller: Caller, obligationId: string): Promise<void> {
  const { obligation, incident, customer } = await lockObligation(tx, context, caller, obligationId)
  if (obligation.decisionKind === null || obligation.state === 'notified') throw conflict('There is no deferral or waiver to withdraw.')
  await tx.db
    .update(obligations)
    .set({
      decisionKind: null,
      decisionReasonCategory: null,
      decisionReason: null,
      decisionReviewOn: null,
      decisionById: null,
      decisionApprovedById: null,
      state: obligation.startedAt === null ? 'pending' : 'due',
      version: obligation.version + 1,
    })
    .where(eq(obligations.id, obligationId))
  await cancel(tx, reviewKey(obligationId))
  await resolvePagesAbout(tx, context, caller.actor, incident.id, reviewTopic(obligationId))
  if (isAnswered(obligation)) await warnAnew(tx, obligation)
  await record(tx, {
    actor: caller.actor,
    type: 'decision.withdrawn',
    subject: { kind: 'obligation', id: obligationId },
    within: incident.id,
    data: { customer: customer.name, kind: obligation.decisionKind },
  })
}

/** The day of review has come: the lead is paged to look at the decision again. */
export async function reviewDecision(tx: Tx, context: AppContext, obligationId: string): Promise<void> {
  const [found] = await tx.db
    .select({ obligation: obligations, incident: incidents, customer: customers.name })
    .from(obligations)
    .innerJoin(incidents, eq(incidents.id, obligations.incidentId))
    .innerJoin(customers, eq(customers.id, obligations.customerId))
    .where(eq(obligations.id, obligationId))
  if (!found || !isAnswered(found.obligation)) return
  const { obligation, incident, customer } = found
  const decision = decisionOf(obligation)
  if (decision === undefined) return
  await record(tx, {
    actor: system,
    type: 'decision.due',
    subject: { kind: 'obligation', id: obligationId },
    within: incident.id,
    data: { customer, kind: decision.kind, reviewOn: decision.reviewOn },
  })
  await pageLead(tx, context, incident, {
    topic: reviewTopic(obligationId),
    brief: 'review of a notification decision due',
    title: `Incident ${incident.number}: review of a notification decision is due`,
    summary: `The notification of ${customer} was ${decision.kind === 'defer' ? 'deferred' : 'waived'}, with a review today. Notify the customer, or make a new decision.`,
  })
}
