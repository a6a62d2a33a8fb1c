import { z } from 'zod'
import { At, ChangingQuery, Email, Id, IdParams, pageOf, Text, Version } from './common.ts'
import { Incident } from './incident.ts'
import { atLeast, route } from './route.ts'

/** Whose data is erased: a reporter's with all their reports, that in a note, or what is written of affected persons in an incident. */
export const erasureKinds = ['reporter', 'note', 'incident'] as const

const Reason = Text(1_000).describe('Why, without the data that is erased: it is kept in the audit log')

/** What is to be erased. */
export const ErasureInput = z
  .object({
    kind: z.enum(erasureKinds),
    target: z.string().trim().toLowerCase().max(254).describe('The email address that a reporter gave, or the ID of the note or incident'),
    reason: Reason,
  })
  .superRefine(({ kind, target }, context) => {
    const isRight = (kind === 'reporter' ? Email : Id).safeParse(target).success
    const what = { reporter: 'email address of a reporter', note: 'ID of a note', incident: 'ID of an incident' }[kind]
    if (!isRight) context.addIssue({ code: 'custom', path: ['target'], message: `must be the ${what}` })
  })
export type ErasureInput = z.input<typeof ErasureInput>

export const ErasureRequest = z
  .object({
    id: Id,
    kind: z.enum(erasureKinds),
    state: z.enum(['requested', 'done', 'withdrawn']),
    target: z.string().nullable().describe('The email address or the ID; null once it is erased'),
    basis: z.enum(['request', 'retention']).describe('Requested, or by the retention that is configured'),
    reason: z.string(),
    requestedBy: z.string().nullable(),
    requestedAt: At,
    decidedBy: z.string().nullable().describe('Who approved or withdrew it'),
    decidedAt: At.nullable(),
    records: z.number().int().describe('Reports, notes or incidents that it is about'),
    fields: z.number().int().describe('Fields of the audit log that were erased'),
    isMine: z.boolean().describe('Requested by you: another administrator approves it'),
  })
  .meta({ id: 'ErasureRequest' })
export type ErasureRequest = z.output<typeof ErasureRequest>

export const erasureRoutes = {
  erasures: route({
    method: 'GET',
    path: '/api/v1/erasures',
    summary: 'List requests to erase personal data, newest first',
    access: atLeast('administrator'),
    query: ChangingQuery,
    reply: pageOf(ErasureRequest),
  }),
  requestErasure: route({
    method: 'POST',
    path: '/api/v1/erasures',
    summary: 'Request to erase the personal data of a reporter, a note, or of affected persons in an incident; another administrator approves it',
    access: atLeast('administrator'),
    body: ErasureInput,
    reply: ErasureRequest,
    status: 201,
  }),
  approveErasure: route({
    method: 'POST',
    path: '/api/v1/erasures/{id}/approve',
    summary: 'Approve a request of another administrator: the data is erased at once, and cannot be restored',
    access: atLeast('administrator'),
    needsRecentFactor: true,
    params: IdParams,
    reply: ErasureRequest,
  }),
  withdrawErasure: route({
    method: 'POST',
    path: '/api/v1/erasures/{id}/withdraw',
    summary: 'Withdraw or decline a request to erase personal data',
    access: atLeast('administrator'),
    params: IdParams,
    body: z.object({ reason: Reason }),
    reply: ErasureRequest,
  }),
  setLegalHold: route({
    method: 'PUT',
    path: '/api/v1/incidents/{id}/legal-hold',
    summary: 'Place or lift a legal hold: while it is held, nothing that belongs to the incident is erased',
    access: atLeast('responder'),
    params: IdParams,
    body: z.object({ version: Version, isHeld: z.boolean(), reason: Text(1_000) }),
    reply: Incident,
  }),
}
