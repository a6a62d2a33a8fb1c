import type { Severity } from '@tocsin/api'
import { and, eq, inArray, type SQL, sql } from 'drizzle-orm'
import { z } from 'zod'
import type { AppContext, Caller } from '../access/index.ts'
import { type Actor, markAs, markRecords, type NewEntry, recordAll, system } from '../journal/index.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { defineJob, escalationLane } from '../kernel/jobs/lanes.ts'
import { cancel } from '../kernel/jobs/schedule.ts'
import { conflict, notFound } from '../kernel/problems.ts'
import { escalatePages, escalationKey, ofPage, type PageRow } from './escalation.ts'
import { cancelBundles } from './notifications.ts'
import type { Routed } from './policies.ts'
import { pages } from './tables.ts'

/** Looks at an acknowledged page again, see `wakePage`. */
export const wakeJob = defineJob({ kind: 'page.wake', lane: escalationLane, data: z.object({ pageId: z.uuid() }) })
export const wakeKey = (pageId: string) => `wake:${pageId}`

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
  /** What the page is about, exactly, where it speaks for more than its subject: one page with this key escalates at a time. */
  readonly key?: string
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
export async function pageTeam(tx: Tx, context: AppContext, request: PageRequest): Promise<boolean> {
  return (await pageTeams(tx, context, [request])).length > 0
}

/** Pages teams, as `pageTeam` does: in as many statements for many requests as for one. @returns the subjects of the pages that were opened */
export async function pageTeams(tx: Tx, context: AppContext, requests: readonly PageRequest[]): Promise<string[]> {
  const all = requests.map(({ teamId, ...content }) => ({ ...valuesOf(content, teamId), teamId }))
  const opened = new Set(await openPages(tx, context, system, all))
  return all.flatMap(({ id, subjectId }) => (opened.has(id) ? [subjectId] : []))
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

function valuesOf({ subject, within = null, topic = '', key = `${subject.id} ${topic}`, firstPersonId = null, ...rest }: PageContent, to: string) {
  return {
    ...rest,
    ...{ id: newId(), key: `${to} ${key}`, firstPersonId, levelIndex: firstPersonId === null ? 0 : -1 },
    ...{ subjectKind: subject.kind, subjectId: subject.id, withinId: within },
  }
}

type NewPage = Omit<typeof pages.$inferInsert, 'state' | 'createdAt'> & { readonly id: string }

/** Opens a page unless one with its key is triggered, and pages the first level. @returns false where there is one */
export async function openPage(tx: Tx, context: AppContext, actor: Actor, values: NewPage): Promise<boolean> {
  return (await openPages(tx, context, actor, [values])).length > 0
}

/** Opens pages, each unless one with its key is triggered, and pages their first levels. A few statements, however many they are. @returns the IDs of those that were opened */
export async function openPages(tx: Tx, context: AppContext, actor: Actor, all: readonly NewPage[]): Promise<string[]> {
  if (all.length === 0) return []
  const { rows } = await tx.db.execute<{ id: string }>(sql`
    insert into ${pages} (id, team_id, subject_kind, subject_id, within_id, title, summary, is_neutral, severity, service_id, state, key, first_person_id,
      person_ids, level_index, created_at, is_demo, is_exercise)
    select id, "teamId", "subjectKind", "subjectId", "withinId", title, summary, coalesce("isNeutral", false), severity, "serviceId", 'triggered', key,
      "firstPersonId", "personIds", coalesce("levelIndex", 0), ${tx.now}::timestamptz, coalesce("isDemo", false), coalesce("isExercise", false)
    from jsonb_to_recordset(${JSON.stringify(all)}::jsonb) as given (id uuid, "teamId" uuid, "subjectKind" text, "subjectId" uuid, "withinId" uuid, title text,
      summary text, "isNeutral" boolean, severity text, "serviceId" uuid, key text, "firstPersonId" uuid, "personIds" jsonb, "levelIndex" int,
      "isDemo" boolean, "isExercise" boolean)
    order by id
    on conflict (key) where state = 'triggered' do nothing
    returning id`)
  const ids = new Set(rows.map(({ id }) => id))
  const opened = all.filter(({ id }) => ids.has(id))
  for (const [, marked] of Map.groupBy(opened, marksOf)) {
    const [first] = marked
    const marks = { isDemo: first?.isDemo ?? false, isExercise: first?.subjectKind === 'drill' || (first?.isExercise ?? false) }
    if (!marks.isDemo && !marks.isExercise) continue
    await markRecords(
      tx,
      marked.map(({ id }) => id),
      marks,
    )
  }
  for (const { id, subjectKind, teamId } of opened) if (subjectKind === 'drill' && teamId) await markAs(tx, id, teamId)
  const begun = (page: PageRow, { saved: policy, urgency }: Routed): NewEntry => {
    const entry = { actor, subject: { kind: 'page', id: page.id } } as const
    const data = { ...ofPage(page), teamId: page.teamId, severity: page.severity, policy, urgency }
    return page.subjectKind === 'drill' ? { ...entry, type: 'drill.started', data } : { ...entry, type: 'page.triggered', within: page.withinId, data }
  }
  await escalatePages(tx, context, [...ids], { begun })
  return [...ids]
}

/** Pages that are marked alike. */
const marksOf = ({ isDemo, isExercise, subjectKind }: NewPage) => `${isDemo ?? false} ${isExercise ?? false} ${subjectKind === 'drill'}`

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

/** @throws AppProblem notFound */
export async function lockPage(tx: Tx, pageId: string): Promise<PageRow> {
  const [page] = await tx.db.select().from(pages).where(eq(pages.id, pageId)).for('update')
  if (!page) throw notFound('page')
  return page
}

/** The topic of a page; empty where its subject has no several ones. */
export async function topicOf(reader: Reader, pageId: string): Promise<string | undefined> {
  const [page] = await reader.db.select({ key: pages.key, subjectId: pages.subjectId }).from(pages).where(eq(pages.id, pageId))
  return page?.key.split(` ${page.subjectId} `)[1]
}

/** Resolves every page about a subject, or about one topic of it. */
export async function resolvePagesAbout(tx: Tx, context: AppContext, actor: Actor, subjectId: string, topic?: string): Promise<void> {
  await resolvePages(
    tx,
    context,
    actor,
    and(eq(pages.subjectId, subjectId), topic === undefined ? undefined : sql`${pages.key} like ${`% ${subjectId} ${topic}`}`),
  )
}

/** Resolves every page about each of these subjects: in as many statements for many as for one. */
export async function resolvePagesOf(tx: Tx, context: AppContext, actor: Actor, subjectIds: readonly string[]): Promise<void> {
  await resolvePages(tx, context, actor, inArray(pages.subjectId, [...subjectIds]))
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

/** Nothing more is sent about these pages, and they do not escalate. */
export async function stopNotifying(tx: Tx, context: AppContext, pageIds: readonly string[]): Promise<void> {
  await context.messenger.cancelUnsent(tx, 'page', pageIds)
  await cancelBundles(tx, context, pageIds)
  await cancel(tx, ...pageIds.map(escalationKey))
}
