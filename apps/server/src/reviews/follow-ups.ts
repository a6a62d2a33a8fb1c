import type { FollowUp } from '@tocsin/api'
import { verifiedOfFollowUp } from '@tocsin/events/fold'
import { digest } from '@tocsin/merkle'
import { and, asc, eq, inArray, ne, type SQL, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import { z } from 'zod'
import { type AppContext, assertPeople, type Caller, findPerson, people, peopleBehind, type Viewer } from '../access/index.ts'
import { assertNoSuspects, type IncidentRow, incidents } from '../incidents/index.ts'
import { assertAsRecorded, changedSince, entriesAbout, record } from '../journal/index.ts'
import type { Instant } from '../kernel/clock.ts'
import { listCursor } from '../kernel/cursor.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { clocksLane, defineJob } from '../kernel/jobs/lanes.ts'
import { schedule } from '../kernel/jobs/schedule.ts'
import { changedMeanwhile, conflict, notFound } from '../kernel/problems.ts'
import { assertSecondPerson, restrictedName } from '../notify/index.ts'
import { followUpRecord } from './records.ts'
import { followUps, type reviews } from './tables.ts'

/** So many people are reminded in place of one who has left. */
const maxReminded = 10

export const dueJob = defineJob({ kind: 'reviews.follow-up-due', lane: clocksLane, data: z.object({ followUpId: z.uuid() }) })

const owner = alias(people, 'owner')
const verifier = alias(people, 'verifier')

const cursor = listCursor('followUps', z.tuple([z.iso.date(), z.uuid()]))

/** Follow-up actions that the viewer may see, earliest due date first. */
export async function selectFollowUps(reader: Reader, context: AppContext, viewer: Viewer, condition: SQL | undefined, limit?: number): Promise<FollowUp[]> {
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

/** Adds a follow-up action to a review. Its owner is reminded on the day it is due, until it is verified effective. */
export async function insertFollowUp(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  { id: reviewId, incidentId }: Pick<typeof reviews.$inferSelect, 'id' | 'incidentId'>,
  input: { title: string; ownerId: string; dueOn: string },
): Promise<void> {
  await assertOwner(tx, context, incidentId, input.ownerId)
  const id = newId()
  await tx.db.insert(followUps).values({ ...input, id, reviewId, incidentId, state: 'open' })
  await remindOn(tx, id, input.dueOn)
  await record(tx, { actor: caller.actor, type: 'follow-up.added', subject: { kind: 'follow-up', id }, within: incidentId, data: { ...input } })
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
