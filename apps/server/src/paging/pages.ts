import { isAtLeast, isUnacknowledged, type Severity } from '@tocsin/api'
import { noProgress } from '@tocsin/oncall'
import { and, desc, eq, exists, getTableColumns, gt, inArray, isNotNull, isNull, or, type SQL, type SQLWrapper, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import { z } from 'zod'
import { type AppContext, assertResponders, type Caller, findPerson, people } from '../access/index.ts'
import { type Actor, lastDoneByPeople, markAs, markRecords, type NewEntry, record, recordAll, system } from '../journal/index.ts'
import { addMinutes } from '../kernel/clock.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { defineJob, escalationLane } from '../kernel/jobs/lanes.ts'
import { cancel, schedule } from '../kernel/jobs/schedule.ts'
import { conflict, invalid, notFound } from '../kernel/problems.ts'
import { restrictedName, restrictedSummary } from '../notify/index.ts'
import { onCallSettings } from '../scheduling/index.ts'
import {
  escalateAnew,
  escalateJob,
  escalatePages,
  escalationKey,
  firstPersonMinutes,
  levelOf,
  mergeIntoTwin,
  ofPage,
  type PageRow,
  restartEscalation,
} from './escalation.ts'
import { cancelBundles, type NotificationRequest, notifyPeople } from './notifications.ts'
import type { Routed } from './policies.ts'
import { pageNotifications, pages, unacknowledged } from './tables.ts'

export const wakeJob = defineJob({ kind: 'page.wake', lane: escalationLane, data: z.object({ pageId: z.uuid() }) })
const wakeKey = (pageId: string) => `wake:${pageId}`

/** What a page is about, whoever gets it. */
interface PageContent {
  readonly subject: { readonly kind: 'alert' | 'incident'; readonly id: string }
  /** The incident that decides who may see the page. */
  readonly within?: string | null
  readonly title: string
  readonly summary: string
  /** Title and summary say nothing of what it is about. */
  readonly isNeutral?: boolean
  readonly severity: Severity
  /** The service that it is about: it decides with the severity which policy the page follows. */
  readonly serviceId?: string | null
  readonly isDemo?: boolean
  readonly isExercise?: boolean
  /** One topic of a subject, where it has several that may escalate at once. */
  readonly topic?: string
  /** Somebody to page before the team, such as the lead of an incident; the team follows when there is no answer. */
  readonly firstPersonId?: string | null
}

export interface PageRequest extends PageContent {
  readonly teamId: string
}

/**
 * Pages a team: the first level of its escalation policy at once, the next ones by a durable timer until somebody acknowledges.
 * A page of the same team for the same subject and topic that still escalates is not duplicated.
 * @returns false where there is one
 */
export async function pageTeam(tx: Tx, context: AppContext, { teamId, ...content }: PageRequest): Promise<boolean> {
  return openPage(tx, context, system, { ...valuesOf(content, teamId), teamId })
}

/**
 * Pages people by name, and nobody by rota: each by their own notification rules, three times until somebody acknowledges, and the administrators in the end;
 * those at once where nobody is named. A page for the same subject and topic that still escalates is not duplicated.
 */
export async function pagePeople(
  tx: Tx,
  context: AppContext,
  { personIds, ...content }: PageContent & { readonly personIds: readonly string[] },
): Promise<void> {
  await openPage(tx, context, system, { ...valuesOf(content, 'people'), teamId: null, personIds: [...personIds] })
}

function valuesOf({ subject, within = null, topic = '', firstPersonId = null, ...rest }: PageContent, to: string) {
  return {
    ...rest,
    ...{ id: newId(), key: `${to} ${subject.id} ${topic}`, firstPersonId, levelIndex: firstPersonId === null ? 0 : -1 },
    ...{ subjectKind: subject.kind, subjectId: subject.id, withinId: within },
  }
}

/** Opens a page unless one with its key is triggered, and pages the first level. @returns false where there is one */
export async function openPage(
  tx: Tx,
  context: AppContext,
  actor: Actor,
  values: Omit<typeof pages.$inferInsert, 'state' | 'createdAt'> & { id: string },
): Promise<boolean> {
  const [page] = await tx.db
    .insert(pages)
    .values({ ...values, state: 'triggered', createdAt: tx.now })
    .onConflictDoNothing({ target: pages.key, where: sql`state = 'triggered'` })
    .returning({ id: pages.id })
  if (!page) return false
  const entry = { actor, subject: { kind: 'page', id: values.id } } as const
  const isDrill = values.subjectKind === 'drill'
  if (isDrill) {
    await markRecords(tx, [values.id], { isExercise: true })
    if (values.teamId) await markAs(tx, values.id, values.teamId)
  } else if (values.isDemo || values.isExercise) await markRecords(tx, [values.id], { isDemo: values.isDemo ?? false, isExercise: values.isExercise ?? false })
  const begun = ({ saved: policy, urgency }: Routed): NewEntry => {
    const data = { ...ofPage(values), teamId: values.teamId ?? null, severity: values.severity, policy, urgency }
    return isDrill ? { ...entry, type: 'drill.started', data } : { ...entry, type: 'page.triggered', within: values.withinId ?? null, data }
  }
  await escalatePages(tx, context, [values.id], { begun })
  return true
}

/** Pages a team for real to test whether it responds, clearly marked as a drill. */
export async function startDrill(tx: Tx, context: AppContext, caller: Caller, team: { id: string; name: string }, urgency: 'high' | 'low'): Promise<string> {
  const id = newId()
  await openPage(tx, context, caller.actor, {
    id,
    teamId: team.id,
    subjectKind: 'drill',
    subjectId: id,
    key: `${team.id} drill`,
    title: `Paging drill for ${team.name}`,
    summary: `${caller.actor.name} started a drill to test whether pages reach ${team.name}. This is not a real alert. Acknowledge it as you would a real page.`,
    severity: urgency === 'high' ? 'high' : 'low',
  })
  const [page] = await tx.db.select({ id: pages.id }).from(pages).where(eq(pages.id, id))
  if (!page) throw conflict('A drill for this team is already running.')
  return id
}

async function lockPage(tx: Tx, pageId: string): Promise<PageRow> {
  const [page] = await tx.db.select().from(pages).where(eq(pages.id, pageId)).for('update')
  if (!page) throw notFound('page')
  return page
}

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
type Answerer = Pick<Caller, 'actor' | 'personId'>

/** An acknowledged page is in the hands of who acknowledged it, however somebody answers. @throws AppProblem conflict for everybody else */
function assertTheirs(page: PageRow, { personId }: Answerer, what: 'snooze' | 'release' | 'decline'): void {
  if (page.state === 'acknowledged' && page.acknowledgedById !== personId) throw conflict(`Only the person who acknowledged the page can ${what} it.`)
}

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
  await cancel(tx, wakeKey(pageId), `reach:${pageId}:${caller.personId}`)
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

/** Acknowledges every unacknowledged page about a subject: somebody has taken the subject on. */
export async function acknowledgePagesAbout(tx: Tx, context: AppContext, actor: Actor, personId: string, subjectId: string): Promise<void> {
  const escalating = await tx.db
    .select({ id: pages.id })
    .from(pages)
    .where(and(eq(pages.subjectId, subjectId), unacknowledged))
  for (const { id } of escalating) await acknowledgePage(tx, context, actor, personId, id)
}

/** A subject that has become more severe, and what its page says from now on. */
export interface Rise extends Pick<PageRow, 'subjectId' | 'title' | 'summary' | 'severity'> {}

/**
 * What pages are about has become more severe. One that nobody has acknowledged escalates again from the first level, by the policy and urgency that apply now;
 * of an acknowledged one whoever acknowledged is paged. A few statements for all of them.
 */
export async function raisePages(tx: Tx, context: AppContext, risen: readonly Rise[]): Promise<void> {
  if (risen.length === 0) return
  const column = (of: (one: Rise) => string) => sql.param(risen.map(of))
  const raised = await tx.db
    .update(pages)
    .set({ severity: sql`risen.severity`, title: sql`risen.title`, summary: sql`risen.summary` })
    .from(
      sql`unnest(${column(one => one.subjectId)}::uuid[], ${column(one => one.severity)}::text[], ${column(one => one.title)}::text[], ${column(one => one.summary)}::text[])
        as risen(subject_id, severity, title, summary)`,
    )
    .where(
      and(
        sql`${pages.subjectId} = risen.subject_id and not ${pages.isNeutral}`,
        inArray(pages.state, ['triggered', 'exhausted', 'acknowledged']),
        // One that is over in favor of another about the same.
        sql`not (${pages.state} = 'exhausted' and exists (select 1 from ${pages} twin where twin.key = ${pages.key} and twin.state = 'triggered'))`,
      ),
    )
    .returning(getTableColumns(pages))
  const why = 'Its severity has risen.'
  const escalating = raised.filter(isUnacknowledged).map(page => page.id)
  if (escalating.length > 0) {
    await tx.db.update(pages).set({ state: 'triggered', progress: noProgress }).where(inArray(pages.id, escalating))
    await escalatePages(tx, context, escalating, { why })
  }
  const working = raised.flatMap((page): NotificationRequest[] =>
    page.state === 'acknowledged' && page.acknowledgedById !== null
      ? [
          {
            page: isAtLeast(page.severity, 'high') ? { ...page, urgency: 'high' } : page,
            personId: page.acknowledgedById,
            levelIndex: page.levelIndex - 1,
            why: `${why} You have acknowledged this page.`,
          },
        ]
      : [],
  )
  await notifyPeople(tx, context, working)
}

/** An incident has taken alerts in: it decides from now on who may see their pages, and what was sent about them. */
export async function movePagesInto(
  tx: Tx,
  alertIds: readonly string[],
  incident: { readonly id: string; readonly number: number; readonly codename: string | null; readonly isRestricted: boolean },
): Promise<void> {
  await tx.db
    .update(pages)
    .set({ withinId: incident.id })
    .where(and(eq(pages.subjectKind, 'alert'), inArray(pages.subjectId, [...alertIds])))
  if (incident.isRestricted) await redactPages(tx, incident)
}

/**
 * An alert has left its incident, for another one or for none: its pages go with it. What a restricted incident had taken out of them is said again where they
 * are open to everybody.
 */
export async function movePagesOut(
  tx: Tx,
  alert: { readonly id: string; readonly title: string },
  incident: { readonly id: string; readonly number: number; readonly codename: string | null; readonly isRestricted: boolean } | null,
): Promise<void> {
  const about = and(eq(pages.subjectKind, 'alert'), eq(pages.subjectId, alert.id))
  await tx.db
    .update(pages)
    .set({ withinId: incident?.id ?? null })
    .where(about)
  if (incident?.isRestricted) await redactPages(tx, incident)
  else
    await tx.db
      .update(pages)
      .set({ title: alert.title, summary: alert.title, isNeutral: false })
      .where(and(about, eq(pages.isNeutral, true)))
}

/** Takes the details out of the pages within an incident that are not over: they escalate to people who may not see it. */
export async function redactPages(tx: Tx, incident: { readonly id: string; readonly number: number; readonly codename: string | null }): Promise<void> {
  await tx.db
    .update(pages)
    .set({ title: `${restrictedName(incident)} needs a response`, summary: restrictedSummary, isNeutral: true })
    .where(and(eq(pages.withinId, incident.id), inArray(pages.state, ['triggered', 'exhausted', 'acknowledged'])))
}

/** What the key of a page about an incident says besides whom it pages. */
const aboutOf = (key: SQLWrapper) => sql`substr(${key}, strpos(${key}, ' '))`

/**
 * An incident is restricted: its own pages go to nobody by rota any more. Those that asked a team to respond are over; what its lead is paged about goes on, to
 * these people in the place of the team.
 */
export async function endRota(tx: Tx, context: AppContext, actor: Actor, incidentId: string, personIds: readonly string[]): Promise<void> {
  const byRota = and(eq(pages.subjectId, incidentId), isNotNull(pages.teamId))
  const other = alias(pages, 'other')
  // Of several about the same, one goes on.
  const isSame = and(eq(other.subjectId, pages.subjectId), eq(other.state, 'triggered'), eq(aboutOf(other.key), aboutOf(pages.key)))
  const isLater = or(isNull(other.teamId), gt(other.id, pages.id))
  const isSuperseded = exists(tx.db.select({ id: other.id }).from(other).where(and(isSame, isLater)))
  await resolvePages(tx, context, actor, and(byRota, or(sql`${aboutOf(pages.key)} = ${` ${incidentId} `}`, isSuperseded)))
  await tx.db
    .update(pages)
    .set({
      teamId: null,
      personIds: [...personIds],
      key: sql`'people' || ${aboutOf(pages.key)}`,
      progress: null,
      levelIndex: sql`least(${pages.levelIndex}, 0)`,
    })
    .where(and(byRota, eq(pages.state, 'triggered')))
}

/**
 * Takes the pages within an incident out of the hands of its suspects: those that one of them has acknowledged or was paged about escalate anew, to somebody else.
 */
export async function takePagesFrom(tx: Tx, context: AppContext, incidentId: string, personIds: readonly string[]): Promise<void> {
  const held = await tx.db
    .select({ id: pages.id })
    .from(pages)
    .where(
      and(
        eq(pages.withinId, incidentId),
        inArray(pages.state, ['triggered', 'exhausted', 'acknowledged']),
        or(
          inArray(pages.acknowledgedById, [...personIds]),
          and(
            unacknowledged,
            exists(
              tx.db
                .select({ id: pageNotifications.id })
                .from(pageNotifications)
                .where(and(eq(pageNotifications.pageId, pages.id), inArray(pageNotifications.personId, [...personIds]))),
            ),
          ),
        ),
      ),
    )
    .orderBy(pages.id)
  await context.messenger.cancelUnsent(
    tx,
    'page',
    held.map(({ id }) => id),
  )
  await cancel(tx, ...held.flatMap(({ id }) => [wakeKey(id), ...personIds.map(personId => `reach:${id}:${personId}`)]))
  const others = await escalateAnew(
    tx,
    context,
    held.map(({ id }) => id),
  )
  await resolvePages(tx, context, system, inArray(pages.id, others))
}

/** The topic of a page; empty where its subject has no several ones. */
export async function topicOf(reader: Reader, pageId: string): Promise<string | undefined> {
  const [page] = await reader.db.select({ key: pages.key, subjectId: pages.subjectId }).from(pages).where(eq(pages.id, pageId))
  return page?.key.split(` ${page.subjectId} `)[1]
}

/** Resolves every page about a subject, or about one topic of it. */
export async function resolvePagesAbout(tx: Tx, context: AppContext, actor: Actor, subjectId: string, topic?: string): Promise<void> {
  await resolvePages(tx, context, actor, and(eq(pages.subjectId, subjectId), topic === undefined ? undefined : sql`${pages.key} like ${`% ${topic}`}`))
}

/** Resolves the open pages that match. */
export async function resolvePages(tx: Tx, context: AppContext, actor: Actor, fits: SQL | undefined): Promise<void> {
  const ended = await tx.db
    .update(pages)
    .set({ state: 'resolved', nextEscalationAt: null, snoozedUntil: null })
    .where(and(fits, inArray(pages.state, ['triggered', 'exhausted', 'acknowledged'])))
    .returning({ id: pages.id, withinId: pages.withinId, title: pages.title, subjectKind: pages.subjectKind, subjectId: pages.subjectId })
  await stopNotifying(
    tx,
    context,
    ended.map(page => page.id),
  )
  await cancel(tx, ...ended.map(page => wakeKey(page.id)))
  await recordAll(
    tx,
    ended.map(page => ({
      ...{ actor, type: 'page.resolved' as const, subject: { kind: 'page' as const, id: page.id }, within: page.withinId },
      data: { ...ofPage(page), mergedInto: null },
    })),
  )
}

async function stopNotifying(tx: Tx, context: AppContext, pageIds: readonly string[]): Promise<void> {
  await context.messenger.cancelUnsent(tx, 'page', pageIds)
  await cancelBundles(tx, context, pageIds)
  await cancel(tx, ...pageIds.map(escalationKey))
}
