import { and, eq } from 'drizzle-orm'
import type { AppContext, Caller } from '../access/index.ts'
import { type Actor, lastDoneByPeople, record, system } from '../journal/index.ts'
import { addMinutes } from '../kernel/clock.ts'
import type { Tx } from '../kernel/database.ts'
import { schedule } from '../kernel/jobs/schedule.ts'
import { conflict, notFound } from '../kernel/problems.ts'
import { onCallSettings } from '../scheduling/index.ts'
import { ofPage, type PageRow, restartEscalation } from './escalation.ts'
import { lockPage, stopNotifying, wakeJob, wakeKey } from './pages.ts'
import { pages, unacknowledged } from './tables.ts'

/**
 * Acknowledges a page: escalation stops, and unsent messages are canceled. Where a level requires several acknowledgements, it continues until they are there. A
 * second acknowledgement changes nothing, and its sender sees who was first.
 */
export async function acknowledgePage(tx: Tx, context: AppContext, actor: Actor, personId: string, pageId: string): Promise<PageRow> {
  const page = await lockPage(tx, pageId)
  if (page.state === 'acknowledged' || page.state === 'resolved' || page.acknowledgements.some(one => one.personId === personId)) return page
  if (actor.kind === 'key' && page.needed > 1) throw conflict(`${page.needed} people must acknowledge this page. A service account does not count as one.`)
  const acknowledgements = [...page.acknowledgements, { personId, at: tx.now }]
  const isEnough = acknowledgements.length >= page.needed
  // Not less than none: a server may have run ahead of time when the page began.
  const afterSeconds = Math.max(0, Math.round((Date.parse(tx.now) - Date.parse(page.createdAt)) / 1_000))
  const base = { actor, subject: { kind: 'page', id: pageId } } as const
  if (!isEnough) {
    await tx.db.update(pages).set({ acknowledgements }).where(eq(pages.id, pageId))
    const data = { ...ofPage(page), personId, afterSeconds, of: page.needed, so: acknowledgements.length }
    await record(tx, { ...base, type: 'page.acknowledgement-added', within: page.withinId, data })
    return lockPage(tx, pageId)
  }
  const first = acknowledgements[0]?.personId ?? personId
  const [acknowledged] = await tx.db
    .update(pages)
    .set({ state: 'acknowledged', acknowledgedById: first, acknowledgedAt: tx.now, acknowledgements, nextEscalationAt: null, progressAt: tx.now })
    .where(eq(pages.id, pageId))
    .returning()
  await stopNotifying(tx, context, [pageId])
  const data = { ...ofPage(page), teamId: page.teamId, personId: first, afterSeconds }
  if (page.subjectKind === 'drill') await record(tx, { ...base, type: 'drill.acknowledged', data })
  else await record(tx, { ...base, type: 'page.acknowledged', within: page.withinId, data })
  if (!acknowledged) throw notFound('page')
  await expectProgress(tx, acknowledged)
  return acknowledged
}

/** Acknowledges every unacknowledged page about a subject: somebody has taken the subject on. */
export async function acknowledgePagesAbout(tx: Tx, context: AppContext, actor: Actor, personId: string, subjectId: string): Promise<void> {
  const escalating = await tx.db
    .select({ id: pages.id })
    .from(pages)
    .where(and(eq(pages.subjectId, subjectId), unacknowledged))
  for (const { id } of escalating) await acknowledgePage(tx, context, actor, personId, id)
}

/** Checks for activity after the team's progress time. */
async function expectProgress(tx: Tx, page: PageRow): Promise<void> {
  if (page.subjectKind === 'drill' || page.teamId === null) return
  const [team] = await tx.db.select({ settings: onCallSettings.settings }).from(onCallSettings).where(eq(onCallSettings.teamId, page.teamId))
  const minutes = team?.settings.progressMinutes ?? null
  if (minutes === null) return
  await schedule(tx, { kind: wakeJob, key: wakeKey(page.id), runAt: addMinutes(page.progressAt ?? tx.now, minutes), data: { pageId: page.id } })
}

/** The end of a snooze, or of the time within which something should have happened: the page escalates again unless it has. */
export async function wakePage(tx: Tx, context: AppContext, pageId: string): Promise<void> {
  const page = await lockPage(tx, pageId)
  if (page.state !== 'acknowledged') return
  if (page.snoozedUntil !== null) {
    await record(tx, { actor: system, type: 'page.snooze-ended', subject: { kind: 'page', id: pageId }, within: page.withinId, data: ofPage(page) })
    return restartEscalation(tx, context, pageId, 'first')
  }
  const since = page.progressAt ?? page.acknowledgedAt ?? page.createdAt
  // Work on the incident that has taken an alert in is progress of the alert.
  const progressAt = await lastDoneByPeople(tx, [page.subjectId, ...(page.withinId === null ? [] : [page.withinId])], since)
  if (progressAt !== undefined) {
    await tx.db.update(pages).set({ progressAt }).where(eq(pages.id, pageId))
    return expectProgress(tx, { ...page, progressAt })
  }
  await record(tx, {
    actor: system,
    type: 'page.unacknowledged',
    subject: { kind: 'page', id: pageId },
    within: page.withinId,
    data: { ...ofPage(page), personId: page.acknowledgedById, since },
  })
  await restartEscalation(tx, context, pageId, 'first')
}

/** Whoever answers: signed in, or by something that is theirs alone. */
export type Answerer = Pick<Caller, 'actor' | 'personId'>

/** An acknowledged page is in the hands of who acknowledged it, however somebody answers. @throws AppProblem conflict for everybody else */
export function assertTheirs(page: PageRow, { personId }: Answerer, what: 'snooze' | 'release' | 'decline'): void {
  if (page.state === 'acknowledged' && page.acknowledgedById !== personId) throw conflict(`Only the person who acknowledged the page can ${what} it.`)
}

/** Snoozes an acknowledged page; it escalates again afterwards from the first level. */
export async function snoozePage(tx: Tx, answerer: Answerer, pageId: string, minutes: number): Promise<PageRow> {
  const page = await lockPage(tx, pageId)
  if (page.state !== 'acknowledged') throw conflict('Acknowledge the page before you snooze it.')
  assertTheirs(page, answerer, 'snooze')
  const snoozedUntil = addMinutes(tx.now, minutes)
  await tx.db.update(pages).set({ snoozedUntil }).where(eq(pages.id, pageId))
  await schedule(tx, { kind: wakeJob, key: wakeKey(pageId), runAt: snoozedUntil, data: { pageId } })
  await record(tx, {
    actor: answerer.actor,
    type: 'page.snoozed',
    subject: { kind: 'page', id: pageId },
    within: page.withinId,
    data: { ...ofPage(page), until: snoozedUntil },
  })
  return { ...page, snoozedUntil }
}
