import type { TriedEvent } from '@tocsin/api'
import { EventView, explain, type FieldMapping, type Placeholders, parseYaml, type Rule, readingOf, readRules } from '@tocsin/sigma'

const maxEvents = 200
const maxShown = 50

/** What is wrong with a rule. */
export interface Problem {
  readonly line: number
  readonly reason: string
}

export interface Settings {
  readonly mapping: FieldMapping
  readonly placeholders: Placeholders
}

export interface Tried {
  readonly problems: Problem[]
  readonly events: TriedEvent[]
  readonly given: number
  readonly judged: number
  readonly met: number
}

/** Tries one rule on events, or on what somebody pasted, and tells why each is met or not. */
export function tryRule(text: string, given: readonly string[] | string, settings: Settings): Tried {
  const events = typeof given === 'string' ? pastedEvents(given) : given
  const set = readRules([{ name: 'rule', text }], settings.placeholders)
  const problems = set.refused.map(({ line, reason }) => ({ line, reason }))
  const [rule] = set.rules
  if (problems.length === 0 && rule === undefined)
    problems.push({ line: 1, reason: 'must be a rule with a detection; correlations and filters cannot be tested on single events' })
  if (rule === undefined) return { problems, events: [], given: events.length, judged: 0, met: 0 }
  const document = parseYaml(text)[0]?.value as { detection: Readonly<Record<string, unknown>> }
  const tried = events.slice(0, maxEvents).map((line, i) => tryOne(rule, document.detection, line, i + 1, settings))
  const met = tried.filter(one => one.isMet)
  const rest = tried.filter(one => !one.isMet)
  return { problems, events: [...met, ...rest].slice(0, maxShown), given: events.length, judged: tried.length, met: met.length }
}

function tryOne(rule: Rule, detection: Readonly<Record<string, unknown>>, text: string, line: number, { mapping, placeholders }: Settings): TriedEvent {
  const nothing = { line, isRead: false, isMet: false, conditions: [], identifiers: [], event: text.slice(0, 100_000) }
  let event: EventView
  try {
    event = new EventView(text, mapping)
  } catch (error) {
    return { ...nothing, problem: error instanceof Error ? error.message : String(error) }
  }
  const reading = readingOf(rule.logsource, event.class())
  const { isMet, conditions, identifiers } = explain(detection, event, reading?.fields ?? {}, placeholders)
  return {
    ...nothing,
    problem: null,
    isRead: reading !== undefined,
    isMet: isMet && reading !== undefined,
    conditions: conditions.map(condition => ({ ...condition })),
    identifiers: identifiers.map(({ name, isMet: met, alternatives }) => ({
      name,
      isMet: met,
      alternatives: alternatives.map(alternative => ({
        isMet: alternative.isMet,
        items: alternative.items.map(item => ({
          key: item.key,
          wanted: item.wanted.slice(0, 20),
          found: item.found === undefined ? null : item.found.map(found => found.slice(0, 2_000)),
          isMet: item.isMet,
        })),
      })),
    })),
  }
}

/** Events as somebody pastes them: a line of JSON each, one over several lines, or a list. */
function pastedEvents(text: string): string[] {
  const trimmed = text.trim()
  try {
    const whole: unknown = JSON.parse(trimmed)
    return (Array.isArray(whole) ? whole : [whole]).map(event => JSON.stringify(event))
  } catch {
    return trimmed.split('\n').filter(line => line.trim() !== '')
  }
}
