import { z } from 'zod'
import { CustomerTerm, NoticeTermInput } from './calendars.ts'
import { Email, Id, Line, Reference, Severity, UpdatedQuery, Version } from './common.ts'
import { atLeast, route } from './route.ts'

export const ServiceInput = z.object({
  name: Line(80),
  description: z.string().trim().max(2_000).default(''),
  securityTeamId: Id.describe('The team that alerts page and that leads the response; of any kind'),
  engineeringTeamId: Id.nullable()
    .default(null)
    .describe(
      'The team that owns the service and implements the response plan; of any kind, and may be the same. While there is none, the security team is asked',
    ),
  pageFrom: Severity.default('high').describe('Alerts of this severity or above page; lower ones go to the triage queue'),
})
export const Service = z
  .object({
    id: Id,
    name: z.string(),
    description: z.string(),
    securityTeam: Reference,
    engineeringTeam: Reference.nullable(),
    pageFrom: Severity,
    isDemo: z.boolean(),
    version: Version,
  })
  .meta({ id: 'Service' })
export type Service = z.output<typeof Service>

export const CustomerInput = z.object({
  name: Line(120),
  region: Line(60),
  terms: z.string().trim().max(4_000).default('').describe('Contract terms for security notifications, as free text'),
  noticeTerm: NoticeTermInput.optional().describe(
    'When the contract wants a first notice; by default 72 hours from the declaration, and as it was where a customer is updated',
  ),
  contacts: z
    .array(
      z.object({
        name: Line(100),
        email: Email,
        isAlternate: z.boolean().default(false).describe('Gets notices only where none of the other contacts could be reached'),
      }),
    )
    .min(1, 'must have at least one contact')
    .max(20)
    .refine(contacts => contacts.length === 0 || contacts.some(({ isAlternate }) => !isAlternate), 'must have at least one contact that is not an alternate'),
  serviceIds: z.array(Id).max(500).default([]).describe('Services that the customer uses'),
})
export const Customer = z
  .object({
    id: Id,
    name: z.string(),
    region: z.string(),
    terms: z.string(),
    noticeTerm: CustomerTerm,
    contacts: z.array(z.object({ name: z.string(), email: z.string(), isAlternate: z.boolean() })),
    services: z.array(Reference),
    isDemo: z.boolean(),
    version: Version,
  })
  .meta({ id: 'Customer' })
export type Customer = z.output<typeof Customer>

export const directoryRoutes = {
  services: route({
    method: 'GET',
    path: '/api/v1/services',
    summary: 'List services and their two responsible teams',
    access: atLeast('observer', 'catalog:read'),
    query: UpdatedQuery,
    reply: z.array(Service),
  }),
  saveService: route({
    method: 'POST',
    path: '/api/v1/services',
    summary: 'Create a service, or update it if id and version are given',
    access: atLeast('lead', 'catalog:write'),
    body: ServiceInput.extend({ id: Id.optional(), version: Version.optional() }),
    reply: Service,
  }),
  customers: route({
    method: 'GET',
    path: '/api/v1/customers',
    summary: 'List customers with their contacts and notification terms',
    access: atLeast('responder', 'catalog:read'),
    query: UpdatedQuery,
    reply: z.array(Customer),
  }),
  saveCustomer: route({
    method: 'POST',
    path: '/api/v1/customers',
    summary: 'Create a customer, or update it if id and version are given',
    access: atLeast('lead', 'catalog:write'),
    body: CustomerInput.extend({ id: Id.optional(), version: Version.optional() }),
    reply: Customer,
  }),
}
