import type { Expression } from '../expression.ts'
import { atomsOf, nameIn, renameFields } from '../expression.ts'
import { foldTable } from '../fold.ts'
import { shapeOf } from '../pattern.ts'
import type { LogSource, Rule } from '../rule.ts'
import { type EventClass, idsOfChannel, knownChannels, knownProviders, readingOf } from '../taxonomy/classes.ts'
import { pathsOf } from '../taxonomy/fields.ts'
import { indicatorFields } from '../taxonomy/observables.ts'
import { marked } from '../taxonomy/sources.ts'
import { utf8 } from './bytes.ts'
import { type Hashes, Postings, writeFieldIndex } from './field-index.ts'
import { programOf } from './program.ts'
import { type Witness, witnessesOf } from './witness.ts'
import { Writer } from './writer.ts'

/** A rule as it reads the events of some classes: its fields may have other names there. */
export interface Variant {
  /** Index of the rule. */
  readonly rule: number
  readonly fields: Readonly<Record<string, string>>
}

export interface Image {
  /** What stands in the scanner's memory from `base` on. */
  readonly bytes: Uint8Array
  readonly header: number
  /** Counts for the scanner's working memory. */
  readonly paths: number
  readonly slots: number
  readonly prefixes: number
  readonly variants: readonly Variant[]
  /** Class numbers of declared log sources, by `logSourceKey`. */
  readonly declared: Readonly<Record<string, number>>
}

const none = 0xffff
export const headerWords = 40
const role = { marker: 1, channel: 2, eventId: 3, provider: 4 } as const

export const logSourceKey = ({ category, product, service }: LogSource): string => [category, product, service].map(part => part ?? '').join('|')

/**
 * Lays out what the scanner reads: which keys matter, which classes of events there are, and for each class which values point to
 * which rules.
 * @param mapping more paths of fields
 * @param declared log sources that streams may be declared to be
 */
export function buildImage(
  rules: readonly Rule[],
  mapping: Readonly<Record<string, readonly string[]>>,
  declared: readonly LogSource[],
  hashes: Hashes,
): Image {
  const writer = new Writer()
  const header = writer.take(headerWords * 4, 16)
  const fields = new Fields(mapping)
  const programs = new Programs(rules, fields, writer)
  const classes = new Classes(rules, programs, fields, writer, hashes)
  const word = (name: keyof typeof offsets, value: number) => writer.u32(header + offsets[name], value)

  const numbers = new Map<string, number>()
  for (const [i, channel] of knownChannels.entries()) numbers.set(channel, i + 1)
  const classNumbers: [channel: number, id: number, number: number][] = []
  const idsByChannel = eventIdsOf(rules)
  for (const channel of knownChannels) {
    const number = numbers.get(channel) ?? 0
    const ids = new Set([...idsOfChannel(channel), ...(idsByChannel.get(channel) ?? [])])
    for (const eventId of [...ids, undefined]) classNumbers.push([number, eventId ?? 0xffffffff, classes.number({ kind: 'channel', channel, eventId }, ids)])
  }
  word('otherChannelClass', classes.number({ kind: 'channel', channel: '', eventId: undefined }, new Set()))
  word('unknownClass', classes.number({ kind: 'unknown' }))
  const markedNumbers = marked.map(kind => classes.number({ kind: 'marked', marked: kind }))
  const declaredNumbers = Object.fromEntries(
    [...new Map(declared.map(logsource => [logSourceKey(logsource), logsource]))].map(([key, logsource]) => [
      key,
      classes.number({ kind: 'declared', logsource }),
    ]),
  )

  writeChannels(numbers, word, writer, hashes)
  writeClassTable(classNumbers, word, writer)
  const markers = fields.markPaths()
  const indicated = fields.indicatorPaths()
  word('marked', writeMarked(markers, markedNumbers, writer))
  word('markedCount', marked.length)
  // Everything that names a field has been written: the slots and paths are known now.
  const { prefixes, paths } = writeKeys(fields, indicated, word, writer, hashes)
  word('classes', classes.write(fields.slots.size))
  word('fieldIndexes', writer.words(classes.fieldIndexes))
  word('programs', writer.words(programs.addresses))
  word('foldTable', writeFoldTable(writer))
  word('prefixCount', prefixes)
  return { bytes: writer.finish(), header, paths, slots: fields.slots.size, prefixes, variants: programs.variants, declared: declaredNumbers }
}

/** Offsets in the header, as in wasm/scan.ts. */
export const offsets = {
  keyTable: 0, keyMask: 4, prefixWildcards: 8, pathSlots: 12, pathRoles: 16, channelTable: 20, channelMask: 24, classTable: 28, classMask: 32, classes: 36,
  programs: 40, otherChannelClass: 44, unknownClass: 48, marked: 52, markedCount: 56, fieldIndexes: 60, foldTable: 64, prefixCount: 68,
  input: 80, quotes: 84, blockFlags: 88, pathState: 92, slotState: 96, presentPaths: 100, presentSlots: 104, programStamps: 108, candidates: 112,
  scratch: 116, scratchSize: 120, output: 124, outputCapacity: 128, prefixStamps: 132,
} as const // biome-ignore format: a table

type SetWord = (name: keyof typeof offsets, value: number) => void

/** Event ids that rules of a channel ask for: each makes a class, in which rules that ask for another id do not stand at all. */
function eventIdsOf(rules: readonly Rule[]): Map<string, Set<number>> {
  const found = new Map<string, Set<number>>()
  const channelsOf = new Map<string, string[]>()
  for (const rule of rules) {
    const ids = atomsOf(rule.expression).flatMap(({ field, test }) => (field === 'EventID' && test.kind === 'pattern' ? (plainId(test.pattern) ?? []) : []))
    if (ids.length === 0) continue
    const key = logSourceKey(rule.logsource)
    const channels =
      channelsOf.get(key) ?? knownChannels.filter(channel => readingOf(rule.logsource, { kind: 'channel', channel, eventId: undefined }) !== undefined)
    channelsOf.set(key, channels)
    for (const channel of channels) {
      const known = found.get(channel)
      if (known === undefined) found.set(channel, new Set(ids))
      else for (const id of ids) known.add(id)
    }
  }
  return found
}

function plainId(pattern: Parameters<typeof shapeOf>[0]): number | undefined {
  const { shape, literal } = shapeOf(pattern)
  return shape === 'equals' && /^(0|[1-9]\d{0,8})$/.test(literal) ? Number(literal) : undefined
}

/** What an expression comes to when only the event id is known. `id` undefined: it is none of `others`. Undefined: it depends. */
function partly(expression: Expression, id: number | undefined, others: ReadonlySet<number>): boolean | undefined {
  if (expression.op === 'not') {
    const inner = partly(expression.of, id, others)
    return inner === undefined ? undefined : !inner
  }
  if (expression.op !== 'atom') {
    const settled = expression.op === 'or'
    let isOpen = false
    for (const part of expression.of) {
      const result = partly(part, id, others)
      if (result === settled) return settled
      if (result === undefined) isOpen = true
    }
    return isOpen ? undefined : !settled
  }
  const { field, test } = expression.atom
  if (field !== 'EventID' || test.kind !== 'pattern') return undefined
  const wanted = plainId(test.pattern)
  if (wanted === undefined) return undefined
  // An event whose id is written 04624 is no 4624 to the rule, so that only "another id" is certain.
  if (id === undefined) return others.has(wanted) ? false : undefined
  return wanted === id ? undefined : false
}

/** Fields of rules and the paths where they stand. */
class Fields {
  readonly slots = new Map<string, number>()
  readonly paths = new Map<string, number>()
  /** For each path the slots that read it, each with the path's rank there. */
  readonly readers: [slot: number, rank: number][][] = []
  readonly roles: ({ kind: number; rank: number; marker: number } | undefined)[] = []
  readonly #mapping: Readonly<Record<string, readonly string[]>>

  constructor(mapping: Readonly<Record<string, readonly string[]>>) {
    this.#mapping = mapping
    for (const [kind, field] of [
      [role.channel, 'Channel'],
      [role.eventId, 'EventID'],
      [role.provider, 'Provider_Name'],
    ] as const)
      for (const [rank, path] of pathsOf(field, mapping).entries()) this.roles[this.path(path)] ??= { kind, rank, marker: 255 }
  }

  path(path: string): number {
    const known = this.paths.get(path)
    if (known !== undefined) return known
    const number = this.paths.size
    this.paths.set(path, number)
    this.readers.push([])
    return number
  }

  slot = (field: string): number => {
    const known = this.slots.get(field)
    if (known !== undefined) return known
    const slot = this.slots.size
    this.slots.set(field, slot)
    for (const [rank, path] of pathsOf(field, this.#mapping).entries()) this.readers[this.path(path)]?.push([slot, rank])
    return slot
  }

  /** The paths where indicators are looked for. */
  indicatorPaths(): ReadonlySet<number> {
    return new Set(indicatorFields.flatMap(field => pathsOf(field, this.#mapping).map(path => this.path(path))))
  }

  /** Gives every path that marks a kind of event a bit. */
  markPaths(): ReadonlyMap<string, number> {
    const markers = new Map<string, number>()
    for (const path of new Set(marked.flatMap(kind => kind.has))) {
      const marker = markers.size
      markers.set(path, marker)
      const known = this.roles[this.path(path)]
      this.roles[this.path(path)] = known === undefined ? { kind: role.marker, rank: 0, marker } : { ...known, marker }
    }
    return markers
  }
}

/** Programs of rules, one for each way in which a rule reads events. */
class Programs {
  readonly variants: Variant[] = []
  readonly addresses: number[] = []
  readonly expressions: Expression[] = []
  readonly #rules: readonly Rule[]
  readonly #fields: Fields
  readonly #writer: Writer
  readonly #known = new Map<string, number>()
  readonly #witnesses = new Map<string, ReturnType<typeof witnessesOf>>()

  constructor(rules: readonly Rule[], fields: Fields, writer: Writer) {
    this.#rules = rules
    this.#fields = fields
    this.#writer = writer
  }

  number(rule: number, fields: Readonly<Record<string, string>>): number {
    const key = `${rule} ${Object.keys(fields).length === 0 ? '' : JSON.stringify(fields)}`
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const number = this.variants.length
    const original = this.#rules[rule]
    if (original === undefined) throw new RangeError(`there is no rule ${rule}`)
    const expression = Object.keys(fields).length === 0 ? original.expression : renameFields(original.expression, field => nameIn(fields, field))
    this.#known.set(key, number)
    this.variants.push({ rule, fields })
    this.expressions.push(expression)
    this.addresses.push(this.#writer.words(programOf(expression, this.#fields.slot, this.#writer)))
    return number
  }

  witnesses(program: number, isIdKnown: boolean): ReturnType<typeof witnessesOf> {
    const key = `${program} ${isIdKnown}`
    if (this.#witnesses.has(key)) return this.#witnesses.get(key)
    const expression = this.expressions[program]
    const found = expression === undefined ? undefined : witnessesOf(expression, field => !isIdKnown || field !== 'EventID')
    this.#witnesses.set(key, found)
    return found
  }
}

/** Classes of events: for each, which field leads to which index, and which rules are always looked at. */
class Classes {
  readonly fieldIndexes: number[] = [0]
  readonly #rules: readonly Rule[]
  readonly #programs: Programs
  readonly #fields: Fields
  readonly #writer: Writer
  readonly #hashes: Hashes
  readonly #postings: Postings
  readonly #bySource: Map<string, { logsource: LogSource; rules: number[] }>
  readonly #shared = new Map<string, number>()
  readonly #records: { rows: [slot: number, fieldIndex: number][]; always: number; keywords: number }[] = []

  constructor(rules: readonly Rule[], programs: Programs, fields: Fields, writer: Writer, hashes: Hashes) {
    this.#rules = rules
    this.#programs = programs
    this.#fields = fields
    this.#writer = writer
    this.#hashes = hashes
    this.#postings = new Postings(writer)
    this.#bySource = new Map()
    for (const [i, { logsource }] of rules.entries()) {
      const key = logSourceKey(logsource)
      const group = this.#bySource.get(key)
      if (group === undefined) this.#bySource.set(key, { logsource, rules: [i] })
      else group.rules.push(i)
    }
  }

  number(eventClass: EventClass, ids: ReadonlySet<number> = new Set()): number {
    const byField = new Map<string | undefined, [Witness, number][]>()
    const always: number[] = []
    const isChannel = eventClass.kind === 'channel'
    const isIdKnown = isChannel && eventClass.eventId !== undefined
    for (const { logsource, rules } of this.#bySource.values()) {
      const reading = readingOf(logsource, eventClass)
      if (reading === undefined) continue
      for (const rule of rules) {
        const expression = this.#rules[rule]?.expression
        if (expression === undefined || (isChannel && partly(expression, eventClass.eventId, ids) === false)) continue
        const program = this.#programs.number(rule, reading.fields)
        const witnesses = this.#programs.witnesses(program, isIdKnown)
        if (witnesses === undefined) always.push(program)
        else
          for (const witness of witnesses.any) {
            const entries = byField.get(witness.field)
            if (entries === undefined) byField.set(witness.field, [[witness, program]])
            else entries.push([witness, program])
          }
      }
    }
    const keywordEntries = byField.get(undefined) ?? []
    byField.delete(undefined)
    const rows = [...byField].map(([field, entries]): [number, number] => {
      // Classes often share the rules of a field. A program's witnesses follow from whether the event id is known.
      const key = `${isIdKnown} ${field} ${entries.map(([, program]) => program).join()}`
      const shared = this.#shared.get(key)
      if (shared !== undefined) return [this.#fields.slot(field ?? ''), shared]
      this.fieldIndexes.push(writeFieldIndex(entries, this.#writer, this.#postings, this.#hashes))
      this.#shared.set(key, this.fieldIndexes.length - 1)
      return [this.#fields.slot(field ?? ''), this.fieldIndexes.length - 1]
    })
    let keywords = 0
    if (keywordEntries.length > 0) {
      keywords = writeFieldIndex(keywordEntries, this.#writer, this.#postings, this.#hashes)
      // What no four bytes stand for is looked at in every event.
      const present = this.#writer.getU32(keywords)
      if (present !== 0) for (let i = 1; i <= this.#writer.getU32(present); i++) always.push(this.#writer.getU32(present + i * 4))
    }
    this.#records.push({ rows, always: always.length === 0 ? 0 : this.#postings.list(always), keywords })
    return this.#records.length - 1
  }

  write(slots: number): number {
    const at = this.#writer.take(this.#records.length * 16, 16)
    for (const [i, { rows, always, keywords }] of this.#records.entries()) {
      if (rows.length > 0) {
        const row = this.#writer.take(slots * 2)
        for (const [slot, fieldIndex] of rows) this.#writer.u16(row + slot * 2, fieldIndex)
        this.#writer.u32(at + i * 16, row)
      }
      this.#writer.u32(at + i * 16 + 4, always)
      this.#writer.u32(at + i * 16 + 8, keywords)
    }
    return at
  }
}

function powerOfTwo(least: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(2, least)))
}

function writeChannels(numbers: ReadonlyMap<string, number>, word: SetWord, writer: Writer, hashes: Hashes): void {
  const names = [
    ...[...numbers].map(([name, number]) => ({ name, number, kind: 1 })),
    ...[...knownProviders].map(([name, channel]) => ({ name, number: numbers.get(channel) ?? 0, kind: 2 })),
  ]
  const capacity = powerOfTwo(names.length * 2)
  const at = writer.take(capacity * 20)
  for (const { name, number, kind } of names) {
    const bytes = utf8(name)
    const hash = (hashes.hash(bytes) ^ kind) >>> 0
    let i = hash & (capacity - 1)
    while (writer.getU32(at + i * 20 + 12) !== 0) i = (i + 1) & (capacity - 1)
    const text = writer.text(name)
    for (const [k, value] of [hash, text.at, text.length, number, kind].entries()) writer.u32(at + i * 20 + k * 4, value)
  }
  word('channelTable', at)
  word('channelMask', capacity - 1)
}

function writeClassTable(classes: readonly (readonly [channel: number, id: number, number: number])[], word: SetWord, writer: Writer): void {
  const capacity = powerOfTwo(classes.length * 2)
  const at = writer.take(capacity * 16)
  for (const [channel, id, number] of classes) {
    let i = ((Math.imul(channel, 0x9e3779b1) + Math.imul(id, 0x85ebca6b)) & (capacity - 1)) >>> 0
    while (writer.getU32(at + i * 16) !== 0) i = (i + 1) & (capacity - 1)
    for (const [k, value] of [channel, id, number].entries()) writer.u32(at + i * 16 + k * 4, value)
  }
  word('classTable', at)
  word('classMask', capacity - 1)
}

function writeMarked(markers: ReadonlyMap<string, number>, classNumbers: readonly number[], writer: Writer): number {
  const at = writer.take(marked.length * 16, 8)
  for (const [i, kind] of marked.entries()) {
    const mask = kind.has.reduce((bits, path) => bits | (1n << BigInt(markers.get(path) ?? 0)), 0n)
    writer.u32(at + i * 16, Number(mask & 0xffffffffn))
    writer.u32(at + i * 16 + 4, Number(mask >> 32n))
    writer.u32(at + i * 16 + 8, classNumbers[i] ?? 0)
  }
  return at
}

interface KeyNode {
  readonly keys: Map<string, { child: number; path: number }>
  wildcard: number
}

/** Every path as keys to walk along: at each object the rest of the path may also stand as one key. */
function keyNodes(paths: ReadonlyMap<string, number>): KeyNode[] {
  const nodes: KeyNode[] = [{ keys: new Map(), wildcard: none }]
  const newNode = () => nodes.push({ keys: new Map(), wildcard: none }) - 1
  for (const [path, number] of paths) {
    let node = nodes[0]
    for (let rest = path; node !== undefined && rest !== ''; ) {
      const dot = rest.indexOf('.')
      const first = dot < 0 ? rest : rest.slice(0, dot)
      if (!rest.includes('*')) {
        const key = node.keys.get(rest)
        if (key === undefined) node.keys.set(rest, { child: none, path: number })
        else if (key.path === none) key.path = number
      }
      rest = dot < 0 ? '' : rest.slice(dot + 1)
      if (rest === '') break
      if (first === '*') {
        if (node.wildcard === none) node.wildcard = newNode()
        node = nodes[node.wildcard]
        continue
      }
      const key = node.keys.get(first) ?? { child: none, path: none }
      node.keys.set(first, key)
      if (key.child === none) key.child = newNode()
      node = nodes[key.child]
    }
  }
  return nodes
}

function writeKeys(fields: Fields, indicated: ReadonlySet<number>, word: SetWord, writer: Writer, hashes: Hashes): { prefixes: number; paths: number } {
  const nodes = keyNodes(fields.paths)
  const count = nodes.reduce((sum, node) => sum + node.keys.size, 0)
  const capacity = powerOfTwo(count * 3)
  const at = writer.take(capacity * 16, 16)
  for (const [prefix, node] of nodes.entries())
    for (const [key, { child, path }] of node.keys) {
      const bytes = utf8(key)
      const record = writer.take(4)
      writer.u16(record, child)
      writer.u16(record + 2, path)
      const hash = hashes.keyHash(bytes, prefix)
      let i = hash & (capacity - 1)
      while (writer.getU32(at + i * 16 + 12) !== 0) i = (i + 1) & (capacity - 1)
      const text = writer.text(key)
      for (const [k, value] of [hash, ((prefix << 16) | bytes.length) >>> 0, text.at, record].entries()) writer.u32(at + i * 16 + k * 4, value)
    }
  word('keyTable', at)
  word('keyMask', capacity - 1)
  const wildcards = writer.take(nodes.length * 2)
  for (const [i, node] of nodes.entries()) writer.u16(wildcards + i * 2, node.wildcard)
  word('prefixWildcards', wildcards)
  const lists = fields.readers.map(readers => {
    const list = writer.take(readers.length * 4 + 4)
    for (const [i, [slot, rank]] of readers.entries()) {
      writer.u16(list + i * 4, slot)
      writer.u16(list + i * 4 + 2, rank)
    }
    writer.u16(list + readers.length * 4, none)
    return list
  })
  word('pathSlots', writer.words(lists))
  const roles = writer.take(fields.paths.size * 4)
  for (const number of fields.paths.values()) {
    const known = fields.roles[number]
    writer.u8(roles + number * 4, known?.kind ?? 0)
    writer.u8(roles + number * 4 + 1, known?.rank ?? 0)
    writer.u8(roles + number * 4 + 2, known?.marker ?? 255)
    writer.u8(roles + number * 4 + 3, indicated.has(number) ? 1 : 0)
  }
  word('pathRoles', roles)
  return { prefixes: nodes.length, paths: fields.paths.size }
}

function writeFoldTable(writer: Writer): number {
  const at = writer.take(0x20000)
  for (const [i, folded] of foldTable.entries()) writer.u16(at + i * 2, folded)
  return at
}
