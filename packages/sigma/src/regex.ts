import { RE2JS } from 're2js'
import { fold } from './fold.ts'
import { RuleProblem } from './problem.ts'

const flagBits: Record<string, number> = { i: RE2JS.CASE_INSENSITIVE, m: RE2JS.MULTILINE, s: RE2JS.DOTALL }
const maxLength = 10_000

/**
 * Compiles a regular expression that runs in linear time, whatever it says (RE2).
 * @throws RuleProblem for what such an engine cannot do (look-around, back-references) or what does not parse.
 */
export function compileRegex(source: string, flags: string): (text: string) => boolean {
  if (source.length > maxLength) throw new RuleProblem(`the regular expression is longer than ${maxLength} characters`)
  if (/(^|[^\\])(\\\\)*\(\?<?[=!]/.test(source))
    throw new RuleProblem('the regular expression has a look-around ((?=, (?!, (?<=, (?<!), which is not in the specification and cannot run in linear time')
  if (/(^|[^\\])(\\\\)*\\[1-9k]/.test(source))
    throw new RuleProblem('the regular expression has a back-reference, which is not in the specification and cannot run in linear time')
  try {
    const compiled = RE2JS.compile(
      source,
      [...flags].reduce((bits, flag) => bits | (flagBits[flag] ?? 0), 0),
    )
    return text => compiled.matcher(text).find()
  } catch (error) {
    throw new RuleProblem(`the regular expression is not valid: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** What a text must have for a regular expression to have a chance. */
export interface RegexNeeds {
  /** Literals, folded, that all must be in it. */
  readonly literals: readonly string[]
  /** Fewest code points. */
  readonly length: number
}

/**
 * Literals and a length that every match needs, found without running the expression. It only ever asks for too little: what it does
 * not understand it takes to need nothing.
 */
export function needsOf(source: string): RegexNeeds {
  const reader = new NeedsReader(source)
  return reader.alternatives()
}

const nothing: RegexNeeds = { literals: [], length: 0 }

class NeedsReader {
  readonly #source: string
  #at = 0

  constructor(source: string) {
    this.#source = source
  }

  /** Reads to the end or to the parenthesis that closes the group. */
  alternatives(): RegexNeeds {
    const found = [this.#sequence()]
    while (this.#source[this.#at] === '|') {
      this.#at++
      found.push(this.#sequence())
    }
    const [only = nothing] = found
    return found.length === 1 ? only : { literals: [], length: Math.min(...found.map(need => need.length)) }
  }

  #sequence(): RegexNeeds {
    const literals: string[] = []
    let run = ''
    let length = 0
    const flush = () => {
      if (run !== '') literals.push(fold(run))
      run = ''
    }
    while (this.#at < this.#source.length && this.#source[this.#at] !== '|' && this.#source[this.#at] !== ')') {
      const item = this.#item()
      const [least, most] = this.#quantifier()
      length += item.needs.length * least
      if (item.literal !== undefined && least === 1 && most === 1) {
        run += item.literal
        continue
      }
      if (item.literal !== undefined && least >= 1) run += item.literal
      flush()
      if (least >= 1) literals.push(...item.needs.literals)
    }
    flush()
    return { literals, length }
  }

  /** One character, class, group or anchor. `literal` where it is just one character. */
  #item(): { needs: RegexNeeds; literal?: string } {
    const code = this.#source.codePointAt(this.#at) ?? 0
    const character = String.fromCodePoint(code)
    this.#at += character.length
    if (character === '(') return { needs: this.#group() }
    if (character === '[') return { needs: this.#class() }
    if (character === '.') return { needs: { literals: [], length: 1 } }
    if (character === '^' || character === '$') return { needs: nothing }
    if (character === '\\') return this.#escape()
    return { needs: { literals: [], length: 1 }, literal: character }
  }

  #group(): RegexNeeds {
    if (this.#source[this.#at] === '?') {
      const flags = /^\?(?:P?<\w+>|[a-zA-Z-]*(:|\)))/.exec(this.#source.slice(this.#at))
      // A construct that is not known: the rest of the expression is taken to need nothing.
      if (flags === null) {
        this.#at = this.#source.length
        return nothing
      }
      this.#at += flags[0].length
      if (flags[1] === ')') return nothing
    }
    const inner = this.alternatives()
    this.#at++
    return inner
  }

  #class(): RegexNeeds {
    if (this.#source[this.#at] === '^') this.#at++
    if (this.#source[this.#at] === ']') this.#at++
    while (this.#at < this.#source.length && this.#source[this.#at] !== ']') {
      if (this.#source.startsWith('[:', this.#at)) {
        const end = this.#source.indexOf(':]', this.#at)
        if (end > 0) this.#at = end + 1
      } else if (this.#source[this.#at] === '\\') this.#at++
      this.#at++
    }
    this.#at++
    return { literals: [], length: 1 }
  }

  #escape(): { needs: RegexNeeds; literal?: string } {
    const character = this.#source[this.#at] ?? ''
    this.#at++
    if (/[^a-zA-Z0-9]/.test(character)) return { needs: { literals: [], length: 1 }, literal: character }
    if (/[dDsSwW]/.test(character)) return { needs: { literals: [], length: 1 } }
    if (/[bBAz]/.test(character)) return { needs: nothing }
    if (/[tnrfva]/.test(character)) return { needs: { literals: [], length: 1 } }
    // \x41, \p{L}, \Q..\E, octal: the rest is taken to need nothing.
    this.#at = this.#source.length
    return { needs: nothing }
  }

  /** Fewest and most repetitions. */
  #quantifier(): [number, number] {
    const match = /^(?:([*+?])|\{(\d+)(,(\d*))?\})[?+]?/.exec(this.#source.slice(this.#at, this.#at + 24))
    if (match === null) return [1, 1]
    this.#at += match[0].length
    if (match[1] === '*') return [0, Number.POSITIVE_INFINITY]
    if (match[1] === '+') return [1, Number.POSITIVE_INFINITY]
    if (match[1] === '?') return [0, 1]
    const least = Number(match[2])
    return [least, match[3] === undefined ? least : match[4] === '' ? Number.POSITIVE_INFINITY : Number(match[4])]
  }
}
