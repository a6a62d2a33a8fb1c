import { isDeepStrictEqual } from 'node:util'
import type { Review } from '@tocsin/api'
import { digest } from '@tocsin/merkle'
import { and, desc, eq } from 'drizzle-orm'
import { type AppContext, type Caller, findPerson, type Viewer } from '../access/index.ts'
import { alertsOfIncident } from '../alerts/index.ts'
import { findIncident, type IncidentRow, lockOpenIncident, separateFinishing, wholeTimeline } from '../incidents/index.ts'
import { assertAsRecorded, lastEntryAbout, record } from '../journal/index.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { changedMeanwhile, conflict, notFound } from '../kernel/problems.ts'
import { insertFollowUp, selectFollowUps } from './follow-ups.ts'
import { reviewRecord } from './records.ts'
import { requirementOf } from './requirement.ts'
import { sequenceOf } from './sequence.ts'
import { type Finding, followUps, reviews } from './tables.ts'

type ReviewRow = typeof reviews.$inferSelect

/** The reviews of an incident, that of the latest round first: at most as many as are shown. */
const reviewsOf = (reader: Reader, incidentId: string): Promise<ReviewRow[]> =>
  reader.db
    .select()
    .from(reviews)
    .where(eq(reviews.incidentId, incidentId))
    .orderBy(desc(reviews.round))
    .limit(maxRounds + 1)
const maxRounds = 20

/** True for a review that is of this round of the incident: one that was not finished before goes on in it. */
const isCurrent = (review: ReviewRow, { round }: IncidentRow) => review.round === round || review.state === 'draft'

/** What prevents closing the incident: a review, or the supplement to it for this round, that is required and not finished. */
export async function missingReview(reader: Reader, incident: IncidentRow): Promise<string[]> {
  const requirement = incident.declaredAt === null ? undefined : await requirementOf(reader, incident)
  if (requirement === undefined) return []
  const [review] = await reviewsOf(reader, incident.id)
  if (review?.state === 'finished' && isCurrent(review, incident)) return []
  const what = review && !isCurrent(review, incident) ? 'supplement to the review, for what happened since the incident was reopened,' : 'review'
  return [`The required ${what} is not finished. ${requirement.reason}`]
}

async function toReview(reader: Reader, context: AppContext, viewer: Viewer, row: ReviewRow): Promise<Review> {
  const finishedBy = row.finishedById === null ? undefined : await findPerson(reader, row.finishedById)
  return {
    id: row.id,
    incidentId: row.incidentId,
    round: row.round,
    state: row.state,
    sequence: row.sequence,
    findings: row.findings,
    followUps: await selectFollowUps(reader, context, viewer, eq(followUps.reviewId, row.id)),
    finishedBy: finishedBy?.name ?? null,
    finishedAt: row.finishedAt,
    version: row.version,
  }
}

/** The review of this round of an incident, if it was started, and whether it is required; and those of the rounds before. */
export async function readReviewOf(
  reader: Reader,
  context: AppContext,
  viewer: Viewer,
  incidentId: string,
): Promise<{ review: Review | null; earlier: Review[]; isRequired: boolean; because: string }> {
  const incident = await findIncident(reader, context, viewer, incidentId)
  const requirement = await requirementOf(reader, incident)
  const isDeclared = incident.declaredAt !== null
  const rows = await reviewsOf(reader, incidentId)
  const row = rows.find(each => isCurrent(each, incident))
  const earlier: Review[] = []
  for (const each of rows) if (each !== row && earlier.length < maxRounds) earlier.push(await toReview(reader, context, viewer, each))
  return {
    review: row ? await toReview(reader, context, viewer, row) : null,
    earlier,
    isRequired: requirement !== undefined && isDeclared,
    because:
      requirement === undefined
        ? 'No affected customers or data are recorded, so a review is optional.'
        : `${requirement.reason}${isDeclared ? '' : ' Once it is declared, it needs a review before it can be closed.'}`,
  }
}

/** Starts the review of this round. The sequence of events is taken from the timeline, of a supplement from the reopening on, to be told better. */
export async function startReview(tx: Tx, context: AppContext, caller: Caller, incidentId: string): Promise<Review> {
  const { round } = await lockOpenIncident(tx, context, caller, incidentId)
  const timeline = await wholeTimeline(tx, context, caller, incidentId, await alertsOfIncident(tx, context, caller, incidentId))
  const reopened = round === 1 ? 0 : timeline.findLastIndex(({ type }) => type === 'incident.reopened')
  const sequence = sequenceOf(timeline.slice(Math.max(reopened, 0)))
  const [row] = await tx.db.insert(reviews).values({ id: newId(), incidentId, round, state: 'draft', sequence, findings: [] }).onConflictDoNothing().returning()
  if (!row) throw conflict('The review was already started.')
  await record(tx, { actor: caller.actor, type: 'review.started', subject: { kind: 'review', id: row.id }, within: incidentId, data: { sequence, round } })
  return toReview(tx, context, caller, row)
}

/** @returns the review, locked, and the round that its incident is in */
async function lockReview(tx: Tx, context: AppContext, caller: Caller, id: string, version?: number): Promise<ReviewRow & { readonly incident: IncidentRow }> {
  const [found] = await tx.db
    .select({ incidentId: reviews.incidentId })
    .from(reviews)
    .where(and(eq(reviews.id, id), context.visibility.condition(caller, reviews.incidentId)))
  if (!found) throw notFound('review')
  const incident = await lockOpenIncident(tx, context, caller, found.incidentId)
  const [review] = await tx.db.select().from(reviews).where(eq(reviews.id, id)).for('update')
  if (!review) throw notFound('review')
  if (version !== undefined && review.version !== version) throw changedMeanwhile()
  return { ...review, incident }
}

function assertDraft(review: ReviewRow): void {
  if (review.state === 'finished') throw conflict('This review is finished and cannot be changed.')
}

async function saved(tx: Tx, context: AppContext, caller: Caller, id: string): Promise<Review> {
  const [row] = await tx.db.select().from(reviews).where(eq(reviews.id, id))
  if (!row) throw notFound('review')
  return toReview(tx, context, caller, row)
}

/** Writes the sequence of events and the findings. */
export async function saveReview(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  id: string,
  input: { version: number; sequence: string; findings: readonly Omit<Finding, 'id'>[] },
): Promise<Review> {
  const review = await lockReview(tx, context, caller, id, input.version)
  assertDraft(review)
  const was = review.findings.map(({ id: _, ...finding }) => finding)
  if (review.sequence === input.sequence && isDeepStrictEqual(was, input.findings)) return toReview(tx, context, caller, review)
  const findings = input.findings.map(finding => ({ id: newId(), ...finding }))
  await tx.db
    .update(reviews)
    .set({ sequence: input.sequence, findings, version: review.version + 1 })
    .where(eq(reviews.id, id))
  await record(tx, {
    actor: caller.actor,
    type: 'review.saved',
    subject: { kind: 'review', id },
    within: review.incidentId,
    data: { sequence: input.sequence, findings },
  })
  return saved(tx, context, caller, id)
}

/** Finishes the review: it tells what happened and has found something. It is of the round in which it is finished. */
export async function finishReview(tx: Tx, context: AppContext, caller: Caller, id: string, version: number): Promise<Review> {
  const { incident, ...review } = await lockReview(tx, context, caller, id, version)
  const { round } = incident
  assertDraft(review)
  if (review.findings.length === 0) throw conflict('Add at least one contributing factor first.')
  await separateFinishing(tx, caller, incident, (await lastEntryAbout(tx, { kind: 'review', id }, 'review.saved'))?.actor)
  await assertAsRecorded(context, tx, review.incidentId, reviewRecord(review))
  await tx.db
    .update(reviews)
    .set({ state: 'finished', round, finishedById: caller.personId, finishedAt: tx.now, version: review.version + 1 })
    .where(eq(reviews.id, id))
  await record(tx, {
    actor: caller.actor,
    type: 'review.finished',
    subject: { kind: 'review', id },
    within: review.incidentId,
    data: { findings: review.findings.length, sha256: digest({ sequence: review.sequence, findings: review.findings }), round },
  })
  return saved(tx, context, caller, id)
}

/** Adds a follow-up action to a review, also to one that is finished. */
export async function addFollowUp(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  reviewId: string,
  input: { title: string; ownerId: string; dueOn: string },
): Promise<Review> {
  const review = await lockReview(tx, context, caller, reviewId)
  await insertFollowUp(tx, context, caller, review, input)
  return saved(tx, context, caller, reviewId)
}
