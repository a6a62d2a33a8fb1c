import { z } from 'zod'
import { At, Id, IdParams, Line, PageQuery, pageOf, Text, UpdatedQuery } from './common.ts'
import { ruleLevels } from './detection.ts'
import { atLeast, route } from './route.ts'

export const indicatorKindNames = ['ipv4-addr', 'ipv6-addr', 'domain-name', 'url', 'file-hash'] as const

/** A list of indicators holds at most so many. */
export const maxIndicatorsTotal = 2_000_000
export const indicatorFileBytes = 256 * 1_048_576

export const IndicatorList = z
  .object({
    id: Id,
    name: z.string(),
    level: z.enum(ruleLevels).describe('Severity of alerts raised by this list'),
    isEnabled: z.boolean(),
    taxii: z
      .object({ url: z.string(), username: z.string().nullable(), hasSecret: z.boolean(), pullMinutes: z.number() })
      .nullable()
      .describe('TAXII collection it is pulled from; null for uploaded lists'),
    size: z.number(),
    refused: z.number().describe('Entries of the last import that are not supported'),
    refusedExamples: z.array(z.object({ at: z.string(), reason: z.string() })),
    sightings: z.number(),
    lastSightingAt: At.nullable(),
    updatedAt: At.nullable(),
    problem: z.string().nullable().describe('Error of the last pull'),
  })
  .meta({ id: 'IndicatorList' })
export type IndicatorList = z.output<typeof IndicatorList>

const Taxii = z.object({
  url: z
    .url({ protocol: /^https?$/, message: 'must be the URL of a collection, such as https://taxii.example/api1/collections/<id>/' })
    .max(500)
    .describe('URL of a TAXII 2.1 collection'),
  username: Line(200).nullable().default(null).describe('If empty, the secret is sent as a bearer token'),
  secret: z.string().min(1, 'must not be empty').max(2_000).nullable().default(null).describe('Password or token; stored encrypted'),
  pullMinutes: z.number().int().min(5, 'must be at least 5').max(10_080).default(60),
})

export const indicatorRoutes = {
  indicatorLists: route({
    method: 'GET',
    path: '/api/v1/detection/indicator-lists',
    summary: 'List indicator lists',
    access: atLeast('responder', 'detection:read'),
    query: UpdatedQuery,
    reply: z.array(IndicatorList),
  }),
  createIndicatorList: route({
    method: 'POST',
    path: '/api/v1/detection/indicator-lists',
    summary: 'Create an indicator list: uploaded, or pulled from a TAXII 2.1 server',
    access: atLeast('lead', 'detection:write'),
    body: z.object({ name: Line(80), level: z.enum(ruleLevels).default('high'), taxii: Taxii.nullable().default(null) }),
    reply: IndicatorList,
    status: 201,
  }),
  changeIndicatorList: route({
    method: 'PATCH',
    path: '/api/v1/detection/indicator-lists/{id}',
    summary: 'Rename an indicator list, change its level, or enable or disable it',
    access: atLeast('lead', 'detection:write'),
    params: IdParams,
    body: z.object({ name: Line(80).optional(), level: z.enum(ruleLevels).optional(), isEnabled: z.boolean().optional() }),
    reply: IndicatorList,
  }),
  removeIndicatorList: route({
    method: 'DELETE',
    path: '/api/v1/detection/indicator-lists/{id}',
    summary: 'Delete an indicator list and its indicators',
    access: atLeast('lead', 'detection:write'),
    params: IdParams,
  }),
  importIndicators: route({
    method: 'POST',
    path: '/api/v1/detection/indicator-lists/{id}/import',
    summary: 'Upload indicators (CSV, one per line, or a STIX 2.1 bundle; gzip supported) to replace or extend a list',
    access: atLeast('lead', 'detection:write'),
    params: IdParams,
    consumes: 'multipart/form-data',
    fileBytes: indicatorFileBytes,
    body: z.object({ mode: z.enum(['replace', 'add']).default('replace') }),
    reply: z.object({ list: IndicatorList, taken: z.number() }),
  }),
  pullIndicators: route({
    method: 'POST',
    path: '/api/v1/detection/indicator-lists/{id}/pull',
    summary: 'Pull an indicator list from its TAXII server now',
    access: atLeast('lead', 'detection:write'),
    params: IdParams,
    status: 202,
    reply: IndicatorList,
  }),
  lookUpIndicator: route({
    method: 'GET',
    path: '/api/v1/detection/indicators',
    summary: 'Find the lists that contain a value, or a network or parent domain of it',
    access: atLeast('responder', 'detection:read'),
    query: z.object({ value: Text(2_000) }),
    reply: z.object({
      kind: z.enum(indicatorKindNames).nullable().describe('Null if it is not an IP address, domain, URL or hash'),
      found: z.array(
        z.object({
          list: z.object({ id: Id, name: z.string() }),
          value: z.string(),
          description: z.string(),
          validUntil: At.nullable(),
          isIgnored: z.boolean(),
        }),
      ),
    }),
  }),
  ignoredIndicators: route({
    method: 'GET',
    path: '/api/v1/detection/indicators/ignored',
    summary: 'List ignored indicators',
    access: atLeast('responder', 'detection:read'),
    query: PageQuery,
    reply: pageOf(z.object({ value: z.string(), reason: z.string(), at: At, by: z.string() })),
  }),
  ignoreIndicator: route({
    method: 'POST',
    path: '/api/v1/detection/indicators/ignored',
    summary: 'Ignore an indicator in all lists, with a reason',
    access: atLeast('responder', 'detection:write'),
    body: z.object({
      value: Text(2_000),
      reason: Text(2_000),
      alertId: Id.optional().describe('The alert that it was found in: who may not see that does not see the reason'),
    }),
  }),
  restoreIndicator: route({
    method: 'POST',
    path: '/api/v1/detection/indicators/restored',
    summary: 'Stop ignoring an indicator',
    access: atLeast('lead', 'detection:write'),
    body: z.object({ value: Text(2_000) }),
  }),
}
