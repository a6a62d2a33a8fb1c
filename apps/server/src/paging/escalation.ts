import type { PageTarget } from '@tocsin/api'
import { titleOnRecord } from '@tocsin/events'
import { isLevelGone, nextLevel, noProgress, progressAfter, whenWithin } from '@tocsin/oncall'
import { and, asc, eq, inArray, ne, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import { z } from 'zod'
import { type AppContext, type Engagement, people } from '../access/index.ts'
import { type NewEntry, record, recordAll, system } from '../journal/index.ts'
import { addMinutes, type Instant } from '../kernel/clock.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { defineJob, escalationLane } from '../kernel/jobs/lanes.ts'
import { type NewJob, scheduleAll } from '../kernel/jobs/schedule.ts'
import { teamChannels } from '../notify/index.ts'
import {
  type OnCallSnapshot,
  onCallSettings,
  peopleBehind,
  readSnapshotOf,
  referenceIn,
  tierOf,
  unreachablePeople,
  withoutPeople,
} from '../scheduling/index.ts'
import { type ChannelRequest, type NotificationRequest, notifyChannels, notifyPeople, type TeamChannelRow } from './notifications.ts'
import { type PolicyRow, type Routed, routePage } from './policies.ts'
import { pages, policies } from './tables.ts'

export type PageRow = typeof pages.$inferSelect
type Progress = NonNullable<PageRow['progress']>
export const escalateJob = defineJob({ kind: 'page.escalate', lane: escalationLane, data: z.object({ pageId: z.uuid() }), isUrgent: true })
/** How long somebody who is paged before the team has to acknowledge. */
export const firstPersonMinutes = 10
/** What the entries of a page say it is about. */
export const ofPage = (page: Pick<PageRow, 'subjectKind' | 'subjectId' | 'title'>) => ({
  about: { kind: page.subjectKind, id: page.subjectId },
  title: titleOnRecord(page.title),
})
/** The level that a page is at, as it is shown and sent with each message: it only rises, whatever becomes of the policy. */
export const levelOf = ({ levelIndex }: Pick<PageRow, 'levelIndex'>): number => Math.max(0, levelIndex)
export const escalationKey = (pageId: string) => `page:${pageId}`

/** Everything that determines whom a page goes to, read once for a batch of pages. */
interface PagingSnapshot {
  readonly onCall: OnCallSnapshot
  readonly policies: ReadonlyMap<string, PolicyRow>
  readonly unreachable: ReadonlySet<string>
  readonly administrators: readonly string[]
  readonly leads: readonly { readonly id: string; readonly isDemo: boolean }[]
  /** What people work on. */
  readonly engagements: readonly Engagement[]
  /** The channels of teams that the policies name, as far as they exist. */
  readonly channels: ReadonlyMap<string, TeamChannelRow>
  /** The people who are to see nothing of an incident, by incident. */
  readonly suspects: ReadonlyMap<string, ReadonlySet<string>>
}

/** Reads what determines whom pages go to, as it is at `tx.now`. */
export async function readPagingSnapshot(tx: Reader, context: AppContext, escalating: readonly PageRow[]): Promise<PagingSnapshot> {
  const teamIds = [...new Set(escalating.flatMap(page => page.teamId ?? []))]
  const rows = await tx.db.select().from(onCallSettings).where(inArray(onCallSettings.teamId, teamIds))
  const settings = new Map(rows.map(row => [row.teamId, row.settings]))
  const policyIds = [...settings.values()].flatMap(one => [...(one.policyId === null ? [] : [one.policyId]), ...one.routing.map(rule => rule.policyId)])
  const found =
    policyIds.length === 0
      ? []
      : await tx.db
          .select()
          .from(policies)
          .where(inArray(policies.id, [...new Set(policyIds)]))
  // A policy of another team names that team's tiers.
  const others = [...new Set(found.map(policy => policy.teamId))].filter(teamId => !settings.has(teamId))
  if (others.length > 0)
    for (const row of await tx.db.select().from(onCallSettings).where(inArray(onCallSettings.teamId, others))) settings.set(row.teamId, row.settings)
  // A team without settings has members all the same.
  const targets: PageTarget[] = [
    ...found.flatMap(policy => policy.levels.flatMap(level => level.targets)),
    ...teamIds.map(teamId => ({ kind: 'team' as const, teamId })),
    ...escalating.flatMap(({ firstPersonId, personIds }) =>
      [...(firstPersonId === null ? [] : [firstPersonId]), ...(personIds ?? [])].map(personId => ({ kind: 'person' as const, personId })),
    ),
  ]
  const channelIds = targets.flatMap(target => (target.kind === 'channel' ? [target.channelId] : []))
  const channels =
    channelIds.length === 0
      ? []
      : await tx.db
          .select()
          .from(teamChannels)
          .where(inArray(teamChannels.id, [...new Set(channelIds)]))
  const responsible = await tx.db
    .select({ id: people.id, role: people.role, isDemo: people.isDemo })
    .from(people)
    .where(and(inArray(people.role, ['lead', 'administrator']), eq(people.isActive, true)))
    .orderBy(asc(people.id))
  const onCall = await readSnapshotOf(tx, settings, [...targets, ...responsible.map(({ id }) => ({ kind: 'person' as const, personId: id }))])
  return {
    onCall,
    engagements: await context.workload.engagements(tx, [...onCall.people.keys()]),
    policies: new Map(found.map(row => [row.id, row])),
    unreachable: await unreachablePeople(tx),
    administrators: responsible.flatMap(({ id, role }) => (role === 'administrator' ? [id] : [])),
    leads: responsible.filter(({ role }) => role === 'lead'),
    // One of a kind that is not configured any more reaches nobody.
    channels: new Map(channels.filter(row => context.messenger.has(row.kind)).map(row => [row.id, row])),
    suspects: await context.visibility.suspectsOf(
      tx,
      escalating.flatMap(page => page.withinId ?? []),
    ),
  }
}

/**
 * The snapshot as it is for a page: where its incident has suspects, schedules and levels pass them over, and channels, which anybody may read, are left out.
 */
function snapshotFor(snapshot: PagingSnapshot, { withinId }: PageRow): PagingSnapshot {
  const suspects = withinId === null ? undefined : snapshot.suspects.get(withinId)
  if (suspects === undefined) return snapshot
  return {
    ...snapshot,
    onCall: withoutPeople(snapshot.onCall, suspects),
    administrators: snapshot.administrators.filter(id => !suspects.has(id)),
    leads: snapshot.leads.filter(({ id }) => !suspects.has(id)),
    channels: new Map(),
  }
}

/** Somebody who is paged. */
interface Recipient {
  readonly id: string
  readonly why?: string | undefined
  /** Is notified only: the page is not theirs to answer. */
  readonly isShadow?: boolean
}

/** The next escalation of one page. */
interface Decision {
  readonly people: readonly Recipient[]
  readonly channelIds: readonly string[]
  /** How often the page has escalated, with this time. */
  readonly levelIndex: number
  /** How often it had before. */
  readonly at: number
  readonly progress: Progress | null
  readonly nextEscalationAt: Instant | null
  readonly needed: number
  /** Why others than those on call are paged. */
  readonly why: string | null
  readonly isExhausted: boolean
}

const quiet = { people: [], channelIds: [], why: null, needed: 1, isExhausted: false }

/** What an escalation follows, other than the timer of a level. */
interface Occasion {
  /** The entry with which a page begins, made of the policy and urgency that it follows. */
  readonly begun?: (page: PageRow, routed: Routed) => NewEntry
  /** Who passed it on: after the last level the fallback is paged, without them. Null for a service account. */
  readonly passedOnBy?: string | null
  /** Why these people are paged, as they are told. */
  readonly why?: string
}

/**
 * One level of each unacknowledged page: pages those who are on call for it now, and sets the timer of the next level. Many pages are one transaction
 * with few statements: a storm is when it matters.
 */
export async function escalatePages(tx: Tx, context: AppContext, pageIds: readonly string[], occasion: Occasion = {}): Promise<void> {
  const found = await tx.db
    .select()
    .from(pages)
    .where(inArray(pages.id, [...pageIds]))
    .orderBy(asc(pages.id))
    .for('update')
  const escalating = found.filter(page => page.state === 'triggered')
  if (escalating.length === 0) return
  const snapshot = await readPagingSnapshot(tx, context, escalating)
  const requests: NotificationRequest[] = []
  const channelRequests: ChannelRequest[] = []
  const entries: NewEntry[] = []
  const jobs: NewJob<{ pageId: string }>[] = []
  const updates: { id: string; decision: Decision; urgency: string }[] = []
  for (const page of escalating) {
    const routed = routePage(page.teamId === null ? undefined : snapshot.onCall.settings.get(page.teamId), snapshot.policies, page)
    const own = snapshotFor(snapshot, page)
    const decision = decide(tx.now, own, page, routed, occasion)
    updates.push({ id: page.id, decision, urgency: routed.urgency })
    const fresh = { ...page, urgency: routed.urgency, state: stateAfter(decision) }
    for (const { id, why = occasion.why } of decision.people) requests.push({ page: fresh, personId: id, levelIndex: decision.at, why })
    const channels = decision.channelIds.flatMap(id => own.channels.get(id) ?? [])
    channelRequests.push(...channels.map(channel => ({ page: fresh, channel, levelIndex: decision.at })))
    if (decision.nextEscalationAt !== null)
      jobs.push({ kind: escalateJob, key: escalationKey(page.id), runAt: decision.nextEscalationAt, data: { pageId: page.id } })
    const names = channels.map(channel => channel.name)
    if (occasion.begun) entries.push(occasion.begun(page, routed))
    entries.push(entryOf(snapshot.onCall, page, routed, decision, names))
  }
  await save(tx, updates)
  await notifyChannels(tx, context, channelRequests)
  await notifyPeople(tx, context, requests)
  await scheduleAll(tx, jobs)
  await recordAll(tx, entries)
}

const stateAfter = ({ isExhausted }: Decision): PageRow['state'] => (isExhausted ? 'exhausted' : 'triggered')

/** One statement for all: thousands of pages may escalate in the same second. */
async function save(tx: Tx, updates: readonly { id: string; decision: Decision; urgency: string }[]): Promise<void> {
  const rows = updates.map(
    ({ id, urgency, decision: one }) =>
      sql`(${id}::uuid, ${stateAfter(one)}, ${urgency}, ${one.levelIndex}::int, ${one.progress === null ? null : JSON.stringify(one.progress)}::jsonb, ${one.needed}::int, ${one.nextEscalationAt}::timestamptz)`,
  )
  await tx.db.execute(sql`
    update pages set state = fresh.state, urgency = fresh.urgency, level_index = fresh.level_index, progress = fresh.progress, needed = fresh.needed, next_escalation_at = fresh.next_escalation_at, snoozed_until = null
    from (values ${sql.join(rows, sql`, `)}) as fresh (id, state, urgency, level_index, progress, needed, next_escalation_at)
    where pages.id = fresh.id`)
}

function entryOf(onCall: OnCallSnapshot, page: PageRow, routed: Routed, decision: Decision, channels: readonly string[]): NewEntry {
  const base = { actor: system, subject: { kind: 'page', id: page.id }, within: page.withinId } as const
  const notified = decision.people.map(({ id }) => referenceIn(onCall, id).name)
  if (decision.isExhausted)
    return { ...base, type: 'page.exhausted', data: { ...ofPage(page), notified, ...(decision.why === null ? {} : { why: decision.why }) } }
  return {
    ...base,
    type: notified.length + channels.length > 0 ? 'page.notified' : 'page.waited',
    data: {
      title: titleOnRecord(page.title),
      level: decision.at,
      notified,
      channels,
      policy: routed.saved,
      urgency: routed.urgency,
      why: decision.why,
      nextEscalationAt: decision.nextEscalationAt,
    },
  }
}

/** The next escalation of a page: pure, so that it can be asked of times to come. */
export function decide(now: Instant, snapshot: PagingSnapshot, page: PageRow, routed: Routed, { passedOnBy }: Occasion): Decision {
  const { policy, urgency } = routed
  const unchanged = { ...quiet, at: page.levelIndex, levelIndex: page.levelIndex, progress: page.progress }
  if (page.levelIndex < 0 && page.firstPersonId !== null && snapshot.onCall.people.get(page.firstPersonId)?.canRespond)
    return { ...unchanged, people: [{ id: page.firstPersonId }], levelIndex: 0, nextEscalationAt: addMinutes(now, firstPersonMinutes) }
  if (urgency === 'low') {
    const from = whenWithin(policy.businessHours, now)
    if (from > now) return { ...unchanged, nextEscalationAt: from, why: 'Deferred until business hours.' }
  }
  const start: Progress = page.progress ?? progressAfter(policy, page.levelIndex)
  const gone = isLevelGone(policy, start) ? 'The level that the page was at is not in the escalation policy that applies now.' : null
  const at = Math.max(0, page.levelIndex)
  let progress = start
  for (let found = nextLevel(policy, start, now, urgency); found !== undefined; found = nextLevel(policy, progress, now, urgency)) {
    const { level } = found
    // The whole list has paged nobody: repeating it is no answer.
    if (found.progress.round > 0 && !start.hasReached && !start.isFallbackPaged) break
    progress = { ...start, ...found.progress }
    const who = behind(snapshot, page, level.targets)
    // One that was removed is nobody.
    const channelIds = level.targets.flatMap(target => (target.kind === 'channel' && snapshot.channels.has(target.channelId) ? [target.channelId] : []))
    const next = {
      ...{ at, levelIndex: at + 1, progress },
      nextEscalationAt: addMinutes(now, level.waitMinutes),
      // Those who have acknowledged already count; how many more are waited for does not fall because a level was not enough.
      needed: Math.max(level.acknowledgements ?? 1, page.acknowledgements.length > 0 ? page.needed : 1),
      channelIds,
    }
    const reachable = who.people.filter(({ id, isShadow }) => !isShadow && !snapshot.unreachable.has(id))
    const isNobody = reachable.length === 0 && channelIds.length === 0
    const reached = { ...progress, hasReached: true }
    if (!isNobody) return { ...quiet, ...next, progress: reached, people: who.people, why: reasons(gone, who.why) }
    if (level.targets.length === 0 || level.whenEmpty === 'wait') return { ...quiet, ...next, people: who.people, why: reasons(gone, who.why) }
    if (level.whenEmpty === 'skip') continue
    const why = who.people.every(one => one.isShadow) ? reasonFor(snapshot.onCall, level.targets) : 'The person on call has no working contact method'
    const sentence = `${why}, so you are paged instead.`
    const instead = fallbackOf(snapshot, page.teamId).filter(id => !who.people.some(one => one.id === id))
    const people = [...who.people, ...instead.map(id => ({ id, why: sentence }))]
    return { ...quiet, ...next, progress: reached, people, why: reasons(gone, `${why}. Paged the fallback instead.`) }
  }
  // Levels were skipped or only waited, so that the page has gone to nobody, or whom it went to passed it on: that does not count as exhausted. Those whom a page names are followed by the administrators.
  if (!start.isFallbackPaged && (!start.hasReached || passedOnBy !== undefined || page.personIds !== null)) {
    const because =
      page.personIds !== null && start.hasReached
        ? 'None of those who were to be paged has acknowledged'
        : start.hasReached
          ? 'The escalation policy has no further level'
          : 'No level of the escalation policy has anyone to page'
    const sentence = `${because}, so you are paged instead.`
    const instead = fallbackOf(snapshot, page.teamId, passedOnBy).map(id => ({ id, why: sentence }))
    const next = { at, levelIndex: at + 1, progress: { ...progress, isFallbackPaged: true } }
    return { ...quiet, ...next, people: instead, nextEscalationAt: addMinutes(now, firstPersonMinutes), why: reasons(gone, sentence) }
  }
  const why = 'Nobody acknowledged this page, and every level of its escalation policy was paged. You are paged as a lead.'
  const told = leadsOf(snapshot, page, passedOnBy).map(id => ({ id, why }))
  return { ...quiet, at, levelIndex: at + 1, progress: start, people: told, nextEscalationAt: null, why: gone, isExhausted: true }
}

/** The most leads who are told of a page that nobody acknowledged. */
const maxTold = 20

/** Who is told once that nobody acknowledged a page: the leads of its team, or else all leads, or the administrators. About the installation these were paged. */
function leadsOf(
  { onCall, unreachable, administrators, leads }: PagingSnapshot,
  { teamId, isDemo, isNeutral }: PageRow,
  passedOnBy?: string | null,
): readonly string[] {
  // Leads without a part in a restricted incident could do nothing about it: the fallback was paged.
  if (teamId === null || isNeutral) return []
  const members = peopleBehind(onCall, teamId, { kind: 'everyone' }).people
  const known = leads.flatMap(lead => (lead.isDemo === isDemo && lead.id !== passedOnBy && !unreachable.has(lead.id) ? [lead.id] : []))
  const own = known.filter(id => members.includes(id))
  const told = own.length > 0 ? own : known
  return (told.length > 0 ? told : administrators).slice(0, maxTold)
}

const reasons = (...all: readonly (string | null)[]): string | null => all.filter(one => one !== null).join(' ') || null

/** The team's fallback, or its members, or the administrators: the first of these that is somebody who can be paged, other than who passed it on. */
function fallbackOf({ onCall, unreachable, administrators }: PagingSnapshot, teamId: string | null, passedOnBy?: string | null): readonly string[] {
  if (teamId === null) return administrators
  const named = onCall.settings.get(teamId)?.fallback.flatMap(target => peopleBehind(onCall, teamId, target).people) ?? []
  const members = peopleBehind(onCall, teamId, { kind: 'everyone' }).people
  const choices = [named, members, administrators].map(ids => [...new Set(ids)].filter(id => id !== passedOnBy))
  return choices.find(ids => ids.some(id => !unreachable.has(id))) ?? administrators
}

function reasonFor(onCall: OnCallSnapshot, targets: readonly PageTarget[]): string {
  const tiers = targets.flatMap(target => (target.kind === 'tier' ? [tierOf(onCall, target.tierId)?.name ?? 'a deleted tier'] : []))
  return tiers.length > 0 ? `Nobody is on call as ${tiers.join(' or ')}` : 'This escalation level has nobody to page'
}

/**
 * Who is behind the targets of a level now. Where everybody on call already works on an incident that is at least as severe, the next free
 * tier is paged as well: a second incident must not wait for the first.
 */
function behind(snapshot: PagingSnapshot, page: PageRow, targets: readonly PageTarget[]): { people: Recipient[]; why: string | null } {
  const { onCall, administrators } = snapshot
  const { teamId, personIds } = page
  if (personIds !== null) return { people: personIds.filter(id => onCall.people.get(id)?.canRespond).map(id => ({ id })), why: null }
  if (teamId === null) return { people: administrators.map(id => ({ id })), why: null }
  const chosen = new Map<string, Recipient>()
  let why: string | null = null
  for (const target of targets) {
    const { people: held, shadows } = peopleBehind(onCall, teamId, target)
    for (const id of held) chosen.set(id, { id })
    for (const id of shadows)
      if (!chosen.has(id)) chosen.set(id, { id, why: 'For your information: you are shadowing. The person on call responds.', isShadow: true })
    const free = page.subjectKind === 'drill' ? undefined : nextFree(snapshot, { ...page, teamId }, target, held)
    if (free === undefined) continue
    why = `${held.map(id => referenceIn(onCall, id).name).join(' and ')} already ${held.length === 1 ? 'works' : 'work'} on another incident`
    for (const id of free) if (!chosen.has(id)) chosen.set(id, { id, why: `${why}, so you are paged as well.` })
  }
  return { people: [...chosen.values()], why: why === null ? null : `${why}. Paged the next available tier as well.` }
}

function nextFree(
  { onCall, engagements }: PagingSnapshot,
  page: PageRow & { teamId: string },
  target: PageTarget,
  held: readonly string[],
): readonly string[] | undefined {
  if (target.kind !== 'tier' || held.length === 0) return undefined
  const isBusy = (id: string) => engagements.some(one => one.personId === id && one.incidentId !== page.subjectId && one.outweighs.includes(page.severity))
  if (!held.every(isBusy)) return undefined
  const tiers = [...onCall.settings.values()].find(one => one.tiers.some(tier => tier.id === target.tierId))?.tiers ?? []
  for (const { id: tierId } of tiers.slice(tiers.findIndex(tier => tier.id === target.tierId) + 1)) {
    const others = peopleBehind(onCall, page.teamId, { kind: 'tier', tierId }).people.filter(id => !held.includes(id))
    if (others.some(id => !isBusy(id))) return others
  }
  return undefined
}

/** Resolves a page where another about exactly the same already escalates: that one continues. @returns the other's ID */
export async function mergeIntoTwin(tx: Tx, pageId: string): Promise<string | undefined> {
  const twin = alias(pages, 'twin')
  const [same] = await tx.db
    .select({ id: twin.id, withinId: pages.withinId, title: pages.title, subjectKind: pages.subjectKind, subjectId: pages.subjectId })
    .from(twin)
    .innerJoin(pages, eq(pages.key, twin.key))
    .where(and(eq(pages.id, pageId), ne(twin.id, pageId), eq(twin.state, 'triggered')))
  if (!same) return undefined
  await tx.db.update(pages).set({ state: 'resolved', nextEscalationAt: null, snoozedUntil: null }).where(eq(pages.id, pageId))
  await record(tx, {
    ...{ actor: system, type: 'page.resolved', subject: { kind: 'page', id: pageId }, within: same.withinId },
    data: { ...ofPage(same), mergedInto: same.id },
  })
  return same.id
}

/** A page that nobody has answered. */
const unanswered: Partial<typeof pages.$inferInsert> = {
  ...{ state: 'triggered', acknowledgedById: null, acknowledgedAt: null, acknowledgements: [], snoozedUntil: null, progressAt: null },
}

/**
 * Escalates pages anew from the first level, whoever has answered them: in as many statements for many as for one. Of several about exactly the same one
 * continues: the one that escalates already, or the latest. @returns the others, which are to be resolved
 */
export async function escalateAnew(tx: Tx, context: AppContext, pageIds: readonly string[]): Promise<string[]> {
  if (pageIds.length === 0) return []
  const { rows } = await tx.db.execute<{ id: string }>(sql`
    select page.id from pages page where page.id = any(${sql.param([...pageIds])}::uuid[]) and page.state <> 'triggered' and exists (
      select 1 from pages other where other.key = page.key and other.id <> page.id
        and (other.state = 'triggered' or (other.id = any(${sql.param([...pageIds])}::uuid[]) and other.id > page.id)))`)
  const others = rows.map(({ id }) => id)
  const fresh = pageIds.filter(id => !others.includes(id))
  await tx.db
    .update(pages)
    .set({ ...unanswered, levelIndex: 0, progress: null })
    .where(inArray(pages.id, fresh))
  await escalatePages(tx, context, fresh)
  return others
}

/**
 * Restarts the escalation of a page at once, at the first level or at the one after the level that it is at. Where another page about exactly the same
 * already escalates, that one continues.
 * @param passedOnBy who did that, where somebody did; null for a service account
 */
export async function restartEscalation(tx: Tx, context: AppContext, pageId: string, from: 'first' | 'next', passedOnBy?: string | null): Promise<void> {
  if ((await mergeIntoTwin(tx, pageId)) !== undefined) return
  const place = from === 'first' ? { progress: noProgress } : {}
  await tx.db
    .update(pages)
    .set({ ...unanswered, ...place })
    .where(eq(pages.id, pageId))
  await escalatePages(tx, context, [pageId], { passedOnBy })
}
