import { type AlertRow, type Drill, isUnacknowledged, type Page, type PageTimeline } from '@tocsin/api'
import { tellEvent } from '@tocsin/events'
import { and, asc, desc, eq, exists, inArray, lte, ne, sql } from 'drizzle-orm'
import { z } from 'zod'
import { type AppContext, people, type Viewer } from '../access/index.ts'
import { teams } from '../directory/index.ts'
import { changedSince, type Entry, readEntriesAbout } from '../journal/index.ts'
import type { Instant } from '../kernel/clock.ts'
import { counted } from '../kernel/counted.ts'
import { listCursor } from '../kernel/cursor.ts'
import type { Reader } from '../kernel/database.ts'
import { notFound } from '../kernel/problems.ts'
import { messages } from '../notify/index.ts'
import { onCallSettings } from '../scheduling/index.ts'
import { accountsThatAcknowledged } from './acknowledgers.ts'
import { levelOf } from './escalation.ts'
import { routePage } from './policies.ts'
import { pageNotifications, pages, policies, unacknowledged } from './tables.ts'
import { maySeePage } from './visibility.ts'

interface ListQuery {
  readonly limit: number
  readonly cursor?: string | undefined
  readonly updatedSince?: Instant | undefined
}

interface Which {
  readonly pageId?: string
  /** Those that went to this person. */
  readonly personId?: string
}

const pagesCursor = listCursor('pages', z.tuple([z.boolean(), z.iso.datetime(), z.uuid()]))
const drillsCursor = listCursor('drills', z.tuple([z.iso.datetime(), z.uuid()]))
const eventsCursor = listCursor('page-events', z.tuple([z.int()]))
/** Notifications that a page in a list shows. */
const maxNotifications = 20

/** What is about the installation itself is for its administrators; what belongs to an incident is for those who may see that. */
const mayList = (context: AppContext, viewer: Viewer) =>
  and(maySeePage(context, viewer), viewer.role === 'administrator' ? undefined : ne(pages.subjectKind, 'system'))

/** One page of the list of pages that a viewer may see, unacknowledged ones first, then the latest. */
export async function listPages(
  reader: Reader,
  context: AppContext,
  viewer: Viewer,
  query: ListQuery,
  { pageId, personId }: Which = {},
): Promise<{ items: Page[]; next: string | null }> {
  const after = pagesCursor.read(query.cursor)
  const theirs = personId === undefined ? undefined : wentTo(reader, personId)
  const found = await reader.db
    .select({ page: pages, team: teams, acknowledgedBy: people.name })
    .from(pages)
    .leftJoin(teams, eq(teams.id, pages.teamId))
    .leftJoin(people, eq(people.id, pages.acknowledgedById))
    .where(
      and(
        mayList(context, viewer),
        pageId === undefined ? undefined : eq(pages.id, pageId),
        theirs,
        changedSince(pages.id, query.updatedSince),
        after && sql`(${unacknowledged}, ${pages.createdAt}, ${pages.id}) < (${after[0]}, ${after[1]}::timestamptz, ${after[2]}::uuid)`,
      ),
    )
    .orderBy(desc(unacknowledged), desc(pages.createdAt), desc(pages.id))
    .limit(query.limit + 1)
  const { items, next } = pagesCursor.page(found, query.limit, ({ page }) => [isUnacknowledged(page), page.createdAt, page.id])
  return { items: await pageViews(reader, items), next }
}

/** A page that the viewer may see. @throws AppProblem not-found, also for one that is hidden from the viewer */
export async function readPage(reader: Reader, context: AppContext, viewer: Viewer, pageId: string): Promise<Page> {
  const { items } = await listPages(reader, context, viewer, { limit: 1 }, { pageId })
  const [page] = items
  if (!page) throw notFound('page')
  return page
}

/**
 * Pages by their IDs, and the latest about each of these subjects by the ID of that: for who may see the subjects. One statement for all.
 * @param pageIds such as of the page of a storm, which is about one of its alerts
 */
export async function latestPagesAbout(
  reader: Reader,
  subjectIds: readonly string[],
  pageIds: readonly string[],
): Promise<ReadonlyMap<string, NonNullable<AlertRow['page']>>> {
  if (subjectIds.length === 0) return new Map()
  const found = await reader.db
    .select({
      ...{ id: pages.id, subjectId: pages.subjectId, state: pages.state, nextEscalationAt: pages.nextEscalationAt },
      ...{ acknowledgedBy: people.name, teamId: teams.id, team: teams.name },
    })
    .from(pages)
    .leftJoin(people, eq(people.id, pages.acknowledgedById))
    .leftJoin(teams, eq(teams.id, pages.teamId))
    .where(sql`${pages.subjectId} = any(${sql.param([...subjectIds])}::uuid[]) or ${pages.id} = any(${sql.param([...pageIds])}::uuid[])`)
    .orderBy(asc(pages.createdAt), asc(pages.id))
  return new Map(
    found.flatMap(({ id, subjectId, teamId, team, ...rest }) => {
      const page = { ...rest, team: teamId === null ? null : { id: teamId, name: team ?? '' } }
      return [[subjectId, page] as const, [id, page] as const]
    }),
  )
}

/** How many pages that a viewer may see are unacknowledged, without those of exercises: all, or those that went to one person. */
export async function countUnacknowledged(reader: Reader, context: AppContext, viewer: Viewer, personId?: string): Promise<number> {
  return counted(
    reader,
    reader.db
      .select({ id: pages.id })
      .from(pages)
      .where(and(mayList(context, viewer), unacknowledged, eq(pages.isExercise, false), personId === undefined ? undefined : wentTo(reader, personId))),
  )
}

/** Condition: a page that somebody was told of. */
const wentTo = (reader: Reader, personId: string) =>
  exists(
    reader.db
      .select({ id: pageNotifications.id })
      .from(pageNotifications)
      .where(and(eq(pageNotifications.pageId, pages.id), eq(pageNotifications.personId, personId))),
  )

interface PageData {
  readonly page: typeof pages.$inferSelect
  readonly team: typeof teams.$inferSelect | null
  readonly acknowledgedBy: string | null
}

async function pageViews(reader: Reader, rows: readonly PageData[]): Promise<Page[]> {
  const ids = rows.map(row => row.page.id)
  // The latest of each page, however many another one has.
  const ranked = reader.db
    .select({
      id: pageNotifications.id,
      rank: sql<number>`row_number() over (partition by ${pageNotifications.pageId} order by ${pageNotifications.at} desc, ${pageNotifications.id} desc)`.as(
        'rank',
      ),
      total: sql<number>`count(*) over (partition by ${pageNotifications.pageId})::int`.as('total'),
    })
    .from(pageNotifications)
    .where(inArray(pageNotifications.pageId, ids))
    .as('ranked')
  const notifications =
    ids.length === 0
      ? []
      : await reader.db
          .select({ notification: pageNotifications, person: people.name, state: messages.state, total: ranked.total })
          .from(pageNotifications)
          .innerJoin(ranked, and(eq(ranked.id, pageNotifications.id), lte(ranked.rank, maxNotifications)))
          .leftJoin(people, eq(people.id, pageNotifications.personId))
          .leftJoin(messages, eq(messages.id, pageNotifications.messageId))
          .orderBy(asc(pageNotifications.at), asc(pageNotifications.id))
  const byPage = Map.groupBy(notifications, ({ notification }) => notification.pageId)
  const teamIds = [...new Set(rows.flatMap(row => row.page.teamId ?? []))]
  const settings = new Map(
    (teamIds.length === 0 ? [] : await reader.db.select().from(onCallSettings).where(inArray(onCallSettings.teamId, teamIds))).map(row => [
      row.teamId,
      row.settings,
    ]),
  )
  const known = new Map((await reader.db.select().from(policies)).map(row => [row.id, row]))
  const answered = [...new Set(rows.flatMap(({ page }) => [...page.acknowledgements.map(one => one.personId), ...(page.personIds ?? [])]))]
  const named = answered.length === 0 ? [] : await reader.db.select({ id: people.id, name: people.name }).from(people).where(inArray(people.id, answered))
  const names = new Map(named.map(person => [person.id, person.name]))
  const accounts = await accountsThatAcknowledged(
    reader,
    rows.map(({ page }) => page),
  )
  return rows.map(({ page, team, acknowledgedBy }) => ({
    id: page.id,
    title: page.title,
    severity: page.severity,
    team: team === null ? null : { id: team.id, name: team.name },
    named: page.personIds?.map(id => ({ id, name: names.get(id) ?? '' })) ?? null,
    subject: { kind: page.subjectKind, id: page.subjectId },
    state: page.state,
    urgency: page.urgency,
    level: levelOf(page),
    policy: routePage(page.teamId === null ? undefined : settings.get(page.teamId), known, page).saved?.name ?? null,
    isDrill: page.subjectKind === 'drill',
    isExercise: page.isExercise,
    acknowledgedBy: accounts.get(page.id) ?? acknowledgedBy,
    acknowledgedAt: page.acknowledgedAt,
    // Where several have to, no service account counts.
    acknowledgements: page.acknowledgements.map(one => ({
      person: { id: one.personId, name: accounts.get(page.id) ?? names.get(one.personId) ?? '' },
      at: one.at,
    })),
    snoozedUntil: page.snoozedUntil,
    createdAt: page.createdAt,
    nextEscalationAt: page.nextEscalationAt,
    notifications: (byPage.get(page.id) ?? []).map(({ notification, person, state }) => ({
      person: person ?? 'the team channel',
      at: notification.at,
      channel: notification.channel,
      state: state ?? (notification.messageId === null ? 'grouping' : 'deleted'),
    })),
    notificationCount: byPage.get(page.id)?.[0]?.total ?? 0,
  }))
}

/** One page of the drills of a team, the latest first. */
export async function listDrills(reader: Reader, teamId: string, query: ListQuery): Promise<{ items: Drill[]; next: string | null }> {
  const after = drillsCursor.read(query.cursor)
  const found = await reader.db
    .select({ page: pages, acknowledgedBy: people.name })
    .from(pages)
    .leftJoin(people, eq(people.id, pages.acknowledgedById))
    .where(
      and(
        eq(pages.teamId, teamId),
        eq(pages.subjectKind, 'drill'),
        after && sql`(${pages.createdAt}, ${pages.id}) < (${after[0]}::timestamptz, ${after[1]}::uuid)`,
      ),
    )
    .orderBy(desc(pages.createdAt), desc(pages.id))
    .limit(query.limit + 1)
  const { items: rows, next } = drillsCursor.page(found, query.limit, ({ page }) => [page.createdAt, page.id])
  const ids = rows.map(row => row.page.id)
  const paged =
    ids.length === 0
      ? []
      : await reader.db
          .select({ pageId: pageNotifications.pageId, name: people.name })
          .from(pageNotifications)
          .innerJoin(people, eq(people.id, pageNotifications.personId))
          .where(inArray(pageNotifications.pageId, ids))
          .orderBy(asc(pageNotifications.at), asc(pageNotifications.id))
  const accounts = await accountsThatAcknowledged(
    reader,
    rows.map(({ page }) => page),
  )
  const items = rows.map(({ page, acknowledgedBy }) => ({
    ...{ id: page.id, startedAt: page.createdAt, urgency: page.urgency, state: page.state, acknowledgedBy: accounts.get(page.id) ?? acknowledgedBy },
    afterSeconds: page.acknowledgedAt === null ? null : Math.round((Date.parse(page.acknowledgedAt) - Date.parse(page.createdAt)) / 1_000),
    paged: [...new Set(paged.filter(one => one.pageId === page.id).map(one => one.name))],
  }))
  return { items, next }
}

/** A page and one part of its timeline, from its entries in the journal, oldest first. */
export async function readPageTimeline(reader: Reader, context: AppContext, viewer: Viewer, pageId: string, query: ListQuery): Promise<PageTimeline> {
  const page = await readPage(reader, context, viewer, pageId)
  const [row] = await reader.db.select({ summary: pages.summary }).from(pages).where(eq(pages.id, pageId))
  if (!row) throw notFound('page')
  const [after = 0] = eventsCursor.read(query.cursor) ?? []
  const found = await readEntriesAbout(reader, { kind: 'page', id: pageId }, { after, limit: query.limit + 1 })
  const { items, next } = eventsCursor.page(found, query.limit, ({ seq }) => [seq])
  const events = items.map(({ entry }) => ({ at: entry.at, kind: entry.type, text: textOf(entry), entryId: entry.id }))
  return { ...page, summary: row.summary, events, next }
}

/** An entry in one line: who did what, with what else is known of it, and why. What the program itself did is told without a name. */
function textOf(entry: Entry): string {
  if (entry.fault !== null) return `${entry.type} (unreadable entry: ${entry.fault})`
  const { sentence, detail, reason } = tellEvent(entry.type, { actor: entry.actor.name, at: entry.at, data: entry.data })
  const told = entry.actor.kind === 'system' ? sentence : `${entry.actor.name} ${sentence.slice(0, 1).toLowerCase()}${sentence.slice(1)}`
  return `${told}${detail ? ` (${detail})` : ''}${reason ? `: ${reason}` : ''}`
}
