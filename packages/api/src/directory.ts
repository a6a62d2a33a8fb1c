import { z } from 'zod'
import { Email, Id, Line, Reference, Severity, Version } from './common.ts'
import { atLeast, route } from './route.ts'

export const ServiceInput = z.object({
  name: Line(80),
  description: z.string().trim().max(2_000).default(''),
  securityTeamId: Id.describe('The security response team: it leads'),
  engineeringTeamId: Id.describe("The service's own engineering team: it owns the service and carries out the plan"),
  pageFrom: Severity.default('high').describe('An alert of this severity or above pages; one below waits in the triage queue'),
})
export const Service = z
  .object({
    id: Id,
    name: z.string(),
    description: z.string(),
    securityTeam: Reference,
    engineeringTeam: Reference,
    pageFrom: Severity,
    isDemo: z.boolean(),
    version: Version,
  })
  .meta({ id: 'Service' })
export type Service = z.output<typeof Service>

export const CustomerInput = z.object({
  name: Line(120),
  region: Line(60),
  terms: z.string().trim().max(4_000).default('').describe('What the contract says about security notices, in words'),
  noticeHours: z.number().int().min(1).max(72, 'the contract promises 72 hours at most').default(72),
  contacts: z
    .array(z.object({ name: Line(100), email: Email }))
    .min(1, 'name at least one contact')
    .max(20),
  serviceIds: z.array(Id).max(500).default([]).describe('The services that the customer uses'),
})
export const Customer = z
  .object({
    id: Id,
    name: z.string(),
    region: z.string(),
    terms: z.string(),
    noticeHours: z.number(),
    contacts: z.array(z.object({ name: z.string(), email: z.string() })),
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
    summary: 'The services and the two teams that answer for each',
    access: atLeast('observer', 'catalog:read'),
    reply: z.array(Service),
  }),
  saveService: route({
    method: 'POST',
    path: '/api/v1/services',
    summary: 'Add a service, or change the one whose id and version are given',
    access: atLeast('lead', 'catalog:write'),
    body: ServiceInput.extend({ id: Id.optional(), version: Version.optional() }),
    reply: Service,
  }),
  customers: route({
    method: 'GET',
    path: '/api/v1/customers',
    summary: 'The customers, whom to tell, and by when',
    access: atLeast('responder', 'catalog:read'),
    reply: z.array(Customer),
  }),
  saveCustomer: route({
    method: 'POST',
    path: '/api/v1/customers',
    summary: 'Add a customer, or change the one whose id and version are given',
    access: atLeast('lead', 'catalog:write'),
    body: CustomerInput.extend({ id: Id.optional(), version: Version.optional() }),
    reply: Customer,
  }),
}
