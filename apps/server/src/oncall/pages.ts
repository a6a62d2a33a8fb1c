import { type Page, type Severity, severities } from '@tocsin/api'
import { climb, inTurn } from '@tocsin/oncall'
import { and, desc, eq, inArray, sql } from 'drizzle-orm'
import { findPerson, type House, people, teamMembers, teams, type Viewer } from '../identity/index.ts'
import { type Actor, record, system } from '../journal/index.ts'
import { addMinutes } from '../platform/clock.ts'
import type { Reader, Tx } from '../platform/database.ts'
import { newId } from '../platform/ids.ts'
import { cancel, schedule } from '../platform/jobs.ts'
import { linkPlaceholder } from '../platform/messages.ts'
import { conflict, notFound } from '../platform/problems.ts'
import { messages } from '../platform/tables.ts'
import { reachOf } from './contact-methods.ts'
import { findRota, rotationOf } from './rotas.ts'
import { pageNotifications, pages } from './tables.ts'

export type PageRow = typeof pages.$inferSelect
export const climbJob = 'page.climb'
/** How long the one who is asked before the team has. */
const firstPersonMinutes = 10
const jobKey = (pageId: string) => `page:${pageId}`

export interface PageRequest {
  readonly teamId: string
  readonly subject: { readonly kind: 'alert' | 'incident'; readonly id: string }
  /** The incident that decides who may see the page. */
  readonly within?: string | null
  readonly title: string
  readonly summary: string
  readonly severity: Severity
  readonly isDemo?: boolean
  /** One topic of a subject, where it has several that may climb at once. */
  readonly topic?: string
  /** Somebody to ask before the team, such as the lead of an incident; the team follows when there is no answer. */
  readonly firstPersonId?: string | null
}

/** True when `severity` is `threshold` or above it. */
export function reaches(severity: Severity, threshold: Severity): boolean {
  return severities.indexOf(severity) >= severities.indexOf(threshold)
}

/**
 * Pages a team: the first step of its escalation policy at once, the next ones by a durable timer until somebody acknowledges.
 * A page of the same team for the same subject and topic that still climbs is not doubled.
 */
export async function pageTeam(tx: Tx, house: House, request: PageRequest): Promise<void> {
  const id = newId()
  const { subject, within, topic = '', firstPersonId = null, ...rest } = request
  const key = `${request.teamId} ${subject.id} ${topic}`
  const [page] = await tx.db
    .insert(pages)
    .values({
      ...rest,
      id,
      key,
      firstPersonId,
      position: firstPersonId === null ? 0 : -1,
      subjectKind: subject.kind,
      subjectId: subject.id,
      withinId: within ?? null,
      state: 'triggered',
      createdAt: tx.now,
    })
    .onConflictDoNothing({ target: pages.key, where: sql`state = 'triggered'` })
    .returning({ id: pages.id })
  if (!page) return
  await record(tx, {
    actor: system,
    type: 'page.triggered',
    subject: { kind: 'page', id },
    within: within ?? null,
    data: { teamId: request.teamId, about: subject, severity: request.severity },
  })
  await climbPage(tx, house, id)
}

/** One step of an unanswered page: notifies who is on call for it now, and sets the timer of the next step. */
export async function climbPage(tx: Tx, house: House, pageId: string): Promise<void> {
  const [page] = await tx.db.select().from(pages).where(eq(pages.id, pageId)).for('update')
  if (page?.state !== 'triggered') return
  const rota = await findRota(tx, page.teamId)
  const turns = rota ? inTurn(rotationOf(rota), tx.now) : []
  const policy = rota ?? { steps: [{ target: { kind: 'everyone' as const }, waitMinutes: 5 }], repeats: 2 }
  const step =
    page.position < 0 && page.firstPersonId !== null
      ? { participants: [page.firstPersonId], waitMinutes: firstPersonMinutes }
      : climb(policy, page.position, turns)
  if (!step) {
    await tx.db.update(pages).set({ state: 'exhausted', nextStepAt: null }).where(eq(pages.id, pageId))
    await record(tx, {
      actor: system,
      type: 'page.exhausted',
      subject: { kind: 'page', id: pageId },
      within: page.withinId,
      data: { about: { kind: page.subjectKind, id: page.subjectId } },
    })
    return
  }
  const personIds = step.participants.length > 0 ? step.participants : await everybodyLeft(tx, page.teamId)
  const notified = await notify(tx, house, page, personIds)
  const nextStepAt = addMinutes(tx.now, step.waitMinutes)
  await tx.db
    .update(pages)
    .set({ position: page.position + 1, nextStepAt })
    .where(eq(pages.id, pageId))
  await schedule(tx, { kind: climbJob, key: jobKey(pageId), runAt: nextStepAt, data: { pageId } })
  await record(tx, {
    actor: system,
    type: 'page.climbed',
    subject: { kind: 'page', id: pageId },
    within: page.withinId,
    data: { position: page.position, notified },
  })
}

/** Nobody is on call: the team's members are paged, and without any the administrators. A page is never silence. */
async function everybodyLeft(tx: Tx, teamId: string): Promise<string[]> {
  const members = await tx.db
    .select({ id: people.id })
    .from(teamMembers)
    .innerJoin(people, eq(people.id, teamMembers.personId))
    .where(and(eq(teamMembers.teamId, teamId), eq(people.isActive, true)))
  if (members.length > 0) return members.map(member => member.id)
  const administrators = await tx.db
    .select({ id: people.id })
    .from(people)
    .where(and(eq(people.role, 'administrator'), eq(people.isActive, true)))
  return administrators.map(person => person.id)
}

async function notify(tx: Tx, house: House, page: PageRow, personIds: readonly string[]): Promise<string[]> {
  const notified: string[] = []
  for (const personId of new Set(personIds)) {
    const person = await findPerson(tx, personId)
    if (!person?.isActive) continue
    notified.push(person.name)
    for (const reach of await reachOf(tx, personId)) {
      const messageId = await house.messenger.post(tx, {
        channel: reach.kind,
        address: reach.address,
        purpose: 'page',
        purposeId: page.id,
        withinId: page.withinId,
        subject: `[${page.severity.toUpperCase()}] ${page.title}`.slice(0, 200),
        body: `${page.summary}\n\nAcknowledge with one tap (the link is yours alone):\n${linkPlaceholder}\n\nUnanswered, it climbs to the next person.\n`,
        link: { path: '/a/', purpose: 'page', claims: [page.id, personId] },
        ...(reach.secret === null ? {} : { webhookSecret: reach.secret }),
        isDemo: person.isDemo,
      })
      await tx.db.insert(pageNotifications).values({ pageId: page.id, personId, position: page.position, channel: reach.kind, messageId, at: tx.now })
    }
  }
  return notified
}

/** Acknowledges a page: it stops climbing, and what has not left yet is not sent. A second acknowledgement changes nothing. */
export async function acknowledgePage(tx: Tx, house: House, actor: Actor, personId: string, pageId: string): Promise<PageRow> {
  const [page] = await tx.db.select().from(pages).where(eq(pages.id, pageId)).for('update')
  if (!page) throw notFound('page')
  if (page.state === 'acknowledged' || page.state === 'resolved') return page
  const [acknowledged] = await tx.db
    .update(pages)
    .set({ state: 'acknowledged', acknowledgedById: personId, acknowledgedAt: tx.now, nextStepAt: null })
    .where(eq(pages.id, pageId))
    .returning()
  await quieten(tx, house, [pageId])
  await record(tx, {
    actor,
    type: 'page.acknowledged',
    subject: { kind: 'page', id: pageId },
    within: page.withinId,
    data: {
      about: { kind: page.subjectKind, id: page.subjectId },
      teamId: page.teamId,
      personId,
      afterSeconds: Math.round((Date.parse(tx.now) - Date.parse(page.createdAt)) / 1_000),
    },
  })
  if (!acknowledged) throw notFound('page')
  return acknowledged
}

/** Hands an acknowledged page back: it climbs to the next person at once. */
export async function handBackPage(tx: Tx, house: House, actor: Actor, personId: string, pageId: string): Promise<PageRow> {
  const [page] = await tx.db.select().from(pages).where(eq(pages.id, pageId)).for('update')
  if (!page) throw notFound('page')
  if (page.state !== 'acknowledged' || page.acknowledgedById !== personId) throw conflict('Only who acknowledged a page can hand it back.')
  await tx.db.update(pages).set({ state: 'triggered', acknowledgedById: null, acknowledgedAt: null }).where(eq(pages.id, pageId))
  await record(tx, {
    actor,
    type: 'page.handed-back',
    subject: { kind: 'page', id: pageId },
    within: page.withinId,
    data: { about: { kind: page.subjectKind, id: page.subjectId }, personId },
  })
  await climbPage(tx, house, pageId)
  const [after] = await tx.db.select().from(pages).where(eq(pages.id, pageId))
  if (!after) throw notFound('page')
  return after
}

/** Acknowledges every page about a subject that still climbs: somebody has taken the subject up. */
export async function acknowledgePagesAbout(tx: Tx, house: House, actor: Actor, personId: string, subjectId: string): Promise<void> {
  const climbing = await tx.db
    .select({ id: pages.id })
    .from(pages)
    .where(and(eq(pages.subjectId, subjectId), inArray(pages.state, ['triggered', 'exhausted'])))
  for (const { id } of climbing) await acknowledgePage(tx, house, actor, personId, id)
}

/** Ends every page about a subject, or about one topic of it: there is nothing left to answer. */
export async function resolvePagesAbout(tx: Tx, house: House, actor: Actor, subjectId: string, topic?: string): Promise<void> {
  const ended = await tx.db
    .update(pages)
    .set({ state: 'resolved', nextStepAt: null })
    .where(
      and(
        eq(pages.subjectId, subjectId),
        inArray(pages.state, ['triggered', 'exhausted', 'acknowledged']),
        topic === undefined ? undefined : sql`${pages.key} like ${`% ${topic}`}`,
      ),
    )
    .returning({ id: pages.id, withinId: pages.withinId })
  await quieten(
    tx,
    house,
    ended.map(page => page.id),
  )
  for (const page of ended)
    await record(tx, { actor, type: 'page.resolved', subject: { kind: 'page', id: page.id }, within: page.withinId, data: { about: subjectId } })
}

async function quieten(tx: Tx, house: House, pageIds: readonly string[]): Promise<void> {
  await house.messenger.cancelUnsent(tx, 'page', pageIds)
  for (const id of pageIds) await cancel(tx, jobKey(id))
}

/** The latest pages that a viewer may see, those that still climb first. */
export async function listPages(reader: Reader, house: House, viewer: Viewer, pageId?: string): Promise<Page[]> {
  const rows = await reader.db
    .select({ page: pages, team: teams, acknowledgedBy: people.name })
    .from(pages)
    .innerJoin(teams, eq(teams.id, pages.teamId))
    .leftJoin(people, eq(people.id, pages.acknowledgedById))
    .where(and(house.visibility.condition(viewer, pages.withinId), pageId === undefined ? undefined : eq(pages.id, pageId)))
    .orderBy(sql`${pages.state} in ('triggered', 'exhausted') desc`, desc(pages.createdAt))
    .limit(100)
  const ids = rows.map(row => row.page.id)
  const notifications =
    ids.length === 0
      ? []
      : await reader.db
          .select({ notification: pageNotifications, person: people.name, state: messages.state })
          .from(pageNotifications)
          .innerJoin(people, eq(people.id, pageNotifications.personId))
          .leftJoin(messages, eq(messages.id, pageNotifications.messageId))
          .where(inArray(pageNotifications.pageId, ids))
          .orderBy(pageNotifications.at)
  return rows.map(({ page, team, acknowledgedBy }) => ({
    id: page.id,
    title: page.title,
    severity: page.severity,
    team: { id: team.id, name: team.name },
    subject: { kind: page.subjectKind, id: page.subjectId },
    state: page.state,
    acknowledgedBy,
    acknowledgedAt: page.acknowledgedAt,
    createdAt: page.createdAt,
    nextStepAt: page.nextStepAt,
    notifications: notifications
      .filter(({ notification }) => notification.pageId === page.id)
      .map(({ notification, person, state }) => ({ person, at: notification.at, channel: notification.channel, state: state ?? 'gone' })),
  }))
}
