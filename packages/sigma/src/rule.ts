import { type Placeholders, parseDetection, within } from './detection.ts'
import type { Comparison, Expression } from './expression.ts'
import { not } from './expression.ts'
import { RuleProblem } from './problem.ts'

export const levels = ['informational', 'low', 'medium', 'high', 'critical'] as const
export type Level = (typeof levels)[number]

/** What kind of log a rule reads (Sigma 2.1, LogSource). Undefined parts do not matter. */
export interface LogSource {
  readonly category?: string
  readonly product?: string
  readonly service?: string
}

/** What rules, correlations and filters have in common. */
interface Document {
  /** The id that is written, or one made of file and place for a rule that has none. */
  readonly id: string
  readonly title: string
  readonly name?: string
  readonly description?: string
  readonly author?: string
  readonly file: string
}

interface Described extends Document {
  readonly level: Level
  readonly status?: string
  readonly tags: readonly string[]
  readonly references: readonly string[]
  readonly falsePositives: readonly string[]
}

/** A detection rule. */
export interface Rule extends Described {
  readonly kind: 'rule'
  readonly logsource: LogSource
  readonly expression: Expression
  /** Fields that the author wants shown. */
  readonly fields: readonly string[]
}

export const correlationTypes = [
  'event_count', 'value_count', 'temporal', 'temporal_ordered', 'value_sum', 'value_avg', 'value_percentile', 'value_median',
] as const // biome-ignore format: a list of words
export type CorrelationType = (typeof correlationTypes)[number]

export type CountComparison = Comparison | 'eq' | 'neq'

/** A correlation of events that other rules match (Sigma 2.1, correlation rules). */
export interface Correlation extends Described {
  readonly kind: 'correlation'
  readonly type: CorrelationType
  /** Ids or names of rules and correlations. */
  readonly rules: readonly string[]
  readonly groupBy: readonly string[]
  readonly timespanMs: number
  readonly aliases: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** All must hold. Empty for temporal correlations without a condition: every rule must have matched. */
  readonly condition: readonly { readonly comparison: CountComparison; readonly value: number }[]
  /** Fields whose values are counted or summed. */
  readonly valueFields: readonly string[]
  /** Which percentile, 0 to 100; undefined: the share that the event's value has among all values, in per cent. */
  readonly percentile?: number
  /** Whether the rules that it refers to alert by themselves too. */
  readonly isGenerating: boolean
}

/** An exception from rules (Sigma 2.1, filters). */
export interface Filter extends Document {
  readonly kind: 'filter'
  readonly logsource: LogSource
  /** Ids or names, or every rule of the log source. */
  readonly rules: readonly string[] | 'any'
  /** What an event must meet for the rule to match. */
  readonly expression: Expression
}

export type SigmaDocument = Rule | Correlation | Filter

const knownStatus = ['stable', 'test', 'experimental', 'deprecated', 'unsupported']
const knownTaxonomies = ['sigma', 'ecs', 'ocsf']

type Map = Readonly<Record<string, unknown>>

/**
 * Reads one document of a rule file.
 * @param place `file#n`, the id of a rule that has none
 * @throws RuleProblem
 */
export function parseDocument(value: unknown, file: string, place: string, placeholders: Placeholders): SigmaDocument {
  if (!isMap(value)) throw new RuleProblem('a rule must be a map with title, logsource and detection')
  if (value.action !== undefined) throw new RuleProblem('action was removed from Sigma; use a multi-document file or a filter', ['action'])
  if (value.correlation !== undefined) return parseCorrelation(value, file, place)
  if (value.filter !== undefined) return parseFilter(value, file, place, placeholders)
  return parseRule(value, file, place, placeholders)
}

function parseRule(value: Map, file: string, place: string, placeholders: Placeholders): Rule {
  const described = parseDescribed(value, file, place)
  if (value.logsource === undefined) throw new RuleProblem('the logsource is missing')
  if (value.detection === undefined) throw new RuleProblem('the detection is missing')
  return {
    kind: 'rule',
    ...described,
    logsource: parseLogSource(value.logsource),
    fields: texts(value, 'fields'),
    expression: within(['detection'], () => parseDetection(map(value.detection, 'detection'), placeholders)),
  }
}

function parseFilter(value: Map, file: string, place: string, placeholders: Placeholders): Filter {
  if (value.logsource === undefined) throw new RuleProblem('the logsource is missing')
  const { rules, ...section } = map(value.filter, 'filter')
  const isAny = rules === 'any' || rules === 'all' || (Array.isArray(rules) && rules.length === 0)
  if (rules === undefined) throw new RuleProblem('rules is missing; list the rules, or use any', ['filter'])
  const condition = section.condition
  if (typeof condition !== 'string') throw new RuleProblem('the condition must be a single string', ['filter', 'condition'])
  const expression = within(['filter'], () => parseDetection(section, placeholders))
  return {
    kind: 'filter',
    ...parseCommon(value, file, place),
    logsource: parseLogSource(value.logsource),
    rules: isAny ? 'any' : within(['filter'], () => references(rules)),
    // The specification writes what is suppressed (`condition: selection`); filters in the field write what must hold (`condition: not selection`).
    expression: expression.op === 'not' ? expression : not(expression),
  }
}

function parseCorrelation(value: Map, file: string, place: string): Correlation {
  const section = map(value.correlation, 'correlation')
  const described = parseDescribed(value, file, place)
  return within(['correlation'], () => {
    const type = correlationTypes.find(known => known === section.type)
    if (type === undefined) throw new RuleProblem(`the type must be one of ${correlationTypes.join(', ')}`, ['type'])
    const { condition, fields, percentile } = parseCounting(section.condition, type)
    return {
      kind: 'correlation',
      ...described,
      type,
      rules: references(section.rules),
      groupBy: texts(section, 'group-by'),
      timespanMs: parseTimespan(section.timespan),
      aliases: parseAliases(section.aliases),
      condition,
      valueFields: fields,
      ...(percentile === undefined ? {} : { percentile }),
      isGenerating: section.generate === true || value.generate === true,
    }
  })
}

const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

function parseTimespan(value: unknown): number {
  const match = typeof value === 'string' ? /^(\d{1,6})([smhd])$/.exec(value) : null
  const ms = match === null ? 0 : Number(match[1]) * (unitMs[match[2] ?? ''] ?? 0)
  if (ms === 0) throw new RuleProblem('the timespan must be a number and one of s, m, h, d, such as 90m', ['timespan'])
  return ms
}

const countComparisons = ['lt', 'lte', 'gt', 'gte', 'eq', 'neq'] as const
const needsField: readonly CorrelationType[] = ['value_count', 'value_sum', 'value_avg', 'value_percentile', 'value_median']

function parseCounting(value: unknown, type: CorrelationType): { condition: Correlation['condition']; fields: string[]; percentile?: number } {
  const isTemporal = type === 'temporal' || type === 'temporal_ordered'
  if (value === undefined && isTemporal) return { condition: [], fields: [] }
  if (value === undefined) throw new RuleProblem(`${type} requires a condition`)
  return within(['condition'], () => {
    const section = map(value, '')
    const condition = countComparisons.flatMap(comparison => {
      const bound = section[comparison]
      if (bound === undefined) return []
      if (typeof bound !== 'number' || !Number.isFinite(bound)) throw new RuleProblem(`${comparison} must be a number`, [comparison])
      return [{ comparison, value: bound }]
    })
    for (const key of Object.keys(section))
      if (![...countComparisons, 'field', 'percentile'].includes(key)) throw new RuleProblem(`a condition cannot have ${JSON.stringify(key)}`, [key])
    if (condition.length === 0) throw new RuleProblem('the condition must have one of lt, lte, gt, gte, eq, neq')
    const fields = texts(section, 'field')
    if (needsField.includes(type) && fields.length === 0) throw new RuleProblem(`${type} requires a field`)
    const { percentile } = section
    if (percentile === undefined) return { condition, fields }
    if (type !== 'value_percentile' || typeof percentile !== 'number' || percentile < 0 || percentile > 100)
      throw new RuleProblem('percentile requires value_percentile and must be between 0 and 100', ['percentile'])
    return { condition, fields, percentile }
  })
}

function parseAliases(value: unknown): Correlation['aliases'] {
  if (value === undefined) return {}
  return within(['aliases'], () =>
    Object.fromEntries(
      Object.entries(map(value, '')).map(([alias, fields]) => [
        alias,
        within([alias], () =>
          Object.fromEntries(
            Object.entries(map(fields, '')).map(([rule, field]) => {
              if (typeof field !== 'string' || field === '') throw new RuleProblem('an alias must map the name of a rule to a field', [rule])
              return [rule, field]
            }),
          ),
        ),
      ]),
    ),
  )
}

function references(value: unknown): string[] {
  const rules = Array.isArray(value) ? value : [value]
  if (rules.length === 0 || rules.some(rule => typeof rule !== 'string' || rule === ''))
    throw new RuleProblem('rules must have at least one rule, by id or name', ['rules'])
  return [...new Set(rules.map(String))]
}

function parseLogSource(value: unknown): LogSource {
  return within(['logsource'], () => {
    const section = map(value, '')
    const parts = (['category', 'product', 'service'] as const).flatMap(part => {
      const text = section[part]
      if (text === undefined || text === null) return []
      if (typeof text !== 'string' || text === '') throw new RuleProblem(`${part} must be a string`, [part])
      return [[part, text.toLowerCase()] as const]
    })
    return Object.fromEntries(parts)
  })
}

function parseDescribed(value: Map, file: string, place: string): Described {
  const status = value.status
  if (status !== undefined && (typeof status !== 'string' || !knownStatus.includes(status)))
    throw new RuleProblem(`the status must be one of ${knownStatus.join(', ')}`, ['status'])
  if (status === 'unsupported') throw new RuleProblem('the status is unsupported, so the author does not consider the rule usable', ['status'])
  const level = value.level === undefined ? 'medium' : levels.find(known => known === value.level)
  if (level === undefined) throw new RuleProblem(`the level must be one of ${levels.join(', ')}`, ['level'])
  return {
    ...parseCommon(value, file, place),
    level,
    ...(status === undefined ? {} : { status }),
    tags: texts(value, 'tags'),
    references: texts(value, 'references'),
    falsePositives: texts(value, 'falsepositives'),
  }
}

function parseCommon(value: Map, file: string, place: string): Document {
  const { title, id, name, taxonomy } = value
  if (typeof title !== 'string' || title.trim() === '') throw new RuleProblem('the title is missing')
  if (title.length > 256) throw new RuleProblem('the title is longer than 256 characters', ['title'])
  if (id !== undefined && (typeof id !== 'string' || id === '' || id.length > 256)) throw new RuleProblem('the id must be a string, preferably a UUID', ['id'])
  if (name !== undefined && (typeof name !== 'string' || name === '')) throw new RuleProblem('the name must be a string', ['name'])
  if (taxonomy !== undefined && !knownTaxonomies.some(known => known === taxonomy))
    throw new RuleProblem(`the taxonomy ${JSON.stringify(taxonomy)} is not supported; use one of ${knownTaxonomies.join(', ')}`, ['taxonomy'])
  const text = (key: 'description' | 'author') => {
    const found = value[key]
    if (found === undefined || found === null) return {}
    if (typeof found !== 'string') throw new RuleProblem(`${key} must be a string`, [key])
    return { [key]: found }
  }
  return { id: id ?? place, title, ...(name === undefined ? {} : { name }), ...text('description'), ...text('author'), file }
}

const isMap = (value: unknown): value is Map => typeof value === 'object' && value !== null && !Array.isArray(value)

function map(value: unknown, key: string): Map {
  if (!isMap(value)) throw new RuleProblem(key === '' ? 'this must be a map' : `${key} must be a map`, key === '' ? [] : [key])
  return value
}

/** A text or a list of texts. */
function texts(section: Map, key: string): string[] {
  const value = section[key]
  if (value === undefined || value === null) return []
  return (Array.isArray(value) ? value : [value]).map((item, i) => {
    if (typeof item !== 'string' && typeof item !== 'number') throw new RuleProblem(`${key} must be a string or a list of strings`, [key, i])
    return String(item)
  })
}
