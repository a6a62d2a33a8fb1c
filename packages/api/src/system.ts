import { z } from 'zod'
import { At, Erasure, Id, IdParams, Instant, Line, PageQuery, pageOf, Text } from './common.ts'
import { atLeast, open, openToMonitors, route } from './route.ts'

export const JournalEntry = z
  .object({
    id: Id,
    index: z.number().nullable().describe('Index of its leaf in the Merkle tree; null until it is sealed'),
    at: At,
    actor: z.object({ kind: z.string(), id: z.string().nullable(), name: z.string() }),
    type: z.string(),
    subject: z.object({ kind: z.string(), id: z.string() }),
    sentence: z.string().describe('What happened, or why the entry cannot be read'),
    data: z.unknown(),
    calledFrom: z.object({ address: z.string(), device: z.string() }).nullable().describe('From where a person or a service account did it'),
    erasure: Erasure.extend({ fields: z.number().describe('How many texts were erased') })
      .nullable()
      .describe('Who erased texts of this entry, when and why; null where nobody did'),
  })
  .meta({ id: 'JournalEntry' })
export type JournalEntry = z.output<typeof JournalEntry>

/** One reader of the journal: a module that reacts to entries, or the sealer. */
export const JournalReaderStatus = z
  .object({
    name: z.string(),
    state: z.enum(['running', 'lagging', 'failing']),
    lagEntries: z.number().describe('Number of entries not yet processed'),
    lagSeconds: z.number().describe('Age of the oldest unprocessed entry'),
    error: z.string().nullable().describe('Error of the latest attempt, while failing'),
    deadLetters: z.number().describe('Number of dead letters'),
  })
  .meta({ id: 'JournalReaderStatus' })
export type JournalReaderStatus = z.output<typeof JournalReaderStatus>

/** An entry that a reader could not take in: it went on without it. */
export const JournalDeadLetter = z
  .object({
    id: Id,
    reader: z.string(),
    entry: z.object({ id: Id, at: At, type: z.string() }),
    error: z.string().describe('Error of the latest attempt'),
    attempts: z.number(),
    at: At.describe('When the latest attempt failed'),
    state: z.enum(['open', 'replayed', 'discarded']),
    settledAt: At.nullable(),
    settledBy: z.string().nullable(),
    reason: z.string().nullable().describe('Why it was discarded'),
  })
  .meta({ id: 'JournalDeadLetter' })
export type JournalDeadLetter = z.output<typeof JournalDeadLetter>

/** Counters stop here: more is not counted. */
export const maxCounted = 1_000

export const systemRoutes = {
  healthz: route({
    method: 'GET',
    path: '/healthz',
    summary: 'Liveness',
    access: open('returns no details'),
    reply: z.object({ status: z.literal('ok') }),
  }),
  readyz: route({
    method: 'GET',
    path: '/readyz',
    summary: 'Readiness: 503 with the cause if requests cannot be served, 200 with details if a component is degraded',
    access: open('returns only which component is degraded'),
    reply: z.object({ status: z.enum(['ready', 'degraded']), details: z.array(z.object({ name: z.string(), detail: z.string() })) }),
  }),
  metrics: route({ method: 'GET', path: '/metrics', summary: 'Prometheus metrics', access: openToMonitors('returns only counts'), produces: 'text/plain' }),
  securityTxt: route({
    method: 'GET',
    path: '/.well-known/security.txt',
    summary: 'Where to report a vulnerability of this server (RFC 9116); 404 if no contact is configured',
    access: open('tells strangers where to report'),
    produces: 'text/plain',
  }),
  openApi: route({
    method: 'GET',
    path: '/api/openapi.json',
    summary: 'OpenAPI document',
    access: openToMonitors('the source code is public'),
    produces: 'application/json',
  }),
  status: route({
    method: 'GET',
    path: '/api/v1/status',
    summary: 'Get the status of the installation: setup, paging and demo data',
    access: open('required by the sign-in page, which shows the name of the organization; returns no other names or content'),
    reply: z.object({
      ...{ organization: z.string(), isSetUp: z.boolean(), isPagingLive: z.boolean(), hasDemo: z.boolean(), version: z.string(), now: At },
      areBouncesReceived: z.boolean().describe('Whether mail servers can report to Tocsin that an email was returned, delayed or delivered'),
    }),
  }),
  counters: route({
    method: 'GET',
    path: '/api/v1/counters',
    summary: 'Get the number of items that need attention and that the caller can see; each count stops at 1000',
    access: atLeast('observer', 'incidents:read'),
    reply: z.object({
      unacknowledgedPages: z.number(),
      pagesToMe: z.number().describe('Of these, the pages that were sent to the caller'),
      alertsToTriage: z.number(),
      mine: z.number().describe('Alerts to triage that are assigned to the caller, and open incidents that they lead'),
      openIncidents: z.number(),
      approvalsWaiting: z.number().describe('Approvals that the caller can give by their role and did not ask for, and roles that they are asked to take'),
      obligationsDue: z.number().describe('Customers of declared incidents not yet notified, including deferred ones'),
      stalledChannels: z.array(z.string()).describe('Names of channels that are not delivering messages'),
    }),
  }),
  loadDemo: route({
    method: 'POST',
    path: '/api/v1/demo',
    summary: 'Load the demo organization and simulate an attack',
    access: atLeast('administrator'),
    reply: z.object({ teams: z.number(), services: z.number(), customers: z.number(), people: z.number() }),
    status: 201,
  }),
  removeDemo: route({ method: 'DELETE', path: '/api/v1/demo', summary: 'Delete all demo data', access: atLeast('administrator') }),
  journal: route({
    method: 'GET',
    path: '/api/v1/journal',
    summary: 'List or search audit log entries, newest first',
    access: atLeast('lead', 'journal:read'),
    query: PageQuery.extend({
      type: Line(100).optional().describe('Type of entry, such as `sign-in.refused`'),
      actor: Line(200).optional().describe('ID of the person or service account that did it'),
      address: Line(100).optional().describe('IP address that it was done from'),
      subject: Line(200).optional().describe('ID of the record that it is about'),
      incident: Id.optional().describe('ID of the incident that it was written in'),
      from: Instant.optional().describe('Not before'),
      to: Instant.optional().describe('Not after'),
      text: Line(200).optional().describe('Words of names, titles and email addresses, or how they begin; all of them'),
    }),
    reply: pageOf(JournalEntry),
  }),
  journalReaders: route({
    method: 'GET',
    path: '/api/v1/journal/readers',
    summary: 'Get the status of audit log readers, and open transactions that block them',
    access: atLeast('administrator', 'journal:read'),
    reply: z.object({
      readers: z.array(JournalReaderStatus),
      writers: z.array(z.object({ pid: z.number(), openSeconds: z.number(), query: z.string() })),
    }),
  }),
  journalDeadLetters: route({
    method: 'GET',
    path: '/api/v1/journal/dead-letters',
    summary: 'List dead letters: entries that an audit log reader failed to process, newest first',
    access: atLeast('administrator', 'journal:read'),
    query: PageQuery.extend({ view: z.enum(['open', 'all']).default('open') }),
    reply: pageOf(JournalDeadLetter),
  }),
  replayJournalDeadLetter: route({
    method: 'POST',
    path: '/api/v1/journal/dead-letters/{id}/replay',
    summary: 'Replay a dead letter now; 409 with the error if it fails again',
    access: atLeast('administrator', 'journal:write'),
    params: IdParams,
    reply: JournalDeadLetter,
  }),
  discardJournalDeadLetter: route({
    method: 'POST',
    path: '/api/v1/journal/dead-letters/{id}/discard',
    summary: 'Discard a dead letter, with a reason',
    access: atLeast('administrator', 'journal:write'),
    params: IdParams,
    body: z.object({ reason: Text(2_000) }),
    reply: JournalDeadLetter,
  }),
  checkpoint: route({
    method: 'GET',
    path: '/api/v1/journal/checkpoint',
    summary: 'Get the latest signed checkpoint and its public key (C2SP tlog-checkpoint)',
    access: atLeast('observer', 'journal:read'),
    reply: z.object({
      checkpoint: z.string().nullable(),
      key: z.string(),
      successions: z.array(z.string()).describe('Statements that lead from earlier keys to this one, signed by both (C2SP signed notes)'),
      size: z.number(),
    }),
  }),
  consistency: route({
    method: 'GET',
    path: '/api/v1/journal/consistency',
    summary: 'Prove that the audit log of one size extends that of a smaller one (RFC 9162); hashes are base64',
    access: atLeast('administrator'),
    query: z.object({ from: z.coerce.number().int().min(1), to: z.coerce.number().int().min(1) }),
    reply: z.object({ from: z.number(), to: z.number(), fromRoot: z.string(), toRoot: z.string(), proof: z.array(z.string()) }),
  }),
  exportJournal: route({
    method: 'POST',
    path: '/api/v1/journal/export',
    summary: 'Export the audit log as a signed file; the export is kept in the audit log',
    access: atLeast('administrator'),
    produces: 'application/json',
  }),
  liveEvents: route({
    method: 'GET',
    path: '/api/v1/live',
    summary: 'Server-sent events for live updates; restricted incidents only for people who can see them',
    access: atLeast('observer', 'incidents:read'),
    produces: 'text/event-stream',
  }),
  renameOrganization: route({
    method: 'PUT',
    path: '/api/v1/organization',
    summary: "Set the organization's name, shown in customer notices",
    access: atLeast('administrator'),
    body: z.object({ name: Line(100) }),
  }),
}
