import type { Role, Severity } from '@tocsin/api'

/** A realistic organization. Every address is under .example, which cannot receive email (RFC 2606). */
export const demoPeople: readonly { name: string; email: string; role: Role; team: 'security' | 'engineering' | null }[] = [
  { name: 'Mira Okafor', email: 'mira.okafor@brightledger.example', role: 'lead', team: 'security' },
  { name: 'Tomas Lindqvist', email: 'tomas.lindqvist@brightledger.example', role: 'responder', team: 'security' },
  { name: 'Aiko Tanaka', email: 'aiko.tanaka@brightledger.example', role: 'responder', team: 'security' },
  { name: 'Rafael Duarte', email: 'rafael.duarte@brightledger.example', role: 'responder', team: 'engineering' },
  { name: 'Hanna Weiss', email: 'hanna.weiss@brightledger.example', role: 'responder', team: 'engineering' },
  { name: 'Samir Haddad', email: 'samir.haddad@brightledger.example', role: 'responder', team: 'engineering' },
  { name: 'Ines Carvalho', email: 'ines.carvalho@brightledger.example', role: 'lead', team: null },
  { name: 'Peter Novak', email: 'peter.novak@brightledger.example', role: 'observer', team: null },
]

export const demoServices: readonly { name: string; description: string; pageFrom: Severity }[] = [
  { name: 'billing', description: 'Invoices and payments; holds names, addresses and the last four digits of cards.', pageFrom: 'high' },
  { name: 'identity', description: 'Sign-in for all customers; holds email addresses and password hashes.', pageFrom: 'medium' },
  { name: 'documents', description: 'Customer documents, encrypted at rest.', pageFrom: 'high' },
  { name: 'api-gateway', description: 'Public API for all other services.', pageFrom: 'high' },
  { name: 'analytics', description: 'Usage statistics, without personal data.', pageFrom: 'critical' },
]

export const demoCustomers: readonly {
  name: string
  region: string
  terms: string
  noticeHours: number
  contacts: { name: string; email: string }[]
  services: string[]
}[] = [
  {
    name: 'Northwind Freight',
    region: 'EU (Germany)',
    terms: 'Master agreement 7.3: notice of a security incident within 72 hours of its declaration.',
    noticeHours: 72,
    contacts: [{ name: 'Jana Vogt', email: 'security@northwind.example' }],
    services: ['billing', 'identity', 'documents'],
  },
  {
    name: 'Halden Clinics',
    region: 'EU (Norway)',
    terms: 'Health data: notice within 24 hours, by email to security and privacy.',
    noticeHours: 24,
    contacts: [
      { name: 'Erik Solberg', email: 'security@halden.example' },
      { name: 'Privacy office', email: 'privacy@halden.example' },
    ],
    services: ['identity', 'documents'],
  },
  {
    name: 'Orchard Bank',
    region: 'UK',
    terms: 'Outsourcing schedule 4: notice within 48 hours.',
    noticeHours: 48,
    contacts: [{ name: 'Priya Nair', email: 'soc@orchardbank.example' }],
    services: ['billing', 'identity', 'api-gateway'],
  },
  {
    name: 'Kestrel Air',
    region: 'US',
    terms: 'Notice within 72 hours of the declaration.',
    noticeHours: 72,
    contacts: [{ name: 'Dana Brooks', email: 'security@kestrelair.example' }],
    services: ['billing', 'api-gateway'],
  },
  {
    name: 'Lumen School District',
    region: 'US',
    terms: 'Notice within 72 hours; pupils’ data is restricted.',
    noticeHours: 72,
    contacts: [{ name: 'Owen Price', email: 'it@lumenschools.example' }],
    services: ['documents', 'identity'],
  },
  {
    name: 'Sakura Retail',
    region: 'Japan',
    terms: 'Notice within 72 hours, in English.',
    noticeHours: 72,
    contacts: [{ name: 'Yuki Mori', email: 'security@sakuraretail.example' }],
    services: ['billing', 'analytics'],
  },
  {
    name: 'Baltic Ferries',
    region: 'EU (Estonia)',
    terms: 'Notice within 72 hours of the declaration.',
    noticeHours: 72,
    contacts: [{ name: 'Liis Tamm', email: 'security@balticferries.example' }],
    services: ['billing', 'identity'],
  },
  {
    name: 'Verde Energy',
    region: 'EU (Spain)',
    terms: 'Notice within 72 hours; NIS2 entity.',
    noticeHours: 72,
    contacts: [{ name: 'Marta Gil', email: 'ciso@verdeenergy.example' }],
    services: ['api-gateway', 'analytics'],
  },
]

/** One attack, as the organization's monitoring sees it: a stolen session, a new key, a bulk read, data leaving. Seconds from its start. */
export const demoAttack: readonly {
  afterSeconds: number
  service: string
  severity: string
  alertname: string
  summary: string
  description: string
  labels: Record<string, string>
}[] = [
  {
    afterSeconds: 2,
    service: 'identity',
    severity: 'warning',
    alertname: 'ImpossibleTravel',
    summary: 'Sign-in from a new country 14 minutes after one from Lisbon',
    description:
      'The session of the support account svc-support moved from 203.0.113.20 (Lisbon) to 198.51.100.77 (unknown hosting provider). ATT&CK T1078 Valid Accounts.',
    labels: { user: 'svc-support', src_ip: '198.51.100.77' },
  },
  {
    afterSeconds: 8,
    service: 'api-gateway',
    severity: 'warning',
    alertname: 'NewLongLivedKey',
    summary: 'A support account created an API key that never expires',
    description: 'svc-support created the key ak_7Q with the scope documents:read. ATT&CK T1098 Account Manipulation.',
    labels: { user: 'svc-support', src_ip: '198.51.100.77' },
  },
  {
    afterSeconds: 16,
    service: 'billing',
    severity: 'critical',
    alertname: 'BulkRead',
    summary: 'Bulk export of customer records through the support API',
    description:
      '41,200 records of billing were read in six minutes with the key ak_7Q; a typical hour has fewer than 90. ATT&CK T1530 Data from Cloud Storage.',
    labels: { user: 'svc-support', src_ip: '198.51.100.77', host: 'billing-api-3' },
  },
  {
    afterSeconds: 30,
    service: 'api-gateway',
    severity: 'critical',
    alertname: 'EgressSpike',
    summary: 'Outbound traffic to an unknown host, 38 times the usual volume',
    description: 'billing-api-3 sent 2.1 GB to 198.51.100.77:443. ATT&CK T1567 Exfiltration Over Web Service.',
    labels: { host: 'billing-api-3', src_ip: '198.51.100.77' },
  },
]
