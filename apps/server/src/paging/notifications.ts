import { channelName, isAtLeast, isUnacknowledged, severities } from '@tocsin/api'
import { and, eq, gt, gte, inArray, isNotNull, isNull, max, ne, or, sql } from 'drizzle-orm'
import { z } from 'zod'
import type { AppContext } from '../access/index.ts'
import { type NewEntry, recordAll, system } from '../journal/index.ts'
import { addMinutes, addSeconds, type Instant } from '../kernel/clock.ts'
import type { Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { defineJob, escalationLane } from '../kernel/jobs/lanes.ts'
import { keysOf, type NewJob, scheduleAll } from '../kernel/jobs/schedule.ts'
import { exerciseMark, linkPlaceholder, type NewMessage, type PrivateLink, type Trouble } from '../kernel/messenger.ts'
import { shortened } from '../kernel/text.ts'
import { identifiesPeople, type NotificationPlan, type NotificationStep, notificationPlansOf, teamChannelPurpose, type teamChannels } from '../notify/index.ts'
import { pageBundles, pageNotifications, pages, unacknowledged } from './tables.ts'
import { withoutSuspected } from './visibility.ts'

type PageRow = typeof pages.$inferSelect

/** `place`: the place in the person's rules that comes next. */
const NotifyData = z.object({ pageId: z.uuid(), personId: z.uuid(), levelIndex: z.int(), place: z.int(), why: z.string().optional() })
type NotifyData = z.output<typeof NotifyData>
export const notifyJob = defineJob({ kind: 'page.notify', lane: escalationLane, data: NotifyData, isUrgent: true })
/** One job for each person who is notified of a page further. */
export const notifyKey = (pageId: string, personId: string) => `reach:${pageId}:${personId}`
export const bundleJob = defineJob({ kind: 'page.bundle', lane: escalationLane, data: z.object({ bundleId: z.uuid() }) })
/** The most pages of lower severity that one person gets within a minute; more go out as one message. */
export const maxPagesPerMinute = 6
/** High and critical pages do not wait for that. Still, nobody reads more than this in a minute, and the channel has others to reach. */
export const maxUrgentPerMinute = 60

/** Somebody to be paged about something. */
export interface NotificationRequest {
  readonly page: PageRow
  readonly personId: string
  readonly levelIndex: number
  /** Why they are paged, where they are not on call: a gap, a surge, a request of somebody. */
  readonly why?: string | undefined
}

type Notification = typeof pageNotifications.$inferInsert

/**
 * Pages people: by the methods that their rules name for now, and by a timer for later ones. In batches: a storm of pages is few
 * statements, not many.
 */
export async function notifyPeople(tx: Tx, context: AppContext, requests: readonly NotificationRequest[]): Promise<void> {
  await notifyNow(
    tx,
    context,
    requests.map(one => ({ ...one, place: 0 })),
  )
}

/** The next methods of a person's rules, if the page is still unacknowledged. */
export async function notifyFurther(tx: Tx, context: AppContext, all: readonly NotifyData[]): Promise<void> {
  if (all.length === 0) return
  const rows = await tx.db
    .select()
    .from(pages)
    .where(and(inArray(pages.id, [...new Set(all.map(one => one.pageId))]), inArray(pages.state, ['triggered', 'exhausted'])))
    .for('update')
  const open = new Map(rows.map(row => [row.id, row]))
  await notifyNow(
    tx,
    context,
    all.flatMap(({ pageId, ...one }) => {
      const page = open.get(pageId)
      // Whoever has acknowledged where several have to is not paged again.
      return page === undefined || page.acknowledgements.some(({ personId }) => personId === one.personId) ? [] : [{ ...one, page }]
    }),
  )
}

async function notifyNow(tx: Tx, context: AppContext, requests: readonly (NotificationRequest & { readonly place: number })[]): Promise<void> {
  const suspects = await context.visibility.suspectsOf(
    tx,
    requests.flatMap(({ page }) => page.withinId ?? []),
  )
  const all = requests.filter(({ page, personId }) => !suspects.get(page.withinId ?? '')?.has(personId))
  if (all.length === 0) return
  const personIds = [...new Set(all.map(one => one.personId))]
  const plans = await notificationPlansOf(tx, personIds)
  const sent = await sentWithinMinute(tx, personIds)
  const messages: (NewMessage & { id: string })[] = []
  const notifications: Notification[] = []
  const jobs: NewJob<NotifyData>[] = []
  const bundled = new Map<string, Notification[]>()
  for (const { page, personId, levelIndex, why, place } of all) {
    const plan = plans.get(personId)
    if (plan === undefined) continue
    const steps = usableSteps(context, plan, page.urgency)
    // Minutes count from when the person was paged first, so the next timer is set by the difference.
    const current = steps[place]?.afterMinutes ?? 0
    const now = steps.slice(place).filter(step => step.afterMinutes <= current)
    const later = steps[place + now.length]
    if (later !== undefined)
      jobs.push({
        kind: notifyJob,
        key: notifyKey(page.id, personId),
        runAt: addMinutes(tx.now, later.afterMinutes - current),
        data: { pageId: page.id, personId, levelIndex, place: place + now.length, why },
      })
    const isSingle = take(sent, page, personId)
    for (const { step } of now) {
      const base = { pageId: page.id, personId, levelIndex, channel: step.kind, methodId: step.methodId, at: tx.now }
      if (!isSingle) {
        bundled.set(personId, [...(bundled.get(personId) ?? []), { ...base, messageId: null }])
        continue
      }
      const id = newId()
      messages.push({ ...pageMessage(tx, page, personId, levelIndex, why), ...addressOf(step), id, isDemo: plan.isDemo })
      notifications.push({ ...base, messageId: id })
    }
  }
  await context.messenger.postAll(tx, messages)
  await bundle(tx, bundled, notifications)
  if (notifications.length > 0) await tx.db.insert(pageNotifications).values(notifications)
  // Minutes count from when somebody was paged first: who is paged again before a later method's time is reached by that one at its time all the same.
  const waiting = await keysOf(
    tx,
    jobs.map(job => job.key),
  )
  await scheduleAll(
    tx,
    jobs.filter(job => !waiting.has(job.key)),
  )
}

/** The rules of a person with another method wherever the operator has taken away what one needs: a page sent only there would reach nobody. */
export function usableSteps(context: AppContext, plan: NotificationPlan, urgency: PageRow['urgency']): NotificationPlan['rules'][PageRow['urgency']] {
  const isUsable = ({ kind }: NotificationStep) => context.messenger.has(kind)
  const able = plan.rules[urgency].filter(({ step }) => isUsable(step))
  if (able.length > 0) return able
  const other = plan.reserve.find(isUsable)
  return other === undefined ? plan.rules[urgency] : [{ afterMinutes: 0, step: other }]
}

export const addressOf = (step: NotificationStep) => ({ channel: step.kind, address: step.address, ...(step.secret === null ? {} : { secret: step.secret }) })

function afterwards({ teamId, personIds, state }: PageRow): string {
  if (state === 'exhausted') return 'Every level was paged, so it does not escalate further.\n'
  if (state === 'acknowledged') return 'It is acknowledged and does not escalate further.\n'
  if (personIds !== null) return 'If nobody acknowledges, the administrators are paged.\n'
  return teamId === null ? 'This page was sent to all administrators.\n' : 'If nobody acknowledges, it escalates to the next person.\n'
}

/** When a private link was made, in minutes, as short as an SMS wants it. */
const minuteOf = (now: Instant) => Math.floor(Date.parse(now) / 60_000).toString(36)
const privateLink = (...claims: readonly string[]): PrivateLink => ({ path: '/a/', purpose: 'page', claims })

/** What a message says of the level that it was sent for: the one that whoever answers it means. */
export const levelSentFor = (levelIndex: number): number => levelIndex + 1

/** The message of a page, with the recipient's private link. */
export function pageMessage({ now }: Tx, page: PageRow, personId: string, levelIndex: number, why?: string): Omit<NewMessage, 'channel' | 'address'> {
  const isDrill = page.subjectKind === 'drill'
  return {
    purpose: 'page',
    purposeId: page.id,
    withinId: page.withinId,
    subject: `${isDrill ? '[DRILL]' : `[${page.severity.toUpperCase()}]`} ${page.title}`.slice(0, 200),
    body: [...(why === undefined ? [] : [why]), page.summary, `View and acknowledge (private link, do not share):\n${linkPlaceholder}`, afterwards(page)].join(
      '\n\n',
    ),
    isNeutral: page.isNeutral,
    isExercise: page.isExercise,
    link: privateLink(page.id, personId, minuteOf(now), `${levelSentFor(levelIndex)}`),
  }
}

/** How many messages with pages each person got within the last minute. */
async function sentWithinMinute(tx: Tx, personIds: readonly string[]): Promise<Map<string, number>> {
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
  return new Map(rows.flatMap(({ personId, n }) => (personId === null ? [] : [[personId, n]])))
}

/** Whether a page may go to somebody as a message of its own, which then counts. One is kept for the bundle. */
function take(sent: Map<string, number>, { severity }: PageRow, personId: string): boolean {
  const before = sent.get(personId) ?? 0
  sent.set(personId, before + 1)
  return before < (isAtLeast(severity, 'high') ? maxUrgentPerMinute : maxPagesPerMinute) - 1
}

/** Puts what is too much for a minute into the person's bundle, which leaves within the minute. */
async function bundle(tx: Tx, bundled: ReadonlyMap<string, readonly Notification[]>, notifications: Notification[]): Promise<void> {
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
  await scheduleAll(
    tx,
    fresh.map(({ id }) => ({ kind: bundleJob, key: `bundle:${id}`, runAt: dueAt, data: { bundleId: id } })),
  )
}

/** The level of each page of a bundle that it was sent for, as somebody got it. */
export async function levelsIn(tx: Tx, bundleId: string, personId: string): Promise<Map<string, number>> {
  const rows = await tx.db
    .select({ pageId: pageNotifications.pageId, levelIndex: max(pageNotifications.levelIndex) })
    .from(pageNotifications)
    .where(and(eq(pageNotifications.bundleId, bundleId), eq(pageNotifications.personId, personId)))
    .groupBy(pageNotifications.pageId)
  return new Map(rows.flatMap(({ pageId, levelIndex }) => (levelIndex === null ? [] : [[pageId, levelSentFor(levelIndex)]])))
}

/** The pages of a bundle. */
export async function pagesIn(tx: Tx, bundleId: string): Promise<PageRow[]> {
  const rows = await tx.db
    .selectDistinctOn([pages.id], { page: pages })
    .from(pages)
    .innerJoin(pageNotifications, eq(pageNotifications.pageId, pages.id))
    .where(eq(pageNotifications.bundleId, bundleId))
    .orderBy(pages.id)
  return rows.map(row => row.page)
}

/** Cancels what was not sent of the bundles of these pages in which no page is unacknowledged any more. */
export async function cancelBundles(tx: Tx, context: AppContext, pageIds: readonly string[]): Promise<void> {
  if (pageIds.length === 0) return
  const over = await tx.db
    .selectDistinct({ id: pageNotifications.bundleId })
    .from(pageNotifications)
    .where(
      and(
        inArray(pageNotifications.pageId, [...pageIds]),
        isNotNull(pageNotifications.bundleId),
        sql`not exists (select 1 from ${pageNotifications} other join ${pages} on ${pages.id} = other.page_id
          where other.bundle_id = ${pageNotifications.bundleId} and ${unacknowledged})`,
      ),
    )
  await context.messenger.cancelUnsent(
    tx,
    'page-bundle',
    over.flatMap(({ id }) => id ?? []),
  )
}

const maxTitles = 15

/** Sends a bundle: one message with the number of pages, by the methods that they would have gone by. */
export async function sendBundle(tx: Tx, context: AppContext, bundleId: string): Promise<void> {
  const [found] = await tx.db.select().from(pageBundles).where(eq(pageBundles.id, bundleId)).for('update')
  if (!found || found.sentAt !== null) return
  await tx.db.update(pageBundles).set({ sentAt: tx.now }).where(eq(pageBundles.id, bundleId))
  const open = await withoutSuspected(tx, context, (await pagesIn(tx, bundleId)).filter(isUnacknowledged), found.personId)
  if (open.length === 0) return
  const waiting = await tx.db.select().from(pageNotifications).where(eq(pageNotifications.bundleId, bundleId))
  const plan = (await notificationPlansOf(tx, [found.personId])).get(found.personId)
  const methods = new Map(plan?.all.map(step => [step.methodId ?? '', step]))
  for (const methodId of new Set(waiting.map(one => one.methodId ?? ''))) {
    const step = methods.get(methodId) ?? plan?.all[0]
    if (step === undefined) continue
    const id = await context.messenger.post(tx, { ...bundleMessage(tx, bundleId, found.personId, open), ...addressOf(step), isDemo: plan?.isDemo ?? false })
    await tx.db
      .update(pageNotifications)
      .set({ messageId: id, at: tx.now })
      .where(and(eq(pageNotifications.bundleId, bundleId), sql`coalesce(${pageNotifications.methodId}::text, '') = ${methodId}`))
  }
}

/** The title of a page among others, which may be real. */
export const titleOf = ({ title, isExercise }: Pick<PageRow, 'title' | 'isExercise'>): string => (isExercise ? `${exerciseMark} ${title}` : title)

/** The worst first, and of those the oldest; what is real before any exercise. */
export const worstFirst = (one: PageRow, other: PageRow): number =>
  Number(one.isExercise) - Number(other.isExercise) ||
  severities.indexOf(other.severity) - severities.indexOf(one.severity) ||
  Date.parse(one.createdAt) - Date.parse(other.createdAt)

/** Of a title in the subject of a bundle: how many more there are is read, too, wherever it is cut. */
const maxTitleInSubject = 120

/** The message of a bundle, with the recipient's private link. It names the worst page first: that is what a subject, an SMS and a call have room for. */
function bundleMessage({ now }: Tx, bundleId: string, personId: string, open: readonly PageRow[], why?: string): Omit<NewMessage, 'channel' | 'address'> {
  // A message is shown to those who may see one record: what belongs to another one is not named in it.
  const withinId = open.find(page => page.withinId !== null)?.withinId ?? null
  const isExercise = open.every(page => page.isExercise)
  const shown = (page: PageRow) =>
    page.withinId === null || page.withinId === withinId ? (isExercise ? page.title : titleOf(page)) : 'Incident details are available through the link'
  const lineOf = (page: PageRow) => `[${page.severity.toUpperCase()}] ${shown(page)}`
  const sorted = open.toSorted(worstFirst)
  const worst = sorted.slice(0, 1).map(page => shortened(lineOf(page), maxTitleInSubject))
  const others = open.length - 1
  const lines = sorted.slice(0, maxTitles).map(page => `- ${lineOf(page)}`)
  const more = open.length > maxTitles ? [`- and ${open.length - maxTitles} more`] : []
  return {
    purpose: 'page-bundle',
    purposeId: bundleId,
    withinId,
    subject: others > 0 ? `${worst} and ${others} more ${others === 1 ? 'page' : 'pages'}` : worst.join(),
    body: [
      ...(why === undefined ? [] : [why]),
      'These pages arrived in quick succession and are grouped into one message:',
      [...lines, ...more].join('\n'),
      `View and acknowledge them (private link, do not share):\n${linkPlaceholder}`,
      'If nobody acknowledges, they escalate to the next person.\n',
    ].join('\n\n'),
    isExercise,
    link: privateLink('bundle', bundleId, personId, minuteOf(now)),
  }
}

/**
 * The channels of messages are failing: the next method of each person is used at once, each of them once, and the timeline says so. The message
 * itself is retried, if that can help. In a batch: a mail server that hangs affects all its messages at once.
 */
export async function failOver(tx: Tx, context: AppContext, troubles: readonly Trouble[]): Promise<void> {
  const byMessage = Map.groupBy(
    await tx.db
      .select({ notification: pageNotifications, page: pages })
      .from(pageNotifications)
      .innerJoin(pages, eq(pages.id, pageNotifications.pageId))
      .where(
        and(
          inArray(
            pageNotifications.messageId,
            troubles.map(one => one.messageId),
          ),
          // Somebody who was added to help once it was acknowledged is to be reached, too.
          or(
            unacknowledged,
            and(eq(pages.state, 'acknowledged'), gte(pageNotifications.at, pages.acknowledgedAt), ne(pageNotifications.personId, pages.acknowledgedById)),
          ),
        ),
      )
      .orderBy(pages.id)
      .for('update'),
    ({ notification }) => notification.messageId,
  )
  const affected = [...byMessage.values()].flat()
  if (affected.length === 0) return
  const suspects = await context.visibility.suspectsOf(
    tx,
    affected.flatMap(({ page }) => page.withinId ?? []),
  )
  const tried: Notification[] = await tx.db
    .select()
    .from(pageNotifications)
    .where(inArray(pageNotifications.pageId, [...new Set(affected.map(({ page }) => page.id))]))
  const triedAbout = Map.groupBy(tried, one => one.pageId)
  const plans = await notificationPlansOf(tx, [...new Set(affected.flatMap(({ notification }) => notification.personId ?? []))])
  const messages: (NewMessage & { id: string })[] = []
  const notifications: Notification[] = []
  const entries: NewEntry[] = []
  for (const { messageId, channel, error } of troubles) {
    // All pages of one message went to one person: one page, or those of a bundle.
    const own = (byMessage.get(messageId) ?? []).filter(({ page, notification }) => !suspects.get(page.withinId ?? '')?.has(notification.personId ?? ''))
    const [first] = own
    if (first === undefined || first.notification.personId === null) continue
    const { personId, bundleId, levelIndex } = first.notification
    const open = own.map(({ page }) => page)
    const used = new Set(
      open
        .flatMap(page => triedAbout.get(page.id) ?? [])
        .flatMap(one => (one.personId === personId && one.levelIndex === levelIndex ? [`${one.channel} ${one.methodId ?? ''}`] : [])),
    )
    const plan = plans.get(personId)
    const next = plan?.reserve.find(step => !used.has(`${step.kind} ${step.methodId ?? ''}`) && context.messenger.has(step.kind))
    for (const { id, withinId } of open)
      entries.push({
        ...{ actor: system, type: 'page.failed-over', subject: { kind: 'page', id }, within: withinId },
        data: { from: channel, to: next?.kind ?? null, error },
      })
    if (plan === undefined || next === undefined) continue
    const why = `Delivery by ${channelName(channel)} is failing, so you are paged through another contact method.`
    const message = bundleId === null ? pageMessage(tx, first.page, personId, levelIndex, why) : bundleMessage(tx, bundleId, personId, open, why)
    const id = newId()
    messages.push({ ...message, ...addressOf(next), id, isDemo: plan.isDemo })
    for (const page of open) {
      const base = { pageId: page.id, personId, levelIndex, channel: next.kind, methodId: next.methodId }
      const notification = { ...base, messageId: id, bundleId, insteadOf: messageId, at: tx.now }
      notifications.push(notification)
      // It counts for the next of these messages: two of one page do not both use this method.
      triedAbout.get(page.id)?.push(notification)
    }
  }
  await recordAll(tx, entries)
  await context.messenger.postAll(tx, messages)
  if (notifications.length > 0) await tx.db.insert(pageNotifications).values(notifications)
}

export type TeamChannelRow = typeof teamChannels.$inferSelect

/** A page that goes to the channel of a team. */
export interface ChannelRequest {
  readonly page: PageRow
  readonly channel: TeamChannelRow
  readonly levelIndex: number
}

/** Posts pages to channels of teams: few statements, however many there are. */
export async function notifyChannels(tx: Tx, context: AppContext, requests: readonly ChannelRequest[]): Promise<void> {
  if (requests.length === 0) return
  const posts = requests.map(request => ({ ...request, id: newId() }))
  await context.messenger.postAll(
    tx,
    posts.map(({ id, page, levelIndex, channel: { kind, address, secret } }) => {
      const { link: _link, ...message } = pageMessage(tx, page, '', levelIndex)
      return {
        ...message,
        ...{ id, channel: kind, address, ...(secret === null ? {} : { secret }) },
        body: `${page.summary}\n\nView and acknowledge: ${context.messenger.origin}/pages/${page.id}\n`,
        ...(identifiesPeople(kind)
          ? { link: { path: `/pages/${page.id}#`, purpose: teamChannelPurpose, claims: [page.id, `${levelSentFor(levelIndex)}`] } }
          : {}),
        isDemo: page.isDemo,
      }
    }),
  )
  await tx.db
    .insert(pageNotifications)
    .values(
      posts.map(({ id, page, channel, levelIndex }) => ({ pageId: page.id, personId: null, levelIndex, channel: channel.kind, messageId: id, at: tx.now })),
    )
}
