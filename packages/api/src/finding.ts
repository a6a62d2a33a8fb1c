import { z } from 'zod'
import { AlertSelection, alertSorts } from './alerts.ts'
import { At, FilterText, Id, IdParams, Line, Reference, Version } from './common.ts'
import { IncidentSelection } from './incident.ts'
import { atLeast, route } from './route.ts'

/** Fields that the alerts of a list are counted by. */
export const alertFacets = ['severity', 'status', 'service', 'source', 'rule', 'host', 'user', 'assignee'] as const
/** Matches that are counted; beyond, counts are of the first so many. */
export const maxFacetMatches = 10_000
const maxFacetValues = 20

export const AlertFacets = z
  .object({
    total: z.number().describe(`Alerts that the filter finds; at most ${maxFacetMatches} are counted`),
    isCapped: z.boolean().describe('There are more: all counts are of the first so many'),
    facets: z.array(
      z.object({
        field: z.enum(alertFacets),
        isCapped: z.boolean(),
        values: z
          .array(
            z.object({ value: z.string(), count: z.number(), term: z.string().describe('The term of a filter that selects it, such as `service:billing`') }),
          )
          .describe(`The most frequent ${maxFacetValues}, counted without the terms of the filter on this field`),
      }),
    ),
  })
  .meta({ id: 'AlertFacets' })
export type AlertFacets = z.output<typeof AlertFacets>

export const searchKinds = ['alert', 'incident', 'person', 'service', 'customer', 'team', 'rule'] as const
export const SearchResults = z
  .object({
    groups: z.array(
      z.object({
        kind: z.enum(searchKinds),
        items: z.array(
          z.object({
            id: Id,
            number: z.number().nullable().describe('Of an alert or an incident'),
            title: z.string(),
            detail: z.string().describe('What tells it apart, such as its status or its email address'),
            isApproximate: z.boolean().describe('Similar words, not the text that was searched for'),
          }),
        ),
        problem: z.string().nullable().describe('Why this kind was not searched, as a sentence'),
      }),
    ),
  })
  .meta({ id: 'SearchResults' })
export type SearchResults = z.output<typeof SearchResults>

export const savedViewLists = ['alerts', 'incidents'] as const
const savedViewFields = {
  name: Line(80),
  view: z.enum(['triage', 'open', 'all']).describe('As `view` of the list: triage or all for alerts, open or all for incidents'),
  filter: FilterText,
  sort: z.enum(alertSorts).nullable().default(null).describe('Of alerts; null for the default'),
  grouping: Line(40).nullable().default(null).describe('What the page groups the list by; null for nothing'),
  columns: z.array(Line(40)).max(30, 'must have at most 30 columns').default([]).describe('Columns that the page shows; empty for the default'),
  isShared: z.boolean().default(false).describe('Shown to everybody; sharing takes a responder'),
}
export const SavedView = z
  .object({ id: Id, list: z.enum(savedViewLists), ...savedViewFields, owner: Reference, isMine: z.boolean(), updatedAt: At, version: Version })
  .meta({ id: 'SavedView' })
export type SavedView = z.output<typeof SavedView>

/** Views that everybody has. */
export const builtInViews = [
  { list: 'alerts', name: 'New', view: 'triage', filter: 'status:open is:unassigned' },
  { list: 'alerts', name: 'Mine', view: 'triage', filter: 'assignee:me' },
  { list: 'alerts', name: 'Unassigned critical', view: 'triage', filter: 'severity:critical is:unassigned' },
  { list: 'alerts', name: 'Reports', view: 'triage', filter: 'kind:report' },
  { list: 'alerts', name: 'Silenced', view: 'triage', filter: 'is:silenced' },
  { list: 'incidents', name: 'Open', view: 'open', filter: '' },
  { list: 'incidents', name: 'Mine', view: 'open', filter: 'involved:me' },
  { list: 'incidents', name: 'Closed', view: 'all', filter: 'phase:closed' },
] as const

/** Rows of one CSV file. */
export const maxCsvRows = 50_000

export const findingRoutes = {
  alertFacets: route({
    method: 'GET',
    path: '/api/v1/alerts/facets',
    summary: 'Count what a filter finds by severity, status, service, source, rule, host, user and assignee',
    access: atLeast('observer', 'alerts:read'),
    query: AlertSelection,
    reply: AlertFacets,
  }),
  alertsCsv: route({
    method: 'GET',
    path: '/api/v1/alerts.csv',
    summary: `Download the alerts that a filter finds as CSV, newest first: the first ${maxCsvRows.toLocaleString('en-US')}; the export is kept in the audit log`,
    access: atLeast('responder', 'alerts:read'),
    query: AlertSelection,
    produces: 'text/csv',
    isReadRecorded: true,
    perMinute: 10,
  }),
  incidentsCsv: route({
    method: 'GET',
    path: '/api/v1/incidents.csv',
    summary: `Download the incidents that a filter finds as CSV, newest first: the first ${maxCsvRows.toLocaleString('en-US')}; the export is kept in the audit log`,
    access: atLeast('responder', 'incidents:read'),
    query: IncidentSelection,
    produces: 'text/csv',
    isReadRecorded: true,
    perMinute: 10,
  }),
  search: route({
    method: 'GET',
    path: '/api/v1/search',
    summary: 'Search alerts, incidents, people, services, customers, teams and rules: a few of each kind; a service account finds what its scopes cover',
    access: atLeast('observer', 'catalog:read'),
    query: z.object({ q: Line(200).describe('Text, or a number such as INC-1') }),
    reply: SearchResults,
    perMinute: 300,
  }),
  savedViews: route({
    method: 'GET',
    path: '/api/v1/saved-views',
    summary: 'List your saved views and the shared ones, by name',
    access: atLeast('observer'),
    reply: z.array(SavedView),
  }),
  saveView: route({
    method: 'POST',
    path: '/api/v1/saved-views',
    summary: 'Save a view of a list; sharing it takes a responder',
    access: atLeast('observer'),
    body: z.object({ list: z.enum(savedViewLists), ...savedViewFields }),
    reply: SavedView,
    status: 201,
  }),
  updateView: route({
    method: 'PUT',
    path: '/api/v1/saved-views/{id}',
    summary: 'Change a saved view that you own',
    access: atLeast('observer'),
    params: IdParams,
    body: z.object({ version: Version, ...savedViewFields }),
    reply: SavedView,
  }),
  removeView: route({
    method: 'DELETE',
    path: '/api/v1/saved-views/{id}',
    summary: 'Delete a saved view: your own, or a shared one as an administrator',
    access: atLeast('observer'),
    params: IdParams,
  }),
}
