import { escaped, plainRun, utf8 } from './bytes.ts'
import type { Witness } from './witness.ts'
import type { Writer } from './writer.ts'

/** The hashes of the scanner itself, so that both sides agree. */
export interface Hashes {
  hash(bytes: Uint8Array): number
  keyHash(bytes: Uint8Array, prefix: number): number
}

/** Lengths at which the ends of values are looked up; a longer literal is looked up by as much of its end. */
const endLengths = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28]

const maxGrams = 4_000
/** Grams of a long literal that are weighed. */
const maxConsidered = 20

/** Which programs a literal points to. */
type Entry = readonly [witness: Witness, program: number]

/** Writes lists of program numbers, each once. */
export class Postings {
  readonly #writer: Writer
  readonly #known = new Map<string, number>()

  constructor(writer: Writer) {
    this.#writer = writer
  }

  list(programs: Iterable<number>): number {
    const sorted = [...new Set(programs)].sort((a, b) => a - b)
    const key = sorted.join()
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const at = this.#writer.words([sorted.length, ...sorted])
    this.#known.set(key, at)
    return at
  }
}

/** An open hash table of (hash, address of a list), at most half full. @returns [address, mask] */
function table<Value>(entries: ReadonlyMap<number, Value>, writer: Writer, write: (value: Value) => number): [number, number] {
  const capacity = 2 ** Math.ceil(Math.log2(Math.max(2, entries.size * 2)))
  const at = writer.take(capacity * 8)
  for (const [hash, value] of entries) {
    let i = (hash & (capacity - 1)) >>> 0
    while (writer.getU32(at + i * 8) !== 0) i = (i + 1) & (capacity - 1)
    writer.u32(at + i * 8, hash)
    writer.u32(at + i * 8 + 4, write(value))
  }
  return [at, capacity - 1]
}

function add(to: Map<number, Set<number>>, hash: number, program: number): void {
  const programs = to.get(hash)
  if (programs === undefined) to.set(hash, new Set([program]))
  else programs.add(program)
}

/** As in wasm/scan.ts. */
const gramHash = (gram: number) => Math.imul(gram, 0x9e3779b1) >>> 0

const gramAt = (bytes: Uint8Array, at: number) =>
  ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24) | 0x20202020) >>> 0

/** A literal as the scanner meets it, with the grams in it. Literals stand in many classes of events: this is worked out once. */
interface Literal {
  readonly written: string
  readonly bytes: Uint8Array
  readonly grams: Uint32Array
  /** What each gram costs by what it is made of. */
  readonly costs: Float32Array
}

const plainLiterals = new WeakMap<Hashes, Map<string, Literal>>()

function literalOf(text: string, hashes: Hashes): Literal {
  const known = plainLiterals.get(hashes) ?? new Map<string, Literal>()
  plainLiterals.set(hashes, known)
  const found = known.get(text)
  if (found !== undefined) return found
  const written = escaped(text)
  const bytes = utf8(written)
  const count = Math.min(maxConsidered, Math.max(0, bytes.length - 3))
  const literal = {
    written,
    bytes,
    grams: Uint32Array.from({ length: count }, (_, at) => gramAt(bytes, at)),
    costs: Float32Array.from({ length: count }, (_, at) => commonness(bytes, at)),
  }
  known.set(text, literal)
  return literal
}

/**
 * Writes what the scanner looks up in the values of one field, for one class of events.
 * @returns the address of its fifteen words
 */
export function writeFieldIndex(entries: readonly Entry[], writer: Writer, postings: Postings, hashes: Hashes): number {
  const present = new Set<number>()
  const equal = new Map<number, Set<number>>()
  const prefixes = new Map<number, Set<number>>()
  const suffixes = new Map<number, Set<number>>()
  let prefixLengths = 0
  let suffixLengths = 0
  const inside = new Map<Literal, Set<number>>()
  for (const [{ field, shape, literal }, program] of entries) {
    const known = literalOf(field === undefined ? plainRun(literal) : literal, hashes)
    const { bytes } = known
    if (shape === 'present' || (bytes.length < 4 && shape === 'contains') || (bytes.length === 0 && shape !== 'equals')) present.add(program)
    else if (shape === 'equals') add(equal, hashes.hash(bytes), program)
    else if (shape === 'contains') {
      const programs = inside.get(known)
      if (programs === undefined) inside.set(known, new Set([program]))
      else programs.add(program)
    } else {
      const length = endLengths.findLast(candidate => candidate <= bytes.length) ?? 1
      if (shape === 'startswith') {
        prefixLengths |= 1 << length
        add(prefixes, hashes.hash(bytes.subarray(0, length)), program)
      } else {
        suffixLengths |= 1 << length
        add(suffixes, hashes.hash(bytes.subarray(bytes.length - length)), program)
      }
    }
  }
  const words = Array.from({ length: 15 }, () => 0)
  if (present.size > 0) words[0] = postings.list(present)
  words[1] = postings.list(entries.map(([, program]) => program))
  const list = (programs: ReadonlySet<number>) => postings.list(programs)
  if (equal.size > 0) [words[2], words[3]] = table(equal, writer, list)
  if (prefixes.size > 0) [words[5], words[6]] = table(prefixes, writer, list)
  words[4] = prefixLengths >>> 0
  if (suffixes.size > 0) [words[8], words[9]] = table(suffixes, writer, list)
  words[7] = suffixLengths >>> 0
  if (inside.size > 0) writeGrams(inside, words, writer, postings)
  return writer.words(words.map(word => word ?? 0))
}

/** A literal behind a gram: how far the gram stands from its beginning. */
type Behind = { readonly offset: number; readonly literal: Literal }[]

/** Four bytes of each literal are looked for at every `stride`th place: the rarest that this index knows of. */
function writeGrams(inside: ReadonlyMap<Literal, ReadonlySet<number>>, words: (number | undefined)[], writer: Writer, postings: Postings): void {
  // Each literal stands once for every place within a stride: long strides of long lists would cost more memory than they save time.
  const stride = Math.max(1, Math.min(8, Math.floor(maxGrams / inside.size), ...inside.keys().map(({ grams }) => grams.length)))
  const frequency = new Map<number, number>()
  for (const { grams } of inside.keys()) for (const gram of grams) frequency.set(gram, (frequency.get(gram) ?? 0) + 1)
  const grams = new Map<number, Behind>()
  for (const literal of inside.keys()) {
    let best = 0
    let bestCost = Number.POSITIVE_INFINITY
    const costs = literal.grams.map((gram, at) => ((frequency.get(gram) ?? 0) + (literal.costs[at] ?? 0)) * 16)
    for (let at = 0; at + stride <= costs.length; at++) {
      let cost = 0
      for (let i = 0; i < stride; i++) cost += costs[at + i] ?? 0
      if (cost < bestCost) [best, bestCost] = [at, cost]
    }
    for (let offset = best; offset < best + stride; offset++) {
      // The lowest bit is set because 0 marks a free place of the table.
      const hash = (gramHash(literal.grams[offset] ?? 0) | 1) >>> 0
      const behind = grams.get(hash)
      if (behind === undefined) grams.set(hash, [{ offset, literal }])
      else behind.push({ offset, literal })
    }
  }
  // A byte for each hash: one gram in 32 passes by chance.
  const bits = Math.min(16, Math.max(11, Math.ceil(Math.log2(grams.size * 32))))
  const filter = writer.take(2 ** bits)
  for (const behind of grams.values()) for (const { offset, literal } of behind) writer.u8(filter + (gramHash(literal.grams[offset] ?? 0) >>> (32 - bits)), 1)
  words[10] = filter
  words[11] = 32 - bits
  ;[words[12], words[13]] = table(grams, writer, behind =>
    writer.words([
      behind.length,
      ...behind.flatMap(({ offset, literal }) => {
        const text = writer.text(literal.written)
        return [offset, text.at, text.length, postings.list(inside.get(literal) ?? [])]
      }),
    ]),
  )
  words[14] = stride
}

/** Letters make common grams, digits and most signs rare ones. Bytes are seen without bit 5. */
const byteCosts = Float32Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte | 0x20)
  if ('etaoinsr'.includes(character)) return 0.75
  return /[a-z |.]/.test(character) ? 0.5 : 0.25
})

function commonness(bytes: Uint8Array, at: number): number {
  let cost = 0
  for (let i = at; i < at + 4; i++) cost += byteCosts[bytes[i] ?? 0] ?? 0
  return cost
}
