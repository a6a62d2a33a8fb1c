import { channelWords } from '@tocsin/api'
import { and, eq, gt, inArray, isNull, sql } from 'drizzle-orm'
import type { House } from '../identity/index.ts'
import { recordAll, system } from '../journal/index.ts'
import { roomPurpose } from '../platform/channels/index.ts'
import { addMinutes, addSeconds } from '../platform/clock.ts'
import type { Tx } from '../platform/database.ts'
import { newId } from '../platform/ids.ts'
import { type NewJob, scheduleAll } from '../platform/jobs.ts'
import { linkPlaceholder, type OutgoingMessage, type Trouble } from '../platform/messages.ts'
import { type Plan, type Reach, reachesOf } from './contact-methods.ts'
import { pageBundles, pageNotifications, pages, type TeamChannelKind, teamChannels } from './tables.ts'

type PageRow = typeof pages.$inferSelect

export const reachJob = 'page.reach'
export const bundleJob = 'page.bundle'
/** Pages that one person gets within a minute, at the most; what is more goes out as one message. */
export const mostPagesAMinute = 6

/** Somebody to be paged about something. */
export interface Summons {
  readonly page: PageRow
  readonly personId: string
  readonly position: number
  /** Why it comes to them, where it is not their turn: a gap, a surge, a request of somebody. */
  readonly why?: string | undefined
}

export interface ReachData {
  readonly pageId: string
  readonly personId: string
  readonly position: number
  /** The place in the person's rules that comes next. */
  readonly place: number
  readonly why?: string | undefined
}

type Notification = typeof pageNotifications.$inferInsert

/**
 * Pages people: by the methods that their rules name for now, and by a timer for those that come later. In batches: a storm of pages is few
 * statements, not many.
 */
export async function summon(tx: Tx, house: House, summons: readonly Summons[]): Promise<void> {
  await reachOut(
    tx,
    house,
    summons.map(one => ({ ...one, place: 0 })),
  )
}

/** The next methods of a person's rules, if the page still waits for an answer. */
export async function reachFurther(tx: Tx, house: House, all: readonly ReachData[]): Promise<void> {
  if (all.length === 0) return
  const rows = await tx.db
    .select()
    .from(pages)
    .where(and(inArray(pages.id, [...new Set(all.map(one => one.pageId))]), eq(pages.state, 'triggered')))
    .for('update')
  const open = new Map(rows.map(row => [row.id, row]))
  await reachOut(
    tx,
    house,
    all.flatMap(({ pageId, ...one }) => {
      const page = open.get(pageId)
      // Who has acknowledged where several have to is not asked again.
      return page === undefined || page.acknowledgements.some(({ personId }) => personId === one.personId) ? [] : [{ ...one, page }]
    }),
  )
}

async function reachOut(tx: Tx, house: House, all: readonly (Summons & { readonly place: number })[]): Promise<void> {
  if (all.length === 0) return
  const personIds = [...new Set(all.map(one => one.personId))]
  const reaches = await reachesOf(tx, personIds)
  const rooms = await roomsOf(tx, personIds)
  const messages: (OutgoingMessage & { id: string })[] = []
  const notifications: Notification[] = []
  const jobs: NewJob[] = []
  const bundled = new Map<string, Notification[]>()
  for (const { page, personId, position, why, place } of all) {
    const plan = reaches.get(personId)
    if (plan === undefined) continue
    const steps = usable(house, plan, page.urgency)
    // Minutes count from when the person was paged first, so the next timer is set by the difference.
    const current = steps[place]?.afterMinutes ?? 0
    const now = steps.slice(place).filter(step => step.afterMinutes <= current)
    const later = steps[place + now.length]
    if (later !== undefined)
      jobs.push({
        kind: reachJob,
        key: `reach:${page.id}:${personId}`,
        runAt: addMinutes(tx.now, later.afterMinutes - current),
        data: { pageId: page.id, personId, position, place: place + now.length, why } satisfies ReachData,
      })
    const isSingle = take(rooms, personId)
    for (const { reach } of now) {
      const base = { pageId: page.id, personId, position, channel: reach.kind, methodId: reach.methodId, at: tx.now }
      if (!isSingle) {
        bundled.set(personId, [...(bundled.get(personId) ?? []), { ...base, messageId: null }])
        continue
      }
      const id = newId()
      messages.push({ ...pageMessage(page, personId, why), ...addressOf(reach), id, isDemo: plan.isDemo })
      notifications.push({ ...base, messageId: id })
    }
  }
  await house.messenger.postAll(tx, messages)
  await bundle(tx, bundled, notifications, jobs)
  if (notifications.length > 0) await tx.db.insert(pageNotifications).values(notifications)
  await scheduleAll(tx, jobs)
}

/** The rules of a person with another method wherever the operator has taken away what one needs: a page that waits for it would reach nobody. */
function usable(house: House, plan: Plan, urgency: PageRow['urgency']): Plan['rules'][PageRow['urgency']] {
  const isUsable = ({ kind }: Reach) => house.messenger.has(kind)
  const able = plan.rules[urgency].filter(({ reach }) => isUsable(reach))
  if (able.length > 0) return able
  const other = plan.reserve.find(isUsable)
  return other === undefined ? plan.rules[urgency] : [{ afterMinutes: 0, reach: other }]
}

export const addressOf = (reach: Reach) => ({ channel: reach.kind, address: reach.address, ...(reach.secret === null ? {} : { secret: reach.secret }) })

/** What a page says, with the link that is one person's alone. */
export function pageMessage(page: PageRow, personId: string, why?: string): Omit<OutgoingMessage, 'channel' | 'address'> {
  const isDrill = page.subjectKind === 'drill'
  return {
    purpose: 'page',
    purposeId: page.id,
    withinId: page.withinId,
    subject: `${isDrill ? '[DRILL]' : `[${page.severity.toUpperCase()}]`} ${page.title}`.slice(0, 200),
    body: [
      ...(why === undefined ? [] : [why]),
      page.summary,
      `Acknowledge with one tap (the link is yours alone):\n${linkPlaceholder}`,
      'Unanswered, it climbs to the next person.\n',
    ].join('\n\n'),
    link: { path: '/a/', purpose: 'page', claims: [page.id, personId] },
  }
}

/** How many more pages each person may get as messages of their own in this minute. One is kept for the bundle. */
async function roomsOf(tx: Tx, personIds: readonly string[]): Promise<Map<string, number>> {
  const rows = await tx.db
    .select({ personId: pageNotifications.personId, n: sql<number>`count(distinct coalesce(${pageNotifications.bundleId}, ${pageNotifications.pageId}))::int` })
    .from(pageNotifications)
    .where(
      and(
        inArray(pageNotifications.personId, [...personIds]),
        gt(pageNotifications.at, addMinutes(tx.now, -1)),
        sql`${pageNotifications.messageId} is not null`,
      ),
    )
    .groupBy(pageNotifications.personId)
  const sent = new Map(rows.map(row => [row.personId, row.n]))
  return new Map(personIds.map(id => [id, mostPagesAMinute - 1 - (sent.get(id) ?? 0)]))
}

function take(rooms: Map<string, number>, personId: string): boolean {
  const room = rooms.get(personId) ?? 0
  rooms.set(personId, room - 1)
  return room > 0
}

/** Puts what is too much for a minute into the person's bundle, which leaves within the minute. */
async function bundle(tx: Tx, bundled: ReadonlyMap<string, readonly Notification[]>, notifications: Notification[], jobs: NewJob[]): Promise<void> {
  if (bundled.size === 0) return
  const dueAt = addSeconds(tx.now, 60)
  const personIds = [...bundled.keys()]
  // Where a bundle is just being sent this waits for the end of that and begins another; and a sender waits, by the foreign key, for pages that are
  // joining its bundle: none comes too late.
  const fresh = await tx.db
    .insert(pageBundles)
    .values(personIds.map(personId => ({ id: newId(), personId, dueAt })))
    .onConflictDoNothing()
    .returning()
  const open = await tx.db
    .select()
    .from(pageBundles)
    .where(and(inArray(pageBundles.personId, personIds), isNull(pageBundles.sentAt)))
  for (const { id, personId } of open) for (const one of bundled.get(personId) ?? []) notifications.push({ ...one, bundleId: id })
  for (const { id } of fresh) jobs.push({ kind: bundleJob, key: `bundle:${id}`, runAt: dueAt, data: { bundleId: id } })
}

/** The pages of a bundle that still wait for an answer. */
export async function pagesIn(tx: Tx, bundleId: string): Promise<PageRow[]> {
  const rows = await tx.db
    .selectDistinctOn([pages.id], { page: pages })
    .from(pages)
    .innerJoin(pageNotifications, eq(pageNotifications.pageId, pages.id))
    .where(eq(pageNotifications.bundleId, bundleId))
    .orderBy(pages.id)
  return rows.map(row => row.page)
}

const mostTitles = 15

/** Sends a bundle: one message that says how many pages wait, by the methods that they would have gone by. */
export async function sendBundle(tx: Tx, house: House, bundleId: string): Promise<void> {
  const [found] = await tx.db.select().from(pageBundles).where(eq(pageBundles.id, bundleId)).for('update')
  if (!found || found.sentAt !== null) return
  await tx.db.update(pageBundles).set({ sentAt: tx.now }).where(eq(pageBundles.id, bundleId))
  const open = (await pagesIn(tx, bundleId)).filter(page => page.state === 'triggered')
  if (open.length === 0) return
  const waiting = await tx.db.select().from(pageNotifications).where(eq(pageNotifications.bundleId, bundleId))
  const plan = (await reachesOf(tx, [found.personId])).get(found.personId)
  const methods = new Map(plan?.all.map(reach => [reach.methodId ?? '', reach]))
  for (const methodId of new Set(waiting.map(one => one.methodId ?? ''))) {
    const reach = methods.get(methodId) ?? plan?.all[0]
    if (reach === undefined) continue
    const id = await house.messenger.post(tx, { ...bundleMessage(bundleId, found.personId, open), ...addressOf(reach), isDemo: plan?.isDemo ?? false })
    await tx.db
      .update(pageNotifications)
      .set({ messageId: id, at: tx.now })
      .where(and(eq(pageNotifications.bundleId, bundleId), sql`coalesce(${pageNotifications.methodId}::text, '') = ${methodId}`))
  }
}

/** What a bundle says, with the link that is one person's alone. */
function bundleMessage(bundleId: string, personId: string, open: readonly PageRow[], why?: string): Omit<OutgoingMessage, 'channel' | 'address'> {
  // A message is shown to those who may see one record: what belongs to another one is not named in it.
  const withinId = open.find(page => page.withinId !== null)?.withinId ?? null
  const titleOf = (page: PageRow) => (page.withinId === null || page.withinId === withinId ? page.title : 'about an incident, named behind the link')
  const lines = open.slice(0, mostTitles).map(page => `- [${page.severity.toUpperCase()}] ${titleOf(page)}`)
  const more = open.length > mostTitles ? [`- and ${open.length - mostTitles} more`] : []
  return {
    purpose: 'page-bundle',
    purposeId: bundleId,
    withinId,
    subject: `${open.length} more ${open.length === 1 ? 'page' : 'pages'} for you`,
    body: [
      ...(why === undefined ? [] : [why]),
      'They came faster than one at a time can be read:',
      [...lines, ...more].join('\n'),
      `See and acknowledge them with one tap (the link is yours alone):\n${linkPlaceholder}`,
      'Unanswered, they climb to the next person.\n',
    ].join('\n\n'),
    link: { path: '/a/', purpose: 'page', claims: ['bundle', bundleId, personId] },
  }
}

/**
 * The channel of a message is in trouble: the next method of the same person is used at once, each of them once, and the page says so. The message
 * itself is tried on, if that can help.
 */
export async function divert(tx: Tx, house: House, { messageId, channel, error }: Trouble): Promise<void> {
  const affected = await tx.db
    .select({ notification: pageNotifications, page: pages })
    .from(pageNotifications)
    .innerJoin(pages, eq(pages.id, pageNotifications.pageId))
    .where(and(eq(pageNotifications.messageId, messageId), eq(pages.state, 'triggered')))
    .for('update')
  // All pages of one message went to one person: one page, or those of a bundle.
  const [first] = affected
  if (first === undefined || first.notification.personId === null) return
  const { personId, bundleId } = first.notification
  const pageIds = affected.map(({ page }) => page.id)
  const tried = await tx.db
    .select()
    .from(pageNotifications)
    .where(
      and(inArray(pageNotifications.pageId, pageIds), eq(pageNotifications.personId, personId), eq(pageNotifications.position, first.notification.position)),
    )
  if (tried.some(one => one.insteadOf === messageId)) return
  const plan = (await reachesOf(tx, [personId])).get(personId)
  const used = new Set(tried.map(one => `${one.channel} ${one.methodId ?? ''}`))
  const next = plan?.reserve.find(reach => !used.has(`${reach.kind} ${reach.methodId ?? ''}`) && house.messenger.has(reach.kind))
  await recordAll(
    tx,
    affected.map(({ page }) => ({
      actor: system,
      type: 'page.diverted',
      subject: { kind: 'page', id: page.id },
      within: page.withinId,
      data: { from: channel, to: next?.kind ?? null, error },
    })),
  )
  if (plan === undefined || next === undefined) return
  const why = `Another way to reach you (${channelWords[channel]}) is in trouble, so this comes to you this way.`
  const open = affected.map(({ page }) => page)
  const message = bundleId === null ? pageMessage(first.page, personId, why) : bundleMessage(bundleId, personId, open, why)
  const id = await house.messenger.post(tx, { ...message, ...addressOf(next), isDemo: plan.isDemo })
  await tx.db.insert(pageNotifications).values(
    affected.map(({ notification, page }) => ({
      ...{ pageId: page.id, personId, position: notification.position, channel: next.kind, methodId: next.methodId },
      ...{ messageId: id, bundleId, insteadOf: messageId, at: tx.now },
    })),
  )
}

/** Those whose buttons say who pressed them. */
const answeringRooms: ReadonlySet<TeamChannelKind> = new Set(['slack', 'teams-bot'])

/** Tells the channels of a team about a page. */
export async function tellChannels(tx: Tx, house: House, page: PageRow, position: number, channelIds: readonly string[]): Promise<string[]> {
  if (channelIds.length === 0) return []
  const rows = await tx.db
    .select()
    .from(teamChannels)
    .where(inArray(teamChannels.id, [...channelIds]))
  for (const row of rows) {
    const { link: _link, ...message } = pageMessage(page, '')
    const id = await house.messenger.post(tx, {
      ...message,
      channel: row.kind,
      address: row.address,
      ...(row.secret === null ? {} : { secret: row.secret }),
      body: `${page.summary}\n\nSee it and take it up: ${house.messenger.origin}/pages/${page.id}\n`,
      ...(answeringRooms.has(row.kind) ? { link: { path: `/pages/${page.id}#`, purpose: roomPurpose, claims: [page.id] } } : {}),
      isDemo: page.isDemo,
    })
    await tx.db.insert(pageNotifications).values({ pageId: page.id, personId: null, position, channel: row.kind, messageId: id, at: tx.now })
  }
  return rows.map(row => row.name)
}
