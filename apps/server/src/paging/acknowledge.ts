import { and, eq, inArray, type SQL, sql } from 'drizzle-orm'
import type { AppContext, Caller } from '../access/index.ts'
import { type Actor, lastDoneByPeople, type NewEntry, record, recordAll, system } from '../journal/index.ts'
import { addMinutes, type Instant } from '../kernel/clock.ts'
import type { Tx } from '../kernel/database.ts'
import { cancel, schedule, scheduleAll } from '../kernel/jobs/schedule.ts'
import { conflict } from '../kernel/problems.ts'
import { onCallSettings } from '../scheduling/index.ts'
import { escalateAnew, ofPage, type PageRow, restartEscalation } from './escalation.ts'
import { lockPage, resolvePages, stopNotifying, wakeJob, wakeKey } from './pages.ts'
import { pages, unacknowledged } from './tables.ts'

/**
 * Acknowledges a page: escalation stops, and unsent messages are canceled. Where a level requires several acknowledgements, it continues until they are there. A
 * second acknowledgement changes nothing, and its sender sees who was first.
 */
export async function acknowledgePage(tx: Tx, context: AppContext, actor: Actor, personId: string, pageId: string): Promise<PageRow> {
  await acknowledgePages(tx, context, actor, personId, eq(pages.id, pageId))
  return lockPage(tx, pageId)
}

/** Acknowledges every unacknowledged page about these subjects: somebody has taken them on. As many statements for many as for one. */
export async function acknowledgePagesOf(tx: Tx, context: AppContext, actor: Actor, personId: string, subjectIds: readonly string[]): Promise<void> {
  await acknowledgePages(tx, context, actor, personId, sql`${pages.subjectId} = any(${sql.param([...subjectIds])}::uuid[])`)
}

async function acknowledgePages(tx: Tx, context: AppContext, actor: Actor, personId: string, fits: SQL): Promise<void> {
  const escalating = await tx.db
    .select({
      ...{ id: pages.id, teamId: pages.teamId, withinId: pages.withinId, title: pages.title, subjectKind: pages.subjectKind, subjectId: pages.subjectId },
      ...{ needed: pages.needed, acknowledgements: pages.acknowledgements, createdAt: pages.createdAt },
    })
    .from(pages)
    .where(and(fits, unacknowledged))
    .orderBy(pages.id)
    .for('update')
  const answered = escalating
    .filter(page => !page.acknowledgements.some(one => one.personId === personId))
    .map(page => {
      const acknowledgements = [...page.acknowledgements, { personId, at: tx.now }]
      const isEnough = acknowledgements.length >= page.needed
      return { page, acknowledgements, firstId: isEnough ? (acknowledgements[0]?.personId ?? personId) : null }
    })
  if (answered.length === 0) return
  const several = answered.find(({ page }) => page.needed > 1)
  if (actor.kind === 'key' && several) throw conflict(`${several.page.needed} people must acknowledge this page. A service account does not count as one.`)
  const given = answered.map(({ page, acknowledgements, firstId }) => ({ id: page.id, acknowledgements, first_id: firstId }))
  await tx.db.execute(sql`
    update ${pages} page set acknowledgements = given.acknowledgements,
      state = case when first_id is null then page.state else 'acknowledged' end,
      acknowledged_by_id = coalesce(first_id, page.acknowledged_by_id),
      acknowledged_at = case when first_id is null then page.acknowledged_at else ${tx.now}::timestamptz end,
      progress_at = case when first_id is null then page.progress_at else ${tx.now}::timestamptz end,
      next_escalation_at = case when first_id is null then page.next_escalation_at end
    from jsonb_to_recordset(${JSON.stringify(given)}::jsonb) as given (id uuid, acknowledgements jsonb, first_id uuid)
    where page.id = given.id`)
  const over = answered.filter(({ firstId }) => firstId !== null).map(({ page }) => page)
  await stopNotifying(
    tx,
    context,
    over.map(page => page.id),
  )
  await recordAll(
    tx,
    answered.map(({ page, acknowledgements, firstId }): NewEntry => {
      // Not less than none: a server may have run ahead of time when the page began.
      const afterSeconds = Math.max(0, Math.round((Date.parse(tx.now) - Date.parse(page.createdAt)) / 1_000))
      const base = { actor, subject: { kind: 'page', id: page.id } } as const
      const data = { ...ofPage(page), afterSeconds }
      if (firstId === null)
        return {
          ...{ ...base, type: 'page.acknowledgement-added', within: page.withinId },
          data: { ...data, personId, of: page.needed, so: acknowledgements.length },
        }
      const whole = { ...data, teamId: page.teamId, personId: firstId }
      if (page.subjectKind === 'drill') return { ...base, type: 'drill.acknowledged', data: whole }
      return { ...base, type: 'page.acknowledged', within: page.withinId, data: whole }
    }),
  )
  await expectProgress(
    tx,
    over.map(page => ({ ...page, progressAt: tx.now })),
  )
}

/**
 * Takes back that somebody acknowledged the pages about these subjects, at a time: they escalate again at once, from the first level. In as many statements for
 * many as for one.
 */
export async function unacknowledgePagesOf(
  tx: Tx,
  context: AppContext,
  { actor, personId }: Answerer,
  subjectIds: readonly string[],
  acknowledged: { readonly byId: string; readonly at: Instant },
): Promise<void> {
  const taken = await tx.db
    .select({ id: pages.id, withinId: pages.withinId, title: pages.title, subjectKind: pages.subjectKind, subjectId: pages.subjectId })
    .from(pages)
    .where(
      and(
        ...[sql`${pages.subjectId} = any(${sql.param([...subjectIds])}::uuid[])`, eq(pages.state, 'acknowledged')],
        ...[eq(pages.acknowledgedById, acknowledged.byId), eq(pages.acknowledgedAt, acknowledged.at)],
      ),
    )
    .orderBy(pages.id)
    .for('update')
  const ids = taken.map(({ id }) => id)
  if (ids.length === 0) return
  await recordAll(
    tx,
    taken.map(page => ({
      ...{ actor, type: 'page.released' as const, subject: { kind: 'page' as const, id: page.id }, within: page.withinId },
      data: { ...ofPage(page), personId },
    })),
  )
  await cancel(tx, ...ids.map(wakeKey))
  const others = await escalateAnew(tx, context, ids)
  if (others.length > 0) await resolvePages(tx, context, actor, inArray(pages.id, others))
}

type Progressing = Pick<PageRow, 'id' | 'teamId' | 'subjectKind' | 'progressAt'>

/** Checks for activity after the progress time of the team of each page. */
async function expectProgress(tx: Tx, all: readonly Progressing[]): Promise<void> {
  const teamIds = [...new Set(all.flatMap(page => (page.subjectKind === 'drill' ? [] : (page.teamId ?? []))))]
  if (teamIds.length === 0) return
  const rows = await tx.db.select().from(onCallSettings).where(inArray(onCallSettings.teamId, teamIds))
  const minutesOf = new Map(rows.map(row => [row.teamId, row.settings.progressMinutes ?? null]))
  await scheduleAll(
    tx,
    all.flatMap(({ id, teamId, subjectKind, progressAt }) => {
      const minutes = subjectKind === 'drill' ? null : (minutesOf.get(teamId ?? '') ?? null)
      return minutes === null ? [] : [{ kind: wakeJob, key: wakeKey(id), runAt: addMinutes(progressAt ?? tx.now, minutes), data: { pageId: id } }]
    }),
  )
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
    return expectProgress(tx, [{ ...page, progressAt }])
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
