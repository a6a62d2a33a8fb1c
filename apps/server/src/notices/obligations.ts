import type { Obligation } from '@tocsin/api'
import { noticeClock, type Timing, timing, wasFoundTooLate } from '@tocsin/deadlines'
import { when } from '@tocsin/events'
import { and, asc, eq, exists, inArray, ne, or, type SQL, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import { z } from 'zod'
import { type AppContext, accountsThatActed, people, type Viewer } from '../access/index.ts'
import { customers } from '../directory/index.ts'
import { incidents } from '../incidents/index.ts'
import { changedSince } from '../journal/index.ts'
import type { Instant } from '../kernel/clock.ts'
import { counted } from '../kernel/counted.ts'
import { listCursor } from '../kernel/cursor.ts'
import type { Reader } from '../kernel/database.ts'
import { notFound } from '../kernel/problems.ts'
import { messages } from '../notify/index.ts'
import { clockOf, isOpen } from './clocks.ts'
import { notices, obligations } from './tables.ts'

const proposer = alias(people, 'proposer')
const approver = alias(people, 'approver')
const author = alias(people, 'author')

const cursor = listCursor('obligations', z.tuple([z.boolean(), z.union([z.iso.datetime(), z.literal('infinity')]), z.string(), z.uuid()]))
const isMet = sql<boolean>`(${obligations.notifiedAt} is not null)`
const dueOrder = sql`coalesce(${obligations.dueAt}, 'infinity'::timestamptz)`
/** What has no customer comes first. */
const nameOrder = sql`coalesce(${customers.name}, '')`

/** The timing of an obligation by its contract and from being found, and which of the two counts. */
function timingsOf(obligation: typeof obligations.$inferSelect, now: Instant): Pick<Obligation, 'timing' | 'contractTiming' | 'found'> {
  const clock = clockOf(obligation)
  if (clock === undefined) return { timing: null, contractTiming: null, found: null }
  const { foundAt, foundDueAt, notifiedAt, state } = obligation
  // What is not owed is neither due nor late.
  const timed = (of: typeof clock): Timing | null => (state === 'ended' || state === 'waived' ? null : timing(of, notifiedAt, now))
  const contractTiming = timed(clock)
  if (foundAt === null || foundDueAt === null) return { timing: contractTiming, contractTiming, found: null }
  const found = { at: foundAt, dueAt: foundDueAt, timing: timed(noticeClock(foundAt, foundDueAt)) }
  return { timing: wasFoundTooLate({ dueAt: clock.dueAt, foundAt }) ? found.timing : contractTiming, contractTiming, found }
}

/** Obligations in the order of their list; without a limit all of them. */
async function selectObligations(reader: Reader, context: AppContext, viewer: Viewer, condition: SQL | undefined, limit?: number): Promise<Obligation[]> {
  const asked = reader.db
    .select({ obligation: obligations, incident: incidents, customer: customers, proposedBy: proposer.name, approvedBy: approver.name })
    .from(obligations)
    .innerJoin(incidents, eq(incidents.id, obligations.incidentId))
    .leftJoin(customers, eq(customers.id, obligations.customerId))
    .leftJoin(proposer, eq(proposer.id, obligations.decisionById))
    .leftJoin(approver, eq(approver.id, obligations.decisionApprovedById))
    .where(and(condition, context.visibility.condition(viewer, obligations.incidentId)))
    .orderBy(asc(isMet), asc(dueOrder), asc(nameOrder), asc(obligations.id))
  const rows = limit === undefined ? await asked : await asked.limit(limit)
  const byObligation = await noticesOf(
    reader,
    rows.map(row => row.obligation.id),
  )
  const { hostOf, partsOf, earliestOf } = await joinedOf(
    reader,
    context,
    viewer,
    rows.map(row => row.obligation),
  )
  return rows.map(({ obligation, incident, customer, proposedBy, approvedBy }) => ({
    id: obligation.id,
    incident: { id: incident.id, number: incident.number, title: incident.title, isClosed: incident.status === 'closed', executiveId: incident.executiveId },
    kind: obligation.kind,
    customer: customer && { id: customer.id, name: customer.name },
    state: obligation.state,
    ...timingsOf(earliestOf(obligation), reader.now),
    term: obligation.term,
    startedAt: obligation.startedAt,
    dueAt: obligation.dueAt,
    notifiedAt: obligation.notifiedAt,
    decision:
      obligation.decisionKind === null
        ? null
        : {
            kind: obligation.decisionKind,
            reasonCategory: obligation.decisionReasonCategory ?? 'other',
            reason: obligation.decisionReason ?? '',
            proposedBy: { id: obligation.decisionById ?? obligation.id, name: proposedBy ?? '' },
            approvedBy,
            reviewOn: obligation.decisionReviewOn ?? '',
          },
    joinedTo: hostOf(obligation),
    joined: partsOf(obligation),
    notices: byObligation.get(obligation.id) ?? [],
    isDemo: obligation.isDemo,
    isExercise: obligation.isExercise,
    version: obligation.version,
  }))
}

/** Obligations of linked incidents that one notice meets, as far as the viewer may see them. */
async function joinedOf(reader: Reader, context: AppContext, viewer: Viewer, rows: readonly (typeof obligations.$inferSelect)[]) {
  const ids = rows.map(({ id }) => id)
  const hostIds = rows.flatMap(({ joinedToId }) => joinedToId ?? [])
  const linked =
    ids.length === 0
      ? []
      : await reader.db
          .select({ obligation: obligations, incident: { id: incidents.id, number: incidents.number } })
          .from(obligations)
          .innerJoin(incidents, eq(incidents.id, obligations.incidentId))
          .where(and(or(inArray(obligations.id, hostIds), inArray(obligations.joinedToId, ids)), context.visibility.condition(viewer, obligations.incidentId)))
          .orderBy(asc(incidents.number))
  const byId = new Map(linked.map(row => [row.obligation.id, row]))
  const parts = Map.groupBy(linked, ({ obligation }) => obligation.joinedToId)
  const shown = ({ obligation: { id, dueAt }, incident }: (typeof linked)[number]) => ({ id, dueAt, incident })
  return {
    hostOf: ({ joinedToId }: { joinedToId: string | null }) => {
      const host = joinedToId === null ? undefined : byId.get(joinedToId)
      return host === undefined ? null : shown(host)
    },
    partsOf: ({ id }: { id: string }) => (parts.get(id) ?? []).map(shown),
    /** With the clock that runs out first, of those that one notice meets. */
    earliestOf: (own: typeof obligations.$inferSelect) => {
      const [first] = [own, ...(parts.get(own.id) ?? []).map(({ obligation }) => obligation)].toSorted((a, b) => ((a.dueAt ?? '') < (b.dueAt ?? '') ? -1 : 1))
      return { ...own, startedAt: first?.startedAt ?? null, dueAt: first?.dueAt ?? null }
    },
  }
}

async function noticesOf(reader: Reader, obligationIds: readonly string[]): Promise<Map<string, Obligation['notices']>> {
  if (obligationIds.length === 0) return new Map()
  const rows = await reader.db
    .select({ notice: notices, author: author.name, approvedBy: approver.name })
    .from(notices)
    .innerJoin(author, eq(author.id, notices.authorId))
    .leftJoin(approver, eq(approver.id, notices.approvedById))
    .where(inArray(notices.obligationId, [...obligationIds]))
    .orderBy(asc(notices.id))
  const ids = rows.map(row => row.notice.id)
  const sent =
    ids.length === 0
      ? []
      : await reader.db
          .select()
          .from(messages)
          .where(and(eq(messages.purpose, 'notice'), inArray(messages.purposeId, ids)))
          .orderBy(asc(messages.id))
  const drafted = await accountsThatActed(
    reader,
    rows.map(({ notice }) => ({ id: notice.id, personId: notice.authorId })),
    'notice.drafted',
  )
  const list = rows.map(({ notice, author: by, approvedBy }) => ({
    obligationId: notice.obligationId,
    notice: {
      id: notice.id,
      kind: notice.kind,
      state: notice.state,
      nature: notice.nature,
      userImpact: notice.userImpact,
      mitigation: notice.mitigation,
      isInvestigationComplete: notice.isInvestigationComplete,
      nextSteps: notice.nextSteps,
      nextCommunicationAt: notice.nextCommunicationAt,
      author: { id: notice.authorId, name: drafted.get(notice.id) ?? by },
      editorId: notice.editorId,
      approvedBy,
      approvedAt: notice.approvedAt,
      sentAt: notice.sentAt,
      deliveries: sent
        .filter(message => message.purposeId === notice.id)
        .map(({ address, state, receipt, lastError, sentAt, report, reportedAt }) => ({
          ...{ to: address, state, receipt: receipt ?? lastError, at: sentAt, report, reportedAt },
        })),
      version: notice.version,
    },
  }))
  return new Map([...Map.groupBy(list, each => each.obligationId)].map(([id, each]) => [id, each.map(({ notice }) => notice)]))
}

/** Obligations that the viewer may see, earliest due date first. Open ones are neither notified nor waived. */
export async function listObligations(
  reader: Reader,
  context: AppContext,
  viewer: Viewer,
  query: {
    view: 'open' | 'all'
    incidentId?: string | undefined
    isExercise?: 'true' | 'false' | undefined
    limit: number
    cursor?: string | undefined
    updatedSince?: Instant | undefined
  },
): Promise<{ items: Obligation[]; next: string | null }> {
  const after = cursor.read(query.cursor)
  const condition = and(
    query.view === 'open' ? isOpen : undefined,
    query.incidentId === undefined ? undefined : eq(obligations.incidentId, query.incidentId),
    query.isExercise === undefined ? undefined : eq(obligations.isExercise, query.isExercise === 'true'),
    changedObligations(reader, query.updatedSince),
    // The first of the two is the part that an index holds.
    after && sql`(${isMet}, ${dueOrder}) >= (${after[0]}, ${after[1]}::timestamptz)`,
    after && sql`(${isMet}, ${dueOrder}, ${nameOrder}, ${obligations.id}) > (${after[0]}, ${after[1]}::timestamptz, ${after[2]}, ${after[3]}::uuid)`,
  )
  const rows = await selectObligations(reader, context, viewer, condition, query.limit + 1)
  return cursor.page(rows, query.limit, row => [row.notifiedAt !== null, row.dueAt ?? 'infinity', row.customer?.name ?? '', row.id])
}

/** The condition that an obligation, or one of its notices, has changed. */
const changedObligations = (reader: Reader, since: Instant | undefined) =>
  or(
    changedSince(obligations.id, since),
    since === undefined
      ? undefined
      : exists(
          reader.db
            .select({ id: notices.id })
            .from(notices)
            .where(and(eq(notices.obligationId, obligations.id), changedSince(notices.id, since))),
        ),
  )

/** Every obligation of one incident, however many there are. */
export async function obligationsOf(reader: Reader, context: AppContext, viewer: Viewer, incidentId: string): Promise<Obligation[]> {
  return selectObligations(reader, context, viewer, eq(obligations.incidentId, incidentId))
}

/** How many customers of declared incidents that a viewer may see were not notified yet, and are to be; exercises left out. */
export async function countObligations(reader: Reader, context: AppContext, viewer: Viewer): Promise<number> {
  return counted(
    reader,
    reader.db
      .select({ id: obligations.id })
      .from(obligations)
      .where(and(isOpen, eq(obligations.isExercise, false), context.visibility.condition(viewer, obligations.incidentId))),
  )
}

export async function readObligation(reader: Reader, context: AppContext, viewer: Viewer, id: string): Promise<Obligation> {
  const [obligation] = await selectObligations(reader, context, viewer, eq(obligations.id, id))
  if (!obligation) throw notFound('notification obligation')
  return obligation
}

/** Customers that closing conditions name; of more they say how many. */
const maxBlocking = 3

/**
 * What prevents closing the incident: notices to customers who were notified, such as a correction, that are being sent or were forgotten. What one announces is owed once it
 * has arrived, and no closed incident owes anything.
 */
export async function unsentNotices(reader: Reader, incidentId: string): Promise<string[]> {
  const rows = await reader.db
    .select({ customer: customers.name, state: notices.state, all: sql<number>`count(*) over ()`.mapWith(Number) })
    .from(notices)
    .innerJoin(obligations, eq(obligations.id, notices.obligationId))
    .innerJoin(customers, eq(customers.id, obligations.customerId))
    .where(and(eq(obligations.incidentId, incidentId), eq(obligations.state, 'notified'), ne(notices.state, 'sent')))
    .orderBy(asc(customers.name))
    .limit(maxBlocking)
  const more = (rows[0]?.all ?? 0) - rows.length
  return [
    ...rows.map(({ customer, state }) =>
      state === 'sending'
        ? `A notice to ${customer} is being sent now: wait until it has arrived or failed.`
        : `A notice to ${customer} is ${state === 'draft' ? 'drafted' : 'approved'} and not sent: send or discard it.`,
    ),
    ...(more > 0 ? [`So ${more === 1 ? 'is 1 notice' : `are ${more.toLocaleString('en')} notices`} more.`] : []),
  ]
}

/** What prevents closing the incident: obligations that are due or deferred. */
export async function openObligations(reader: Reader, incidentId: string): Promise<string[]> {
  const sentences: string[] = []
  const all = sql<number>`count(*) over (partition by kind)::int`
  const position = sql<number>`row_number() over (partition by kind order by due_at, coalesce(${customers.name}, ''))`.as('position')
  const open = reader.db
    .select({
      kind: obligations.kind,
      state: obligations.state,
      dueAt: obligations.dueAt,
      customer: sql<string>`coalesce(${customers.name}, '')`.as('customer'),
      isAnnounced: sql<boolean>`${obligations.promisedById} is not null`.as('is_announced'),
      all: all.as('all'),
      position,
    })
    .from(obligations)
    .leftJoin(customers, eq(customers.id, obligations.customerId))
    .where(and(eq(obligations.incidentId, incidentId), isOpen))
    .as('open')
  const rows = await reader.db.select().from(open).where(sql`position <= ${maxBlocking}`).orderBy(sql`position`)
  const mark = ({ state }: { state: string }) => (state === 'deferred' ? ' (deferred)' : '')
  for (const kind of ['scope', 'initial', 'update'] as const) {
    const named = rows.filter(row => row.kind === kind)
    const more = (named[0]?.all ?? 0) - named.length
    const names = `${named.map(row => `${row.customer}${mark(row)}`).join(', ')} and ${more.toLocaleString('en')} more`
    if (kind === 'scope')
      sentences.push(...named.map(row => `No affected customer is listed${mark(row)}: list them, or have it approved that nobody needs to be notified.`))
    else if (kind === 'initial')
      sentences.push(
        ...(more > 0
          ? [`${(named.length + more).toLocaleString('en')} customers are not notified yet: ${names}.`]
          : named.map(row => `${row.customer} is not notified yet${mark(row)}.`)),
      )
    else
      sentences.push(
        ...(more > 0
          ? [`${(named.length + more).toLocaleString('en')} customers expect an update that is not sent yet: ${names}.`]
          : named.map(
              row =>
                `The update ${row.isAnnounced ? `that was announced to ${row.customer} for` : `to ${row.customer} that is due by`} ${when(row.dueAt ?? reader.now, reader.now)} is not sent yet${mark(row)}.`,
            )),
      )
  }
  return sentences
}
