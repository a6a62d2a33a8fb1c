import { isDeepStrictEqual } from 'node:util'
import { type FollowUp, maxSequenceLength, type Review, type TimelineEntry } from '@tocsin/api'
import { verifiedOfFollowUp } from '@tocsin/events/fold'
import { digest } from '@tocsin/merkle'
import { and, asc, desc, eq, inArray, ne, type SQL, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import { z } from 'zod'
import { type AppContext, assertPeople, type Caller, findPerson, people, peopleBehind, type Viewer } from '../access/index.ts'
import { alertsOfIncident } from '../alerts/index.ts'
import {
  assertNoSuspects,
  findIncident,
  type IncidentRow,
  incidentCustomers,
  incidents,
  lockOpenIncident,
  separateFinishing,
  wholeTimeline,
} from '../incidents/index.ts'
import { assertAsRecorded, changedSince, entriesAbout, lastEntryAbout, record, system } from '../journal/index.ts'
import type { Instant } from '../kernel/clock.ts'
import { listCursor } from '../kernel/cursor.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { clocksLane, defineJob } from '../kernel/jobs/lanes.ts'
import { schedule } from '../kernel/jobs/schedule.ts'
import { changedMeanwhile, conflict, notFound } from '../kernel/problems.ts'
import { assertSecondPerson, restrictedName } from '../notify/index.ts'
import { condense, rankOf } from './condense.ts'
import { followUpRecord, reviewRecord } from './records.ts'
import { type Finding, followUps, type requiringRules, reviewRequirements, reviews } from './tables.ts'

/** So many people are reminded in place of one who has left. */
const maxReminded = 10

type ReviewRow = typeof reviews.$inferSelect
export const dueJob = defineJob({ kind: 'reviews.follow-up-due', lane: clocksLane, data: z.object({ followUpId: z.uuid() }) })

/** Of the rules in `requirementOf`. One more whenever another incident may require a review: entries record which version was used. */
const ruleVersion = 2

type Rule = (typeof requiringRules)[number]
interface Requirement {
  readonly rule: Rule
  readonly reason: string
}

const reasons: Readonly<Record<Rule, string>> = {
  'customer-reportable': 'The incident is customer-reportable.',
  'privacy-breach': 'The incident is a privacy breach.',
  'affected-data': 'The incident affected customer or personal data.',
  'affected-customers': 'The incident affects customers.',
  'notified-in-error': 'Customers were notified of an incident that was declared in error.',
}
/** Of what an incident was since its declaration, and is not any more. */
const earlierReasons: Readonly<Record<Rule, string>> = {
  ...reasons,
  'customer-reportable': 'The incident was customer-reportable.',
  'privacy-breach': 'The incident was a privacy breach.',
  'affected-data': 'Customer or personal data counted as affected.',
  'affected-customers': 'The incident affected customers.',
}

/** The rule by which an incident needs a review as it is now: it touches customers, or is a breach of data. */
async function ruleOf(reader: Reader, incident: IncidentRow): Promise<Rule | undefined> {
  if (incident.class === 'customer-reportable' || incident.class === 'privacy-breach') return incident.class
  if (incident.dataTouched.customerData === 'yes' || incident.dataTouched.personalData === 'yes') return 'affected-data'
  const affected = await reader.db
    .select({ id: incidentCustomers.customerId })
    .from(incidentCustomers)
    .where(eq(incidentCustomers.incidentId, incident.id))
    .limit(1)
  return affected.length > 0 ? 'affected-customers' : undefined
}

/**
 * Why an incident needs a review before it closes, once it is declared; undefined when it does not. What it was since its declaration counts, by the audit log: lowering the
 * class takes no review away. One that was declared in error needs none, unless customers were told.
 */
async function requirementOf(reader: Reader, incident: IncidentRow): Promise<Requirement | undefined> {
  const subject = { kind: 'incident', id: incident.id } as const
  if (incident.stoodDownAt !== null) {
    const stoodDown = await lastEntryAbout(reader, subject, 'incident.stood-down')
    return stoodDown && stoodDown.data.notified > 0 ? { rule: 'notified-in-error', reason: reasons['notified-in-error'] } : undefined
  }
  const rule = await ruleOf(reader, incident)
  if (rule !== undefined) return { rule, reason: reasons[rule] }
  if (incident.declaredAt === null) return undefined
  const required = await lastEntryAbout(reader, subject, 'review.required')
  return required && { rule: required.data.rule, reason: earlierReasons[required.data.rule] }
}

/**
 * Puts on record that an incident requires a review from now on, with the rule that requires it: in the transaction that declares it, or changes what the rules
 * look at. Once, however the reasons change.
 */
export async function followRequirement(tx: Tx, incident: IncidentRow): Promise<void> {
  const requirement = incident.declaredAt === null ? undefined : await requirementOf(tx, incident)
  if (requirement === undefined) {
    await tx.db.delete(reviewRequirements).where(eq(reviewRequirements.incidentId, incident.id))
    return
  }
  const { rule, reason } = requirement
  const added = await tx.db
    .insert(reviewRequirements)
    .values({ incidentId: incident.id, rule })
    .onConflictDoNothing()
    .returning({ rule: reviewRequirements.rule })
  if (added.length === 0) return
  await record(tx, {
    ...{ actor: system, type: 'review.required', subject: { kind: 'incident', id: incident.id }, within: incident.id },
    data: { rule, ruleVersion, reason },
  })
}

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

const owner = alias(people, 'owner')
const verifier = alias(people, 'verifier')

const cursor = listCursor('followUps', z.tuple([z.iso.date(), z.uuid()]))

async function selectFollowUps(reader: Reader, context: AppContext, viewer: Viewer, condition: SQL | undefined, limit?: number): Promise<FollowUp[]> {
  const asked = reader.db
    .select({ followUp: followUps, incident: incidents, owner: owner.name, verifiedBy: verifier.name })
    .from(followUps)
    .innerJoin(incidents, eq(incidents.id, followUps.incidentId))
    .innerJoin(owner, eq(owner.id, followUps.ownerId))
    .leftJoin(verifier, eq(verifier.id, followUps.verifiedById))
    .where(and(condition, context.visibility.condition(viewer, followUps.incidentId)))
    .orderBy(asc(followUps.dueOn), asc(followUps.id))
  const rows = limit === undefined ? await asked : await asked.limit(limit)
  return rows.map(({ followUp, incident, owner: ownerName, verifiedBy }) => ({
    id: followUp.id,
    incident: { id: incident.id, number: incident.number },
    title: followUp.title,
    owner: { id: followUp.ownerId, name: ownerName },
    dueOn: followUp.dueOn,
    state: followUp.state,
    evidence: followUp.evidence,
    verifiedBy,
    isOverdue: followUp.state !== 'verified' && followUp.dueOn < reader.now.slice(0, 10),
    version: followUp.version,
  }))
}

/** One page of the follow-up actions, earliest due date first; open ones are not yet verified effective. */
export async function listFollowUps(
  reader: Reader,
  context: AppContext,
  viewer: Viewer,
  query: { view: 'open' | 'all'; limit: number; cursor?: string | undefined; updatedSince?: Instant | undefined },
): Promise<{ items: FollowUp[]; next: string | null }> {
  const after = cursor.read(query.cursor)
  const condition = and(
    query.view === 'open' ? ne(followUps.state, 'verified') : undefined,
    changedSince(followUps.id, query.updatedSince),
    after && sql`(${followUps.dueOn}, ${followUps.id}) > (${after[0]}::date, ${after[1]}::uuid)`,
  )
  const rows = await selectFollowUps(reader, context, viewer, condition, query.limit + 1)
  return cursor.page(rows, query.limit, followUp => [followUp.dueOn, followUp.id])
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

/** Characters that the line which counts what was left out may take. */
const countLength = 100

const lineOf = ({ at, by, sentence, reason }: TimelineEntry) =>
  `- ${at.slice(0, 16).replace('T', ' ')} UTC, ${by}: ${sentence}${reason === null ? '' : ` — ${reason.split('\n').join(' ')}`}`

/**
 * A timeline as text, a line for each entry. Of one that is longer than a review can hold, repeated entries are joined; when that is not enough,
 * milestones and decisions come before other work, and that before pages, as far as whole lines fit. A last line counts the rest.
 */
export function sequenceOf(timeline: readonly TimelineEntry[]): string {
  const whole = timeline.map(lineOf).join('\n')
  if (whole.length <= maxSequenceLength) return whole
  const lines = condense(timeline).map(entry => ({ text: lineOf(entry), rank: rankOf(entry), count: entry.count, place: entry.place }))
  const joined = lines.map(line => line.text).join('\n')
  if (joined.length <= maxSequenceLength) return joined
  const kept = new Set<number>()
  let length = countLength
  for (const { text, place } of lines.toSorted((a, b) => a.rank - b.rank || a.place - b.place)) {
    if (length + text.length + 1 > maxSequenceLength) continue
    length += text.length + 1
    kept.add(place)
  }
  const missing = lines.filter(line => !kept.has(line.place)).reduce((sum, line) => sum + line.count, 0)
  const isTail = lines.slice(0, kept.size).every(line => kept.has(line.place))
  const texts = lines.filter(line => kept.has(line.place)).map(line => line.text)
  return [...texts, `- Not included for length: ${isTail ? 'the last ' : ''}${missing} of ${timeline.length} entries of the timeline.`].join('\n')
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

/** Adds a follow-up action. Its owner is reminded on the day it is due, until it is verified effective. */
export async function addFollowUp(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  reviewId: string,
  input: { title: string; ownerId: string; dueOn: string },
): Promise<Review> {
  const review = await lockReview(tx, context, caller, reviewId)
  await assertOwner(tx, context, review.incidentId, input.ownerId)
  const id = newId()
  await tx.db.insert(followUps).values({ ...input, id, reviewId, incidentId: review.incidentId, state: 'open' })
  await remindOn(tx, id, input.dueOn)
  await record(tx, { actor: caller.actor, type: 'follow-up.added', subject: { kind: 'follow-up', id }, within: review.incidentId, data: { ...input } })
  return saved(tx, context, caller, reviewId)
}

async function assertOwner(tx: Tx, context: AppContext, incidentId: string, personId: string): Promise<void> {
  await assertPeople(tx, [personId], 'ownerId')
  await assertNoSuspects(tx, context, incidentId, [personId], 'ownerId')
}

async function remindOn(tx: Tx, id: string, day: string): Promise<void> {
  await schedule(tx, { kind: dueJob, key: `follow-up:${id}`, runAt: `${day}T09:00:00.000Z`, data: { followUpId: id } })
}

interface Look {
  readonly version: number
  readonly state: 'open' | 'done' | 'verified'
  readonly reason: string
  readonly dueOn?: string | undefined
  readonly ownerId?: string | undefined
}

/** Whoever said that a follow-up action is done, since it was open last. */
async function doersOf(tx: Tx, id: string): Promise<string[]> {
  const entries = await entriesAbout(tx, id, ['follow-up.updated'])
  const since = entries.slice(entries.findLastIndex(entry => entry.type === 'follow-up.updated' && entry.data.state === 'open') + 1)
  return peopleBehind(
    tx,
    since.map(({ actor }) => actor),
  )
}

/** Updates a follow-up action: still open (with a new date, or another owner), done, or verified effective, which somebody other than its owner does. */
export async function updateFollowUp(tx: Tx, context: AppContext, caller: Caller, id: string, look: Look): Promise<FollowUp> {
  const [found] = await tx.db
    .select()
    .from(followUps)
    .where(and(eq(followUps.id, id), context.visibility.condition(caller, followUps.incidentId)))
    .for('update')
  if (!found) throw notFound('follow-up')
  if (found.version !== look.version) throw changedMeanwhile()
  if (found.state === 'verified') throw conflict('This follow-up action is already verified as effective. Add another one for anything that is still missing.')
  if (look.state === 'verified' && found.state !== 'done') throw conflict('Mark the follow-up action as done before verifying its effectiveness.')
  if (look.state === 'verified') {
    const doers = await doersOf(tx, id)
    await assertSecondPerson(
      tx,
      caller,
      [found.ownerId, ...doers],
      'Effectiveness must be verified by somebody other than the owner, and than who said that it is done.',
    )
  }
  if (look.state === 'verified') await assertAsRecorded(context, tx, found.incidentId, followUpRecord(found))
  const dueOn = look.dueOn ?? found.dueOn
  const ownerId = look.ownerId ?? found.ownerId
  const isReassigned = ownerId !== found.ownerId
  // Otherwise an owner could give it away and verify it.
  if (isReassigned && look.state !== 'open') throw conflict('Only an open follow-up action can be given to another owner. Keep it open, or reopen it first.')
  if (isReassigned) await assertOwner(tx, context, found.incidentId, ownerId)
  const [after, before] = isReassigned ? [await findPerson(tx, ownerId), await findPerson(tx, found.ownerId)] : []
  await tx.db
    .update(followUps)
    .set({
      state: look.state,
      dueOn,
      ownerId,
      evidence: look.state === 'open' ? found.evidence : look.reason,
      verifiedById: look.state === 'verified' ? caller.personId : null,
      version: found.version + 1,
    })
    .where(eq(followUps.id, id))
  if (look.state !== 'verified' && dueOn !== found.dueOn) await remindOn(tx, id, dueOn)
  await record(tx, {
    actor: caller.actor,
    type: 'follow-up.updated',
    subject: { kind: 'follow-up', id },
    within: found.incidentId,
    data: {
      ...{ title: found.title, state: look.state, reason: look.reason, dueOn, ...(after && { owner: { id: after.id, name: after.name } }) },
      ...(look.state === 'verified' ? { sha256: digest(verifiedOfFollowUp(found)) } : {}),
      before: { state: found.state, dueOn: found.dueOn, ...(before && { owner: { id: before.id, name: before.name } }) },
    },
  })
  const [followUp] = await selectFollowUps(tx, context, caller, eq(followUps.id, id))
  if (!followUp) throw notFound('follow-up')
  return followUp
}

/**
 * On the due date, the owner of a follow-up action that is not verified effective yet is reminded by mail, once a week until it is. In place of an owner
 * who has left, or is a suspect, the incident's lead is; without one the leads, and of a restricted incident the administrators.
 */
export async function remindOwner(tx: Tx, context: AppContext, id: string): Promise<void> {
  const [found] = await tx.db
    .select({ followUp: followUps, incident: incidents, owner: people })
    .from(followUps)
    .innerJoin(incidents, eq(incidents.id, followUps.incidentId))
    .innerJoin(people, eq(people.id, followUps.ownerId))
    .where(eq(followUps.id, id))
  if (!found || found.followUp.state === 'verified') return
  const { followUp, incident } = found
  const isSuspect = (await context.visibility.suspectsOf(tx, [incident.id])).get(incident.id)?.has(found.owner.id) === true
  const isAway = isSuspect || !found.owner.isActive
  // A mail is read by others than those who may see the incident: it names no suspect.
  const left = isAway ? `Its owner${isSuspect ? '' : `, ${found.owner.name},`} has left. It needs another owner.\n` : ''
  for (const person of isAway ? await insteadOf(tx, incident) : [found.owner])
    await context.messenger.post(tx, {
      channel: 'email',
      address: person.email,
      purpose: 'follow-up',
      purposeId: id,
      withinId: incident.id,
      subject: `Follow-up action due: incident ${incident.number}`,
      body: `${incident.isRestricted ? `Follow-up action. ${restrictedName(incident)}` : followUp.title}\n\nIt was due on ${followUp.dueOn} and is ${followUp.state === 'done' ? 'done, but not yet verified as effective' : 'open'}.\n${left}${context.messenger.origin}/follow-ups\n`,
      isDemo: person.isDemo,
      isExercise: incident.isExercise,
    })
  const nextWeek = new Date(Date.parse(tx.now) + 7 * 86_400_000).toISOString().slice(0, 10)
  await remindOn(tx, id, nextWeek)
}

/** Whom a reminder goes to in place of an owner who has left. */
async function insteadOf(reader: Reader, incident: IncidentRow): Promise<(typeof people.$inferSelect)[]> {
  const lead = incident.leadId === null ? undefined : await findPerson(reader, incident.leadId)
  if (lead?.isActive) return [lead]
  const active = await reader.db
    .select()
    .from(people)
    .where(and(eq(people.isActive, true), eq(people.isDemo, incident.isDemo), inArray(people.role, ['lead', 'administrator'])))
    .orderBy(asc(people.id))
  const leads = active.filter(person => person.role === 'lead')
  return (incident.isRestricted || leads.length === 0 ? active.filter(person => person.role === 'administrator') : leads).slice(0, maxReminded)
}
