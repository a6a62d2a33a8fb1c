import { z } from 'zod'
import { At, Id, IdParams, Instant, Line, PageQuery, pageOf, Text, Version } from './common.ts'
import { atLeast, route } from './route.ts'

export const ruleLevels = ['informational', 'low', 'medium', 'high', 'critical'] as const
export const ruleOrigins = ['starter', 'own', 'imported', 'exception'] as const

const LogSourceShape = z.object({ category: Line(80).optional(), product: Line(80).optional(), service: Line(80).optional() })

export const DetectionRule = z
  .object({
    id: Id,
    ruleId: z.string().describe('The id that the rule gives itself'),
    kind: z.enum(['rule', 'correlation', 'filter']),
    title: z.string(),
    level: z.enum(ruleLevels).nullable().describe('A filter has none'),
    origin: z.enum(ruleOrigins),
    tags: z.array(z.string()),
    logsource: LogSourceShape,
    isEnabled: z.boolean(),
    version: z.number(),
    changedAt: At,
    changedBy: z.string(),
    matches: z.number(),
    lastMatchAt: At.nullable(),
    falsePositiveShare: z.number().nullable().describe('Of its alerts that have a verdict, the share dismissed as false positive, 0 to 1'),
    expiresAt: At.nullable().describe('When an exception ends'),
  })
  .meta({ id: 'DetectionRule' })
export type DetectionRule = z.output<typeof DetectionRule>

export const DetectionRuleDetail = DetectionRule.extend({
  text: z.string().describe('The rule, as YAML'),
  description: z.string(),
  days: z.array(z.object({ day: z.string(), matches: z.number() })).describe('Matches a day, the last thirty days that have any'),
  versions: z.array(z.object({ version: z.number(), at: At, by: z.string(), text: z.string() })),
}).meta({ id: 'DetectionRuleDetail' })
export type DetectionRuleDetail = z.output<typeof DetectionRuleDetail>

const RuleText = z
  .string()
  .min(1, 'must not be empty')
  .max(200_000, 'must have at most 200,000 characters')
  .describe('One Sigma rule, correlation or filter, as YAML')

export const RuleProblemShape = z.object({ line: z.number(), reason: z.string() }).meta({ id: 'RuleProblem' })

const ItemVerdict = z.object({ key: z.string(), wanted: z.array(z.string()), found: z.array(z.string()).nullable(), isMet: z.boolean() })
export const TriedEvent = z
  .object({
    line: z.number().describe('Counted from 1'),
    problem: z.string().nullable().describe('Why the line is no event'),
    isRead: z.boolean().describe("Whether the event is of the rule's log source"),
    isMet: z.boolean(),
    conditions: z.array(z.object({ text: z.string(), isMet: z.boolean() })),
    identifiers: z.array(
      z.object({ name: z.string(), isMet: z.boolean(), alternatives: z.array(z.object({ isMet: z.boolean(), items: z.array(ItemVerdict) })) }),
    ),
    event: z.string().describe('The event, as JSON'),
  })
  .meta({ id: 'TriedEvent' })
export type TriedEvent = z.output<typeof TriedEvent>

export const LogSource = z
  .object({
    id: Id,
    name: z.string(),
    logsource: LogSourceShape.describe('What all its events are declared to be; empty where they say it themselves'),
    senders: z.array(z.string()).describe('Addresses and networks that it sends syslog from'),
    files: z.array(z.string()).describe('Files of the server that it follows'),
    gapMinutes: z.number().nullable().describe('Silence after which an alert is raised'),
    createdAt: At,
    lastSeenAt: At.nullable(),
    events: z.number(),
    isSilent: z.boolean(),
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
      field: Line(200).describe('As rules name it'),
      paths: z.array(Line(300)).min(1, 'must have at least one path').max(20).describe('Keys joined by dots, the best first; * is any key'),
    }),
  )
  .max(500)
  .meta({ id: 'FieldMapping' })

const Placeholders = z
  .array(
    z.object({
      name: Line(200)
        .regex(/^[^%\s]+$/, 'must be the name without its percent signs')
        .describe('Without its percent signs'),
      values: z.array(Line(1_000)).min(1, 'must have at least one value').max(1_000).describe('Patterns, with the wildcards of Sigma'),
    }),
  )
  .max(500)
  .meta({ id: 'Placeholders' })

export const detectionRoutes = {
  detectionRules: route({
    method: 'GET',
    path: '/api/v1/detection/rules',
    summary: 'Detection rules, correlations and filters',
    access: atLeast('observer', 'detection:read'),
    query: PageQuery.extend({
      search: z.string().trim().max(200).default('').describe('In title, tags and id'),
      view: z.enum(['all', 'enabled', 'disabled', 'matching']).default('all'),
    }),
    reply: pageOf(DetectionRule),
  }),
  detectionRule: route({
    method: 'GET',
    path: '/api/v1/detection/rules/{id}',
    summary: 'One rule with its text, its versions and its matches a day',
    access: atLeast('observer', 'detection:read'),
    params: IdParams,
    reply: DetectionRuleDetail,
  }),
  createDetectionRule: route({
    method: 'POST',
    path: '/api/v1/detection/rules',
    summary: 'Add a rule of your own',
    access: atLeast('lead', 'detection:write'),
    body: z.object({ text: RuleText }),
    reply: DetectionRuleDetail,
    status: 201,
  }),
  changeDetectionRule: route({
    method: 'PUT',
    path: '/api/v1/detection/rules/{id}',
    summary: 'Change a rule; the version before is kept',
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
  importDetectionRules: route({
    method: 'POST',
    path: '/api/v1/detection/import',
    summary: 'Import rules from an archive (.tar.gz) or rule files; what is refused is told with file, line and reason',
    access: atLeast('lead', 'detection:write'),
    consumes: 'multipart/form-data',
    body: z.object({ isEnabled: z.enum(['true', 'false']).default('true') }),
    reply: ImportedRules,
  }),
  checkDetectionRule: route({
    method: 'POST',
    path: '/api/v1/detection/check',
    summary: 'What is wrong with a rule, by line; nothing is stored',
    access: atLeast('observer', 'detection:read'),
    body: z.object({ text: z.string().max(200_000) }),
    reply: z.object({ problems: z.array(RuleProblemShape) }),
  }),
  tryDetectionRule: route({
    method: 'POST',
    path: '/api/v1/detection/try',
    summary: 'Try a rule on events, pasted or the latest that came in, and see why it is met or not, condition by condition',
    access: atLeast('responder', 'detection:read'),
    body: z.object({ text: RuleText, events: z.string().max(2_000_000).nullable().describe('Events, a line of JSON each; null for the latest that came in') }),
    reply: z.object({ problems: z.array(RuleProblemShape), events: z.array(TriedEvent), judged: z.number(), met: z.number() }),
  }),
  detectionCoverage: route({
    method: 'GET',
    path: '/api/v1/detection/coverage',
    summary: 'ATT&CK techniques that enabled rules detect, and whether a source that is alive feeds them',
    access: atLeast('observer', 'detection:read'),
    reply: z.object({
      tactics: z.array(
        z.object({
          tactic: z.string(),
          techniques: z.array(z.object({ id: z.string(), rules: z.number(), fed: z.number().describe('Rules that a living source feeds') })),
        }),
      ),
      rules: z.number(),
      fedRules: z.number(),
    }),
  }),
  addDetectionException: route({
    method: 'POST',
    path: '/api/v1/alerts/{id}/exception',
    summary: 'Except events like those of this alert from its rule: a Sigma filter with reason, author and expiry',
    access: atLeast('responder', 'detection:write'),
    params: IdParams,
    body: z.object({
      field: Line(200).describe('The field that tells such events'),
      value: Line(2_000),
      reason: Text(2_000),
      expiresAt: Instant.nullable().describe('When it ends by itself; null for never'),
    }),
    reply: DetectionRule,
    status: 201,
  }),
  alertMatches: route({
    method: 'GET',
    path: '/api/v1/alerts/{id}/matches',
    summary: 'The latest events that an alert of a rule rests on, with the fields that the rule asked for',
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
    summary: 'Where log events come from',
    access: atLeast('responder', 'detection:read'),
    reply: z.array(LogSource),
  }),
  createLogSource: route({
    method: 'POST',
    path: '/api/v1/log-sources',
    summary: 'Add a source of log events; its secret address is shown this once',
    access: atLeast('lead', 'detection:write'),
    body: z.object({
      name: Line(80),
      logsource: LogSourceShape.default({}),
      senders: z.array(Line(80)).max(50).default([]),
      files: z.array(Line(500)).max(50).default([]).describe('Files of the server, by their whole paths; the name may have wildcards (*)'),
      gapMinutes: z.number().int().min(1).max(10_080).nullable().default(60),
    }),
    reply: z.object({ source: LogSource, key: z.string(), url: z.string() }),
    status: 201,
  }),
  revokeLogSource: route({
    method: 'DELETE',
    path: '/api/v1/log-sources/{id}',
    summary: "Revoke a source's key at once",
    access: atLeast('lead', 'detection:write'),
    params: IdParams,
  }),
  detectionStatus: route({
    method: 'GET',
    path: '/api/v1/detection/status',
    summary: 'How detection stands: rules in force, what waits, what was let go',
    access: atLeast('observer', 'detection:read'),
    reply: z.object({
      rules: z.number(),
      refused: z.number(),
      waitingBatches: z.number(),
      waitingBytes: z.number(),
      deadLetters: z.number(),
      correlationEvents: z.number(),
      correlationEvicted: z.number(),
      indicators: z.number().describe('Indicators of compromise that are looked for'),
      isCompiling: z.boolean(),
    }),
  }),
  fieldMapping: route({
    method: 'GET',
    path: '/api/v1/detection/mapping',
    summary: 'Where fields of rules stand in the events of this organization, besides where the taxonomy finds them',
    access: atLeast('observer', 'detection:read'),
    reply: FieldMapping,
  }),
  changeFieldMapping: route({
    method: 'PUT',
    path: '/api/v1/detection/mapping',
    summary: 'Say where fields stand; what was said before is replaced',
    access: atLeast('lead', 'detection:write'),
    body: z.object({ fields: FieldMapping }),
    reply: FieldMapping,
  }),
  placeholders: route({
    method: 'GET',
    path: '/api/v1/detection/placeholders',
    summary: 'What the placeholders of rules (modifier expand) stand for here',
    access: atLeast('observer', 'detection:read'),
    reply: Placeholders,
  }),
  changePlaceholders: route({
    method: 'PUT',
    path: '/api/v1/detection/placeholders',
    summary: 'Say what placeholders stand for; what was said before is replaced',
    access: atLeast('lead', 'detection:write'),
    body: z.object({ placeholders: Placeholders }),
    reply: Placeholders,
  }),
  deadLetters: route({
    method: 'GET',
    path: '/api/v1/detection/dead-letters',
    summary: 'Lines that came in and were no events, the latest first',
    access: atLeast('responder', 'detection:read'),
    query: PageQuery,
    reply: pageOf(DeadLetter),
  }),
  replayDeadLetters: route({
    method: 'POST',
    path: '/api/v1/detection/dead-letters/replay',
    summary: 'Match these lines again, as they are or mended',
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
