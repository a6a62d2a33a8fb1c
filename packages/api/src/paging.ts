import { z } from 'zod'
import { At, Id, IdParams, Line, PageQuery, pageOf, Reference, Severity } from './common.ts'
import { atLeast, open, route } from './route.ts'

/** The ways that a message can leave, and what people call each. */
export const channelWords = {
  email: 'email',
  push: 'browser push',
  sms: 'SMS',
  voice: 'call',
  slack: 'Slack',
  'teams-bot': 'Microsoft Teams',
  teams: 'Teams workflow',
  ntfy: 'ntfy',
  webhook: 'webhook',
} as const

export const messageChannels = [
  'email',
  'push',
  'sms',
  'voice',
  'slack',
  'teams-bot',
  'teams',
  'ntfy',
  'webhook',
] as const satisfies readonly (keyof typeof channelWords)[]
export const contactKinds = ['email', 'push', 'sms', 'voice', 'slack', 'teams-bot', 'ntfy', 'webhook'] as const
export const ContactMethod = z
  .object({
    id: Id,
    kind: z.enum(contactKinds),
    address: z.string(),
    label: z.string(),
    isVerified: z.boolean().describe('Nobody is paged at a method that is not verified'),
    createdAt: At,
  })
  .meta({ id: 'ContactMethod' })
export type ContactMethod = z.output<typeof ContactMethod>

const ContactMethodInput = z.object({
  kind: z.enum(contactKinds),
  address: Line(2_000).describe(
    'E-mail address; phone number (+4930123456); member ID in Slack; what the bot in Microsoft Teams answers to “connect”; address of an ntfy topic, a webhook, or a push subscription',
  ),
  label: z.string().trim().max(60).default('').describe('What you call it: my phone'),
  keys: z
    .object({ p256dh: z.string().max(200), auth: z.string().max(100) })
    .optional()
    .describe('Of a push subscription'),
})

/** How somebody wants to be paged: the method, so many minutes after the page. */
export const NotificationRules = z
  .object({
    high: z.array(z.object({ methodId: Id, afterMinutes: z.number().int().min(0).max(120, 'must be at most two hours') })).max(20),
    low: z.array(z.object({ methodId: Id, afterMinutes: z.number().int().min(0).max(120, 'must be at most two hours') })).max(20),
  })
  .meta({ id: 'NotificationRules' })
export type NotificationRules = z.output<typeof NotificationRules>

export const teamChannelKinds = ['slack', 'teams-bot', 'teams', 'ntfy', 'webhook'] as const
export const TeamChannelInput = z.object({
  kind: z.enum(teamChannelKinds).describe('teams-bot: by the bot, with buttons; teams: by the address of a workflow'),
  name: Line(80),
  address: Line(2_000).describe(
    'ID of a Slack channel; what the bot in Microsoft Teams answers there to “connect”; address of a Teams workflow, an ntfy topic or a webhook',
  ),
})
export const TeamChannel = TeamChannelInput.extend({ id: Id, teamId: Id }).meta({ id: 'TeamChannel' })
export type TeamChannel = z.output<typeof TeamChannel>

export const pageStates = ['triggered', 'acknowledged', 'resolved', 'exhausted'] as const
export const Page = z
  .object({
    id: Id,
    title: z.string(),
    severity: Severity,
    team: Reference.nullable().describe('Null: the administrators, about the installation itself'),
    subject: z.object({ kind: z.enum(['alert', 'incident', 'drill', 'system']), id: Id }),
    state: z.enum(pageStates),
    urgency: z.enum(['high', 'low']),
    policy: z.string().nullable().describe('The escalation policy that it climbs; null: everyone in the team'),
    isDrill: z.boolean(),
    acknowledgedBy: z.string().nullable(),
    acknowledgedAt: At.nullable(),
    acknowledgements: z.array(z.object({ person: Reference, at: At })).describe('Who has acknowledged so far, where a step needs several'),
    snoozedUntil: At.nullable().describe('Quiet until then; it climbs again afterwards'),
    createdAt: At,
    nextEscalationAt: At.nullable(),
    notifications: z.array(z.object({ person: z.string(), at: At, channel: z.string(), state: z.string() })).describe('The latest 20, oldest first'),
    notificationCount: z.number().describe('How many there are in all'),
  })
  .meta({ id: 'Page' })
export type Page = z.output<typeof Page>

export const Message = z
  .object({
    id: Id,
    channel: z.enum(messageChannels),
    purpose: z.string(),
    to: z.string(),
    subject: z.string(),
    text: z.string().describe('Private links are shown to nobody but the one they were sent to'),
    state: z.enum(['queued', 'held', 'sent', 'failed', 'cancelled']),
    attempts: z.number(),
    lastError: z.string().nullable(),
    createdAt: At,
    sentAt: At.nullable(),
  })
  .meta({ id: 'Message' })
export type Message = z.output<typeof Message>

/** One moment of a page's life: an attempt, a provider's answer, an acknowledgement. */
export const PageEvent = z
  .object({ at: At, kind: z.string().describe('The type of the entry in the journal'), text: z.string(), entryId: Id })
  .meta({ id: 'PageEvent' })
export const PageTimeline = Page.extend({
  summary: z.string(),
  events: z.array(PageEvent),
  next: z.string().nullable().describe('The cursor of the events that follow; null when there are none'),
}).meta({ id: 'PageTimeline' })
export type PageTimeline = z.output<typeof PageTimeline>

export const Drill = z
  .object({
    id: Id.describe('Of its page'),
    startedAt: At,
    urgency: z.enum(['high', 'low']),
    state: z.enum(pageStates),
    acknowledgedBy: z.string().nullable(),
    afterSeconds: z.number().nullable().describe('From its start until somebody acknowledged'),
    paged: z.array(z.string()).describe('Whom it went to, in order'),
  })
  .meta({ id: 'Drill' })
export type Drill = z.output<typeof Drill>

/** Whoever holds a link is shown nobody's name: they say whom they mean. */
const Colleague = Line(200).describe('The name of somebody of the team, or the e-mail address of anybody here')
const PageLink = z.object({ token: z.string().max(300) })
const PageView = z.object({
  title: z.string(),
  summary: z.string(),
  severity: Severity,
  state: z.enum(pageStates),
  you: z.string(),
  acknowledgedBy: z.string().nullable(),
  acknowledgedAt: At.nullable(),
  waitsFor: z.number().describe('Acknowledgements that are still needed'),
  snoozedUntil: At.nullable(),
  isDrill: z.boolean(),
  createdAt: At,
})

export const pagingRoutes = {
  contactMethods: route({
    method: 'GET',
    path: '/api/v1/me/contact-methods',
    summary: 'How the signed-in person is reached',
    access: atLeast('observer'),
    reply: z.array(ContactMethod),
  }),
  addContactMethod: route({
    method: 'POST',
    path: '/api/v1/me/contact-methods',
    summary: 'Add a way to be paged at; a code is sent to it that verifies it. A webhook has a signing secret, shown this once',
    access: atLeast('observer'),
    body: ContactMethodInput,
    reply: z.object({ method: ContactMethod, secret: z.string().nullable() }),
    status: 201,
    perMinute: 10,
  }),
  verifyContactMethod: route({
    method: 'POST',
    path: '/api/v1/me/contact-methods/{id}/verify',
    summary: 'Give the code that was sent to a contact method',
    access: atLeast('observer'),
    params: IdParams,
    body: z.object({
      code: z
        .string()
        .trim()
        .regex(/^[0-9]{6}$/, 'must be the six digits that were sent'),
    }),
    reply: ContactMethod,
    perMinute: 20,
  }),
  sendContactCode: route({
    method: 'POST',
    path: '/api/v1/me/contact-methods/{id}/code',
    summary: 'Send the code once more',
    access: atLeast('observer'),
    params: IdParams,
    perMinute: 5,
  }),
  notificationRules: route({
    method: 'GET',
    path: '/api/v1/me/notification-rules',
    summary: 'How the signed-in person wants to be paged; without rules every method at once',
    access: atLeast('observer'),
    reply: NotificationRules,
  }),
  saveNotificationRules: route({
    method: 'PUT',
    path: '/api/v1/me/notification-rules',
    summary: 'Say how you want to be paged, for each urgency; pages that have not been sent yet follow it',
    access: atLeast('observer'),
    body: NotificationRules,
    reply: NotificationRules,
  }),
  pushKey: route({
    method: 'GET',
    path: '/api/v1/push-key',
    summary: 'The public key with which a browser subscribes (VAPID), and the channels that this installation can send by',
    access: atLeast('observer'),
    reply: z.object({ key: z.string(), channels: z.array(z.enum(contactKinds)) }),
  }),
  teamChannels: route({
    method: 'GET',
    path: '/api/v1/team-channels',
    summary: 'Where teams talk: channels that a step of a policy can page',
    access: atLeast('observer', 'catalog:read'),
    reply: z.array(TeamChannel.omit({ address: true })),
  }),
  saveTeamChannel: route({
    method: 'POST',
    path: '/api/v1/teams/{id}/channels',
    summary: 'Add a channel to a team; a webhook has a signing secret, shown this once',
    access: atLeast('lead', 'catalog:write'),
    params: IdParams,
    body: TeamChannelInput,
    reply: z.object({ channel: TeamChannel, secret: z.string().nullable() }),
    status: 201,
  }),
  removeTeamChannel: route({
    method: 'DELETE',
    path: '/api/v1/team-channels/{id}',
    summary: 'Remove a channel that no policy pages',
    access: atLeast('lead', 'catalog:write'),
    params: IdParams,
  }),
  removeContactMethod: route({
    method: 'DELETE',
    path: '/api/v1/me/contact-methods/{id}',
    summary: 'Remove a contact method; the last one stays',
    access: atLeast('observer'),
    params: IdParams,
  }),
  pages: route({
    method: 'GET',
    path: '/api/v1/pages',
    summary: 'The latest pages, those that still climb first',
    access: atLeast('observer', 'alerts:read'),
    query: PageQuery,
    reply: pageOf(Page),
  }),
  acknowledgePage: route({
    method: 'POST',
    path: '/api/v1/pages/{id}/acknowledge',
    summary: 'Acknowledge a page: it stops climbing',
    access: atLeast('responder', 'alerts:write'),
    params: IdParams,
    reply: Page,
  }),
  page: route({
    method: 'GET',
    path: '/api/v1/pages/{id}',
    summary: 'The whole story of a page: each attempt, the answers of the providers, who acknowledged, in order of time',
    access: atLeast('observer', 'alerts:read'),
    params: IdParams,
    query: PageQuery,
    reply: PageTimeline,
  }),
  myPages: route({
    method: 'GET',
    path: '/api/v1/me/pages',
    summary: 'The latest pages that went to the signed-in person, those that wait for an answer first',
    access: atLeast('observer'),
    query: PageQuery,
    reply: pageOf(Page),
  }),
  declinePage: route({
    method: 'POST',
    path: '/api/v1/pages/{id}/decline',
    summary: 'Say that you cannot take a page: it goes to the one you name, or climbs to the next step at once',
    access: atLeast('responder', 'alerts:write'),
    params: IdParams,
    body: z.object({ toId: Id.nullable().default(null), reason: z.string().trim().max(500).default('') }),
    reply: Page,
  }),
  escalatePage: route({
    method: 'POST',
    path: '/api/v1/pages/{id}/escalate',
    summary: 'Go on to the next step now',
    access: atLeast('responder', 'alerts:write'),
    params: IdParams,
    reply: Page,
  }),
  addResponders: route({
    method: 'POST',
    path: '/api/v1/pages/{id}/responders',
    summary: 'Page more people about the same; whether they answer changes nothing about who has it',
    access: atLeast('responder', 'alerts:write'),
    params: IdParams,
    body: z.object({ personIds: z.array(Id).min(1, 'name at least one person').max(20) }),
    reply: Page,
  }),
  snoozePage: route({
    method: 'POST',
    path: '/api/v1/pages/{id}/snooze',
    summary: 'Let an acknowledged page rest, and have it climb again afterwards from the first step',
    access: atLeast('responder', 'alerts:write'),
    params: IdParams,
    body: z.object({ minutes: z.number().int().min(5, 'must be at least 5').max(1_440, 'must be at most a day') }),
    reply: Page,
  }),
  startDrill: route({
    method: 'POST',
    path: '/api/v1/teams/{id}/drills',
    summary: 'Page a team for real, saying at once that it is a drill; the time until somebody acknowledges is kept',
    access: atLeast('lead', 'catalog:write'),
    params: IdParams,
    body: z.object({ urgency: z.enum(['high', 'low']).default('high') }),
    reply: Page,
    status: 201,
  }),
  drills: route({
    method: 'GET',
    path: '/api/v1/teams/{id}/drills',
    summary: 'The latest drills of a team, and how long each took until somebody acknowledged',
    access: atLeast('observer', 'catalog:read'),
    params: IdParams,
    query: PageQuery,
    reply: pageOf(Drill),
  }),
  pageByLink: route({
    method: 'POST',
    path: '/api/v1/page-links/view',
    summary: 'What a page is about, for the holder of its private link',
    access: open('needs the signed link that was sent to the one person paged'),
    body: PageLink,
    reply: PageView,
  }),
  acknowledgeByLink: route({
    method: 'POST',
    path: '/api/v1/page-links/acknowledge',
    summary: 'Acknowledge by the private link in a page',
    access: open('needs the signed link that was sent to the one person paged'),
    body: PageLink,
    reply: PageView,
  }),
  escalateByLink: route({
    method: 'POST',
    path: '/api/v1/page-links/escalate',
    summary: 'Go on to the next step now, by the private link in a page',
    access: open('needs the signed link that was sent to the one person paged'),
    body: PageLink,
    reply: PageView,
  }),
  snoozeByLink: route({
    method: 'POST',
    path: '/api/v1/page-links/snooze',
    summary: 'Let a page that you acknowledged rest, by the private link in it',
    access: open('needs the signed link that was sent to the one person paged'),
    body: PageLink.extend({ minutes: z.number().int().min(5, 'must be at least 5').max(1_440, 'must be at most a day') }),
    reply: PageView,
  }),
  declineByLink: route({
    method: 'POST',
    path: '/api/v1/page-links/decline',
    summary: 'Say, by the private link in a page, that you cannot take it: it goes to the one you name, or climbs to the next step at once',
    access: open('needs the signed link that was sent to the one person paged'),
    body: PageLink.extend({ to: Colleague.nullable().default(null) }),
    reply: PageView,
    perMinute: 20,
  }),
  addRespondersByLink: route({
    method: 'POST',
    path: '/api/v1/page-links/responders',
    summary: 'Page somebody more about the same, by the private link in a page',
    access: open('needs the signed link that was sent to the one person paged'),
    body: PageLink.extend({ who: Colleague }),
    reply: PageView,
    perMinute: 20,
  }),
  releaseByLink: route({
    method: 'POST',
    path: '/api/v1/page-links/release',
    summary: 'Hand an acknowledged page back: it climbs to the next person at once',
    access: open('needs the signed link that was sent to the one person paged'),
    body: PageLink,
    reply: PageView,
  }),
  messageLog: route({
    method: 'GET',
    path: '/api/v1/messages',
    summary: 'Messages that were sent, wait, or could not be sent',
    access: atLeast('lead'),
    query: PageQuery,
    reply: pageOf(Message),
  }),
}
