import { z } from 'zod'
import {
  At,
  ChangingQuery,
  Id,
  IdParams,
  Instant,
  isVisible,
  Line,
  PageQuery,
  pageOf,
  Reference,
  type Severity,
  Text,
  UpdatedQuery,
  Version,
} from './common.ts'
import { atLeast, route } from './route.ts'

export const ruleLevels = ['informational', 'low', 'medium', 'high', 'critical'] as const
/** The severity of alerts of a rule of each level. */
export const levelSeverities = {
  informational: 'info',
  low: 'low',
  medium: 'medium',
  high: 'high',
  critical: 'critical',
} as const satisfies Record<(typeof ruleLevels)[number], Severity>
export const ruleOrigins = ['starter', 'own', 'imported', 'exception'] as const

const LogSourceShape = z.object({ category: Line(80).optional(), product: Line(80).optional(), service: Line(80).optional() })

export const DetectionRule = z
  .object({
    id: Id,
    ruleId: z.string().describe('The id in the rule’s YAML'),
    kind: z.enum(['rule', 'correlation', 'filter']),
    title: z.string(),
    level: z.enum(ruleLevels).nullable().describe('Null for filters'),
    origin: z.enum(ruleOrigins),
    tags: z.array(z.string()),
    logsource: LogSourceShape,
    isEnabled: z.boolean(),
    version: z.number(),
    changedAt: At,
    changedBy: z.string(),
    matches: z.number(),
    lastMatchAt: At.nullable(),
    falsePositiveShare: z.number().nullable().describe('Share of its alerts with a disposition that were false positives, 0 to 1'),
    expiresAt: At.nullable().describe('When an exception expires'),
    service: Reference.nullable().describe('The service that its alerts are about; null leaves it to the log source'),
  })
  .meta({ id: 'DetectionRule' })
export type DetectionRule = z.output<typeof DetectionRule>

const RuleVersion = z.object({ version: z.number(), at: At, by: z.string(), text: z.string() }).meta({ id: 'DetectionRuleVersion' })
export type DetectionRuleVersion = z.output<typeof RuleVersion>

export const DetectionRuleDetail = DetectionRule.extend({
  text: z.string().describe('The rule, as YAML'),
  description: z.string(),
  days: z.array(z.object({ day: z.string(), matches: z.number() })).describe('Matches per day, for the last 30 days with matches'),
  versions: z.array(RuleVersion).describe('The latest 50; the list of versions has all'),
}).meta({ id: 'DetectionRuleDetail' })
export type DetectionRuleDetail = z.output<typeof DetectionRuleDetail>

const RuleText = z
  .string()
  .min(1, { error: 'must not be empty', abort: true })
  .max(200_000, 'must have at most 200,000 characters')
  .refine(isVisible, 'must not be empty')
  .describe('One Sigma rule, correlation or filter, as YAML')

export const RuleProblemShape = z.object({ line: z.number(), reason: z.string() }).meta({ id: 'RuleProblem' })

const ItemResult = z.object({ key: z.string(), wanted: z.array(z.string()), found: z.array(z.string()).nullable(), isMet: z.boolean() })
export const TriedEvent = z
  .object({
    line: z.number().describe('Starting at 1'),
    problem: z.string().nullable().describe('Why the line is not an event'),
    isRead: z.boolean().describe("Whether the event belongs to the rule's log source"),
    isMet: z.boolean(),
    conditions: z.array(z.object({ text: z.string(), isMet: z.boolean() })),
    identifiers: z.array(
      z.object({ name: z.string(), isMet: z.boolean(), alternatives: z.array(z.object({ isMet: z.boolean(), items: z.array(ItemResult) })) }),
    ),
    event: z.string().describe('The event, as JSON'),
  })
  .meta({ id: 'TriedEvent' })
export type TriedEvent = z.output<typeof TriedEvent>

export const LogSource = z
  .object({
    id: Id,
    name: z.string(),
    logsource: LogSourceShape.describe('Log source assigned to all its events; empty if events declare their own'),
    senders: z.array(z.string()).describe('IP addresses and networks that send syslog'),
    files: z.array(z.string()).describe('Files on the server to follow'),
    gapMinutes: z.number().nullable().describe('Minutes without events before an alert is raised'),
    createdAt: At,
    lastSeenAt: At.nullable(),
    events: z.number(),
    isSilent: z.boolean(),
    service: Reference.nullable().describe('The service that alerts on its events are about, unless their rule has one'),
    problem: z.string().nullable().describe('Why its files cannot be read'),
    revokedAt: At.nullable(),
  })
  .meta({ id: 'LogSource' })
export type LogSource = z.output<typeof LogSource>

export const DeadLetter = z.object({ id: Id, source: z.string(), receivedAt: At, reason: z.string(), text: z.string() }).meta({ id: 'DeadLetter' })
export type DeadLetter = z.output<typeof DeadLetter>

export const ImportedRules = z
  .object({
    added: z.number(),
    changed: z.number(),
    unchanged: z.number(),
    refused: z.array(z.object({ file: z.string(), line: z.number(), reason: z.string() })),
  })
  .meta({ id: 'ImportedRules' })
export type ImportedRules = z.output<typeof ImportedRules>

const FieldMapping = z
  .array(
    z.object({
      field: Line(200).describe('Field name used in rules'),
      paths: z
        .array(Line(300))
        .min(1, 'must have at least one path')
        .max(20)
        .describe('Paths in the event, as keys joined by dots, in order of preference; * matches any key'),
    }),
  )
  .max(500)
  .meta({ id: 'FieldMapping' })

const Placeholders = z
  .array(
    z.object({
      name: Line(200)
        .regex(/^[^%\s]+$/, 'must be the name without percent signs')
        .describe('Name without percent signs'),
      values: z.array(Text(1_000)).min(1, 'must have at least one value').max(1_000).describe('Values; Sigma wildcards are allowed'),
    }),
  )
  .max(500)
  .meta({ id: 'Placeholders' })

export const detectionRoutes = {
  detectionRules: route({
    method: 'GET',
    path: '/api/v1/detection/rules',
    summary: 'List detection rules, correlations and filters',
    access: atLeast('observer', 'detection:read'),
    query: ChangingQuery.extend({
      search: z.string().trim().max(200).default('').describe('Search in title, tags and ID'),
      view: z.enum(['all', 'enabled', 'disabled', 'matching']).default('all'),
    }),
    reply: pageOf(DetectionRule),
  }),
  detectionRule: route({
    method: 'GET',
    path: '/api/v1/detection/rules/{id}',
    summary: 'Get a rule with its YAML, versions and matches per day',
    access: atLeast('observer', 'detection:read'),
    params: IdParams,
    reply: DetectionRuleDetail,
  }),
  detectionRuleVersions: route({
    method: 'GET',
    path: '/api/v1/detection/rules/{id}/versions',
    summary: 'List the versions of a rule with their YAML, latest first',
    access: atLeast('observer', 'detection:read'),
    params: IdParams,
    query: PageQuery,
    reply: pageOf(RuleVersion),
  }),
  createDetectionRule: route({
    method: 'POST',
    path: '/api/v1/detection/rules',
    summary: 'Create a rule',
    access: atLeast('lead', 'detection:write'),
    body: z.object({ text: RuleText }),
    reply: DetectionRuleDetail,
    status: 201,
  }),
  changeDetectionRule: route({
    method: 'PUT',
    path: '/api/v1/detection/rules/{id}',
    summary: 'Update a rule; earlier versions are kept',
    access: atLeast('lead', 'detection:write'),
    params: IdParams,
    body: z.object({ text: RuleText, version: Version }),
    reply: DetectionRuleDetail,
  }),
  enableDetectionRule: route({
    method: 'POST',
    path: '/api/v1/detection/rules/{id}/enabled',
    summary: 'Enable or disable a rule',
    access: atLeast('lead', 'detection:write'),
    params: IdParams,
    body: z.object({ isEnabled: z.boolean() }),
    reply: DetectionRuleDetail,
  }),
  assignDetectionRule: route({
    method: 'PUT',
    path: '/api/v1/detection/rules/{id}/service',
    summary: 'Set the service that the alerts of a rule are about, whose team they page',
    access: atLeast('lead', 'detection:write'),
    params: IdParams,
    body: z.object({ serviceId: Id.nullable() }),
    reply: DetectionRuleDetail,
  }),
  importDetectionRules: route({
    method: 'POST',
    path: '/api/v1/detection/import',
    summary: 'Import rules from an archive (.tar.gz) or rule files; rejected rules are listed with file, line and reason',
    access: atLeast('lead', 'detection:write'),
    consumes: 'multipart/form-data',
    body: z.object({ isEnabled: z.enum(['true', 'false']).default('true') }),
    reply: ImportedRules,
  }),
  checkDetectionRule: route({
    method: 'POST',
    path: '/api/v1/detection/check',
    summary: 'Validate a rule without saving it; returns problems by line',
    access: atLeast('observer', 'detection:read'),
    body: z.object({ text: z.string().max(200_000) }),
    reply: z.object({ problems: z.array(RuleProblemShape) }),
  }),
  tryDetectionRule: route({
    method: 'POST',
    path: '/api/v1/detection/try',
    summary: 'Test a rule against pasted or recent events; returns which conditions matched',
    access: atLeast('responder', 'detection:read'),
    body: z.object({ text: RuleText, events: z.string().max(2_000_000).nullable().describe('Events, one JSON object per line; null for the latest received') }),
    reply: z.object({
      problems: z.array(RuleProblemShape),
      events: z.array(TriedEvent).describe('At most 50, matches first'),
      given: z.number().describe('Number of events given'),
      judged: z.number().describe('Number of events tested: the first 200'),
      met: z.number(),
    }),
  }),
  detectionCoverage: route({
    method: 'GET',
    path: '/api/v1/detection/coverage',
    summary: 'ATT&CK techniques covered by enabled rules, and whether their log sources receive data',
    access: atLeast('observer', 'detection:read'),
    reply: z.object({
      tactics: z.array(
        z.object({
          tactic: z.string(),
          techniques: z.array(z.object({ id: z.string(), rules: z.number(), fed: z.number().describe('Rules whose log source receives data') })),
        }),
      ),
      rules: z.number(),
      fedRules: z.number(),
    }),
  }),
  addDetectionException: route({
    method: 'POST',
    path: '/api/v1/alerts/{id}/exception',
    summary: 'Add an exception to the rule of this alert: a Sigma filter with reason, author and expiry',
    access: atLeast('responder', 'detection:write'),
    params: IdParams,
    body: z.object({
      field: Line(200).describe('The field that identifies the events to exclude'),
      value: Text(2_000),
      reason: Text(2_000),
      expiresAt: Instant.nullable().describe('When it expires; null for never'),
    }),
    reply: DetectionRule,
    status: 201,
  }),
  alertMatches: route({
    method: 'GET',
    path: '/api/v1/alerts/{id}/matches',
    summary:
      'List the latest events that matched for an alert, with the fields that the rule selects; access to a restricted incident is kept in the audit log',
    isReadRecorded: true,
    access: atLeast('observer', 'alerts:read'),
    params: IdParams,
    reply: z.array(
      z.object({
        id: Id,
        at: At,
        rule: z.object({ id: Id, title: z.string() }).nullable(),
        fields: z.record(z.string(), z.array(z.string())),
        event: z.string(),
        source: z.string(),
      }),
    ),
  }),
  logSources: route({
    method: 'GET',
    path: '/api/v1/log-sources',
    summary: 'List log sources',
    access: atLeast('responder', 'detection:read'),
    query: UpdatedQuery,
    reply: z.array(LogSource),
  }),
  createLogSource: route({
    method: 'POST',
    path: '/api/v1/log-sources',
    summary: 'Create a log source; its secret URL is shown only once',
    access: atLeast('lead', 'detection:write'),
    body: z.object({
      name: Line(80),
      logsource: LogSourceShape.default({}),
      senders: z.array(Line(80)).max(50).default([]),
      files: z.array(Text(500)).max(50).default([]).describe('Absolute paths of files on the server; file names may contain wildcards (*)'),
      gapMinutes: z.number().int().min(1).max(10_080).nullable().default(60),
      serviceId: Id.nullable().default(null).describe('The service that alerts on its events are about'),
    }),
    reply: z.object({ source: LogSource, key: z.string(), url: z.string() }),
    status: 201,
  }),
  assignLogSource: route({
    method: 'PUT',
    path: '/api/v1/log-sources/{id}/service',
    summary: 'Set the service that alerts on the events of a log source are about; a rule that has one of its own goes first',
    access: atLeast('lead', 'detection:write'),
    params: IdParams,
    body: z.object({ serviceId: Id.nullable() }),
    reply: LogSource,
  }),
  revokeLogSource: route({
    method: 'DELETE',
    path: '/api/v1/log-sources/{id}',
    summary: 'Revoke the key of a log source immediately',
    access: atLeast('lead', 'detection:write'),
    params: IdParams,
  }),
  detectionStatus: route({
    method: 'GET',
    path: '/api/v1/detection/status',
    summary: 'Get the detection status: enabled rules, backlog and evicted events',
    access: atLeast('observer', 'detection:read'),
    reply: z.object({
      rules: z.number(),
      refused: z.number(),
      waitingBatches: z.number(),
      waitingBytes: z.number(),
      deadLetters: z.number(),
      correlationEvents: z.number(),
      correlationEvicted: z.number(),
      indicators: z.number().describe('Active indicators of compromise'),
      isCompiling: z.boolean(),
    }),
  }),
  fieldMapping: route({
    method: 'GET',
    path: '/api/v1/detection/mapping',
    summary: 'Get the field mapping: custom paths of rule fields in your events, in addition to the built-in taxonomy',
    access: atLeast('observer', 'detection:read'),
    reply: FieldMapping,
  }),
  changeFieldMapping: route({
    method: 'PUT',
    path: '/api/v1/detection/mapping',
    summary: 'Replace the field mapping',
    access: atLeast('lead', 'detection:write'),
    body: z.object({ fields: FieldMapping }),
    reply: FieldMapping,
  }),
  placeholders: route({
    method: 'GET',
    path: '/api/v1/detection/placeholders',
    summary: 'Get the values of rule placeholders (modifier expand)',
    access: atLeast('observer', 'detection:read'),
    reply: Placeholders,
  }),
  changePlaceholders: route({
    method: 'PUT',
    path: '/api/v1/detection/placeholders',
    summary: 'Replace the values of placeholders',
    access: atLeast('lead', 'detection:write'),
    body: z.object({ placeholders: Placeholders }),
    reply: Placeholders,
  }),
  deadLetters: route({
    method: 'GET',
    path: '/api/v1/detection/dead-letters',
    summary: 'List received lines that are not valid events, newest first',
    access: atLeast('responder', 'detection:read'),
    query: PageQuery,
    reply: pageOf(DeadLetter),
  }),
  replayDeadLetters: route({
    method: 'POST',
    path: '/api/v1/detection/dead-letters/replay',
    summary: 'Process these lines again, unchanged or fixed',
    access: atLeast('lead', 'detection:write'),
    body: z.object({
      letters: z
        .array(z.object({ id: Id, text: z.string().max(1_000_000) }))
        .min(1)
        .max(500),
    }),
    reply: z.object({ replayed: z.number() }),
  }),
}
