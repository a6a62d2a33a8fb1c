import type { Field } from './filter.ts'
import { fieldNamed } from './parse.ts'
import { patternText } from './print.ts'

export interface Completion {
  /** What replaces the text between `start` and `end`. */
  readonly text: string
  readonly description: string
}
export interface Completions {
  readonly start: number
  readonly end: number
  readonly items: readonly Completion[]
}

const maxItems = 30

/**
 * What the word at the caret can become: a field, or a value of one.
 * @param known values of fields that the caller knows, such as the names of services
 */
export function complete(text: string, caret: number, fields: readonly Field[], known: Readonly<Record<string, readonly string[]>> = {}): Completions {
  const end = Math.max(0, Math.min(caret, text.length))
  const start = wordStart(text, end)
  const word = text.slice(start, end)
  const isNegated = word.startsWith('-')
  const colon = word.indexOf(':')
  if (colon < 0) {
    const begun = (isNegated ? word.slice(1) : word).toLowerCase()
    const items = [
      ...fields.filter(field => field.kind !== 'flag').map(field => ({ text: `${field.name}${field.isKeyed ? '.' : ':'}`, description: field.description })),
      ...fields.filter(field => field.kind === 'flag').map(field => ({ text: `is:${field.name}`, description: field.description })),
    ]
    const matching = items.filter(item => item.text.toLowerCase().startsWith(begun) || item.text.toLowerCase().startsWith(`is:${begun}`))
    return { start: start + (isNegated ? 1 : 0), end, items: matching.slice(0, maxItems) }
  }
  const name = word.slice(isNegated ? 1 : 0, colon)
  const valueStart = start + Math.max(colon, word.lastIndexOf(',')) + 1
  const begun = text.slice(valueStart, end).replace(/^"/, '').toLowerCase()
  const items = valuesOf(name, fields, known).filter(item => item.text.replace(/^"/, '').toLowerCase().startsWith(begun))
  return { start: valueStart, end, items: items.slice(0, maxItems) }
}

function valuesOf(name: string, fields: readonly Field[], known: Readonly<Record<string, readonly string[]>>): Completion[] {
  if (name.toLowerCase() === 'is') return fields.filter(field => field.kind === 'flag').map(field => ({ text: field.name, description: field.description }))
  const field = fieldNamed(fields, name.split('.')[0] ?? '')
  if (field === undefined) return []
  const named = (known[field.name] ?? []).map(value => ({ text: patternText([value]), description: '' }))
  switch (field.kind) {
    case 'choice':
      return (field.values ?? []).map(value => ({ text: value, description: '' }))
    case 'flag':
      return ['yes', 'no'].map(value => ({ text: value, description: '' }))
    case 'person':
      return [{ text: 'me', description: 'You' }, { text: 'none', description: 'Nobody' }, ...named]
    default:
      return named.length > 0 || field.example === undefined || field.isKeyed ? named : [{ text: field.example, description: 'Example' }]
  }
}

/** Where the word before the caret begins: after the last space outside quotation marks. */
function wordStart(text: string, caret: number): number {
  let [start, isQuoted] = [0, false]
  for (let at = 0; at < caret; at += 1) {
    const character = text.charAt(at)
    if (isQuoted && character === '\\') at += 1
    else if (character === '"') isQuoted = !isQuoted
    else if (!isQuoted && /\s/.test(character)) start = at + 1
  }
  return start
}
