import { parseCondition } from './condition.ts'
import { type Placeholders, parseIdentifier, parseItem, resolver, within } from './detection.ts'
import { prepare } from './evaluate.ts'
import type { EventView } from './event.ts'
import { type Expression, nameIn, renameFields } from './expression.ts'
import { RuleProblem } from './problem.ts'

/** One `field|modifiers: values` of a rule, and what the event has. */
export interface ItemVerdict {
  readonly key: string
  readonly wanted: readonly string[]
  /** What the event has under the field; undefined where it has nothing. Keywords look in all of the event. */
  readonly found: readonly string[] | undefined
  readonly isMet: boolean
}

export interface IdentifierVerdict {
  readonly name: string
  readonly isMet: boolean
  /** One of these must be met whole. */
  readonly alternatives: readonly { readonly isMet: boolean; readonly items: readonly ItemVerdict[] }[]
}

/** Why a rule is met by an event or not, condition by condition. */
export interface Explanation {
  readonly isMet: boolean
  readonly conditions: readonly { readonly text: string; readonly isMet: boolean }[]
  readonly identifiers: readonly IdentifierVerdict[]
}

const isScalar = (value: unknown) => typeof value !== 'object' || value === null

/**
 * Explains the `detection` of a rule on one event.
 * @param fields names that the rule's fields have in this event
 * @throws RuleProblem where the detection is not valid
 */
export function explain(
  detection: Readonly<Record<string, unknown>>,
  event: EventView,
  fields: Readonly<Record<string, string>> = {},
  placeholders: Placeholders = {},
): Explanation {
  const { condition, ...sections } = detection
  const renamed = (expression: Expression) => renameFields(expression, field => nameIn(fields, field))
  const isMet = (expression: Expression) => prepare(renamed(expression))(event)
  const parsed = new Map(Object.entries(sections).map(([name, value]) => [name, within([name], () => parseIdentifier(value, placeholders, 0))]))
  const item = (key: string, value: unknown): ItemVerdict => {
    const [field = ''] = key.split('|')
    const { exists, texts } = event.field(nameIn(fields, field))
    return {
      key,
      wanted: (Array.isArray(value) ? value : [value]).map(String),
      found: field === '' || !exists ? undefined : texts,
      isMet: isMet(parseItem(key, value, placeholders)),
    }
  }
  const alternative = (value: unknown) => {
    const items = isScalar(value) ? [item('', value)] : Object.entries(value ?? {}).map(([key, part]) => item(key, part))
    return { isMet: items.every(one => one.isMet), items }
  }
  const identifiers = [...parsed].map(([name, expression]): IdentifierVerdict => {
    const value = sections[name]
    const alternatives = Array.isArray(value) ? value.map(alternative) : [alternative(value)]
    return { name, isMet: isMet(expression), alternatives }
  })
  const texts = Array.isArray(condition) ? condition : [condition]
  const resolve = resolver(parsed)
  const conditions = texts.map(text => {
    if (typeof text !== 'string') throw new RuleProblem('the condition must be a string', ['condition'])
    return { text, isMet: isMet(within(['condition'], () => resolve(parseCondition(text)))) }
  })
  return { isMet: conditions.some(one => one.isMet), conditions, identifiers }
}
