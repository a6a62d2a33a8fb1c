import { readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import type { Network } from '../cidr.ts'
import type { Hashes } from './field-index.ts'
import { type Image, offsets } from './image.ts'
import { base } from './writer.ts'

interface Exports {
  start(header: number): void
  scan(length: number, forcedClass: number): number
  results(): number
  lineCount(): number
  eventCount(): number
  hash(at: number, length: number): number
  keyHash(at: number, length: number, prefix: number): number
  useIndicators(at: number): void
  insertText(at: number, length: number): void
  insertNetwork(size: number, prefix: number, high: bigint, low: bigint): void
}

interface Memory {
  readonly buffer: ArrayBuffer
}

/** What is used of WebAssembly: the types of Node name the namespace without its classes. */
interface Wasm {
  readonly Memory: new (size: { initial: number }) => Memory
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object, imports: { env: { memory: Memory; abort(): void } }) => { readonly exports: unknown }
}

const wasm = Reflect.get(globalThis, 'WebAssembly') as Wasm

let compiled: object | undefined

/** Compiled at once by the optimising compiler: otherwise the first seconds would run at a quarter of the speed. */
function compile(): object {
  setFlagsFromString('--no-liftoff')
  try {
    return new wasm.Module(readFileSync(new URL('../scan.wasm', import.meta.url)))
  } finally {
    setFlagsFromString('--liftoff')
  }
}

function instantiate(memory: Memory): Exports {
  compiled ??= compile()
  const abort = () => {
    throw new Error('the scanner aborted')
  }
  // The exports are those of wasm/scan.ts.
  return new wasm.Instance(compiled, { env: { memory, abort } }).exports as Exports
}

const page = 65_536
const maxHashed = 60_000

/** The hash functions of the scanner, for those who write its image. */
export function scannerHashes(): Hashes {
  const memory = new wasm.Memory({ initial: 2 })
  const exports = instantiate(memory)
  const bytes = new Uint8Array(memory.buffer)
  const put = (text: Uint8Array) => {
    if (text.length > maxHashed) throw new RangeError(`a literal is longer than ${maxHashed} bytes`)
    bytes.set(text, base)
    return text.length
  }
  return {
    hash: text => exports.hash(base, put(text)) >>> 0,
    keyHash: (text, prefix) => exports.keyHash(base, put(text), prefix) >>> 0,
  }
}

/** The scanner's table of indicators while it is filled. */
export interface IndicatorTable {
  insertText(text: Uint8Array): void
  insertNetwork(network: Network): void
  /** What a scanner takes. */
  finish(): Uint8Array
}

/** @param places in the table: a power of two, at least twice as many as indicators */
export function indicatorTable(places: number): IndicatorTable {
  const at = 2 * page
  const size = indicatorHead + places * 4
  const memory = new wasm.Memory({ initial: Math.ceil((at + size) / page) + 1 })
  const exports = instantiate(memory)
  const bytes = new Uint8Array(memory.buffer)
  new DataView(memory.buffer).setUint32(at, places - 1, true)
  exports.useIndicators(at)
  return {
    insertText(text) {
      bytes.set(text.subarray(0, maxHashed), base)
      exports.insertText(base, Math.min(text.length, maxHashed))
    },
    insertNetwork({ size: bitsSize, bits, prefix }) {
      exports.insertNetwork(bitsSize, prefix, BigInt.asIntN(64, bits >> 64n), BigInt.asIntN(64, bits))
    },
    finish: () => bytes.slice(at, at + size),
  }
}

/** Bytes before the table: its mask, and which lengths of networks there are. */
const indicatorHead = 64

/** What the scanner says of a line. */
export const slow = 0xffffffff
export const invalid = 0xfffffffe
/** A value of the event may be an indicator. */
export const indicated = 0xfffffffd
/** Added to a program that the event meets for certain; without it, it may. */
export const sure = 0x80000000

/** Bytes that one scan takes. Beyond the caches of a core a larger one gains nothing. */
export const inputSize = 1 << 20
const scratchSize = 4 << 20

/** The scanner with an image in its memory. */
export class Scanner {
  /** Where to write lines: the first `length` bytes are scanned. */
  readonly input: Uint8Array
  readonly #exports: Exports
  readonly #output: Uint32Array

  /** @param indicators what `indicatorTable` gave */
  constructor(image: Image, indicators?: Uint8Array) {
    let end = base + image.bytes.length
    const take = (size: number) => {
      const at = Math.ceil(end / 64) * 64
      end = at + size
      return at
    }
    const programs = image.variants.length
    // A line gives at most one result a program; half of the room is left for the last line of a scan.
    const capacity = Math.max(65_536, programs * 2 + 16)
    const areas = {
      input: take(inputSize + 128),
      quotes: take((inputSize + 192) * 4),
      blockFlags: take(inputSize / 64 + 64),
      pathState: take(image.paths * 32),
      slotState: take(image.slots * 16),
      presentPaths: take(image.paths * 4),
      presentSlots: take(image.slots * 4),
      programStamps: take(programs * 4),
      candidates: take(programs * 4),
      scratch: take(scratchSize + 64),
      output: take(capacity * 16),
      prefixStamps: take(image.prefixes * 4),
    }
    const indicatorsAt = indicators === undefined ? 0 : take(indicators.length)
    const memory = new wasm.Memory({ initial: Math.ceil(end / page) + 1 })
    const bytes = new Uint8Array(memory.buffer)
    bytes.set(image.bytes, base)
    if (indicators !== undefined) bytes.set(indicators, indicatorsAt)
    const view = new DataView(memory.buffer)
    const word = (name: keyof typeof offsets, value: number) => view.setUint32(image.header + offsets[name], value, true)
    for (const [name, at] of Object.entries(areas)) word(name as keyof typeof areas, at)
    word('scratchSize', scratchSize)
    word('outputCapacity', capacity)
    this.#exports = instantiate(memory)
    this.#exports.start(image.header)
    this.#exports.useIndicators(indicatorsAt)
    this.input = new Uint8Array(memory.buffer, areas.input, inputSize)
    this.#output = new Uint32Array(memory.buffer, areas.output, capacity * 4)
  }

  /**
   * Scans the complete lines among the first `length` bytes of `input`.
   * @param forcedClass the class of every event, or undefined where each says its own
   */
  scan(length: number, forcedClass?: number): Scanned {
    const bytes = this.#exports.scan(length, forcedClass ?? 0xffffffff) >>> 0
    return {
      bytes,
      lines: this.#exports.lineCount() >>> 0,
      events: this.#exports.eventCount() >>> 0,
      results: this.#output.subarray(0, (this.#exports.results() >>> 0) * 4),
    }
  }
}

/** What a scan went over and found. */
export interface Scanned {
  readonly bytes: number
  /** Blank ones too. */
  readonly lines: number
  readonly events: number
  /** Four words each: line (from 0), its start and end, and a program, `slow`, `invalid` or `indicated`. */
  readonly results: Uint32Array
}
