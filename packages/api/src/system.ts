import { z } from 'zod'
import { At, Id, IdParams, Line, PageQuery, pageOf, Text } from './common.ts'
import { atLeast, open, route } from './route.ts'

export const JournalEntry = z
  .object({
    id: Id,
    index: z.number().nullable().describe('Its leaf in the Merkle tree; null for the moment until it is sealed'),
    at: At,
    actor: z.object({ kind: z.string(), id: z.string().nullable(), name: z.string() }),
    type: z.string(),
    subject: z.object({ kind: z.string(), id: z.string() }),
    data: z.unknown(),
  })
  .meta({ id: 'JournalEntry' })
export type JournalEntry = z.output<typeof JournalEntry>

/** One reader of the journal: a module that reacts to entries, or the sealer. */
export const JournalReaderStatus = z
  .object({
    name: z.string(),
    state: z.enum(['running', 'lagging', 'failing']),
    lagEntries: z.number().describe('Entries that it has not taken in yet'),
    lagSeconds: z.number().describe('Age of the oldest of them'),
    error: z.string().nullable().describe('Of its latest attempt, while it fails'),
    deadLetters: z.number().describe('Entries that it has set aside'),
  })
  .meta({ id: 'JournalReaderStatus' })
export type JournalReaderStatus = z.output<typeof JournalReaderStatus>

/** An entry that a reader could not take in: it went on without it. */
export const JournalDeadLetter = z
  .object({
    id: Id,
    reader: z.string(),
    entry: z.object({ id: Id, at: At, type: z.string() }),
    error: z.string(),
    attempts: z.number(),
    at: At.describe('Of the latest attempt'),
    state: z.enum(['open', 'replayed', 'discarded']),
    settledAt: At.nullable(),
    settledBy: z.string().nullable(),
    reason: z.string().nullable().describe('Why it was discarded'),
  })
  .meta({ id: 'JournalDeadLetter' })
export type JournalDeadLetter = z.output<typeof JournalDeadLetter>

export const systemRoutes = {
  healthz: route({
    method: 'GET',
    path: '/healthz',
    summary: 'The process is alive',
    access: open('says nothing but that'),
    reply: z.object({ status: z.literal('ok') }),
  }),
  readyz: route({
    method: 'GET',
    path: '/readyz',
    summary: 'Whether requests can be served: 503 with the cause while they cannot, 200 with details while a part is degraded',
    access: open('says which part of the server is degraded; no names, no content'),
    reply: z.object({ status: z.enum(['ready', 'degraded']), details: z.array(z.object({ name: z.string(), detail: z.string() })) }),
  }),
  metrics: route({ method: 'GET', path: '/metrics', summary: 'Prometheus metrics', access: open('counts only; no names, no content'), produces: 'text/plain' }),
  openApi: route({
    method: 'GET',
    path: '/api/openapi.json',
    summary: 'This document',
    access: open('the source is public too'),
    produces: 'application/json',
  }),
  status: route({
    method: 'GET',
    path: '/api/v1/status',
    summary: 'What every page says: is it set up, is paging live, is demo data loaded',
    access: open('the sign-in page needs it; no names, no content'),
    reply: z.object({ organization: z.string(), isSetUp: z.boolean(), isPagingLive: z.boolean(), hasDemo: z.boolean(), version: z.string(), now: At }),
  }),
  counters: route({
    method: 'GET',
    path: '/api/v1/counters',
    summary: 'How much needs attention, of what the caller may see',
    access: atLeast('observer', 'incidents:read'),
    reply: z.object({
      unacknowledgedPages: z.number(),
      alertsToTriage: z.number(),
      openIncidents: z.number(),
      obligationsDue: z.number().describe('Customers of declared incidents that were not notified yet; deferred ones are counted'),
      stalledChannels: z.array(z.string()).describe('Names of channels that deliver nothing now'),
    }),
  }),
  loadDemo: route({
    method: 'POST',
    path: '/api/v1/demo',
    summary: 'Load the demo organization and play one attack through the real intake',
    access: atLeast('administrator'),
    reply: z.object({ teams: z.number(), services: z.number(), customers: z.number(), people: z.number() }),
    status: 201,
  }),
  removeDemo: route({ method: 'DELETE', path: '/api/v1/demo', summary: 'Remove all demo data in one act', access: atLeast('administrator') }),
  journal: route({
    method: 'GET',
    path: '/api/v1/journal',
    summary: 'The journal, newest first',
    access: atLeast('lead', 'journal:read'),
    query: PageQuery,
    reply: pageOf(JournalEntry),
  }),
  journalReaders: route({
    method: 'GET',
    path: '/api/v1/journal/readers',
    summary: 'How each reader of the journal is doing, and which open transactions hold them all back',
    access: atLeast('administrator', 'journal:read'),
    reply: z.object({
      readers: z.array(JournalReaderStatus),
      writers: z.array(z.object({ pid: z.number(), openSeconds: z.number(), query: z.string() })),
    }),
  }),
  journalDeadLetters: route({
    method: 'GET',
    path: '/api/v1/journal/dead-letters',
    summary: 'Entries that a reader of the journal has set aside after several attempts, the latest first',
    access: atLeast('administrator', 'journal:read'),
    query: PageQuery.extend({ view: z.enum(['open', 'all']).default('open') }),
    reply: pageOf(JournalDeadLetter),
  }),
  replayJournalDeadLetter: route({
    method: 'POST',
    path: '/api/v1/journal/dead-letters/{id}/replay',
    summary: 'Have the reader take the entry in now; 409 with its error when it fails again',
    access: atLeast('administrator', 'journal:write'),
    params: IdParams,
    reply: JournalDeadLetter,
  }),
  discardJournalDeadLetter: route({
    method: 'POST',
    path: '/api/v1/journal/dead-letters/{id}/discard',
    summary: 'Give the entry up for this reader, with the reason',
    access: atLeast('administrator', 'journal:write'),
    params: IdParams,
    body: z.object({ reason: Text(2_000) }),
    reply: JournalDeadLetter,
  }),
  checkpoint: route({
    method: 'GET',
    path: '/api/v1/journal/checkpoint',
    summary: 'The latest signed checkpoint and the key that checks it (C2SP tlog-checkpoint)',
    access: atLeast('observer', 'journal:read'),
    reply: z.object({ checkpoint: z.string().nullable(), key: z.string(), size: z.number() }),
  }),
  exportJournal: route({
    method: 'POST',
    path: '/api/v1/journal/export',
    summary: 'The whole journal as one file that proves itself; the export is itself on record',
    access: atLeast('administrator'),
    produces: 'application/json',
  }),
  liveEvents: route({
    method: 'GET',
    path: '/api/v1/live',
    summary: 'Server-sent events: what changed, as it changes; restricted incidents only to those who may see them',
    access: atLeast('observer', 'incidents:read'),
    produces: 'text/event-stream',
  }),
  renameOrganization: route({
    method: 'PUT',
    path: '/api/v1/organization',
    summary: "The organization's name, as customers read it in notices",
    access: atLeast('administrator'),
    body: z.object({ name: Line(100) }),
  }),
}
