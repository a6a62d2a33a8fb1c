/**
 * The data plane's inner loop: lines of JSON in, pairs of (line, rule that may match) out. Compiled to WebAssembly by AssemblyScript.
 *
 * It never says no wrongly. Where it cannot be sure (a list, a duplicate key, a regular expression) it says maybe, and the exact
 * evaluator in TypeScript decides. The tables that it reads are laid out by src/index/image.ts; both sides name the offsets alike.
 */

import { foldedHash } from './hash'
import { hasIndicators, mayHaveIndicator } from './indicators'

export { insertNetwork, insertText, useIndicators } from './indicators'

// Header of the image: u32 words.
const KEY_TABLE: usize = 0
const KEY_MASK: usize = 4
const PREFIX_WILDCARDS: usize = 8
const PATH_SLOTS: usize = 12
const PATH_ROLES: usize = 16
const CHANNEL_TABLE: usize = 20
const CHANNEL_MASK: usize = 24
const CLASS_TABLE: usize = 28
const CLASS_MASK: usize = 32
const CLASSES: usize = 36
const PROGRAMS: usize = 40
const OTHER_CHANNEL_CLASS: usize = 44
const UNKNOWN_CLASS: usize = 48
const MARKED: usize = 52
const MARKED_COUNT: usize = 56
const FIELD_INDEXES: usize = 60
const FOLD_TABLE: usize = 64
const PREFIX_COUNT: usize = 68
// Working memory, laid out behind the image.
const INPUT: usize = 80
const QUOTES: usize = 84
const BLOCK_FLAGS: usize = 88
const PATH_STATE: usize = 92
const SLOT_STATE: usize = 96
const PRESENT_PATHS: usize = 100
const PRESENT_SLOTS: usize = 104
const PROGRAM_STAMPS: usize = 108
const CANDIDATES: usize = 112
const SCRATCH: usize = 116
const SCRATCH_SIZE: usize = 120
const OUTPUT: usize = 124
const OUTPUT_CAPACITY: usize = 128
const PREFIX_STAMPS: usize = 132

const NONE: u32 = 0xffff
const SLOW: u32 = 0xffffffff
const INVALID: u32 = 0xfffffffe
const INDICATED: u32 = 0xfffffffd
const SURE: u32 = 0x80000000

// Types of values.
const STRING: u32 = 0
const LITERAL: u32 = 1 // a number or true or false, as written
const NULL: u32 = 2
const ODD: u32 = 3 // a list, an object, a key that stands twice, a number not in its plain form

// Flags of a block of 64 bytes.
const NON_ASCII: u32 = 1
const UNUSUAL_ESCAPE: u32 = 2 // \u or \/
const CONTROL: u32 = 4 // a control character, or an escape that JSON does not know: only JSON.parse can judge

// Results of a program.
const FALSE: u32 = 0
const MAYBE: u32 = 1
const TRUE: u32 = 2

let header: usize = 0
let input: usize = 0
let quotes: usize = 0
let blockFlags: usize = 0
let pathState: usize = 0
let slotState: usize = 0
let presentPaths: usize = 0
let presentSlots: usize = 0
let programStamps: usize = 0
let candidates: usize = 0
let scratch: usize = 0
let scratchEnd: usize = 0
let output: usize = 0
let outputCapacity: u32 = 0
let keyTable: usize = 0
let keyMask: u32 = 0
let prefixWildcards: usize = 0
let prefixStamps: usize = 0
let pathSlots: usize = 0
let pathRoles: usize = 0
let foldTable: usize = 0

let epoch: u32 = 0
let presentPathCount: u32 = 0
let presentSlotCount: u32 = 0
let candidateCount: u32 = 0
let outputCount: u32 = 0
let scratchAt: usize = 0
let quoteAt: usize = 0
let position: usize = 0
let isSlow: bool = false
// A number that is not written as a text would be: 1.50, 1e3, twenty digits.
let hasOddNumber: bool = false
let channelPath: u32 = NONE
let channelRank: u32 = NONE
let idPath: u32 = NONE
let idRank: u32 = NONE
let providerPath: u32 = NONE
let providerRank: u32 = NONE
let markers: u64 = 0
let lineStart: usize = 0
let lineEnd: usize = 0
let lineFlags: u32 = 0
let lines: u32 = 0
let events: u32 = 0

export function start(at: usize): void {
  header = at
  input = load<u32>(header + INPUT)
  quotes = load<u32>(header + QUOTES)
  blockFlags = load<u32>(header + BLOCK_FLAGS)
  pathState = load<u32>(header + PATH_STATE)
  slotState = load<u32>(header + SLOT_STATE)
  presentPaths = load<u32>(header + PRESENT_PATHS)
  presentSlots = load<u32>(header + PRESENT_SLOTS)
  programStamps = load<u32>(header + PROGRAM_STAMPS)
  candidates = load<u32>(header + CANDIDATES)
  scratch = load<u32>(header + SCRATCH)
  scratchEnd = scratch + load<u32>(header + SCRATCH_SIZE)
  output = load<u32>(header + OUTPUT)
  outputCapacity = load<u32>(header + OUTPUT_CAPACITY)
  keyTable = load<u32>(header + KEY_TABLE)
  keyMask = load<u32>(header + KEY_MASK)
  prefixWildcards = load<u32>(header + PREFIX_WILDCARDS)
  prefixStamps = load<u32>(header + PREFIX_STAMPS)
  pathSlots = load<u32>(header + PATH_SLOTS)
  pathRoles = load<u32>(header + PATH_ROLES)
  foldTable = load<u32>(header + FOLD_TABLE)
}

/** Results since the last scan: entries of four words: line, start, end, program. */
export function results(): u32 {
  return outputCount
}

/** Lines that the last scan went over, blank ones too. */
export function lineCount(): u32 {
  return lines
}

/** Lines that were not blank. */
export function eventCount(): u32 {
  return events
}

/** A hash that does not see the case of ASCII letters; never 0. */
export function hash(at: usize, length: u32): u32 {
  const out = <u32>(foldedHash(at, length) >> 32)
  return out == 0 ? 1 : out
}

/** A hash of a key, case and all. */
export function keyHash(at: usize, length: u32, prefix: u32): u32 {
  let h: u64 = 0x9e3779b97f4a7c15 ^ (<u64>length) ^ ((<u64>prefix) << 32)
  let left = length
  while (left >= 8) {
    h = (h ^ load<u64>(at)) * 0xff51afd7ed558ccd
    h ^= h >> 32
    at += 8
    left -= 8
  }
  if (left > 0) {
    const mask: u64 = ((<u64>1) << (<u64>left * 8)) - 1
    h = (h ^ (load<u64>(at) & mask)) * 0xff51afd7ed558ccd
    h ^= h >> 32
  }
  return <u32>(h >> 16)
}

@inline function gramHash(gram: u32): u32 {
  return gram * 0x9e3779b1
}

@inline function equals(a: usize, b: usize, length: u32): bool {
  let left = length
  while (left >= 8) {
    if (load<u64>(a) != load<u64>(b)) return false
    a += 8
    b += 8
    left -= 8
  }
  if (left == 0) return true
  const mask: u64 = ((<u64>1) << (<u64>left * 8)) - 1
  return ((load<u64>(a) ^ load<u64>(b)) & mask) == 0
}

/** Finds the unescaped quotes and the newlines of the input, and flags its blocks. Returns how many it found. */
function index(length: u32): u32 {
  const quote = i8x16.splat(34)
  const backslash = i8x16.splat(92)
  const newline = i8x16.splat(10)
  const carriage = i8x16.splat(13)
  const space = i8x16.splat(32)
  let out = quotes
  let nextIsEscaped: u64 = 0
  const odd: u64 = 0xaaaaaaaaaaaaaaaa
  for (let base: u32 = 0; base < length; base += 64) {
    const at = input + base
    const a = v128.load(at)
    const b = v128.load(at, 16)
    const c = v128.load(at, 32)
    const d = v128.load(at, 48)
    const bs: u64 =
      (<u64>i8x16.bitmask(i8x16.eq(a, backslash))) |
      ((<u64>i8x16.bitmask(i8x16.eq(b, backslash))) << 16) |
      ((<u64>i8x16.bitmask(i8x16.eq(c, backslash))) << 32) |
      ((<u64>i8x16.bitmask(i8x16.eq(d, backslash))) << 48)
    let q: u64 =
      (<u64>i8x16.bitmask(i8x16.eq(a, quote))) |
      ((<u64>i8x16.bitmask(i8x16.eq(b, quote))) << 16) |
      ((<u64>i8x16.bitmask(i8x16.eq(c, quote))) << 32) |
      ((<u64>i8x16.bitmask(i8x16.eq(d, quote))) << 48)
    let flags: u32 = 0
    if ((bs | nextIsEscaped) != 0) {
      const potential = bs & ~nextIsEscaped
      const even = (((potential << 1) | odd) - potential) ^ odd
      const escaped = even ^ (bs | nextIsEscaped)
      nextIsEscaped = (even & bs) >> 63
      q &= ~escaped
      let e = escaped
      while (e != 0) {
        const c = <u32>load<u8>(at + <usize>ctz(e))
        e &= e - 1
        // n, r, t, the backslash and the quote are what nearly all are.
        if (c == 92 || c == 110 || c == 114 || c == 116 || c == 34) continue
        if (c == 117 || c == 47) flags |= UNUSUAL_ESCAPE
        else if (c != 98 && c != 102) flags |= CONTROL
      }
    }
    // One test for what is rare in all four: bytes above ASCII or below the blank.
    const rare = v128.or(v128.or(i8x16.lt_s(a, space), i8x16.lt_s(b, space)), v128.or(i8x16.lt_s(c, space), i8x16.lt_s(d, space)))
    let nl: u64 = 0
    if (v128.any_true(rare)) {
      nl =
        (<u64>i8x16.bitmask(i8x16.eq(a, newline))) |
        ((<u64>i8x16.bitmask(i8x16.eq(b, newline))) << 16) |
        ((<u64>i8x16.bitmask(i8x16.eq(c, newline))) << 32) |
        ((<u64>i8x16.bitmask(i8x16.eq(d, newline))) << 48)
      const high: u64 = (<u64>i8x16.bitmask(a)) | ((<u64>i8x16.bitmask(b)) << 16) | ((<u64>i8x16.bitmask(c)) << 32) | ((<u64>i8x16.bitmask(d)) << 48)
      if (high != 0) flags |= NON_ASCII
      const low: u64 =
        (<u64>i8x16.bitmask(i8x16.lt_u(a, space))) |
        ((<u64>i8x16.bitmask(i8x16.lt_u(b, space))) << 16) |
        ((<u64>i8x16.bitmask(i8x16.lt_u(c, space))) << 32) |
        ((<u64>i8x16.bitmask(i8x16.lt_u(d, space))) << 48)
      const cr: u64 =
        (<u64>i8x16.bitmask(i8x16.eq(a, carriage))) |
        ((<u64>i8x16.bitmask(i8x16.eq(b, carriage))) << 16) |
        ((<u64>i8x16.bitmask(i8x16.eq(c, carriage))) << 32) |
        ((<u64>i8x16.bitmask(i8x16.eq(d, carriage))) << 48)
      if ((low & ~nl & ~cr) != 0) flags |= CONTROL
    }
    store<u8>(blockFlags + (base >> 6), flags)
    let m = q | nl
    // What stands behind the input is left from before.
    if (length - base < 64) m &= ((<u64>1) << (<u64>(length - base))) - 1
    while (m != 0) {
      store<u32>(out, <u32>at + <u32>ctz(m))
      out += 4
      m &= m - 1
    }
  }
  const found = <u32>((out - quotes) >> 2)
  // A sentinel, so that the walk never reads a stale entry.
  store<u32>(out, 0xffffffff)
  store<u32>(out, 0xffffffff, 4)
  return found
}

/** The flags of all blocks that [from, to) touches. */
function flagsOf(from: usize, to: usize): u32 {
  let flags: u32 = 0
  const last = (to - input) >> 6
  for (let block = (from - input) >> 6; block <= last; block++) flags |= load<u8>(blockFlags + block)
  return flags
}

@inline function isBlank(c: u32): bool {
  return c == 32 || c == 9 || c == 13
}

@inline function skipBlanks(at: usize): usize {
  while (isBlank(load<u8>(at))) at++
  return at
}

function findKey(at: usize, length: u32, prefix: u32): usize {
  const h = keyHash(at, length, prefix)
  let i = h & keyMask
  while (true) {
    const entry = keyTable + ((<usize>i) << 4)
    const record = load<u32>(entry, 12)
    if (record == 0) return 0
    if (load<u32>(entry) == h && load<u32>(entry, 4) == ((prefix << 16) | length) && equals(load<u32>(entry, 8), at, length)) return record
    i = (i + 1) & keyMask
  }
}

/** A key's record, or 0. A key with blanks also counts without them; one with escapes sends the event to the slow path. */
function recordOf(at: usize, length: u32, prefix: u32): usize {
  if (length > 0xffff) return 0
  const record = findKey(at, length, prefix)
  if (record != 0) return record
  const blank = i8x16.splat(32)
  const backslash = i8x16.splat(92)
  let hasBlank = false
  for (let i: u32 = 0; i < length; i += 16) {
    const v = v128.load(at + i)
    const left = length - i
    const mask: i32 = left >= 16 ? 0xffff : (1 << left) - 1
    if ((i8x16.bitmask(i8x16.eq(v, backslash)) & mask) != 0) {
      isSlow = true
      return 0
    }
    if ((i8x16.bitmask(i8x16.eq(v, blank)) & mask) != 0) hasBlank = true
  }
  if (!hasBlank || length > 256) return 0
  let to = scratchAt
  for (let i: u32 = 0; i < length; i++) {
    const c = load<u8>(at + i)
    if (c != 32) {
      store<u8>(to, c)
      to++
    }
  }
  return findKey(scratchAt, <u32>(to - scratchAt), prefix)
}

@inline function pathAt(path: u32): usize {
  return pathState + ((<usize>path) << 5)
}

function recordValue(record: usize, start: usize, end: usize, type: u32): void {
  const path = <u32>load<u16>(record, 2)
  if (path == NONE) return
  const state = pathAt(path)
  if (load<u32>(state) == epoch) {
    store<u32>(state, ODD, 12)
    store<u32>(state, 0, 4)
    store<u32>(state, 0, 8)
    return
  }
  store<u32>(state, epoch)
  store<u32>(state, <u32>start, 4)
  store<u32>(state, <u32>end, 8)
  store<u32>(state, type, 12)
  store<u32>(presentPaths + ((<usize>presentPathCount) << 2), path)
  presentPathCount++
  const role = pathRoles + ((<usize>path) << 2)
  const kind = load<u8>(role)
  if (kind == 0) return
  const rank = <u32>load<u8>(role, 1)
  const marker = load<u8>(role, 2)
  if (marker != 255) markers |= (<u64>1) << (<u64>marker)
  if (kind == 1) return
  if (kind == 2) {
    if (channelPath == NONE || rank < channelRank) {
      channelPath = path
      channelRank = rank
    }
  } else if (kind == 3) {
    if (idPath == NONE || rank < idRank) {
      idPath = path
      idRank = rank
    }
  } else if (providerPath == NONE || rank < providerRank) {
    providerPath = path
    providerRank = rank
  }
}

/** Where a list ends: indicators are looked for in its text. A path that stands twice has no end. */
@inline function recordEnd(record: usize, start: usize, end: usize): void {
  const path = <u32>load<u16>(record, 2)
  if (path == NONE) return
  const state = pathAt(path)
  if (load<u32>(state, 4) == <u32>start) store<u32>(state, <u32>end, 8)
}

/** Walks the value at `position`. False where it is not JSON. `record` is that of its key, or 0. */
function walkValue(record: usize, prefix: u32, depth: u32): bool {
  const c = <u32>load<u8>(position)
  if (c == 34) {
    if (load<u32>(quoteAt) != <u32>position) return false
    const end = <usize>load<u32>(quoteAt, 4)
    if (end == 0xffffffff || load<u8>(end) != 34) return false
    quoteAt += 8
    if (record != 0) recordValue(record, position + 1, end, STRING)
    position = end + 1
    return true
  }
  if (c == 123 || c == 91) {
    let child: u32 = NONE
    if (record != 0) {
      child = load<u16>(record)
      recordValue(record, position, position, ODD)
    }
    if (child == NONE && prefix != NONE) child = load<u16>(prefixWildcards + ((<usize>prefix) << 1))
    if (c == 123) return walkObject(child, depth + 1, false)
    const start = position
    if (!walkArray(child, depth + 1)) return false
    if (record != 0) recordEnd(record, start, position)
    return true
  }
  const from = position
  let at = position
  let isPlain = true
  let c2 = c
  while (c2 != 44 && c2 != 125 && c2 != 93 && !isBlank(c2) && c2 != 10) {
    if (c2 - 48 > 9 && !(c2 == 45 && at == from)) isPlain = false
    at++
    c2 = load<u8>(at)
  }
  position = at
  const length = <u32>(at - from)
  if (length == 0) return false
  // An integer is the text that it is written as, but for -0; parseEvent keeps the digits of those that a number cannot hold.
  if (isPlain && (c != 45 ? c != 48 || length == 1 : length >= 2 && load<u8>(from, 1) != 48)) {
    if (record != 0) recordValue(record, from, at, LITERAL)
    return true
  }
  const word = load<u32>(from)
  if (length == 4 && word == 0x65757274) {
    if (record != 0) recordValue(record, from, at, LITERAL)
    return true
  }
  if (length == 5 && word == 0x736c6166 && load<u8>(from, 4) == 101) {
    if (record != 0) recordValue(record, from, at, LITERAL)
    return true
  }
  if (length == 4 && word == 0x6c6c756e) {
    if (record != 0) recordValue(record, from, at, NULL)
    return true
  }
  if (!isNumber(from, at)) return false
  hasOddNumber = true
  if (record != 0) recordValue(record, from, at, ODD)
  return true
}

@inline function digits(at: usize): usize {
  while (<u32>load<u8>(at) - 48 <= 9) at++
  return at
}

/** Whether [from, to) is a number of JSON. */
function isNumber(from: usize, to: usize): bool {
  let at = from
  if (load<u8>(at) == 45) at++
  const whole = digits(at)
  if (whole == at || (load<u8>(at) == 48 && whole > at + 1)) return false
  at = whole
  if (load<u8>(at) == 46) {
    const fraction = digits(at + 1)
    if (fraction == at + 1) return false
    at = fraction
  }
  if ((load<u8>(at) | 32) == 101) {
    at++
    if (load<u8>(at) == 43 || load<u8>(at) == 45) at++
    const exponent = digits(at)
    if (exponent == at) return false
    at = exponent
  }
  return at == to
}

function walkArray(prefix: u32, depth: u32): bool {
  if (depth > 90) {
    isSlow = true
    return false
  }
  position = skipBlanks(position + 1)
  if (load<u8>(position) == 93) {
    position++
    return true
  }
  while (true) {
    if (load<u8>(position) == 123) {
      if (!walkObject(prefix, depth + 1, true)) return false
    } else if (load<u8>(position) == 91) {
      if (!walkArray(prefix, depth + 1)) return false
    } else if (!walkValue(0, NONE, depth)) return false
    position = skipBlanks(position)
    const c = load<u8>(position)
    position++
    if (c == 93) return true
    if (c != 44) return false
    position = skipBlanks(position)
  }
}

function walkObject(prefix: u32, depth: u32, isInList: bool): bool {
  if (depth > 90) {
    isSlow = true
    return false
  }
  if (prefix != NONE && !isInList) {
    const stamp = prefixStamps + ((<usize>prefix) << 2)
    // The same object twice: only the last counts in JSON, so that the slow path must look.
    if (load<u32>(stamp) == epoch) isSlow = true
    store<u32>(stamp, epoch)
  }
  position = skipBlanks(position + 1)
  if (load<u8>(position) == 125) {
    position++
    return true
  }
  while (true) {
    if (load<u8>(position) != 34 || load<u32>(quoteAt) != <u32>position) return false
    const keyStart = position + 1
    const keyEnd = <usize>load<u32>(quoteAt, 4)
    if (keyEnd == 0xffffffff || load<u8>(keyEnd) != 34) return false
    quoteAt += 8
    position = keyEnd + 1
    if (load<u8>(position) != 58) {
      position = skipBlanks(position)
      if (load<u8>(position) != 58) return false
    }
    position = skipBlanks(position + 1)
    const record: usize = prefix == NONE ? 0 : recordOf(keyStart, <u32>(keyEnd - keyStart), prefix)
    if (!walkValue(record, prefix, depth)) return false
    let c = <u32>load<u8>(position)
    if (isBlank(c)) {
      position = skipBlanks(position)
      c = load<u8>(position)
    }
    position++
    if (c == 125) return true
    if (c != 44) return false
    position = skipBlanks(position)
  }
}

@inline function hexDigit(c: u32): u32 {
  if (c - 48 <= 9) return c - 48
  const lower = c | 32
  return lower - 97 <= 5 ? lower - 87 : 0xff
}

let madeLength: u32 = 0

/**
 * Writes the value [from, to) with case folded away to the scratch memory; unescaped, or with the escapes that every writer uses.
 * Returns where, or 0 where it cannot (half a surrogate pair, broken UTF-8, no room): the value is odd then.
 */
function normalise(from: usize, to: usize, isEscaped: bool): usize {
  // A code unit of one byte (or six, escaped) becomes three bytes at the most.
  if (scratchAt + (to - from) * 2 + 64 > scratchEnd) return 0
  const begin = scratchAt
  let out = begin
  let at = from
  const backslash = i8x16.splat(92)
  const beforeA = i8x16.splat(64)
  const afterZ = i8x16.splat(91)
  const bit = i8x16.splat(32)
  while (at < to) {
    // Plain characters, up to sixteen at a time: what is written beyond them is written over.
    const v = v128.load(at)
    v128.store(out, v128.or(v, v128.and(bit, v128.and(i8x16.gt_s(v, beforeA), i8x16.lt_s(v, afterZ)))))
    const special = i8x16.bitmask(v) | i8x16.bitmask(i8x16.eq(v, backslash)) | 0x10000
    let plain = <usize>ctz(special)
    if (at + plain > to) plain = to - at
    out += plain
    at += plain
    if (at >= to || plain == 16) continue
    let c = <u32>load<u8>(at)
    let code: u32 = 0
    if (c == 92) {
      c = load<u8>(at, 1)
      at += 2
      if (c == 117) {
        code = unit(at)
        if (code == SLOW) return 0
        at += 4
        if (code >= 0xd800 && code < 0xe000) {
          if (code >= 0xdc00 || load<u16>(at) != 0x755c) return 0
          const second = unit(at + 2)
          if (second < 0xdc00 || second > 0xdfff) return 0
          at += 6
          code = 0x10000 + ((code - 0xd800) << 10) + (second - 0xdc00)
        }
      } else if (c == 110) code = 10
      else if (c == 116) code = 9
      else if (c == 114) code = 13
      else if (c == 98) code = 8
      else if (c == 102) code = 12
      else if (c == 34 || c == 92 || c == 47) code = c
      else return 0
    } else if (c >= 0xc2 && c < 0xe0 && (load<u8>(at, 1) & 0xc0) == 0x80) {
      code = ((c & 31) << 6) | (load<u8>(at, 1) & 63)
      at += 2
    } else if (c >= 0xe0 && c < 0xf0 && (load<u8>(at, 1) & 0xc0) == 0x80 && (load<u8>(at, 2) & 0xc0) == 0x80) {
      code = ((c & 15) << 12) | ((<u32>load<u8>(at, 1) & 63) << 6) | (load<u8>(at, 2) & 63)
      if (code < 0x800 || (code >= 0xd800 && code < 0xe000)) return 0
      at += 3
    } else if (c >= 0xf0 && c < 0xf5 && (load<u8>(at, 1) & 0xc0) == 0x80 && (load<u8>(at, 2) & 0xc0) == 0x80 && (load<u8>(at, 3) & 0xc0) == 0x80) {
      code = ((c & 7) << 18) | ((<u32>load<u8>(at, 1) & 63) << 12) | ((<u32>load<u8>(at, 2) & 63) << 6) | (load<u8>(at, 3) & 63)
      at += 4
    } else return 0
    // Beyond the plane that the folding table covers, only some old scripts have case.
    if (code >= 0x10000 && code < 0x1f000) return 0
    if (code < 0x10000) code = load<u16>(foldTable + ((<usize>code) << 1))
    out = write(out, code, isEscaped)
  }
  madeLength = <u32>(out - begin)
  // Room for loads of eight and sixteen bytes past the end.
  scratchAt = out + 16
  return begin
}

function unit(at: usize): u32 {
  const a = hexDigit(load<u8>(at))
  const b = hexDigit(load<u8>(at, 1))
  const c = hexDigit(load<u8>(at, 2))
  const d = hexDigit(load<u8>(at, 3))
  if ((a | b | c | d) > 15) return SLOW
  return (a << 12) | (b << 8) | (c << 4) | d
}

function write(out: usize, code: u32, isEscaped: bool): usize {
  if (code < 0x80) {
    if (isEscaped) {
      let short: u32 = 0
      if (code == 34 || code == 92) short = code
      else if (code == 10) short = 110
      else if (code == 9) short = 116
      else if (code == 13) short = 114
      else if (code == 8) short = 98
      else if (code == 12) short = 102
      if (short != 0) {
        store<u8>(out, 92)
        store<u8>(out, short, 1)
        return out + 2
      }
    }
    store<u8>(out, code)
    return out + 1
  }
  if (code < 0x800) {
    store<u8>(out, 0xc0 | (code >> 6))
    store<u8>(out, 0x80 | (code & 63), 1)
    return out + 2
  }
  if (code < 0x10000) {
    store<u8>(out, 0xe0 | (code >> 12))
    store<u8>(out, 0x80 | ((code >> 6) & 63), 1)
    store<u8>(out, 0x80 | (code & 63), 2)
    return out + 3
  }
  store<u8>(out, 0xf0 | (code >> 18))
  store<u8>(out, 0x80 | ((code >> 12) & 63), 1)
  store<u8>(out, 0x80 | ((code >> 6) & 63), 2)
  store<u8>(out, 0x80 | (code & 63), 3)
  return out + 4
}

/** Makes the folded, unescaped value of a path ready. The path is odd after this where that cannot be done. */
function foldPath(path: u32): void {
  const state = pathAt(path)
  if (load<u32>(state, 16) == epoch) return
  store<u32>(state, epoch, 16)
  const type = load<u32>(state, 12)
  const from = load<u32>(state, 4)
  const to = load<u32>(state, 8)
  if (type == STRING) {
    const at = normalise(from, to, false)
    if (at == 0) store<u32>(state, ODD, 12)
    store<u32>(state, <u32>at, 20)
    store<u32>(state, madeLength, 24)
  } else {
    store<u32>(state, from, 20)
    store<u32>(state, to - from, 24)
  }
}

/** The class of the event: a record of CLASSES, or 0 where only the slow path can say. */
function classify(): usize {
  let named = channelPath
  if (named != NONE && load<u32>(pathAt(named), 12) == NULL) return 0
  if (named == NONE) named = providerPath
  let channel: u32 = 0
  if (named != NONE) {
    const state = pathAt(named)
    if (load<u32>(state, 12) != STRING) return 0
    foldPath(named)
    if (load<u32>(state, 12) != STRING) return 0
    channel = channelNamed(load<u32>(state, 20), load<u32>(state, 24), named == channelPath ? 1 : 2)
  }
  if (named == channelPath && channelPath != NONE && channel == 0) return classAt(load<u32>(header + OTHER_CHANNEL_CLASS))
  if (channel == 0) {
    const list = <usize>load<u32>(header + MARKED)
    const count = load<u32>(header + MARKED_COUNT)
    for (let i: u32 = 0; i < count; i++) {
      const mask = load<u64>(list + ((<usize>i) << 4))
      if ((markers & mask) == mask) return classAt(load<u32>(list + ((<usize>i) << 4), 8))
    }
    return classAt(load<u32>(header + UNKNOWN_CLASS))
  }
  let id: u32 = 0xffffffff
  if (idPath != NONE) {
    const state = pathAt(idPath)
    const type = load<u32>(state, 12)
    if (type == ODD) return 0
    if (type != NULL) {
      let at = <usize>load<u32>(state, 4)
      const end = <usize>load<u32>(state, 8)
      // Digits only; anything else is no event id. Escaped digits do not happen, and would look like none: the slow path looks.
      if (end - at > 0 && end - at <= 9) {
        id = 0
        while (at < end) {
          const c = <u32>load<u8>(at)
          if (c - 48 > 9) {
            if (c == 92) return 0
            id = 0xffffffff
            break
          }
          id = id * 10 + (c - 48)
          at++
        }
      } else if (end - at > 9) return 0
    }
  }
  const table = <usize>load<u32>(header + CLASS_TABLE)
  const mask = load<u32>(header + CLASS_MASK)
  const fallback: u32 = 0
  for (let pass = 0; pass < 2; pass++) {
    const wanted = pass == 0 ? id : 0xffffffff
    let i = (channel * 0x9e3779b1 + wanted * 0x85ebca6b) & mask
    while (true) {
      const entry = table + ((<usize>i) << 4)
      if (load<u32>(entry) == 0) break
      if (load<u32>(entry) == channel && load<u32>(entry, 4) == wanted) return classAt(load<u32>(entry, 8))
      i = (i + 1) & mask
    }
  }
  return classAt(fallback)
}

@inline function classAt(index: u32): usize {
  return <usize>load<u32>(header + CLASSES) + ((<usize>index) << 4)
}

/** The number of a channel by its folded name, from 1. kind 1: channels, 2: providers. */
function channelNamed(at: usize, length: u32, kind: u32): u32 {
  const table = <usize>load<u32>(header + CHANNEL_TABLE)
  const mask = load<u32>(header + CHANNEL_MASK)
  const h = hash(at, length) ^ kind
  let i = h & mask
  while (true) {
    const entry = table + ((<usize>i) << 4) + ((<usize>i) << 2)
    const channel = load<u32>(entry, 12)
    if (channel == 0) return 0
    if (load<u32>(entry) == h && load<u32>(entry, 8) == length && load<u32>(entry, 16) == kind && equals(load<u32>(entry, 4), at, length)) return channel
    i = (i + 1) & mask
  }
}

function post(list: usize): void {
  const count = load<u32>(list)
  for (let i: u32 = 1; i <= count; i++) {
    const program = load<u32>(list + ((<usize>i) << 2))
    const stamp = programStamps + ((<usize>program) << 2)
    if (load<u32>(stamp) == epoch) continue
    store<u32>(stamp, epoch)
    store<u32>(candidates + ((<usize>candidateCount) << 2), program)
    candidateCount++
  }
}

/** Looks a hash up in a table of (hash, postings). */
@inline function probe(table: usize, mask: u32, h: u32): void {
  let i = h & mask
  while (true) {
    const entry = table + ((<usize>i) << 3)
    const known = load<u32>(entry)
    if (known == 0) return
    if (known == h) {
      post(load<u32>(entry, 4))
      return
    }
    i = (i + 1) & mask
  }
}

/** Equal but for bit 5 of each byte. */
@inline function equalsLoosely(a: usize, b: usize, length: u32): bool {
  let left = length
  while (left >= 8) {
    if (((load<u64>(a) ^ load<u64>(b)) & 0xdfdfdfdfdfdfdfdf) != 0) return false
    a += 8
    b += 8
    left -= 8
  }
  if (left == 0) return true
  const mask: u64 = ((<u64>1) << (<u64>left * 8)) - 1
  return ((load<u64>(a) ^ load<u64>(b)) & mask & 0xdfdfdfdfdfdfdfdf) == 0
}

/** The literals that have this gram: each counts only if it stands there whole. */
function verify(list: usize, gramAt: usize, from: usize, to: usize): void {
  const count = load<u32>(list)
  let entry = list + 4
  for (let i: u32 = 0; i < count; i++) {
    const begin = gramAt - <usize>load<u32>(entry)
    const length = load<u32>(entry, 8)
    if (begin >= from && begin + length <= to && equalsLoosely(begin, load<u32>(entry, 4), length)) post(load<u32>(entry, 12))
    entry += 16
  }
}

/** A gram that passed the filter: looked up, and what stands behind it compared. */
function meet(at: usize, table: usize, mask: u32, from: usize, to: usize): void {
  const wanted = gramHash(load<u32>(at) | 0x20202020) | 1
  let i = wanted & mask
  while (true) {
    const entry = table + ((<usize>i) << 3)
    const known = load<u32>(entry)
    if (known == 0) return
    if (known == wanted) {
      verify(load<u32>(entry, 4), at, from, to)
      return
    }
    i = (i + 1) & mask
  }
}

@inline function passes(at: usize, filter: usize, shift: u32): u32 {
  return load<u8>(filter + (gramHash(load<u32>(at) | 0x20202020) >> shift))
}

/** Looks for the grams of a field index in [from, from + length), every `stride` bytes. */
function scanGrams(from: usize, length: u32, filter: usize, shift: u32, table: usize, mask: u32, stride: u32): void {
  if (length < 4) return
  const to = from + length
  const last = to - 4
  const s: usize = stride
  let at = from
  // Four at a time: the loads do not wait for each other, and one branch serves all.
  while (at + s * 3 <= last) {
    const a = passes(at, filter, shift)
    const b = passes(at + s, filter, shift)
    const c = passes(at + s * 2, filter, shift)
    const d = passes(at + s * 3, filter, shift)
    if ((a | b | c | d) != 0) {
      if (a != 0) meet(at, table, mask, from, to)
      if (b != 0) meet(at + s, table, mask, from, to)
      if (c != 0) meet(at + s * 2, table, mask, from, to)
      if (d != 0) meet(at + s * 3, table, mask, from, to)
    }
    at += s * 4
  }
  for (; at <= last; at += s) if (passes(at, filter, shift) != 0) meet(at, table, mask, from, to)
}

// A field index: u32 words.
const INDEX_PRESENT: usize = 0
const INDEX_ALL: usize = 4
const INDEX_EQUALS: usize = 8
const INDEX_EQUALS_MASK: usize = 12
const INDEX_PREFIX_LENGTHS: usize = 16
const INDEX_PREFIX: usize = 20
const INDEX_PREFIX_MASK: usize = 24
const INDEX_SUFFIX_LENGTHS: usize = 28
const INDEX_SUFFIX: usize = 32
const INDEX_SUFFIX_MASK: usize = 36
const INDEX_FILTER: usize = 40
const INDEX_SHIFT: usize = 44
const INDEX_GRAMS: usize = 48
const INDEX_GRAMS_MASK: usize = 52
const INDEX_STRIDE: usize = 56

function scanField(fieldIndex: usize, path: u32): void {
  const present = load<u32>(fieldIndex + INDEX_PRESENT)
  if (present != 0) post(present)
  const state = pathAt(path)
  const type = load<u32>(state, 12)
  if (type == NULL) return
  if (type == ODD) {
    post(load<u32>(fieldIndex + INDEX_ALL))
    return
  }
  let at = <usize>load<u32>(state, 4)
  let length = load<u32>(state, 8) - <u32>at
  if (type == STRING && (flagsOf(at, at + length) & (NON_ASCII | UNUSUAL_ESCAPE)) != 0) {
    at = normalise(at, at + length, true)
    if (at == 0) {
      store<u32>(state, ODD, 12)
      post(load<u32>(fieldIndex + INDEX_ALL))
      return
    }
    length = madeLength
  }
  const equal = <usize>load<u32>(fieldIndex + INDEX_EQUALS)
  if (equal != 0) probe(equal, load<u32>(fieldIndex + INDEX_EQUALS_MASK), hash(at, length))
  let lengths = load<u32>(fieldIndex + INDEX_PREFIX_LENGTHS)
  while (lengths != 0) {
    const l = <u32>ctz(lengths)
    lengths &= lengths - 1
    if (l <= length) probe(load<u32>(fieldIndex + INDEX_PREFIX), load<u32>(fieldIndex + INDEX_PREFIX_MASK), hash(at, l))
  }
  lengths = load<u32>(fieldIndex + INDEX_SUFFIX_LENGTHS)
  while (lengths != 0) {
    const l = <u32>ctz(lengths)
    lengths &= lengths - 1
    if (l <= length) probe(load<u32>(fieldIndex + INDEX_SUFFIX), load<u32>(fieldIndex + INDEX_SUFFIX_MASK), hash(at + length - l, l))
  }
  const filter = <usize>load<u32>(fieldIndex + INDEX_FILTER)
  if (filter != 0)
    scanGrams(at, length, filter, load<u32>(fieldIndex + INDEX_SHIFT), load<u32>(fieldIndex + INDEX_GRAMS), load<u32>(fieldIndex + INDEX_GRAMS_MASK), load<u32>(fieldIndex + INDEX_STRIDE))
}

/** Whether the line can hold a letter that folds to ASCII but is not (Kelvin sign E2 84 AA, long s C5 BF), or an unusual escape. */
function isLinePlain(): bool {
  if (hasOddNumber || (lineFlags & UNUSUAL_ESCAPE) != 0) return false
  if ((lineFlags & NON_ASCII) == 0) return true
  for (let at = lineStart; at < lineEnd; at++) {
    const c = <u32>load<u8>(at)
    if (c == 0xe2 && load<u8>(at, 1) == 0x84 && load<u8>(at, 2) == 0xaa) return false
    if (c == 0xc5 && load<u8>(at, 1) == 0xbf) return false
  }
  return true
}

function scanKeywords(fieldIndex: usize): void {
  if (!isLinePlain()) {
    post(load<u32>(fieldIndex + INDEX_ALL))
    return
  }
  const filter = <usize>load<u32>(fieldIndex + INDEX_FILTER)
  if (filter != 0)
    scanGrams(lineStart, <u32>(lineEnd - lineStart), filter, load<u32>(fieldIndex + INDEX_SHIFT), load<u32>(fieldIndex + INDEX_GRAMS), load<u32>(fieldIndex + INDEX_GRAMS_MASK), load<u32>(fieldIndex + INDEX_STRIDE))
}

// Nodes of a program: word 0 is the operation and, shifted by 8, its count; word 1 the size in words.
const OP_AND: u32 = 1
const OP_OR: u32 = 2
const OP_NOT: u32 = 3
const OP_EQUALS: u32 = 4
const OP_PREFIX: u32 = 5
const OP_SUFFIX: u32 = 6
const OP_CONTAINS: u32 = 7
const OP_NULL: u32 = 8
const OP_EXISTS: u32 = 9
const OP_NEEDS: u32 = 10
const OP_KEYWORD: u32 = 11
const OP_MAYBE: u32 = 12
const OP_PRESENT: u32 = 13

function evaluate(node: usize): u32 {
  const head = load<u32>(node)
  const op = head & 0xff
  const count = head >> 8
  if (op == OP_AND) {
    let result = TRUE
    let child = node + 8
    for (let i: u32 = 0; i < count; i++) {
      const one = evaluate(child)
      if (one == FALSE) return FALSE
      if (one < result) result = one
      child += (<usize>load<u32>(child, 4)) << 2
    }
    return result
  }
  if (op == OP_OR) {
    let result = FALSE
    let child = node + 8
    for (let i: u32 = 0; i < count; i++) {
      const one = evaluate(child)
      if (one == TRUE) return TRUE
      if (one > result) result = one
      child += (<usize>load<u32>(child, 4)) << 2
    }
    return result
  }
  if (op == OP_NOT) return TRUE - evaluate(node + 8)
  if (op == OP_MAYBE) return MAYBE
  if (op == OP_KEYWORD) return keyword(node, count)
  const slot = load<u32>(node, 8)
  const state = slotState + ((<usize>slot) << 4)
  if (load<u32>(state) != epoch) return op == OP_NULL ? TRUE : op == OP_EXISTS ? (count == 0 ? TRUE : FALSE) : FALSE
  if (op == OP_EXISTS) return count == 1 ? TRUE : FALSE
  const path = load<u32>(state, 4)
  const value = pathAt(path)
  if (load<u32>(value, 12) == ODD) return MAYBE
  if (load<u32>(value, 12) == NULL) return op == OP_NULL ? TRUE : FALSE
  if (op == OP_NULL) return FALSE
  if (op == OP_PRESENT) return TRUE
  foldPath(path)
  if (load<u32>(value, 12) == ODD) return MAYBE
  const at = <usize>load<u32>(value, 20)
  const length = load<u32>(value, 24)
  if (op == OP_NEEDS) {
    if (length < load<u32>(node, 12)) return FALSE
    let literal = node + 16
    for (let i: u32 = 0; i < count; i++) {
      if (!contains(at, length, load<u32>(literal), load<u32>(literal, 4))) return FALSE
      literal += 8
    }
    return MAYBE
  }
  // Any of the literals.
  let literal = node + 12
  for (let i: u32 = 0; i < count; i++) {
    const text = <usize>load<u32>(literal)
    const l = load<u32>(literal, 4)
    literal += 8
    if (l > length) continue
    if (op == OP_EQUALS) {
      if (l == length && equals(at, text, l)) return TRUE
    } else if (op == OP_PREFIX) {
      if (equals(at, text, l)) return TRUE
    } else if (op == OP_SUFFIX) {
      if (equals(at + length - l, text, l)) return TRUE
    } else if (contains(at, length, text, l)) return TRUE
  }
  return FALSE
}

/** Whether the text has the literal in it: both ends of it are looked for sixteen places at a time. */
function contains(at: usize, length: u32, text: usize, l: u32): bool {
  if (l > length) return false
  if (l == 0) return true
  const first = i8x16.splat(load<u8>(text))
  const last = i8x16.splat(load<u8>(text + l - 1))
  const places = length - l + 1
  for (let i: u32 = 0; i < places; i += 16) {
    let m = i8x16.bitmask(v128.and(i8x16.eq(v128.load(at + i), first), i8x16.eq(v128.load(at + i + l - 1), last)))
    while (m != 0) {
      const place = i + ctz(m)
      if (place >= places) break
      if (equals(at + place, text, l)) return true
      m &= m - 1
    }
  }
  return false
}

/** Any of the literals, in their escaped form, anywhere in the line. */
function keyword(node: usize, count: u32): u32 {
  if (!isLinePlain()) return MAYBE
  let literal = node + 8
  for (let i: u32 = 0; i < count; i++) {
    if (containsLoosely(lineStart, <u32>(lineEnd - lineStart), load<u32>(literal), load<u32>(literal, 4))) return MAYBE
    literal += 8
  }
  return FALSE
}

/** Like contains, on text that has not been folded: bit 5 is not looked at. */
function containsLoosely(at: usize, length: u32, text: usize, l: u32): bool {
  if (l > length) return false
  if (l == 0) return true
  const bit = i8x16.splat(32)
  const first = i8x16.splat(load<u8>(text) | 32)
  const last = i8x16.splat(load<u8>(text + l - 1) | 32)
  const places = length - l + 1
  for (let i: u32 = 0; i < places; i += 16) {
    let m = i8x16.bitmask(
      v128.and(i8x16.eq(v128.or(v128.load(at + i), bit), first), i8x16.eq(v128.or(v128.load(at + i + l - 1), bit), last)),
    )
    while (m != 0) {
      const place = i + ctz(m)
      if (place >= places) break
      if (equalsLoosely(at + place, text, l)) return true
      m &= m - 1
    }
  }
  return false
}

function emit(program: u32): void {
  const entry = output + ((<usize>outputCount) << 4)
  store<u32>(entry, lines)
  store<u32>(entry, <u32>(lineStart - input), 4)
  store<u32>(entry, <u32>(lineEnd - input), 8)
  store<u32>(entry, program, 12)
  outputCount++
}

/** Binds the fields to the values that are there: of several paths of a field, the best. */
function bind(): void {
  presentSlotCount = 0
  for (let i: u32 = 0; i < presentPathCount; i++) {
    const path = load<u32>(presentPaths + ((<usize>i) << 2))
    let list = <usize>load<u32>(pathSlots + ((<usize>path) << 2))
    for (let slot = <u32>load<u16>(list); slot != NONE; slot = load<u16>(list)) {
      const rank = <u32>load<u16>(list, 2)
      list += 4
      const state = slotState + ((<usize>slot) << 4)
      if (load<u32>(state) != epoch) {
        store<u32>(state, epoch)
        store<u32>(presentSlots + ((<usize>presentSlotCount) << 2), slot)
        presentSlotCount++
      } else if (load<u32>(state, 8) < rank) continue
      store<u32>(state, path, 4)
      store<u32>(state, rank, 8)
    }
  }
}

function match(forcedClass: u32): void {
  epoch++
  presentPathCount = 0
  candidateCount = 0
  scratchAt = scratch
  channelPath = NONE
  idPath = NONE
  providerPath = NONE
  markers = 0
  isSlow = false
  hasOddNumber = false
  position = lineStart
  const isWhole = load<u8>(position) == 123 && walkObject(0, 0, false) && skipBlanks(position) == lineEnd
  lineFlags = flagsOf(lineStart, lineEnd)
  if (!isWhole || isSlow || (lineFlags & CONTROL) != 0) {
    emit(isSlow || isWhole ? SLOW : INVALID)
    return
  }
  const eventClass = forcedClass == 0xffffffff ? classify() : classAt(forcedClass)
  if (eventClass == 0) {
    emit(SLOW)
    return
  }
  bind()
  const row = <usize>load<u32>(eventClass)
  const always = <usize>load<u32>(eventClass, 4)
  const keywords = <usize>load<u32>(eventClass, 8)
  const fieldIndexes = <usize>load<u32>(header + FIELD_INDEXES)
  if (row != 0)
    for (let i: u32 = 0; i < presentSlotCount; i++) {
      const slot = load<u32>(presentSlots + ((<usize>i) << 2))
      const number = <u32>load<u16>(row + ((<usize>slot) << 1))
      if (number != 0) scanField(load<u32>(fieldIndexes + ((<usize>number) << 2)), load<u32>(slotState + ((<usize>slot) << 4), 4))
    }
  if (always != 0) post(always)
  if (keywords != 0) scanKeywords(keywords)
  const programs = <usize>load<u32>(header + PROGRAMS)
  for (let i: u32 = 0; i < candidateCount; i++) {
    const program = load<u32>(candidates + ((<usize>i) << 2))
    const result = evaluate(load<u32>(programs + ((<usize>program) << 2)))
    // A \\u that is none would make the line no JSON: only parsing it can tell.
    if (result != FALSE) emit(result == TRUE && (lineFlags & UNUSUAL_ESCAPE) == 0 ? program | SURE : program)
  }
  if (hasIndicators() && isIndicated()) emit(INDICATED)
}

/** Whether a value where indicators are looked for may name one. */
function isIndicated(): bool {
  for (let i: u32 = 0; i < presentPathCount; i++) {
    const path = load<u32>(presentPaths + ((<usize>i) << 2))
    if (load<u8>(pathRoles + ((<usize>path) << 2), 3) == 0) continue
    const state = pathAt(path)
    const type = load<u32>(state, 12)
    if (type != STRING && type != ODD) continue
    let from = <usize>load<u32>(state, 4)
    let to = <usize>load<u32>(state, 8)
    if (from == 0) return true
    if ((flagsOf(from, to) & (NON_ASCII | UNUSUAL_ESCAPE)) != 0) {
      from = normalise(from, to, true)
      if (from == 0) return true
      to = from + madeLength
    }
    if (mayHaveIndicator(from, to)) return true
  }
  return false
}

/**
 * Matches the complete lines among the first `length` bytes of the input; 64 bytes behind must be readable. `forcedClass` is the
 * class of every event, or 0xffffffff to let each say its own. Returns how many bytes it went over: it stops early when the results are full.
 */
export function scan(length: u32, forcedClass: u32): u32 {
  outputCount = 0
  lines = 0
  events = 0
  const found = index(length)
  const maxPerLine = load<u32>(header + OUTPUT_CAPACITY) >> 1
  let at = input
  let cursor = quotes
  const end = quotes + ((<usize>found) << 2)
  while (true) {
    // The end of this line.
    let newline = cursor
    quoteAt = cursor
    while (newline < end && load<u8>(load<u32>(newline)) != 10) newline += 4
    if (newline >= end) return <u32>(at - input)
    lineStart = skipBlanks(at)
    lineEnd = load<u32>(newline)
    at = lineEnd + 1
    cursor = newline + 4
    if (lineStart < lineEnd) {
      events++
      match(forcedClass)
    }
    lines++
    if (outputCount > maxPerLine) return <u32>(at - input)
  }
}
