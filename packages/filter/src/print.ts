import type { Filter, Pattern, Term, Who } from './filter.ts'

/** The canonical text of a filter: reading it gives the same filter. */
export function print(filter: Filter): string {
  return filter.map(term => `${term.isNegated ? '-' : ''}${bodyOf(term)}`).join(' ')
}

function bodyOf(term: Term): string {
  switch (term.kind) {
    case 'word':
      return patternText(term.pattern, /^(?!AND$|OR$|-)[\p{L}\p{N}_./@-]*$/u)
    case 'flag':
      return `is:${term.field}`
    case 'choice':
      return `${term.field}:${term.values.join(',')}`
    case 'text':
      return `${term.field}${term.key === undefined ? '' : `.${term.key}`}:${term.values.map(value => patternText(value)).join(',')}`
    case 'person':
      return `${term.field}:${term.values.map(whoText).join(',')}`
    case 'number':
      return `${term.field}:${term.values.map(({ operator, number }) => `${operator === '=' ? '' : operator}${number}`).join(',')}`
    case 'duration':
    case 'time':
      return `${term.field}:${term.values.map(({ operator, text }) => `${operator === '=' ? '' : operator}${text}`).join(',')}`
  }
}

/** A pattern as a value is written: what is more than a word in quotation marks. */
export function patternText(pattern: Pattern, bare = /^[\p{L}\p{N}_./@:-]*$/u): string {
  return pattern.map(piece => (bare.test(piece) ? piece : quoted(piece))).join('*')
}

const quoted = (text: string) => `"${text.replaceAll(/["\\]/g, '\\$&')}"`

function whoText(who: Who): string {
  if (who.who !== 'named') return who.who
  const text = patternText(who.name)
  // Somebody who is called so.
  return /^(?:me|none)$/i.test(text) ? quoted(text) : text
}
