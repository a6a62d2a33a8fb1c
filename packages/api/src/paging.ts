import { addressExample, type Channel, channelName, channelsOf, messageChannels } from '@tocsin/events/channels'
import { z } from 'zod'
import { At, ChangingQuery, Id, IdParams, Line, PageQuery, pageOf, Reference, Severity, UpdatedQuery } from './common.ts'
import { atLeast, open, route } from './route.ts'
import { Urgency } from './schedules.ts'

export { addressExample, type Channel, channelName, messageChannels }

export const contactKinds = channelsOf('person')
export const ContactMethod = z
  .object({
    id: Id,
    kind: z.enum(contactKinds),
    address: z.string(),
    label: z.string(),
    isVerified: z.boolean().describe('Unverified methods are not used for paging'),
    createdAt: At,
  })
  .meta({ id: 'ContactMethod' })
export type ContactMethod = z.output<typeof ContactMethod>

const ContactMethodInput = z.object({
  kind: z.enum(contactKinds),
  address: Line(2_000).describe(
    'Email address, phone number (+4930123456), Slack member ID, reply of the Microsoft Teams bot to “connect”, or URL of an ntfy topic, webhook or push subscription',
  ),
  label: z.string().trim().max(60).default('').describe('Label, such as “My phone”'),
  keys: z
    .object({ p256dh: z.string().max(200), auth: z.string().max(100) })
    .optional()
    .describe('Keys of a push subscription'),
})

/** Contact methods by urgency, each with a delay after the page. */
export const NotificationRules = z
  .object({
    high: z.array(z.object({ methodId: Id, afterMinutes: z.number().int().min(0).max(120, 'must be at most 120 minutes') })).max(20),
    low: z.array(z.object({ methodId: Id, afterMinutes: z.number().int().min(0).max(120, 'must be at most 120 minutes') })).max(20),
  })
  .meta({ id: 'NotificationRules' })
export type NotificationRules = z.output<typeof NotificationRules>

export const teamChannelKinds = channelsOf('team')
export const TeamChannelInput = z.object({
  kind: z.enum(teamChannelKinds).describe('teams-bot: Microsoft Teams bot, with buttons; teams: URL of a Teams workflow'),
  name: Line(80),
  address: Line(2_000).describe(
    'Slack channel ID, reply of the Microsoft Teams bot to “connect” in the channel, or URL of a Teams workflow, ntfy topic or webhook',
  ),
})
export const TeamChannel = TeamChannelInput.extend({ id: Id, teamId: Id }).meta({ id: 'TeamChannel' })
export type TeamChannel = z.output<typeof TeamChannel>

export const pageStates = ['triggered', 'acknowledged', 'resolved', 'exhausted'] as const
/** The states in which nobody has acknowledged: it still escalates, or every level was paged. */
export const unacknowledgedStates = ['triggered', 'exhausted'] as const satisfies readonly (typeof pageStates)[number][]
/** True while a page needs somebody to acknowledge it. */
export const isUnacknowledged = ({ state }: { readonly state: (typeof pageStates)[number] }): boolean => unacknowledgedStates.some(one => one === state)
export const Page = z
  .object({
    id: Id,
    title: z.string(),
    severity: Severity,
    team: Reference.nullable().describe('Null for pages to named people, or to administrators'),
    named: z.array(Reference).nullable().describe('Who alone is paged, in place of a team; null for a page of a team, or about the installation'),
    subject: z.object({ kind: z.enum(['alert', 'incident', 'drill', 'system']), id: Id }),
    state: z.enum(pageStates),
    urgency: Urgency,
    level: z.int().describe('How often it has escalated; send it with `escalate`, which is refused if it has escalated since'),
    policy: z.string().nullable().describe('The escalation policy; null if everyone in the team is paged'),
    isDrill: z.boolean(),
    isExercise: z.boolean(),
    acknowledgedBy: z.string().nullable(),
    acknowledgedAt: At.nullable(),
    acknowledgements: z.array(z.object({ person: Reference, at: At })).describe('Acknowledgements so far, if a level requires several'),
    snoozedUntil: At.nullable().describe('Escalation resumes at this time'),
    createdAt: At,
    nextEscalationAt: At.nullable(),
    notifications: z.array(z.object({ person: z.string(), at: At, channel: z.string(), state: z.string() })).describe('The latest 20, oldest first'),
    notificationCount: z.number().describe('Total number of notifications'),
  })
  .meta({ id: 'Page' })
export type Page = z.output<typeof Page>

/** `sent`: a server took it. What becomes of an email after that is known where mail servers report it to Tocsin: `delayed`, `delivered`, `bounced`. */
export const messageStates = ['queued', 'held', 'sent', 'delayed', 'delivered', 'bounced', 'failed', 'cancelled'] as const
export const Message = z
  .object({
    id: Id,
    channel: z.enum(messageChannels),
    purpose: z.string(),
    to: z.string(),
    subject: z.string(),
    text: z.string().describe('Private links are only shown to their recipient'),
    state: z.enum(messageStates),
    attempts: z.number(),
    lastError: z.string().nullable(),
    createdAt: At,
    sentAt: At.nullable(),
    report: z.string().nullable().describe('What a mail server reported after the message was sent: the server, and what it said'),
  })
  .meta({ id: 'Message' })
export type Message = z.output<typeof Message>

/** One event in a page's timeline: a delivery attempt, a provider's response, an acknowledgement. */
export const PageEvent = z.object({ at: At, kind: z.string().describe('Type of the audit log entry'), text: z.string(), entryId: Id }).meta({ id: 'PageEvent' })
export const PageTimeline = Page.extend({
  summary: z.string(),
  events: z.array(PageEvent),
  next: z.string().nullable().describe('Cursor of the next events; null if there are none'),
}).meta({ id: 'PageTimeline' })
export type PageTimeline = z.output<typeof PageTimeline>

export const Drill = z
  .object({
    id: Id.describe('ID of its page'),
    startedAt: At,
    urgency: Urgency,
    state: z.enum(pageStates),
    acknowledgedBy: z.string().nullable(),
    afterSeconds: z.number().nullable().describe('Seconds until acknowledged'),
    paged: z.array(z.string()).describe('People paged, in order'),
  })
  .meta({ id: 'Drill' })
export type Drill = z.output<typeof Drill>

/** How long a page can be snoozed. */
export const SnoozeMinutes = z.number().int().min(5, 'must be at least 5 minutes').max(1_440, 'must be at most 1440 minutes')

/** A link shows no names of colleagues, so its user types the name. */
const Colleague = Line(200).describe('Name of a team member, or email address of anyone in the organization')
const PageLink = z.object({ token: z.string().max(300) })
const PageView = z.object({
  pageId: Id.nullable().describe('The page; null for a link that several pages were sent with'),
  title: z.string(),
  summary: z.string(),
  severity: Severity,
  state: z.enum(pageStates),
  levels: z.array(z.int()).describe('How often each page of the link has escalated; send them with `escalate`'),
  you: z.string(),
  acknowledgedBy: z.string().nullable(),
  acknowledgedAt: At.nullable(),
  waitsFor: z.number().describe('Number of acknowledgements still required'),
  snoozedUntil: At.nullable(),
  isDrill: z.boolean(),
  isExercise: z.boolean(),
  createdAt: At,
})
export type PageView = z.output<typeof PageView>

export const pagingRoutes = {
  contactMethods: route({
    method: 'GET',
    path: '/api/v1/me/contact-methods',
    summary: 'List your contact methods',
    access: atLeast('observer'),
    reply: z.array(ContactMethod),
  }),
  addContactMethod: route({
    method: 'POST',
    path: '/api/v1/me/contact-methods',
    summary: 'Add a contact method and send a verification code to it. The signing secret of a webhook is shown only once',
    access: atLeast('observer'),
    needsRecentFactor: true,
    body: ContactMethodInput,
    reply: z.object({ method: ContactMethod, secret: z.string().nullable() }),
    status: 201,
    perMinute: 10,
  }),
  verifyContactMethod: route({
    method: 'POST',
    path: '/api/v1/me/contact-methods/{id}/verify',
    summary: 'Verify a contact method with the code sent to it',
    access: atLeast('observer'),
    params: IdParams,
    body: z.object({
      code: z
        .string()
        .trim()
        .regex(/^[0-9]{6}$/, 'must be the 6-digit code that was sent'),
    }),
    reply: ContactMethod,
    perMinute: 20,
  }),
  sendContactCode: route({
    method: 'POST',
    path: '/api/v1/me/contact-methods/{id}/code',
    summary: 'Resend the verification code',
    access: atLeast('observer'),
    params: IdParams,
    perMinute: 5,
  }),
  notificationRules: route({
    method: 'GET',
    path: '/api/v1/me/notification-rules',
    summary: 'Get your notification rules; without rules, all methods are used immediately',
    access: atLeast('observer'),
    reply: NotificationRules,
  }),
  saveNotificationRules: route({
    method: 'PUT',
    path: '/api/v1/me/notification-rules',
    summary: 'Set your notification rules for each urgency; also applies to pages not sent yet',
    access: atLeast('observer'),
    body: NotificationRules,
    reply: NotificationRules,
  }),
  pushKey: route({
    method: 'GET',
    path: '/api/v1/push-key',
    summary: 'Get the VAPID public key for browser push, and the channels that are configured',
    access: atLeast('observer'),
    reply: z.object({ key: z.string(), channels: z.array(z.enum(contactKinds)) }),
  }),
  teamChannels: route({
    method: 'GET',
    path: '/api/v1/team-channels',
    summary: 'List team channels that an escalation level can page',
    access: atLeast('observer', 'catalog:read'),
    query: UpdatedQuery,
    reply: z.array(TeamChannel.omit({ address: true })),
  }),
  saveTeamChannel: route({
    method: 'POST',
    path: '/api/v1/teams/{id}/channels',
    summary: 'Add a channel to a team; the signing secret of a webhook is shown only once',
    access: atLeast('lead', 'catalog:write'),
    params: IdParams,
    body: TeamChannelInput,
    reply: z.object({ channel: TeamChannel, secret: z.string().nullable() }),
    status: 201,
  }),
  removeTeamChannel: route({
    method: 'DELETE',
    path: '/api/v1/team-channels/{id}',
    summary: 'Delete a team channel that no policy uses',
    access: atLeast('lead', 'catalog:write'),
    params: IdParams,
  }),
  removeContactMethod: route({
    method: 'DELETE',
    path: '/api/v1/me/contact-methods/{id}',
    summary: 'Delete a contact method; the last one cannot be deleted',
    access: atLeast('observer'),
    needsRecentFactor: true,
    params: IdParams,
  }),
  pages: route({
    method: 'GET',
    path: '/api/v1/pages',
    summary: 'List pages, unacknowledged ones first',
    access: atLeast('observer', 'alerts:read'),
    query: ChangingQuery,
    reply: pageOf(Page),
  }),
  acknowledgePage: route({
    method: 'POST',
    path: '/api/v1/pages/{id}/acknowledge',
    summary: 'Acknowledge a page and stop its escalation',
    access: atLeast('responder', 'alerts:write'),
    params: IdParams,
    reply: Page,
  }),
  page: route({
    method: 'GET',
    path: '/api/v1/pages/{id}',
    summary: 'Get a page with its timeline: delivery attempts, provider responses and acknowledgements',
    access: atLeast('observer', 'alerts:read'),
    params: IdParams,
    query: PageQuery,
    reply: PageTimeline,
  }),
  myPages: route({
    method: 'GET',
    path: '/api/v1/me/pages',
    summary: 'List pages sent to you, or to whoever created the API key, unacknowledged ones first',
    access: atLeast('observer', 'alerts:read'),
    query: ChangingQuery,
    reply: pageOf(Page),
  }),
  declinePage: route({
    method: 'POST',
    path: '/api/v1/pages/{id}/decline',
    summary: 'Decline a page: it is reassigned to the given person, or escalates to the next level immediately',
    access: atLeast('responder', 'alerts:write'),
    params: IdParams,
    body: z.object({ toId: Id.nullable().default(null), reason: z.string().trim().max(500).default('') }),
    reply: Page,
  }),
  escalatePage: route({
    method: 'POST',
    path: '/api/v1/pages/{id}/escalate',
    summary: 'Escalate a page to the next level now; 409 if it has escalated since it was read',
    access: atLeast('responder', 'alerts:write'),
    params: IdParams,
    body: z.object({ level: z.int().describe('The `level` of the page that was read') }),
    reply: Page,
  }),
  addResponders: route({
    method: 'POST',
    path: '/api/v1/pages/{id}/responders',
    summary: 'Page additional responders; the assignee stays the same',
    access: atLeast('responder', 'alerts:write'),
    params: IdParams,
    body: z.object({ personIds: z.array(Id).min(1, 'must have at least one person').max(20) }),
    reply: Page,
  }),
  snoozePage: route({
    method: 'POST',
    path: '/api/v1/pages/{id}/snooze',
    summary: 'Snooze an acknowledged page; afterwards it escalates again from the first level',
    access: atLeast('responder', 'alerts:write'),
    params: IdParams,
    body: z.object({ minutes: SnoozeMinutes }),
    reply: Page,
  }),
  startDrill: route({
    method: 'POST',
    path: '/api/v1/teams/{id}/drills',
    summary: 'Start a drill: page a team with a message marked as a drill, and measure the time to acknowledge',
    access: atLeast('lead', 'catalog:write'),
    params: IdParams,
    body: z.object({ urgency: Urgency.default('high') }),
    reply: Page,
    status: 201,
  }),
  drills: route({
    method: 'GET',
    path: '/api/v1/teams/{id}/drills',
    summary: 'List the drills of a team with the time to acknowledge',
    access: atLeast('observer', 'catalog:read'),
    params: IdParams,
    query: PageQuery,
    reply: pageOf(Drill),
  }),
  pageByLink: route({
    method: 'POST',
    path: '/api/v1/page-links/view',
    summary: 'Get a page by its private link',
    access: open('requires the signed link sent to the person paged'),
    body: PageLink,
    reply: PageView,
  }),
  acknowledgeByLink: route({
    method: 'POST',
    path: '/api/v1/page-links/acknowledge',
    summary: 'Acknowledge a page by its private link',
    access: open('requires the signed link sent to the person paged'),
    body: PageLink,
    reply: PageView,
  }),
  escalateByLink: route({
    method: 'POST',
    path: '/api/v1/page-links/escalate',
    summary: 'Escalate a page by its private link; 409 if it has escalated since it was sent, or since it was viewed',
    access: open('requires the signed link sent to the person paged'),
    body: PageLink.extend({
      levels: z.array(z.int()).max(10_000).optional().describe('The `levels` of the view; omit to mean those that the link was sent for'),
    }),
    reply: PageView,
  }),
  snoozeByLink: route({
    method: 'POST',
    path: '/api/v1/page-links/snooze',
    summary: 'Snooze an acknowledged page by its private link',
    access: open('requires the signed link sent to the person paged'),
    body: PageLink.extend({ minutes: SnoozeMinutes }),
    reply: PageView,
  }),
  declineByLink: route({
    method: 'POST',
    path: '/api/v1/page-links/decline',
    summary: 'Decline a page by its private link: it is reassigned to the given person, or escalates to the next level immediately',
    access: open('requires the signed link sent to the person paged'),
    body: PageLink.extend({ to: Colleague.nullable().default(null) }),
    reply: PageView,
    perMinute: 20,
  }),
  addRespondersByLink: route({
    method: 'POST',
    path: '/api/v1/page-links/responders',
    summary: 'Page an additional responder by the private link of a page',
    access: open('requires the signed link sent to the person paged'),
    body: PageLink.extend({ who: Colleague }),
    reply: PageView,
    perMinute: 20,
  }),
  releaseByLink: route({
    method: 'POST',
    path: '/api/v1/page-links/release',
    summary: 'Release an acknowledged page: it escalates to the next person immediately',
    access: open('requires the signed link sent to the person paged'),
    body: PageLink,
    reply: PageView,
  }),
  messageLog: route({
    method: 'GET',
    path: '/api/v1/messages',
    summary: 'List the message log: held, queued, sent and failed messages',
    access: atLeast('lead'),
    query: PageQuery,
    reply: pageOf(Message),
  }),
}
