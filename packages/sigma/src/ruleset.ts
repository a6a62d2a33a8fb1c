import type { Placeholders } from './detection.ts'
import { and } from './expression.ts'
import { type Refusal, RuleProblem } from './problem.ts'
import { type Correlation, type Filter, type LogSource, parseDocument, type Rule, type SigmaDocument } from './rule.ts'
import { parseYaml, type YamlDocument } from './yaml.ts'

export interface RuleFile {
  /** As shown to people. */
  readonly name: string
  readonly text: string
  /** By what a rule that gives itself no id is known to filters, correlations and matches; without it by the file's name and its place there. */
  readonly id?: string
}

export interface RuleSet {
  readonly rules: readonly Rule[]
  readonly correlations: readonly Correlation[]
  readonly filters: readonly Filter[]
  readonly refused: readonly Refusal[]
}

/**
 * Reads rule files. What is wrong is refused by itself, with file, line and reason; the rest is taken.
 * Filters are applied to the rules that they name.
 */
export function readRules(files: Iterable<RuleFile>, placeholders: Placeholders = {}): RuleSet {
  const documents: SigmaDocument[] = []
  const refused: Refusal[] = []
  const places = new Map<string, string>()
  for (const file of files) {
    const yaml = attempt(() => parseYaml(file.text), file.name, undefined, refused) ?? []
    for (const [i, document] of yaml.entries()) {
      if (document.value === null || document.value === undefined) continue
      const parsed = attempt(() => parseDocument(document.value, file.name, file.id ?? `${file.name}#${i + 1}`, placeholders), file.name, document, refused)
      if (parsed === undefined) continue
      const other = places.get(parsed.id)
      if (other !== undefined) {
        refused.push(refusal(new RuleProblem(`the id ${parsed.id} is already used by a rule in ${other}`, ['id']), file.name, document))
        continue
      }
      places.set(parsed.id, file.name)
      documents.push(parsed)
    }
  }
  const filters = documents.filter(document => document.kind === 'filter')
  const rules = documents.filter(document => document.kind === 'rule').map(rule => withFilters(rule, filters))
  const correlations = resolvable(
    documents.filter(document => document.kind === 'correlation'),
    rules,
    refused,
  )
  return { rules, correlations, filters, refused }
}

function attempt<T>(work: () => T, file: string, document: YamlDocument | undefined, refused: Refusal[]): T | undefined {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof RuleProblem)) throw error
    refused.push(refusal(error, file, document))
    return undefined
  }
}

function refusal(problem: RuleProblem, file: string, document: YamlDocument | undefined): Refusal {
  const value = document?.value
  const { id, title } = typeof value === 'object' && value !== null ? (value as { id?: unknown; title?: unknown }) : {}
  return {
    file,
    line: problem.line ?? document?.lineOf(problem.path) ?? 1,
    reason: problem.path.length > 0 ? `${problem.path.join(' / ')}: ${problem.message}` : problem.message,
    rule: { ...(typeof id === 'string' ? { id } : {}), ...(typeof title === 'string' ? { title } : {}) },
  }
}

/** Whether a filter's log source takes in a rule's: every part that it names is the rule's. */
const takesIn = (filter: LogSource, rule: LogSource) =>
  (['category', 'product', 'service'] as const).every(part => filter[part] === undefined || filter[part] === rule[part])

/** Whether a filter is an exception from a rule: it takes in its log source, and means every rule, or this one by its id or name. */
export function isExceptionFrom({ rules, logsource }: Pick<Filter, 'rules' | 'logsource'>, rule: Pick<Rule, 'id' | 'name' | 'logsource'>): boolean {
  return takesIn(logsource, rule.logsource) && (rules === 'any' || rules.includes(rule.id) || (rule.name !== undefined && rules.includes(rule.name)))
}

function withFilters(rule: Rule, filters: readonly Filter[]): Rule {
  const fitting = filters.filter(filter => isExceptionFrom(filter, rule))
  return fitting.length === 0 ? rule : { ...rule, expression: and([rule.expression, ...fitting.map(filter => filter.expression)]) }
}

/** Correlations whose rules all exist and that do not refer to themselves. */
function resolvable(correlations: readonly Correlation[], rules: readonly Rule[], refused: Refusal[]): Correlation[] {
  const known = new Set(rules.flatMap(({ id, name }) => (name === undefined ? [id] : [id, name])))
  const taken: Correlation[] = []
  // Each round takes those that refer to what is known; what is left at the end refers to nothing, or to itself.
  for (let left = [...correlations]; ; ) {
    const ready = left.filter(correlation => correlation.rules.every(rule => known.has(rule)))
    if (ready.length === 0) {
      for (const correlation of left) {
        const missing = correlation.rules.filter(rule => !known.has(rule))
        const isCircle = missing.every(rule => left.some(other => other.id === rule || other.name === rule))
        const reason = isCircle ? 'the correlation refers to itself' : `the correlation refers to ${missing.join(', ')}, but no loaded rule has this id or name`
        refused.push({ file: correlation.file, line: 1, reason, rule: { id: correlation.id, title: correlation.title } })
      }
      return taken
    }
    for (const { id, name } of ready) {
      known.add(id)
      if (name !== undefined) known.add(name)
    }
    taken.push(...ready)
    left = left.filter(correlation => !ready.includes(correlation))
  }
}
