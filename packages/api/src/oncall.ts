import { z } from 'zod'
import { At, Day, Id, IdParams, Line, Reference, Severity, Version } from './common.ts'
import { atLeast, open, route } from './route.ts'
import { TimeZone } from './schedules.ts'

const Step = z.object({
  target: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('depth'), depth: z.number().int().min(0).max(9) }),
    z.object({ kind: z.literal('everyone') }),
  ]),
  waitMinutes: z.number().int().min(1, 'must be at least one minute').max(1_440, 'must be at most a day'),
})

/** A team's weekly rotation and its escalation policy. */
export const RotaInput = z.object({
  timeZone: TimeZone,
  startDate: Day.describe('The first handoff; the first participant starts there'),
  handoffTime: z.string().regex(/^([01][0-9]|2[0-3]):[0-5][0-9]$/, 'must be a time such as 09:00'),
  participantIds: z.array(Id).max(100),
  steps: z.array(Step).min(1, 'name at least one step').max(10),
  repeats: z.number().int().min(0).max(9).default(2),
})
export const Rota = z
  .object({
    team: Reference,
    teamKind: z.enum(['security', 'engineering']),
    rota: RotaInput.extend({ version: Version }).nullable(),
    onCallNow: z.array(Reference).describe('In order of depth: primary first'),
    shifts: z.array(z.object({ person: Reference, start: At, end: At })).describe('The next eight weeks'),
  })
  .meta({ id: 'Rota' })
export type Rota = z.output<typeof Rota>

export const ContactMethod = z.object({ id: Id, kind: z.enum(['email', 'webhook']), address: z.string(), createdAt: At }).meta({ id: 'ContactMethod' })
export type ContactMethod = z.output<typeof ContactMethod>

export const pageStates = ['triggered', 'acknowledged', 'resolved', 'exhausted'] as const
export const Page = z
  .object({
    id: Id,
    title: z.string(),
    severity: Severity,
    team: Reference,
    subject: z.object({ kind: z.enum(['alert', 'incident']), id: Id }),
    state: z.enum(pageStates),
    acknowledgedBy: z.string().nullable(),
    acknowledgedAt: At.nullable(),
    createdAt: At,
    nextStepAt: At.nullable(),
    notifications: z.array(z.object({ person: z.string(), at: At, channel: z.string(), state: z.string() })),
  })
  .meta({ id: 'Page' })
export type Page = z.output<typeof Page>

export const Message = z
  .object({
    id: Id,
    channel: z.enum(['email', 'webhook']),
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

const PageLink = z.object({ token: z.string().max(300) })
const PageView = z.object({
  title: z.string(),
  summary: z.string(),
  severity: Severity,
  state: z.enum(pageStates),
  you: z.string(),
  acknowledgedBy: z.string().nullable(),
  acknowledgedAt: At.nullable(),
  createdAt: At,
})

export const oncallRoutes = {
  rotas: route({
    method: 'GET',
    path: '/api/v1/rotas',
    summary: 'Who is on call, now and in the coming weeks, in each team',
    access: atLeast('observer', 'catalog:read'),
    reply: z.array(Rota),
  }),
  saveRota: route({
    method: 'PUT',
    path: '/api/v1/teams/{id}/rota',
    summary: "Set a team's rotation and escalation policy",
    access: atLeast('lead', 'catalog:write'),
    params: IdParams,
    body: RotaInput.extend({ version: Version.optional() }),
    reply: Rota,
  }),
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
    summary: 'Add an e-mail address or a webhook to be paged at; a webhook has a signing secret, shown this once',
    access: atLeast('observer'),
    body: z.object({ kind: z.enum(['email', 'webhook']), address: Line(500) }),
    reply: z.object({ method: ContactMethod, secret: z.string().nullable() }),
    status: 201,
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
    reply: z.array(Page),
  }),
  acknowledgePage: route({
    method: 'POST',
    path: '/api/v1/pages/{id}/acknowledge',
    summary: 'Acknowledge a page: it stops climbing',
    access: atLeast('responder', 'alerts:write'),
    params: IdParams,
    reply: Page,
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
  handBackByLink: route({
    method: 'POST',
    path: '/api/v1/page-links/hand-back',
    summary: 'Hand an acknowledged page back: it climbs to the next person at once',
    access: open('needs the signed link that was sent to the one person paged'),
    body: PageLink,
    reply: PageView,
  }),
  outbox: route({
    method: 'GET',
    path: '/api/v1/outbox',
    summary: 'Messages that were sent, wait, or could not be sent',
    access: atLeast('lead'),
    reply: z.array(Message),
  }),
}
