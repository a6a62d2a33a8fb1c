import { type Indicator, parseIndicator } from './indicator.ts'

/** Why a STIX pattern cannot be looked up. */
export class UnsupportedPattern extends Error {
  override readonly name = 'UnsupportedPattern'
}

type Token = { readonly kind: 'string' | 'word' | 'sign'; readonly text: string }

function tokensOf(pattern: string): Token[] {
  const tokens: Token[] = []
  // An object path may have quoted parts: file:hashes.'SHA-256'.
  const token = /\s*(?:'((?:[^'\\]|\\.)*)'|([A-Za-z][\w:.-]*(?:(?:(?<=\.)'[^']*'|\[(?:\d+|\*)\])[\w:.-]*)*|-?\d[\d.TZ:-]*)|(!=|<=|>=|[[\]()=<>,]))/suy
  while (token.lastIndex < pattern.trimEnd().length) {
    const at = token.lastIndex
    const match = token.exec(pattern)
    if (match === null) throw new UnsupportedPattern(`the pattern cannot be read at character ${at + 1}`)
    const [, string, word, sign] = match
    if (string !== undefined) tokens.push({ kind: 'string', text: string.replaceAll(/\\(.)/gs, '$1') })
    else if (word !== undefined) tokens.push({ kind: 'word', text: word })
    else tokens.push({ kind: 'sign', text: sign ?? '' })
  }
  return tokens
}

const isValuePath = (path: string) => /^(?:(?:ipv4-addr|ipv6-addr|domain-name|url):value|network-traffic:(?:dst|src)_ref\.value)$/.test(path)
const isHashPath = (path: string) => /^(?:file|artifact):hashes\.(?:'[^']+'|[\w-]+)$/.test(path)

const maxTokens = 100_000
const maxDepth = 50

/** Reads patterns that say "any of these values": what needs more than a look-up is refused, never half-taken. */
class PatternReader {
  readonly #tokens: readonly Token[]
  #at = 0
  readonly found: Indicator[] = []

  constructor(pattern: string) {
    this.#tokens = tokensOf(pattern)
    if (this.#tokens.length > maxTokens) throw new UnsupportedPattern('the pattern is too long')
  }

  read(): Indicator[] {
    this.#alternatives(0, depth => this.#observation(depth))
    const left = this.#tokens[this.#at]
    if (left !== undefined) throw new UnsupportedPattern(`${left.text} spans multiple events; only single values are supported`)
    return this.found
  }

  #next(): Token {
    const token = this.#tokens[this.#at++]
    if (token === undefined) throw new UnsupportedPattern('the pattern is incomplete')
    return token
  }

  #is(text: string): boolean {
    const token = this.#tokens[this.#at]
    if (token === undefined || token.kind === 'string' || token.text.toUpperCase() !== text) return false
    this.#at++
    return true
  }

  #need(text: string): void {
    if (!this.#is(text)) throw new UnsupportedPattern(`${text} is missing before ${this.#tokens[this.#at]?.text ?? 'the end'}`)
  }

  #alternatives(depth: number, one: (depth: number) => void): void {
    if (depth > maxDepth) throw new UnsupportedPattern('the pattern is nested too deeply')
    do one(depth)
    while (this.#is('OR'))
  }

  #observation(depth: number): void {
    if (this.#is('(')) {
      this.#alternatives(depth + 1, inner => this.#observation(inner))
      this.#need(')')
      return
    }
    this.#need('[')
    this.#alternatives(depth + 1, inner => this.#comparisons(inner))
    this.#need(']')
  }

  #comparisons(depth: number): void {
    const paths = [this.#comparison(depth)]
    while (this.#is('AND')) paths.push(this.#comparison(depth))
    // Hashes of one file by several algorithms: each of them names it.
    if (paths.length > 1 && !paths.every(path => path !== undefined && isHashPath(path)))
      throw new UnsupportedPattern('AND combines several values; only single values are supported')
  }

  #comparison(depth: number): string | undefined {
    if (this.#is('(')) {
      this.#alternatives(depth + 1, inner => this.#comparisons(inner))
      this.#need(')')
      return undefined
    }
    const path = this.#next()
    if (path.kind !== 'word' || path.text.toUpperCase() === 'NOT') throw new UnsupportedPattern(`${path.text} is not an object path`)
    if (!isValuePath(path.text) && !isHashPath(path.text))
      throw new UnsupportedPattern(`${path.text} is not supported; only IP addresses, domains, URLs and file hashes are`)
    const operator = this.#next().text.toUpperCase()
    if (operator === 'IN') {
      this.#need('(')
      do this.#value()
      while (this.#is(','))
      this.#need(')')
    } else if (operator === '=' || (operator === 'ISSUBSET' && path.text.startsWith('ip'))) this.#value()
    else throw new UnsupportedPattern(`${operator} is not supported; only =, IN and ISSUBSET are`)
    return path.text
  }

  #value(): void {
    const token = this.#next()
    const indicator = token.kind === 'string' ? parseIndicator(token.text) : undefined
    if (indicator === undefined) throw new UnsupportedPattern(`'${token.text}' is not an IP address, domain, URL or hash`)
    this.found.push(indicator)
  }
}

/** The values that a STIX 2.1 pattern asks for. @throws UnsupportedPattern when it asks for more than any of some values */
export const indicatorsOfPattern = (pattern: string): Indicator[] => new PatternReader(pattern).read()
