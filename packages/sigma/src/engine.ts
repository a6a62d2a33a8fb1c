import { type Evaluator, prepare } from './evaluate.ts'
import { EventView, type FieldMapping } from './event.ts'
import { atomsOf, nameIn, renameFields } from './expression.ts'
import { buildImage, type Image, logSourceKey } from './index/image.ts'
import { indicated, inputSize, invalid, Scanner, scannerHashes, slow, sure } from './index/scanner.ts'
import type { FoundIndicator, IndicatorSet } from './indicators/set.ts'
import type { Refusal } from './problem.ts'
import type { Correlation, LogSource, Rule } from './rule.ts'
import type { RuleSet } from './ruleset.ts'
import { type EventClass, readingOf } from './taxonomy/classes.ts'

/** The longest event that is looked at. */
export const maxEventBytes = 16 << 20

export interface EngineOptions {
  /** More paths for fields. */
  readonly mapping?: FieldMapping
  /** Log sources that streams of events may be declared to be. */
  readonly declared?: readonly LogSource[]
}

/** One rule that one event meets. */
export interface Match {
  readonly rule: Rule
  /** Counted from 0 over everything that was pushed. */
  readonly line: number
  /** Parsed when it is asked for: only while the sink is being told. */
  readonly event: EventView
  /** The fields that the rule asks for and the event has, under the rule's names. Likewise. */
  readonly fields: Readonly<Record<string, string | readonly string[]>>
}

/** A line that is no event. */
export interface InvalidLine {
  readonly line: number
  readonly text: string
  readonly reason: string
}

/** An event that has indicators of compromise in it. */
export interface Sighting {
  /** Counted as in `Match`. */
  readonly line: number
  readonly event: EventView
  readonly found: readonly FoundIndicator[]
}

export interface Sink {
  match(match: Match): void
  /** Told where the matcher was given indicators. */
  sighting(sighting: Sighting): void
  invalid(line: InvalidLine): void
}

const cacheVersion = 1

/** Rules made ready: everything is built here, nothing at the first event. */
export class Engine {
  readonly rules: readonly Rule[]
  readonly correlations: readonly Correlation[]
  readonly refused: readonly Refusal[]
  readonly mapping: FieldMapping
  readonly #image: Image
  readonly #variants: { rule: Rule; fields: Readonly<Record<string, string>>; evaluate: Evaluator }[] = []
  readonly #byClass = new Map<string, readonly { rule: Rule; fields: Readonly<Record<string, string>>; evaluate: Evaluator }[]>()

  private constructor(set: Pick<RuleSet, 'rules' | 'correlations' | 'refused'>, mapping: FieldMapping, image: Image) {
    this.rules = set.rules
    this.correlations = set.correlations
    this.refused = set.refused
    this.mapping = mapping
    this.#image = image
  }

  static compile(set: RuleSet, options: EngineOptions = {}): Engine {
    const mapping = options.mapping ?? {}
    return new Engine(set, mapping, buildImage(set.rules, mapping, options.declared ?? [], scannerHashes()))
  }

  /** Everything that `load` needs, so that the next start need not compile. */
  save(): Uint8Array<ArrayBuffer> {
    const { bytes, ...image } = this.#image
    const head = Buffer.from(
      JSON.stringify({ version: cacheVersion, rules: this.rules, correlations: this.correlations, refused: this.refused, mapping: this.mapping, image }),
    )
    const saved = new Uint8Array(4 + head.length + bytes.length)
    new DataView(saved.buffer).setUint32(0, head.length, true)
    saved.set(head, 4)
    saved.set(bytes, 4 + head.length)
    return saved
  }

  /** @param saved what `save` of the same version gave; undefined comes back for another version's */
  static load(saved: Uint8Array): Engine | undefined {
    const bytes = Buffer.from(saved.buffer, saved.byteOffset, saved.byteLength)
    const length = bytes.readUInt32LE(0)
    // Written by save: its shape is known by its version.
    const head = JSON.parse(bytes.toString('utf8', 4, 4 + length)) as Pick<Engine, 'rules' | 'correlations' | 'refused' | 'mapping'> & {
      version: number
      image: Omit<Image, 'bytes'>
    }
    if (head.version !== cacheVersion) return undefined
    return new Engine(head, head.mapping, { ...head.image, bytes: bytes.subarray(4 + length) })
  }

  /** A matcher with memory of its own. @param indicators looked for in the same pass */
  matcher(indicators?: IndicatorSet): Matcher {
    const scanner = new Scanner(this.#image, indicators?.table)
    warmUp(this, new Matcher(this, scanner, indicators))
    return new Matcher(this, scanner, indicators)
  }

  /** The class of events that are declared to be of a log source. @throws RangeError for one that was not given to `compile` */
  declaredClass(logsource: LogSource): number {
    const declared = this.#image.declared[logSourceKey(logsource)]
    if (declared === undefined) throw new RangeError(`the engine was not compiled for ${logSourceKey(logsource)}`)
    return declared
  }

  #evaluator(program: number): { rule: Rule; fields: Readonly<Record<string, string>>; evaluate: Evaluator } {
    const known = this.#variants[program]
    if (known !== undefined) return known
    const variant = this.#image.variants[program]
    const rule = variant === undefined ? undefined : this.rules[variant.rule]
    if (variant === undefined || rule === undefined) throw new RangeError(`there is no program ${program}`)
    const made = { rule, fields: variant.fields, evaluate: evaluatorOf(rule, variant.fields) }
    this.#variants[program] = made
    return made
  }

  /** The rule that a program stands for. */
  ruleOf(program: number): Rule {
    return this.#evaluator(program).rule
  }

  /** What an event has of the fields that a program's rule asks for. */
  fieldsOf(program: number, event: EventView): Match['fields'] {
    const { rule, fields } = this.#evaluator(program)
    return fieldsOf(rule, fields, event)
  }

  /** Whether the event meets the rule that a program stands for. */
  isMet(program: number, event: EventView): boolean {
    return this.#evaluator(program).evaluate(event)
  }

  /** Every rule that an event meets, without the scanner. */
  matchAll(event: EventView, logsource?: LogSource): Omit<Match, 'line'>[] {
    const eventClass: EventClass = logsource === undefined ? event.class() : { kind: 'declared', logsource }
    const key = JSON.stringify(eventClass)
    const known = this.#byClass.get(key)
    const candidates =
      known ??
      this.rules.flatMap(rule => {
        const reading = readingOf(rule.logsource, eventClass)
        return reading === undefined ? [] : [{ rule, fields: reading.fields, evaluate: evaluatorOf(rule, reading.fields) }]
      })
    // An attacker who invents channels must not fill the memory.
    if (known === undefined && this.#byClass.size < 1_000) this.#byClass.set(key, candidates)
    return candidates.flatMap(({ rule, fields, evaluate }) => (evaluate(event) ? [{ rule, event, fields: fieldsOf(rule, fields, event) }] : []))
  }
}

const evaluatorOf = (rule: Rule, fields: Readonly<Record<string, string>>): Evaluator =>
  prepare(Object.keys(fields).length === 0 ? rule.expression : renameFields(rule.expression, field => nameIn(fields, field)))

function fieldsOf(rule: Rule, names: Readonly<Record<string, string>>, event: EventView): Match['fields'] {
  const found = new Map<string, string | readonly string[]>()
  for (const { field } of atomsOf(rule.expression)) {
    if (field === undefined || found.has(field)) continue
    const { texts } = event.field(nameIn(names, field))
    const [only] = texts
    if (only !== undefined) found.set(field, texts.length === 1 ? only : texts)
  }
  return Object.fromEntries(found)
}

/** Bytes scanned at once: more would not stay in the caches of a core. */
const scanStep = 1 << 17

const maxWarmUp = 400

/** Runs made-up events that come close to the rules, so that the first real batch is as fast as the thousandth. */
function warmUp(engine: Engine, matcher: Matcher): void {
  const step = Math.max(1, Math.floor(engine.rules.length / maxWarmUp))
  const lines = engine.rules
    .filter((_, i) => i % step === 0)
    .map(({ expression }) => {
      const event: Record<string, unknown> = { Channel: 'Microsoft-Windows-Sysmon/Operational', EventID: 1, Message: 'x'.repeat(500) }
      for (const { field, test } of atomsOf(expression))
        if (field !== undefined && test.kind === 'pattern') event[field] = test.pattern.filter(part => typeof part === 'string').join('')
      return JSON.stringify(event)
    })
  matcher.push(Buffer.from(`${lines.join('\n')}\n`), { match: () => undefined, sighting: () => undefined, invalid: () => undefined })
}

const decoder = new TextDecoder()

/** A match on a line that still lies in the scanner's memory. */
class LineMatch implements Match {
  readonly line: number
  readonly #engine: Engine
  readonly #program: number
  readonly #parsed: () => EventView | null

  constructor(engine: Engine, program: number, line: number, parsed: () => EventView | null) {
    this.#engine = engine
    this.#program = program
    this.line = line
    this.#parsed = parsed
  }

  get rule(): Rule {
    return this.#engine.ruleOf(this.#program)
  }

  get event(): EventView {
    const event = this.#parsed()
    if (event === null) throw new Error('the scanner reported a match in invalid JSON')
    return event
  }

  get fields(): Match['fields'] {
    return this.#engine.fieldsOf(this.#program, this.event)
  }
}

/** Matches a stream of lines. Bytes may arrive in pieces of any size. */
export class Matcher {
  readonly #engine: Engine
  readonly #scanner: Scanner
  readonly #indicators: IndicatorSet | undefined
  #logsource: LogSource | undefined
  #forced: number | undefined
  /** Bytes at the start of the scanner's input that are no complete line yet. */
  #held = 0
  /** A line too long for the scanner, in pieces. */
  #long: Uint8Array[] = []
  #longBytes = 0
  #lines = 0
  #events = 0

  constructor(engine: Engine, scanner: Scanner, indicators: IndicatorSet | undefined) {
    this.#engine = engine
    this.#scanner = scanner
    this.#indicators = indicators
  }

  /** Says what the events of the stream that now begins are; undefined lets each say its own. One of those given to `compile`. */
  declare(logsource: LogSource | undefined): void {
    if (logsource === this.#logsource) return
    if (this.#held > 0 || this.#longBytes > 0) throw new RangeError('end the current stream before changing the log source')
    this.#forced = logsource === undefined ? undefined : this.#engine.declaredClass(logsource)
    this.#logsource = logsource
  }

  /** Lines so far, blank ones too. */
  get lines(): number {
    return this.#lines
  }

  /** Lines that were not blank. */
  get events(): number {
    return this.#events
  }

  push(bytes: Uint8Array, sink: Sink): void {
    let at = 0
    while (at < bytes.length) {
      if (this.#longBytes > 0) {
        at = this.#continueLong(bytes, at, sink)
        continue
      }
      const taken = Math.min(inputSize - this.#held, scanStep, bytes.length - at)
      this.#scanner.input.set(bytes.subarray(at, at + taken), this.#held)
      const newline = bytes.indexOf(10, at)
      at += taken
      this.#held += taken
      // Without a newline there is nothing new to scan.
      if (newline >= 0 && newline < at) this.#drain(sink)
      if (this.#held === inputSize) {
        this.#long = [this.#scanner.input.slice(0, this.#held)]
        this.#longBytes = this.#held
        this.#held = 0
      }
    }
  }

  /**
   * Takes bytes right where they are scanned.
   * @param read fills the memory that it is given from its start, and says how much it filled; 0 ends
   */
  pull(read: (into: Uint8Array) => number, sink: Sink): void {
    for (;;) {
      if (this.#longBytes > 0 || this.#held + scanStep > inputSize) {
        // A line too long for the scanner goes the other way.
        const piece = new Uint8Array(scanStep)
        const size = read(piece)
        if (size === 0) return
        this.push(piece.subarray(0, size), sink)
        continue
      }
      const size = read(this.#scanner.input.subarray(this.#held, this.#held + scanStep))
      if (size === 0) return
      this.#held += size
      this.#drain(sink)
    }
  }

  /** The last line may lack its newline. */
  end(sink: Sink): void {
    if (this.#held > 0 || this.#longBytes > 0) this.push(Uint8Array.of(10), sink)
  }

  #continueLong(bytes: Uint8Array, from: number, sink: Sink): number {
    const newline = bytes.indexOf(10, from)
    const to = newline < 0 ? bytes.length : newline
    if (this.#longBytes <= maxEventBytes) this.#long.push(bytes.slice(from, to))
    this.#longBytes += to - from
    if (newline < 0) return to
    this.#events++
    if (this.#longBytes > maxEventBytes)
      sink.invalid({
        line: this.#lines,
        text: decoder.decode(this.#long[0]?.subarray(0, 1_000)),
        reason: `the event is longer than ${maxEventBytes} bytes; only the first 1,000 are kept`,
      })
    else this.#slowly(decoder.decode(Buffer.concat(this.#long)), this.#lines, sink)
    this.#long = []
    this.#longBytes = 0
    this.#lines++
    return newline + 1
  }

  #drain(sink: Sink): void {
    const { input } = this.#scanner
    for (;;) {
      const scanned = this.#scanner.scan(this.#held, this.#forced)
      const { results } = scanned
      let line = -1
      let event: EventView | null | undefined
      for (let i = 0; i < results.length; i += 4) {
        const [which = 0, start = 0, end = 0, code = 0] = results.subarray(i, i + 4)
        const number = this.#lines + which
        if (code === indicated) {
          const seen = which === line ? event : undefined
          this.#look(seen ?? this.#parse(decoder.decode(input.subarray(start, end)), number, sink), number, sink)
          continue
        }
        if (code === slow || code === invalid) {
          this.#slowly(decoder.decode(input.subarray(start, end)), number, sink)
          continue
        }
        if (which !== line) {
          line = which
          event = undefined
        }
        const isSure = code >= sure
        const program = isSure ? code - sure : code
        // What is certain is parsed only if somebody wants to see it.
        const parsed = () => {
          event ??= this.#parse(decoder.decode(input.subarray(start, end)), number, sink) ?? null
          return event
        }
        if (!isSure) {
          const found = parsed()
          if (found === null || !this.#engine.isMet(program, found)) continue
        }
        sink.match(new LineMatch(this.#engine, program, number, parsed))
      }
      this.#lines += scanned.lines
      this.#events += scanned.events
      if (scanned.bytes > 0) {
        input.copyWithin(0, scanned.bytes, this.#held)
        this.#held -= scanned.bytes
      }
      if (scanned.bytes === 0 || results.length === 0 || this.#held === 0) return
    }
  }

  #parse(text: string, line: number, sink: Sink): EventView | undefined {
    try {
      return new EventView(text, this.#engine.mapping)
    } catch (error) {
      sink.invalid({
        line,
        text: text.slice(0, 100_000),
        reason: `${error instanceof Error ? error.message : String(error)}${text.length > 100_000 ? ' (only the first 100,000 characters are kept)' : ''}`,
      })
      return undefined
    }
  }

  #slowly(text: string, line: number, sink: Sink): void {
    const event = this.#parse(text, line, sink)
    if (event === undefined) return
    for (const match of this.#engine.matchAll(event, this.#logsource)) sink.match({ ...match, line })
    this.#look(event, line, sink)
  }

  /** The scanner says where an indicator may be: here it is decided. */
  #look(event: EventView | undefined, line: number, sink: Sink): void {
    if (event === undefined || this.#indicators === undefined) return
    const found = this.#indicators.find(event)
    if (found.length > 0) sink.sighting({ line, event, found })
  }
}
