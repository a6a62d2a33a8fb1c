import { parseNetwork } from '../cidr.ts'
import type { EventView } from '../event.ts'
import { utf8 } from '../index/bytes.ts'
import { indicatorTable } from '../index/scanner.ts'
import { indicatorFields } from '../taxonomy/observables.ts'
import { networkKey } from './indicator.ts'
import { wordsOf } from './words.ts'

/** An indicator that an event has in one of its fields. */
export interface FoundIndicator {
  readonly key: string
  readonly field: string
  /** What the event says there. */
  readonly value: string
}

/** The most indicators that a set holds. */
export const maxIndicators = 4_000_000
/** Of one event. */
const maxFound = 50
const maxValueBytes = 1_000_000

// Words at the head of a set.
const head = { places: 0, count: 1, table: 2, tableEnd: 3, slots: 4, texts: 5, end: 6 } as const
const headBytes = 64

/** A hash of bytes (FNV-1a with a last stir). */
function hashOf(bytes: Uint8Array, from: number, to: number): number {
  let hash = 0x811c9dc5
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return (hash ^ (hash >>> 13)) >>> 0
}

/**
 * A set of indicators in shared memory, so that threads have it once: their keys with a table to find them, and the scanner's table of
 * fingerprints. A million take about 60 MB.
 */
export class IndicatorSet {
  readonly memory: SharedArrayBuffer
  readonly #words: Uint32Array
  readonly #slots: Uint32Array
  readonly #texts: Uint8Array
  readonly #lengths4: readonly number[]
  readonly #lengths6: readonly number[]
  readonly #hasSubdomains: boolean

  /** @param memory what `IndicatorSetBuilder` gave */
  constructor(memory: SharedArrayBuffer) {
    this.memory = memory
    this.#words = new Uint32Array(memory, 0, headBytes / 4)
    this.#slots = new Uint32Array(memory, this.#word('slots'), this.#word('places'))
    this.#texts = new Uint8Array(memory, this.#word('texts'), this.#word('end') - this.#word('texts'))
    const table = new DataView(memory, this.#word('table'))
    this.#hasSubdomains = table.getUint32(4, true) !== 0
    const lengths = (at: number, words: number) =>
      Array.from({ length: words * 64 }, (_, i) => i).filter(i => ((table.getBigUint64(at + (i >> 6) * 8, true) >> BigInt(i & 63)) & 1n) === 1n)
    this.#lengths4 = lengths(8, 1)
    this.#lengths6 = lengths(16, 3)
  }

  #word(name: keyof typeof head): number {
    return this.#words[head[name]] ?? 0
  }

  get size(): number {
    return this.#word('count')
  }

  /** What the scanner looks words up in. */
  get table(): Uint8Array {
    return new Uint8Array(this.memory, this.#word('table'), this.#word('tableEnd') - this.#word('table'))
  }

  /** Whether the set has a key, written as `parseIndicator` writes it. */
  has(key: string): boolean {
    const wanted = utf8(key)
    const mask = this.#slots.length - 1
    for (let i = hashOf(wanted, 0, wanted.length) & mask; ; i = (i + 1) & mask) {
      const at = this.#slots[i] ?? 0
      if (at === 0) return false
      if (isAt(this.#texts, at, wanted)) return true
    }
  }

  /** The keys that a value names: addresses also by their networks, domains also by those above them that stand for all under them. */
  keysIn(value: string): string[] {
    const found = new Set<string>()
    const look = (key: string) => {
      if (this.has(key)) found.add(key)
    }
    const { addresses, domains, texts } = wordsOf(value)
    for (const { size, bits } of addresses)
      for (const prefix of size === 32 ? this.#lengths4 : this.#lengths6) {
        const host = BigInt(size - prefix)
        look(networkKey({ size, bits: (bits >> host) << host, prefix }))
      }
    for (const domain of domains) {
      look(domain)
      if (!this.#hasSubdomains) continue
      look(`.${domain}`)
      for (let dot = domain.indexOf('.'); dot >= 0; dot = domain.indexOf('.', dot + 1)) look(domain.slice(dot))
    }
    for (const text of texts) look(text)
    return [...found]
  }

  /** The indicators that an event has in the fields where they are looked for, each once. */
  find(event: EventView): FoundIndicator[] {
    const found = new Map<string, FoundIndicator>()
    for (const field of indicatorFields)
      for (const text of event.field(field).texts) {
        const value = text.slice(0, maxValueBytes)
        for (const key of this.keysIn(value)) if (!found.has(key) && found.size < maxFound) found.set(key, { key, field, value })
      }
    return [...found.values()]
  }
}

/** A key stands with its length, two bytes, before it. */
function isAt(texts: Uint8Array, at: number, wanted: Uint8Array): boolean {
  const length = (texts[at] ?? 0) | ((texts[at + 1] ?? 0) << 8)
  if (length !== wanted.length) return false
  for (let i = 0; i < length; i++) if (texts[at + 2 + i] !== wanted[i]) return false
  return true
}

/** Collects keys, and makes a set of them. */
export class IndicatorSetBuilder {
  // Offset 0 marks a free place of the table.
  #texts = Buffer.alloc(1 << 16)
  #length = 4
  #count = 0
  /** Those that begin with a dot stand twice in the scanner's table. */
  #dotted = 0

  /** Takes a key as `parseIndicator` writes it. @throws RangeError when there are too many */
  add(key: string): void {
    if (this.#count >= maxIndicators) throw new RangeError(`a set holds at most ${maxIndicators} indicators`)
    // Three bytes a code unit at the most.
    const room = this.#length + 2 + key.length * 3
    if (room > this.#texts.length) {
      const grown = Buffer.alloc(Math.max(room, this.#texts.length * 2))
      this.#texts.copy(grown, 0, 0, this.#length)
      this.#texts = grown
    }
    const bytes = this.#texts.write(key, this.#length + 2)
    this.#texts.writeUInt16LE(bytes, this.#length)
    this.#length += bytes + 2
    this.#count++
    if (key.startsWith('.')) this.#dotted++
  }

  finish(): IndicatorSet {
    const places = placesFor(this.#count)
    const slots = new Uint32Array(places)
    const table = indicatorTable(placesFor(this.#count + this.#dotted))
    let count = 0
    let end = 4
    for (let at = 4; at < this.#length; ) {
      const size = this.#texts.readUInt16LE(at)
      const text = this.#texts.subarray(at + 2, at + 2 + size)
      // What stands twice is left out: the texts move together.
      if (place(slots, this.#texts, text, end)) {
        this.#texts.copyWithin(end, at, at + 2 + size)
        const key = this.#texts.toString('utf8', end + 2, end + 2 + size)
        const network = /^[\d.]+(?:\/\d+)?$|:[\da-f]*:/.test(key) && !key.includes('://') ? parseNetwork(key) : undefined
        if (network === undefined) table.insertText(this.#texts.subarray(end + 2, end + 2 + size))
        else table.insertNetwork(network)
        end += 2 + size
        count++
      }
      at += 2 + size
    }
    const tableBytes = table.finish()
    const tableAt = headBytes
    const slotsAt = tableAt + Math.ceil(tableBytes.length / 8) * 8
    const textsAt = slotsAt + places * 4
    const memory = new SharedArrayBuffer(textsAt + end)
    const words = new Uint32Array(memory, 0, headBytes / 4)
    words.set([places, count, tableAt, tableAt + tableBytes.length, slotsAt, textsAt, textsAt + end])
    new Uint8Array(memory, tableAt).set(tableBytes)
    new Uint32Array(memory, slotsAt, places).set(slots)
    new Uint8Array(memory, textsAt, end).set(this.#texts.subarray(0, end))
    return new IndicatorSet(memory)
  }
}

/** Half of a table stays free, so that a look at it is short, and ends. */
const placesFor = (count: number): number => 2 ** Math.ceil(Math.log2(Math.max(2, count * 2)))

/** Finds a place for a text that will stand at `at`. @returns false where it stands already */
function place(slots: Uint32Array, texts: Uint8Array, text: Uint8Array, at: number): boolean {
  const mask = slots.length - 1
  let i = hashOf(text, 0, text.length) & mask
  for (; ; i = (i + 1) & mask) {
    const known = slots[i] ?? 0
    if (known === 0) break
    if (isAt(texts, known, text)) return false
  }
  slots[i] = at
  return true
}
