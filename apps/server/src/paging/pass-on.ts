import { and, desc, eq, inArray } from 'drizzle-orm'
import { type AppContext, assertResponders, findPerson, people } from '../access/index.ts'
import { record } from '../journal/index.ts'
import { addMinutes } from '../kernel/clock.ts'
import type { Tx } from '../kernel/database.ts'
import { cancel, schedule } from '../kernel/jobs/schedule.ts'
import { conflict, invalid, notFound } from '../kernel/problems.ts'
import { type Answerer, assertTheirs } from './acknowledge.ts'
import { escalateJob, escalationKey, firstPersonMinutes, levelOf, mergeIntoTwin, ofPage, type PageRow, restartEscalation } from './escalation.ts'
import { notifyKey, notifyPeople } from './notifications.ts'
import { lockPage, wakeKey } from './pages.ts'
import { pageNotifications, pages } from './tables.ts'

/** Releases an acknowledged page: it escalates to the next person at once. */
export async function releasePage(tx: Tx, context: AppContext, answerer: Answerer, pageId: string): Promise<PageRow> {
  const page = await lockPage(tx, pageId)
  if (page.state !== 'acknowledged') throw conflict('Acknowledge the page before you release it.')
  assertTheirs(page, answerer, 'release')
  const { actor, personId } = answerer
  await record(tx, { actor, type: 'page.released', subject: { kind: 'page', id: pageId }, within: page.withinId, data: { ...ofPage(page), personId } })
  await cancel(tx, wakeKey(pageId))
  await restartEscalation(tx, context, pageId, 'next', passingOn(answerer))
  return lockPage(tx, pageId)
}

/** Who passes a page on; null for a service account, which is nobody to leave out. */
const passingOn = ({ actor, personId }: Answerer) => (actor.kind === 'key' ? null : personId)

/** True where a page has escalated since it went to somebody: their answer is about a level that is over. */
async function isPast(tx: Tx, { id, state, levelIndex }: PageRow, personId: string): Promise<boolean> {
  if (state !== 'triggered') return false
  const [latest] = await tx.db
    .select({ levelIndex: pageNotifications.levelIndex })
    .from(pageNotifications)
    .where(and(eq(pageNotifications.pageId, id), eq(pageNotifications.personId, personId)))
    .orderBy(desc(pageNotifications.levelIndex))
    .limit(1)
  return latest !== undefined && latest.levelIndex + 1 < levelIndex
}

/**
 * Declines a page: it is reassigned to the person named, and escalates from there if they do not acknowledge; or to the next level at once, unless it has
 * escalated already since it went to whoever declines.
 * @returns whether it escalated
 */
export async function declinePage(
  tx: Tx,
  context: AppContext,
  caller: Answerer,
  pageId: string,
  { toId, reason }: { toId: string | null; reason: string },
): Promise<boolean> {
  const page = await lockPage(tx, pageId)
  if (page.state === 'resolved') throw conflict('The page is already resolved.')
  assertTheirs(page, caller, 'decline')
  if (toId !== null) {
    await assertResponders(tx, [toId], 'toId')
    await assertMaySee(tx, context, page, [toId], 'toId')
  }
  const to = toId === null ? undefined : await findPerson(tx, toId)
  await record(tx, {
    actor: caller.actor,
    type: 'page.declined',
    subject: { kind: 'page', id: pageId },
    within: page.withinId,
    data: { ...ofPage(page), personId: caller.personId, to: to?.name ?? null, reason },
  })
  await cancel(tx, wakeKey(pageId), notifyKey(pageId, caller.personId))
  if (!to) {
    if (await isPast(tx, page, caller.personId)) return false
    await restartEscalation(tx, context, pageId, page.state === 'exhausted' ? 'first' : 'next', passingOn(caller))
    return true
  }
  const why = `${caller.actor.name} reassigned this page to you${reason ? `: ${reason}` : '.'}`
  const twinId = await mergeIntoTwin(tx, pageId)
  if (twinId !== undefined) {
    const twin = await lockPage(tx, twinId)
    await notifyPeople(tx, context, [{ page: twin, personId: to.id, levelIndex: twin.levelIndex - 1, why }])
    return false
  }
  const nextEscalationAt = addMinutes(tx.now, firstPersonMinutes)
  const [fresh] = await tx.db
    .update(pages)
    .set({ state: 'triggered', acknowledgedById: null, acknowledgedAt: null, acknowledgements: [], snoozedUntil: null, nextEscalationAt })
    .where(eq(pages.id, pageId))
    .returning()
  if (!fresh) throw notFound('page')
  await schedule(tx, { kind: escalateJob, key: escalationKey(pageId), runAt: nextEscalationAt, data: { pageId } })
  await notifyPeople(tx, context, [{ page: fresh, personId: to.id, levelIndex: page.levelIndex - 1, why }])
  return false
}

/**
 * Escalates to the next level now.
 * @param level the one that whoever escalates has seen, see `levelOf`
 * @throws AppProblem conflict where the page has escalated since: pressed twice, or too late, it would take from the next level the time that it has
 */
export async function escalatePage(tx: Tx, context: AppContext, answerer: Answerer, pageId: string, level: number): Promise<PageRow> {
  const page = await lockPage(tx, pageId)
  if (page.state === 'resolved') throw conflict('The page is already resolved.')
  if (level !== levelOf(page)) throw conflict('The page has already escalated to the next level. See who is paged now, and escalate it further from there.')
  const { actor } = answerer
  await record(tx, { actor, type: 'page.escalated', subject: { kind: 'page', id: pageId }, within: page.withinId, data: ofPage(page) })
  await cancel(tx, wakeKey(pageId))
  await restartEscalation(tx, context, pageId, page.state === 'exhausted' ? 'first' : 'next', passingOn(answerer))
  return lockPage(tx, pageId)
}

/** @throws AppProblem invalid unless each of these people may see the incident of the page: nobody is added to a restricted one by its page. */
async function assertMaySee(tx: Tx, { visibility }: AppContext, page: PageRow, personIds: readonly string[], path: string): Promise<void> {
  if (page.withinId === null) return
  for (const personId of personIds) {
    const person = await findPerson(tx, personId)
    if (person && !(await visibility.maySee(tx, { personId, role: person.role, needToKnow: 'own' }, page.withinId)))
      throw invalid(path, `must name people who may see this restricted incident. ${person.name} may not; give access under the incident first`)
  }
}

/** Pages more people about the same. */
export async function addResponders(tx: Tx, context: AppContext, caller: Answerer, pageId: string, personIds: readonly string[]): Promise<void> {
  const page = await lockPage(tx, pageId)
  if (page.state === 'resolved') throw conflict('The page is already resolved.')
  await assertResponders(tx, personIds, 'personIds')
  await assertMaySee(tx, context, page, personIds, 'personIds')
  const added = await tx.db
    .select({ id: people.id, name: people.name })
    .from(people)
    .where(inArray(people.id, [...personIds]))
  await record(tx, {
    actor: caller.actor,
    type: 'page.responders-added',
    subject: { kind: 'page', id: pageId },
    within: page.withinId,
    data: { ...ofPage(page), notified: added.map(person => person.name) },
  })
  await notifyPeople(
    tx,
    context,
    added.map(person => ({ page, personId: person.id, levelIndex: page.levelIndex - 1, why: `${caller.actor.name} added you as a responder.` })),
  )
}
