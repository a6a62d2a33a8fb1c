import { z } from 'zod'
import { channelName } from './channels.ts'
import { event } from './event.ts'
import { Channel, Count, Digest, Id, Instant, Severity, Urgency, ZonedHours } from './vocabulary.ts'
import { duration, list, when } from './words.ts'

/** What a page is about; a drill is about itself. */
const About = z.strictObject({ kind: z.enum(['alert', 'incident', 'drill', 'system']), id: Id })
/** `title`: of the page, as it was then. The first entries had none. */
const OfPage = z.strictObject({ about: About, title: z.string().optional() })
/** The escalation policy as it was then; null where the team has none and everyone is paged. */
const PagedBy = z.strictObject({ id: Id, name: z.string(), version: Count, sha256: Digest }).nullable()
/** `teamId`: null where the administrators are paged about the installation itself. The first entries had no `policy` and `urgency`. */
const Begun = z.strictObject({
  ...{ ...OfPage.shape, teamId: Id.nullable(), severity: Severity },
  ...{ policy: PagedBy.optional(), urgency: Urgency.optional() },
})
const Answered = z.strictObject({ ...OfPage.shape, teamId: Id.nullable(), personId: Id, afterSeconds: Count })
const Delivery = z.strictObject({ messageId: Id, channel: Channel, person: z.string().nullable(), address: z.string(), receipt: z.string() })

export const Target = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('tier'), tierId: Id }),
  z.strictObject({ kind: z.literal('schedule'), scheduleId: Id, position: Count }),
  z.strictObject({ kind: z.literal('person'), personId: Id }),
  z.strictObject({ kind: z.literal('team'), teamId: Id }),
  z.strictObject({ kind: z.literal('everyone') }),
  z.strictObject({ kind: z.literal('channel'), channelId: Id }),
])
const Level = z.strictObject({
  targets: z.array(Target),
  waitMinutes: z.number(),
  acknowledgements: Count.optional(),
  when: ZonedHours.optional(),
  urgency: Urgency.optional(),
  whenEmpty: z.enum(['fallback', 'skip', 'wait']).optional(),
})
const Policy = z.strictObject({ name: z.string(), levels: z.array(Level), repeats: Count, businessHours: ZonedHours.nullable() })
/** SHA-256 of the policy's canonical JSON, which entries of pages repeat. */
const SavedPolicy = z.strictObject({ teamId: Id, ...Policy.shape, version: Count, sha256: Digest })

const Escalated = z.strictObject({
  title: z.string().optional(),
  level: z.number().int(),
  notified: z.array(z.string()),
  channels: z.array(z.string()),
  policy: PagedBy,
  urgency: Urgency,
  why: z.string().nullable(),
  nextEscalationAt: Instant.nullable(),
})

const NotificationRules = z.strictObject({
  high: z.array(z.strictObject({ methodId: Id, afterMinutes: z.number() })),
  low: z.array(z.strictObject({ methodId: Id, afterMinutes: z.number() })),
})

/** The title of a page. Of one about an incident without the number of the incident, in whose timeline it is told. */
function titleOf({ data: { about, title } }: { readonly data: { readonly about?: z.output<typeof About>; readonly title?: string | undefined } }) {
  return about?.kind === 'alert' ? title : title?.replace(/^Incident \d+(?: \(restricted\))?: /, '')
}

/** Whom a page went to, by which channel. */
const sentTo = ({ person, channel }: z.output<typeof Delivery>) => `${person ?? 'the team channel'} by ${channelName(channel)}`
/** The address of a delivery, where it means something to people: a Teams user ID does not. */
const addressOf = ({ channel, address }: z.output<typeof Delivery>) => (channel === 'teams-bot' ? undefined : address)

const repairs = { late: 'it was late', missing: 'it was missing', ahead: 'it was set while the clock was ahead' } as const

/** Pages, escalation policies, and how people are reached. */
export const pagingEvents = [
  event({ type: 'page.triggered', version: 1, subject: 'page', within: 'either', data: Begun, title: titleOf, sentence: () => 'Page triggered' }),
  event({ type: 'drill.started', version: 1, subject: 'page', within: 'none', data: Begun, sentence: () => 'Started the drill' }),
  event({
    type: 'page.notified',
    version: 1,
    subject: 'page',
    within: 'either',
    data: Escalated,
    title: titleOf,
    sentence: ({ data }) => `Paged ${list([...data.notified, ...data.channels], 'nobody, because nobody was available')}`,
    reason: ({ data }) => data.why ?? undefined,
  }),
  event({
    type: 'page.storm-grew',
    version: 1,
    subject: 'page',
    within: 'either',
    /** `alerts`: those that it speaks for in addition; `total`: all of them. */
    data: z.strictObject({ alerts: Count, total: Count }),
    sentence: ({ data: { alerts, total } }) =>
      alerts === total ? `The page speaks for ${total} alerts` : `The page speaks for ${alerts} more alerts: ${total} in total`,
  }),
  event({
    type: 'page.waited',
    version: 1,
    subject: 'page',
    within: 'either',
    data: Escalated,
    title: titleOf,
    sentence: () => 'Paged nobody at this level',
    isBookkeeping: true,
    reason: ({ data }) => data.why ?? undefined,
  }),
  event({
    type: 'page.sent',
    version: 1,
    subject: 'page',
    within: 'either',
    data: Delivery,
    sentence: ({ data }) => `Page sent to ${sentTo(data)}`,
    detail: ({ data }) => [addressOf(data), data.receipt].filter(part => part !== undefined && part !== '').join(': '),
  }),
  event({
    type: 'page.failed',
    version: 1,
    subject: 'page',
    within: 'either',
    data: Delivery,
    sentence: ({ data }) => `Page could not be sent to ${sentTo(data)}: ${data.receipt}`,
    detail: ({ data }) => addressOf(data),
  }),
  event({
    type: 'page.failed-over',
    version: 1,
    subject: 'page',
    within: 'either',
    data: z.strictObject({ from: Channel, to: Channel.nullable(), error: z.string() }),
    sentence: ({ data }) =>
      data.to === null
        ? `Delivery by ${channelName(data.from)} failed; no other contact method is available`
        : `Delivery by ${channelName(data.from)} failed; sending by ${channelName(data.to)}`,
    detail: ({ data }) => data.error,
  }),
  event({
    type: 'page.acknowledgement-added',
    version: 1,
    subject: 'page',
    within: 'either',
    data: z.strictObject({ ...OfPage.shape, personId: Id, afterSeconds: Count, of: Count, so: Count }),
    title: titleOf,
    sentence: ({ data }) => `Acknowledged the page (${data.so} of ${data.of} responders)`,
  }),
  event({
    type: 'page.acknowledged',
    version: 1,
    subject: 'page',
    within: 'either',
    data: Answered,
    title: titleOf,
    sentence: ({ data }) => `Acknowledged the page after ${duration(data.afterSeconds)}`,
  }),
  event({
    type: 'drill.acknowledged',
    version: 1,
    subject: 'page',
    within: 'none',
    data: Answered,
    sentence: ({ data }) => `Acknowledged the drill after ${duration(data.afterSeconds)}`,
  }),
  event({
    type: 'page.released',
    version: 1,
    subject: 'page',
    within: 'either',
    data: z.strictObject({ ...OfPage.shape, personId: Id }),
    title: titleOf,
    sentence: () => 'Released the page',
  }),
  event({
    type: 'page.declined',
    version: 1,
    subject: 'page',
    within: 'either',
    data: z.strictObject({ ...OfPage.shape, personId: Id, to: z.string().nullable(), reason: z.string() }),
    title: titleOf,
    sentence: ({ data }) => (data.to === null ? 'Declined the page' : `Reassigned the page to ${data.to}`),
    reason: ({ data }) => (data.reason === '' ? undefined : data.reason),
  }),
  event({
    type: 'page.escalated',
    version: 1,
    subject: 'page',
    within: 'either',
    data: OfPage,
    title: titleOf,
    sentence: () => 'Escalated the page',
  }),
  event({
    type: 'page.responders-added',
    version: 1,
    subject: 'page',
    within: 'either',
    data: z.strictObject({ ...OfPage.shape, notified: z.array(z.string()) }),
    title: titleOf,
    sentence: ({ data }) => `Added responders: ${list(data.notified, 'none')}`,
  }),
  event({
    type: 'page.snoozed',
    version: 1,
    subject: 'page',
    within: 'either',
    data: z.strictObject({ ...OfPage.shape, until: Instant }),
    title: titleOf,
    sentence: ({ data, at }) => `Snoozed the page until ${when(data.until, at)}`,
  }),
  event({
    type: 'page.snooze-ended',
    version: 1,
    subject: 'page',
    within: 'either',
    data: OfPage,
    title: titleOf,
    sentence: () => 'Snooze ended; the page escalates again',
  }),
  event({
    type: 'page.unacknowledged',
    version: 1,
    subject: 'page',
    within: 'either',
    data: z.strictObject({ ...OfPage.shape, personId: Id.nullable(), since: Instant }),
    title: titleOf,
    sentence: () => 'No progress since the page was acknowledged; it escalates again',
  }),
  event({
    type: 'page.exhausted',
    version: 1,
    subject: 'page',
    within: 'either',
    /** `notified`: the leads who were told. */
    data: z.strictObject({ ...OfPage.shape, notified: z.array(z.string()).optional(), why: z.string().optional() }),
    title: titleOf,
    sentence: ({ data: { notified = [] } }) =>
      `Nobody acknowledged the page${notified.length > 0 ? `; paged ${list(notified, '')} as ${notified.length === 1 ? 'a lead' : 'leads'}` : ''}`,
    reason: ({ data }) => data.why,
  }),
  event({
    type: 'page.repaired',
    version: 1,
    subject: 'page',
    within: 'either',
    data: z.strictObject({ what: z.enum(['late', 'missing', 'ahead']), dueAt: Instant.nullable() }),
    sentence: () => 'The watchdog repaired an escalation timer',
    isBookkeeping: true,
    detail: ({ data }) => repairs[data.what],
  }),
  event({
    type: 'page.resolved',
    version: 1,
    subject: 'page',
    within: 'either',
    data: z.strictObject({
      ...OfPage.shape,
      /** The page about the same that goes on instead of it. */
      mergedInto: Id.nullable(),
    }),
    title: titleOf,
    sentence: ({ data }) => (data.mergedInto === null ? 'Resolved the page' : 'Resolved the page: another page about the same escalates instead'),
    isBookkeeping: true,
  }),
  event({
    type: 'policy.added',
    version: 1,
    subject: 'policy',
    within: 'none',
    data: SavedPolicy,
    sentence: ({ data }) => `Added escalation policy ${data.name}`,
  }),
  event({
    type: 'policy.changed',
    version: 1,
    subject: 'policy',
    within: 'none',
    data: z.strictObject({ ...SavedPolicy.shape, before: SavedPolicy }),
    sentence: ({ data }) => `Changed escalation policy ${data.name}`,
  }),
  event({
    type: 'policy.removed',
    version: 1,
    subject: 'policy',
    within: 'none',
    data: z.strictObject({ teamId: Id, name: z.string() }),
    sentence: ({ data }) => `Removed escalation policy ${data.name}`,
  }),
  event({
    type: 'contact-method.added',
    version: 1,
    subject: 'person',
    within: 'none',
    data: z.strictObject({ id: Id, kind: Channel }),
    sentence: ({ data }) => `Added a contact method: ${channelName(data.kind)}`,
  }),
  event({
    type: 'contact-method.verified',
    version: 1,
    subject: 'person',
    within: 'none',
    data: z.strictObject({ id: Id, kind: Channel }),
    sentence: ({ data }) => `Verified a contact method: ${channelName(data.kind)}`,
  }),
  event({
    type: 'contact-method.removed',
    version: 1,
    subject: 'person',
    within: 'none',
    data: z.strictObject({ id: Id, kind: Channel }),
    sentence: ({ data }) => `Removed a contact method: ${channelName(data.kind)}`,
  }),
  event({
    type: 'notification-rules.changed',
    version: 1,
    subject: 'person',
    within: 'none',
    data: z.strictObject({ ...NotificationRules.shape, before: NotificationRules }),
    sentence: () => 'Changed notification rules',
  }),
  event({
    type: 'team-channel.added',
    version: 1,
    subject: 'team',
    within: 'none',
    data: z.strictObject({ id: Id, kind: Channel, name: z.string() }),
    sentence: ({ data }) => `Added team channel ${data.name}`,
  }),
  event({
    type: 'team-channel.removed',
    version: 1,
    subject: 'team',
    within: 'none',
    data: z.strictObject({ id: Id, name: z.string() }),
    sentence: ({ data }) => `Removed team channel ${data.name}`,
  }),
] as const
