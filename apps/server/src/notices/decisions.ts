import { includesRole, type reasonCategories } from '@tocsin/api'
import { digest } from '@tocsin/merkle'
import { and, eq } from 'drizzle-orm'
import { type AppContext, assertPerson, type Caller } from '../access/index.ts'
import { type IncidentRow, isExecutiveSponsor } from '../incidents/index.ts'
import { assertAsRecorded, record } from '../journal/index.ts'
import { addDays } from '../kernel/clock.ts'
import type { Tx } from '../kernel/database.ts'
import { changedMeanwhile, conflict, forbidden, invalid } from '../kernel/problems.ts'
import { assertSecondPerson } from '../notify/index.ts'
import { morningOf, noDecision, type ObligationRow, plan, recordMissed, resolveCalls, resolveReviews } from './clocks.ts'
import { assertNotJoined, joinObligations } from './joined.ts'
import { lockObligation } from './notices.ts'
import { obligationRecord } from './records.ts'
import { notices, obligations } from './tables.ts'

/** A decision is looked at again after this many days at the latest: what is put off for ever would be forgotten. */
const maxReviewDays = 366

/** Without a customer a decision is about who is affected: a waiver says that nobody needs to be notified. */
const nameOf = (customer: { readonly name: string } | null) => customer?.name ?? ''

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
  await assertNotJoined(tx, obligation, nameOf(customer))
  await assertUnanswered(tx, obligation, nameOf(customer))
  if (input.reasonCategory === 'not-affected' && input.kind === 'defer')
    throw invalid('reasonCategory', 'must be another one to defer a notice: who is not affected needs none. Waive it instead')
  if (morningOf(input.reviewOn) <= tx.now) throw invalid('reviewOn', 'must be a later day: the decision is reviewed at 09:00 UTC of it')
  if (morningOf(input.reviewOn) > addDays(tx.now, maxReviewDays))
    throw invalid('reviewOn', `must be within ${maxReviewDays} days: until then nobody is reminded. Propose it again on that day if it still holds`)
  const proposed = await tx.db
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
    .returning()
  await resolveReviews(tx, context, caller.actor, incident.id)
  if (isAnswered(obligation)) await plan(tx, incident.id, proposed)
  const { version: _, ...data } = input
  await record(tx, {
    actor: caller.actor,
    type: 'decision.proposed',
    subject: { kind: 'obligation', id: obligationId },
    within: incident.id,
    data: { customer: nameOf(customer), ...data },
  })
  if (isAnswered(obligation)) await joinObligations(tx, context, [incident.id])
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
  if (obligation.state === 'ended') throw conflict('Nothing is owed here any more.')
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
  await assertNotJoined(tx, obligation, nameOf(customer))
  await assertUnanswered(tx, obligation, nameOf(customer))
  if (morningOf(decision.reviewOn) <= tx.now) throw conflict('The review date has passed. Propose the decision again with a new date.')
  await assertMayDecide(tx, caller, incident, obligation, 'approved')
  await assertAsRecorded(context, tx, incident.id, obligationRecord(obligation))
  // A waiver does not undo a deadline that has passed.
  await recordMissed(tx, eq(obligations.id, obligationId))
  const approved = await tx.db
    .update(obligations)
    .set({ decisionApprovedById: caller.personId, state: obligation.decisionKind === 'defer' ? 'deferred' : 'waived', version: obligation.version + 1 })
    .where(eq(obligations.id, obligationId))
    .returning()
  await plan(tx, incident.id, approved)
  await record(tx, {
    actor: caller.actor,
    type: 'decision.approved',
    subject: { kind: 'obligation', id: obligationId },
    within: incident.id,
    data: { customer: nameOf(customer), ...decision, sha256: digest(decision) },
  })
  await resolveCalls(tx, context, incident.id)
  // It is about this incident alone: what linked ones owe is due by their own deadlines.
  await joinObligations(tx, context, [incident.id])
}

/** Who proposed a decision does not decide about it; the incident's executive sponsor does, or a lead. */
async function assertMayDecide(tx: Tx, caller: Caller, incident: IncidentRow, { decisionById }: ObligationRow, done: 'approved' | 'rejected'): Promise<void> {
  await assertSecondPerson(tx, caller, [decisionById], `A decision must be ${done} by somebody other than the person who proposed it.`)
  if (!includesRole(caller.role, 'lead') && !(await isExecutiveSponsor(tx, incident, caller)))
    throw forbidden(`Only the executive sponsor or a lead can ${done === 'approved' ? 'approve' : 'reject'} this.`)
}

/** Rejects a proposed decision, with the reason: the obligation is due as before, and another decision can be proposed. */
export async function rejectDecision(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  obligationId: string,
  { version, reason }: { readonly version: number; readonly reason: string },
): Promise<void> {
  const { obligation, incident, customer } = await lockObligation(tx, context, caller, obligationId)
  if (obligation.version !== version) throw changedMeanwhile()
  const decision = decisionOf(obligation)
  if (decision === undefined) throw conflict('There is no proposed deferral or waiver.')
  if (obligation.decisionApprovedById !== null) throw conflict('This decision is already approved. A lead can withdraw it.')
  await assertMayDecide(tx, caller, incident, obligation, 'rejected')
  await tx.db
    .update(obligations)
    .set({ ...noDecision, version: obligation.version + 1 })
    .where(eq(obligations.id, obligationId))
  await record(tx, {
    actor: caller.actor,
    type: 'decision.rejected',
    subject: { kind: 'obligation', id: obligationId },
    within: incident.id,
    data: { customer: nameOf(customer), kind: decision.kind, reason },
  })
}

/** Withdraws a decision: the obligation is due again, with its original deadline. */
export async function withdrawDecision(tx: Tx, context: AppContext, caller: Caller, obligationId: string): Promise<void> {
  const { obligation, incident, customer } = await lockObligation(tx, context, caller, obligationId)
  if (obligation.decisionKind === null || obligation.state === 'notified' || obligation.state === 'ended')
    throw conflict('There is no deferral or waiver to withdraw.')
  const withdrawn = await tx.db
    .update(obligations)
    .set({ ...noDecision, state: obligation.startedAt === null ? 'pending' : 'due', version: obligation.version + 1 })
    .where(eq(obligations.id, obligationId))
    .returning()
  await resolveReviews(tx, context, caller.actor, incident.id)
  if (isAnswered(obligation)) await plan(tx, incident.id, withdrawn)
  await record(tx, {
    actor: caller.actor,
    type: 'decision.withdrawn',
    subject: { kind: 'obligation', id: obligationId },
    within: incident.id,
    data: { customer: nameOf(customer), kind: obligation.decisionKind },
  })
  await joinObligations(tx, context, [incident.id])
}
