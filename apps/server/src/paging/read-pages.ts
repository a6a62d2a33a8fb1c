import { channelWords, type Drill, type Page, type PageTimeline } from '@tocsin/api'
import { and, asc, desc, eq, exists, inArray, sql } from 'drizzle-orm'
import { type AppContext, people, type Viewer } from '../access/index.ts'
import { teams } from '../directory/index.ts'
import { type Entry, type EntryOf, readEntriesAbout } from '../journal/index.ts'
import type { Reader } from '../kernel/database.ts'
import { notFound } from '../kernel/problems.ts'
import { messages } from '../notify/index.ts'
import { onCallSettings } from '../scheduling/index.ts'
import { routePage } from './policies.ts'
import { pageNotifications, pages, policies } from './tables.ts'

interface Which {
  readonly pageId?: string
  /** Those that went to this person. */
  readonly personId?: string
}

/** The latest pages that a viewer may see, those that wait for an answer first. */
export async function listPages(reader: Reader, context: AppContext, viewer: Viewer, { pageId, personId }: Which = {}): Promise<Page[]> {
  const theirs =
    personId === undefined
      ? undefined
      : exists(
          reader.db
            .select({ id: pageNotifications.id })
            .from(pageNotifications)
            .where(and(eq(pageNotifications.pageId, pages.id), eq(pageNotifications.personId, personId))),
        )
  const rows = await reader.db
    .select({ page: pages, team: teams, acknowledgedBy: people.name })
    .from(pages)
    .innerJoin(teams, eq(teams.id, pages.teamId))
    .leftJoin(people, eq(people.id, pages.acknowledgedById))
    .where(and(context.visibility.condition(viewer, pages.withinId), pageId === undefined ? undefined : eq(pages.id, pageId), theirs))
    .orderBy(sql`${pages.state} in ('triggered', 'exhausted') desc`, desc(pages.createdAt))
    .limit(100)
  const ids = rows.map(row => row.page.id)
  const notifications =
    ids.length === 0
      ? []
      : await reader.db
          .select({ notification: pageNotifications, person: people.name, state: messages.state, address: messages.address })
          .from(pageNotifications)
          .leftJoin(people, eq(people.id, pageNotifications.personId))
          .leftJoin(messages, eq(messages.id, pageNotifications.messageId))
          .where(inArray(pageNotifications.pageId, ids))
          .orderBy(asc(pageNotifications.at), asc(pageNotifications.id))
          .limit(5_000)
  const teamIds = [...new Set(rows.map(row => row.page.teamId))]
  const settings = new Map(
    (teamIds.length === 0 ? [] : await reader.db.select().from(onCallSettings).where(inArray(onCallSettings.teamId, teamIds))).map(row => [
      row.teamId,
      row.settings,
    ]),
  )
  const known = new Map((await reader.db.select().from(policies)).map(row => [row.id, row]))
  const answered = [...new Set(rows.flatMap(row => row.page.acknowledgements.map(one => one.personId)))]
  const named = answered.length === 0 ? [] : await reader.db.select({ id: people.id, name: people.name }).from(people).where(inArray(people.id, answered))
  const names = new Map(named.map(person => [person.id, person.name]))
  return rows.map(({ page, team, acknowledgedBy }) => ({
    id: page.id,
    title: page.title,
    severity: page.severity,
    team: { id: team.id, name: team.name },
    subject: { kind: page.subjectKind, id: page.subjectId },
    state: page.state,
    urgency: page.urgency,
    policy: routePage(settings.get(page.teamId), known, page).saved?.name ?? null,
    isDrill: page.subjectKind === 'drill',
    acknowledgedBy,
    acknowledgedAt: page.acknowledgedAt,
    acknowledgements: page.acknowledgements.map(one => ({ person: { id: one.personId, name: names.get(one.personId) ?? '' }, at: one.at })),
    snoozedUntil: page.snoozedUntil,
    createdAt: page.createdAt,
    nextEscalationAt: page.nextEscalationAt,
    notifications: notifications
      .filter(({ notification }) => notification.pageId === page.id)
      .map(({ notification, person, state }) => ({
        person: person ?? 'the channel of the team',
        at: notification.at,
        channel: notification.channel,
        state: state ?? (notification.messageId === null ? 'waits for its bundle' : 'gone'),
      })),
  }))
}

const maxDrills = 100

/** The latest drills of a team. */
export async function listDrills(reader: Reader, teamId: string): Promise<Drill[]> {
  const rows = await reader.db
    .select({ page: pages, acknowledgedBy: people.name })
    .from(pages)
    .leftJoin(people, eq(people.id, pages.acknowledgedById))
    .where(and(eq(pages.teamId, teamId), eq(pages.subjectKind, 'drill')))
    .orderBy(desc(pages.createdAt))
    .limit(maxDrills)
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
  return rows.map(({ page, acknowledgedBy }) => ({
    ...{ id: page.id, startedAt: page.createdAt, urgency: page.urgency, state: page.state, acknowledgedBy },
    afterSeconds: page.acknowledgedAt === null ? null : Math.round((Date.parse(page.acknowledgedAt) - Date.parse(page.createdAt)) / 1_000),
    paged: [...new Set(paged.filter(one => one.pageId === page.id).map(one => one.name))],
  }))
}

/** The whole story of a page, from its entries in the journal. */
export async function readPageTimeline(reader: Reader, context: AppContext, viewer: Viewer, pageId: string): Promise<PageTimeline> {
  const [page] = await listPages(reader, context, viewer, { pageId })
  const [row] = await reader.db.select({ summary: pages.summary }).from(pages).where(eq(pages.id, pageId))
  if (!page || !row) throw notFound('page')
  const entries = await readEntriesAbout(reader, { kind: 'page', id: pageId })
  return { ...page, summary: row.summary, events: entries.map(entry => ({ at: entry.at, kind: entry.type, text: sentenceOf(entry), entryId: entry.id })) }
}

const upper = (words: string) => `${words.slice(0, 1).toUpperCase()}${words.slice(1)}`
const after = (seconds: number) => (seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`)

/** Whom a message went to, and how. */
function placeOf({ person, channel, address }: EntryOf<'page.sent'>['data']): string {
  // What Teams calls somebody says nothing to people.
  const where = channel === 'teams-bot' ? '' : ` (${address})`
  return `${person ?? 'the channel of the team'} by ${channelWords[channel]}${where}`
}

function sentenceOf(entry: Entry): string {
  if (entry.fault !== null) return `${entry.type} (unreadable entry: ${entry.fault})`
  const who = entry.actor.name
  switch (entry.type) {
    case 'page.triggered':
      return 'The page began.'
    case 'drill.started':
      return `${who} started the drill.`
    case 'page.notified':
      return `Paged ${[...entry.data.notified, ...entry.data.channels].join(', ')}.${entry.data.why ? ` ${entry.data.why}` : ''}`
    case 'page.waited':
      return entry.data.why || 'A step that only waits.'
    case 'page.sent':
      return `Delivered to ${placeOf(entry.data)}: ${entry.data.receipt}`
    case 'page.failed':
      return `Could not be delivered to ${placeOf(entry.data)}: ${entry.data.receipt}`
    case 'page.failed-over': {
      const { from, to, error } = entry.data
      const next = to === null ? 'there is no other way to reach them.' : `${channelWords[to]} is used at once.`
      return `${upper(channelWords[from])} is in trouble (${error}): ${next}`
    }
    case 'page.acknowledgement-added':
      return `${who} acknowledged, ${entry.data.so} of ${entry.data.of} after ${after(entry.data.afterSeconds)}.`
    case 'page.acknowledged':
      return `${who} acknowledged after ${after(entry.data.afterSeconds)}.`
    case 'drill.acknowledged':
      return `${who} answered the drill after ${after(entry.data.afterSeconds)}.`
    case 'page.released':
      return `${who} handed it back.`
    case 'page.declined':
      return `${who} declined${entry.data.to === null ? '' : `, for ${entry.data.to}`}${entry.data.reason === '' ? '.' : `: ${entry.data.reason}`}`
    case 'page.escalated':
      return `${who} went on to the next step.`
    case 'page.responders-added':
      return `${who} asked ${entry.data.notified.join(', ')} to join.`
    case 'page.snoozed':
      return `${who} lets it rest.`
    case 'page.snooze-ended':
      return 'The rest is over: it climbs again.'
    case 'page.unacknowledged':
      return 'Nothing had happened since it was acknowledged: it climbs again.'
    case 'page.repaired':
      return `The auditor found a step ${entry.data.what} and mended it.`
    case 'page.exhausted':
      return 'Every step was paged, and nobody answered.'
    case 'page.resolved':
      return 'It is over: there is nothing left to answer.'
    default:
      return entry.type
  }
}
