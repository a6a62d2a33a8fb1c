import type { Field } from '@tocsin/filter'
import { alertStatuses, dispositions } from './alerts.ts'
import { severities } from './common.ts'
import { incidentClasses, incidentSeverities, incidentStatuses } from './incident.ts'

/** What alerts can be filtered by. Pages complete from it, the server has a condition for each, and the table in docs/alerts.md is made of it. */
export const alertFields = [
  { name: 'severity', kind: 'choice', values: severities.toReversed(), description: 'Severity' },
  { name: 'status', kind: 'choice', values: alertStatuses, description: 'Status' },
  { name: 'disposition', kind: 'choice', values: [...dispositions, 'none'], description: 'Disposition; none for alerts without one' },
  { name: 'kind', kind: 'choice', values: ['alert', 'report'], description: 'Whether software sent it or a person reported it' },
  { name: 'source', kind: 'text', example: 'alertmanager', description: 'Source' },
  { name: 'rule', kind: 'text', example: '"Okta*"', description: 'ID of the detection rule, or its title' },
  { name: 'service', kind: 'text', example: 'billing', description: 'Name of the service; none for alerts without one' },
  { name: 'team', kind: 'text', example: 'payments', description: 'Security or engineering team of the service' },
  { name: 'host', kind: 'text', example: 'db-*', description: 'Host' },
  { name: 'user', kind: 'text', example: 'mira', description: 'User account' },
  { name: 'ip', kind: 'text', example: '203.0.113.66', description: 'IPv4 or IPv6 address' },
  { name: 'domain', kind: 'text', example: 'evil.example', description: 'Domain name' },
  { name: 'url', kind: 'text', example: '"https://evil.example/*"', description: 'URL' },
  { name: 'email', kind: 'text', example: 'mira@corp.example', description: 'Email address' },
  { name: 'hash', kind: 'text', example: '44d88612fea8a8f36de82e1278abb02f', description: 'File hash' },
  { name: 'file', kind: 'text', example: '*.ps1', description: 'Name or path of a file' },
  { name: 'process', kind: 'text', example: 'powershell*', description: 'Process' },
  { name: 'observable', kind: 'text', example: '198.51.100.*', description: 'Value of any observable' },
  { name: 'assignee', kind: 'person', description: 'Whose work it is: me, none or a name' },
  { name: 'incident', kind: 'text', example: 'INC-1', description: 'Number of the incident; none for alerts without one' },
  { name: 'unassigned', kind: 'flag', description: 'Nobody is assigned' },
  { name: 'silenced', kind: 'flag', description: 'A silence keeps it from paging' },
  { name: 'exercise', kind: 'flag', description: 'Part of an exercise' },
  { name: 'demo', kind: 'flag', description: 'Part of the demo' },
  { name: 'count', kind: 'number', example: '>5', description: 'Occurrences' },
  { name: 'age', kind: 'duration', example: '>2h', description: 'Time since it was first seen' },
  { name: 'first', kind: 'time', example: '<2026-11-01', description: 'First seen' },
  { name: 'last', kind: 'time', aliases: ['seen'], example: '>=2026-11-01', description: 'Last seen' },
  { name: 'label', kind: 'text', isKeyed: true, example: 'env:prod', description: 'A label' },
  { name: 'text', kind: 'text', example: '"brute force"', description: 'Title, description or observables contain it, as words without a field do' },
] as const satisfies readonly Field[]
export type AlertField = (typeof alertFields)[number]

/** What incidents can be filtered by. */
export const incidentFields = [
  { name: 'phase', kind: 'choice', aliases: ['status'], values: incidentStatuses, description: 'Phase' },
  { name: 'severity', kind: 'choice', values: [...incidentSeverities, 'none'], description: 'Severity; none before it is known' },
  { name: 'class', kind: 'choice', values: incidentClasses, description: 'Class' },
  { name: 'lead', kind: 'person', description: 'Incident lead: me, none or a name' },
  { name: 'owner', kind: 'person', description: 'Service owner: me, none or a name' },
  { name: 'involved', kind: 'person', description: 'Whoever has a role in it: me or a name' },
  { name: 'service', kind: 'text', example: 'billing', description: 'Name of an affected service' },
  { name: 'customer', kind: 'text', example: '"Orchard Bank"', description: 'Name of an affected customer' },
  { name: 'restricted', kind: 'flag', description: 'Restricted to who needs to know' },
  { name: 'exercise', kind: 'flag', description: 'An exercise' },
  { name: 'demo', kind: 'flag', description: 'Part of the demo' },
  { name: 'opened', kind: 'time', example: '>=2026-11-01', description: 'Opened' },
  { name: 'declared', kind: 'time', example: '>=2026-11-01', description: 'Declared' },
  { name: 'updated', kind: 'time', example: '>=2026-11-01', description: 'Last recorded of in the audit log' },
  { name: 'text', kind: 'text', example: 'export', description: 'Title, summary or codename contain it, as words without a field do' },
] as const satisfies readonly Field[]
export type IncidentField = (typeof incidentFields)[number]
