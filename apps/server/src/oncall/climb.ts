import type { StepTarget } from '@tocsin/api'
import { climbCount, stepFrom, whenWithin } from '@tocsin/oncall'
import { and, asc, eq, inArray, ne, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import { type Engagement, type House, people } from '../identity/index.ts'
import { type NewEntry, recordAll, system } from '../journal/index.ts'
import { addMinutes, type Instant } from '../platform/clock.ts'
import type { Tx } from '../platform/database.ts'
import { type NewJob, scheduleAll } from '../platform/jobs.ts'
import { type Book, peopleBehind, readBookOf, referenceIn } from './book.ts'
import { unreachablePeople } from './coverage.ts'
import { type Summons, summon, tellChannels } from './notify.ts'
import { type PolicyRow, type Routed, routePage } from './policies.ts'
import { pages, policies, teamsOnCall } from './tables.ts'

export type PageRow = typeof pages.$inferSelect
export const climbJob = 'page.climb'
/** How long the one who is asked before the team has. */
export const firstPersonMinutes = 10
export const climbKey = (pageId: string) => `page:${pageId}`

/** Everything that says whom a page goes to, read once for a batch of pages. */
interface Ground {
  readonly book: Book
  readonly policies: ReadonlyMap<string, PolicyRow>
  readonly unreachable: ReadonlySet<string>
  readonly administrators: readonly string[]
  /** What people work on. */
  readonly engagements: readonly Engagement[]
}

async function readGround(tx: Tx, house: House, climbing: readonly PageRow[]): Promise<Ground> {
  const teamIds = [...new Set(climbing.map(page => page.teamId))]
  const rows = await tx.db.select().from(teamsOnCall).where(inArray(teamsOnCall.teamId, teamIds))
  const settings = new Map(rows.map(row => [row.teamId, row.settings]))
  const policyIds = [...settings.values()].flatMap(one => [...(one.policyId === null ? [] : [one.policyId]), ...one.routing.map(rule => rule.policyId)])
  const found =
    policyIds.length === 0
      ? []
      : await tx.db
          .select()
          .from(policies)
          .where(inArray(policies.id, [...new Set(policyIds)]))
  // A team without settings has members all the same.
  const targets: StepTarget[] = [
    ...found.flatMap(policy => policy.steps.flatMap(step => step.targets)),
    ...teamIds.map(teamId => ({ kind: 'team' as const, teamId })),
    ...climbing.flatMap(page => (page.firstPersonId === null ? [] : [{ kind: 'person' as const, personId: page.firstPersonId }])),
  ]
  const administrators = await tx.db
    .select({ id: people.id })
    .from(people)
    .where(sql`${people.role} = 'administrator' and ${people.isActive}`)
    .orderBy(asc(people.id))
  const personIds = administrators.map(person => person.id)
  const book = await readBookOf(tx, settings, [...targets, ...personIds.map(personId => ({ kind: 'person' as const, personId }))])
  return {
    book,
    engagements: await house.workload.engagements(tx, [...book.people.keys()]),
    policies: new Map(found.map(row => [row.id, row])),
    unreachable: await unreachablePeople(tx),
    administrators: personIds,
  }
}

/** Somebody who is paged. */
interface Called {
  readonly id: string
  readonly why?: string | undefined
  /** Watches: the page is not theirs to answer. */
  readonly isShadow?: boolean
}

/** What one page does at one moment. */
interface Decision {
  readonly people: readonly Called[]
  readonly channelIds: readonly string[]
  /** The position that comes after this. */
  readonly position: number
  /** The position that this is. */
  readonly at: number
  readonly nextStepAt: Instant | null
  readonly needed: number
  /** Why somebody else than those whose turn it is. */
  readonly why: string | null
  readonly isExhausted: boolean
}

const quiet = { people: [], channelIds: [], why: null, needed: 1, isExhausted: false }

/**
 * One step of each unanswered page: pages those who are on call for it now, and sets the timer of the next step. Many pages are one transaction
 * with few statements: a storm is when it matters.
 */
export async function climbPages(tx: Tx, house: House, pageIds: readonly string[]): Promise<void> {
  const found = await tx.db
    .select()
    .from(pages)
    .where(inArray(pages.id, [...pageIds]))
    .orderBy(asc(pages.id))
    .for('update')
  const climbing = found.filter(page => page.state === 'triggered')
  if (climbing.length === 0) return
  const ground = await readGround(tx, house, climbing)
  const summons: Summons[] = []
  const entries: NewEntry[] = []
  const jobs: NewJob[] = []
  const updates: { id: string; decision: Decision; urgency: string }[] = []
  for (const page of climbing) {
    const routed = routePage(ground.book.settings.get(page.teamId), ground.policies, page)
    const decision = decide(tx.now, ground, page, routed)
    updates.push({ id: page.id, decision, urgency: routed.urgency })
    const fresh = { ...page, urgency: routed.urgency }
    for (const { id, why } of decision.people) summons.push({ page: fresh, personId: id, position: decision.at, why })
    const told = await tellChannels(tx, house, fresh, decision.at, decision.channelIds)
    if (decision.nextStepAt !== null) jobs.push({ kind: climbJob, key: climbKey(page.id), runAt: decision.nextStepAt, data: { pageId: page.id } })
    entries.push(entryOf(ground.book, page, routed, decision, told))
  }
  await save(tx, updates)
  await summon(tx, house, summons)
  await scheduleAll(tx, jobs)
  await recordAll(tx, entries)
}

/** One statement for all: thousands of pages may climb in the same second. */
async function save(tx: Tx, updates: readonly { id: string; decision: Decision; urgency: string }[]): Promise<void> {
  const rows = updates.map(
    ({ id, urgency, decision: one }) =>
      sql`(${id}::uuid, ${one.isExhausted ? 'exhausted' : 'triggered'}, ${urgency}, ${one.position}::int, ${one.needed}::int, ${one.nextStepAt}::timestamptz)`,
  )
  await tx.db.execute(sql`
    update pages set state = fresh.state, urgency = fresh.urgency, position = fresh.position, needed = fresh.needed, next_step_at = fresh.next_step_at, snoozed_until = null
    from (values ${sql.join(rows, sql`, `)}) as fresh (id, state, urgency, position, needed, next_step_at)
    where pages.id = fresh.id`)
}

function entryOf(book: Book, page: PageRow, routed: Routed, decision: Decision, channels: readonly string[]): NewEntry {
  const base = { actor: system, subject: { kind: 'page', id: page.id }, within: page.withinId }
  if (decision.isExhausted) return { ...base, type: 'page.exhausted', data: { about: { kind: page.subjectKind, id: page.subjectId } } }
  const notified = decision.people.map(({ id }) => referenceIn(book, id).name)
  return {
    ...base,
    type: notified.length + channels.length > 0 ? 'page.climbed' : 'page.waited',
    data: { position: decision.at, notified, channels, policy: routed.name, urgency: routed.urgency, why: decision.why, nextStepAt: decision.nextStepAt },
  }
}

function decide(now: Instant, ground: Ground, page: PageRow, routed: Routed): Decision {
  const { policy, urgency } = routed
  if (page.position < 0 && page.firstPersonId !== null && ground.book.people.get(page.firstPersonId)?.isActive)
    return { ...quiet, people: [{ id: page.firstPersonId }], at: page.position, position: 0, nextStepAt: addMinutes(now, firstPersonMinutes) }
  if (urgency === 'low') {
    const from = whenWithin(policy.businessHours, now)
    if (from > now) return { ...quiet, at: page.position, position: page.position, nextStepAt: from, why: 'It waits for business hours.' }
  }
  const most = climbCount(policy)
  for (let place = page.position; place < most; ) {
    const found = stepFrom(policy, place, now, urgency)
    if (found === undefined) break
    const { step, position } = found
    const who = behind(ground, page, step.targets)
    const channelIds = step.targets.flatMap(target => (target.kind === 'channel' ? [target.channelId] : []))
    const next = { at: position, position: position + 1, nextStepAt: addMinutes(now, step.waitMinutes), needed: step.acknowledgements ?? 1, channelIds }
    const reachable = who.people.filter(({ id, isShadow }) => !isShadow && !ground.unreachable.has(id))
    const isNobody = reachable.length === 0 && channelIds.length === 0
    if (!isNobody || step.targets.length === 0 || step.whenEmpty === 'wait') return { ...quiet, ...next, people: who.people, why: who.why }
    if (step.whenEmpty === 'skip') {
      place = position + 1
      continue
    }
    const why = who.people.every(one => one.isShadow)
      ? reasonFor(ground.book, page.teamId, step.targets)
      : 'Whoever is on call has no contact method that works'
    const sentence = `${why}: this comes to you instead.`
    const instead = fallbackOf(ground, page.teamId).filter(id => !who.people.some(one => one.id === id))
    return { ...quiet, ...next, people: [...who.people, ...instead.map(id => ({ id, why: sentence }))], why: `${why}: the fallback is paged.` }
  }
  // Every step was passed over, so nobody ever heard of it: that is not an answer.
  if (page.position === 0) {
    const sentence = 'No step of the escalation policy has anybody in it: this comes to you instead.'
    const instead = fallbackOf(ground, page.teamId).map(id => ({ id, why: sentence }))
    return { ...quiet, people: instead, at: 0, position: most, nextStepAt: addMinutes(now, firstPersonMinutes), why: sentence }
  }
  return { ...quiet, at: page.position, position: page.position, nextStepAt: null, isExhausted: true }
}

/** The team's fallback, or its members, or the administrators: the first of these that is somebody who can be paged. */
function fallbackOf({ book, unreachable, administrators }: Ground, teamId: string): readonly string[] {
  const named = book.settings.get(teamId)?.fallback.flatMap(target => peopleBehind(book, teamId, target).people) ?? []
  const members = peopleBehind(book, teamId, { kind: 'everyone' }).people
  const choices = [named, members, administrators].map(ids => [...new Set(ids)])
  return choices.find(ids => ids.some(id => !unreachable.has(id))) ?? administrators
}

function reasonFor(book: Book, teamId: string, targets: readonly StepTarget[]): string {
  const depths = targets.flatMap(target =>
    target.kind === 'depth' ? [book.settings.get(teamId)?.promises[target.depth]?.depth ?? `number ${target.depth + 1}`] : [],
  )
  return depths.length > 0 ? `Nobody is on call as ${depths.join(' or ')}` : 'The step of the escalation policy has nobody in it'
}

/**
 * Who is behind the targets of a step now. Where somebody whose turn it is already works on an incident that is at least as grave, the next free
 * depth is paged as well: a second incident must not wait for the first.
 */
function behind(ground: Ground, page: PageRow, targets: readonly StepTarget[]): { people: Called[]; why: string | null } {
  const { book } = ground
  const chosen = new Map<string, Called>()
  let why: string | null = null
  for (const target of targets) {
    const { people: held, shadows } = peopleBehind(book, page.teamId, target)
    for (const id of held) chosen.set(id, { id })
    for (const id of shadows) if (!chosen.has(id)) chosen.set(id, { id, why: 'You are watching: whoever is on call answers.', isShadow: true })
    const free = page.subjectKind === 'drill' ? undefined : nextFree(ground, page, target, held)
    if (free === undefined) continue
    why = `${held.map(id => referenceIn(book, id).name).join(' and ')} already ${held.length === 1 ? 'works' : 'work'} on another incident`
    for (const id of free) if (!chosen.has(id)) chosen.set(id, { id, why: `${why}: this comes to you as well.` })
  }
  return { people: [...chosen.values()], why: why === null ? null : `${why}: the next free depth is paged as well.` }
}

function nextFree({ book, engagements }: Ground, page: PageRow, target: StepTarget, held: readonly string[]): readonly string[] | undefined {
  if (target.kind !== 'depth' || held.length === 0) return undefined
  const isBusy = (id: string) => engagements.some(one => one.personId === id && one.incidentId !== page.subjectId && one.outweighs.includes(page.severity))
  if (!held.every(isBusy)) return undefined
  const depths = book.settings.get(page.teamId)?.promises.length ?? 0
  for (let depth = target.depth + 1; depth < depths; depth++) {
    const others = peopleBehind(book, page.teamId, { kind: 'depth', depth }).people.filter(id => !held.includes(id))
    if (others.some(id => !isBusy(id))) return others
  }
  return undefined
}

/** Puts a page back to climbing from `position`, and climbs at once. Where another page about exactly the same climbs already, that one goes on. */
export async function climbAgain(tx: Tx, house: House, pageId: string, position: number): Promise<void> {
  const twin = alias(pages, 'twin')
  const [same] = await tx.db
    .select({ id: twin.id, withinId: pages.withinId })
    .from(twin)
    .innerJoin(pages, eq(pages.key, twin.key))
    .where(and(eq(pages.id, pageId), ne(twin.id, pageId), eq(twin.state, 'triggered')))
  if (same) {
    await tx.db.update(pages).set({ state: 'resolved', nextStepAt: null, snoozedUntil: null }).where(eq(pages.id, pageId))
    await recordAll(tx, [{ actor: system, type: 'page.resolved', subject: { kind: 'page', id: pageId }, within: same.withinId, data: { about: same.id } }])
    return
  }
  await tx.db
    .update(pages)
    .set({ state: 'triggered', position, acknowledgedById: null, acknowledgedAt: null, acknowledgements: [], snoozedUntil: null, progressAt: null })
    .where(eq(pages.id, pageId))
  await climbPages(tx, house, [pageId])
}
