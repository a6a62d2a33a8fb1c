/**
 * Indicators of compromise: whether a value may name one of a set of addresses, networks, domains, hashes or URLs. The set is a table
 * of 32-bit fingerprints, so that a million of them are 8 MB and cost one look a word; src/indicators/set.ts fills it by these very
 * functions, and decides exactly where they say maybe.
 */
import { foldedHash } from './hash'

// The region of a set: words, then the table.
const MASK: usize = 0
const WITH_SUBDOMAINS: usize = 4
const LENGTHS_V4: usize = 8 // a bit for each prefix length that some network has
const LENGTHS_V6: usize = 16 // three words of 64 bits
const TABLE: usize = 64

let region: usize = 0
let mask: u32 = 0

/** Takes a set that is laid out at `at`; 0 is none. */
export function useIndicators(at: usize): void {
  region = at
  mask = at == 0 ? 0 : load<u32>(at + MASK)
}

@inline export function hasIndicators(): bool {
  return region != 0
}

function textHash(at: usize, length: u32): u64 {
  const h = foldedHash(at, length)
  return h ^ (h >> 33)
}

function networkHash(length: u32, high: u64, low: u64): u64 {
  let h: u64 = (high ^ ((<u64>length) * 0x9e3779b97f4a7c15)) * 0xff51afd7ed558ccd
  h ^= h >> 32
  h = (h ^ low) * 0xc4ceb9fe1a85ec53
  h ^= h >> 29
  h *= 0xff51afd7ed558ccd
  return h ^ (h >> 32)
}

@inline function slotOf(h: u64): u32 {
  return <u32>(h >> 32) & mask
}

// 0 marks a free place.
@inline function fingerprintOf(h: u64): u32 {
  return <u32>h | 1
}

function isListed(h: u64): bool {
  const fingerprint = fingerprintOf(h)
  let i = slotOf(h)
  while (true) {
    const known = load<u32>(region + TABLE + ((<usize>i) << 2))
    if (known == fingerprint) return true
    if (known == 0) return false
    i = (i + 1) & mask
  }
}

function insert(h: u64): void {
  const fingerprint = fingerprintOf(h)
  let i = slotOf(h)
  while (true) {
    const place = region + TABLE + ((<usize>i) << 2)
    const known = load<u32>(place)
    if (known == fingerprint) return
    if (known == 0) {
      store<u32>(place, fingerprint)
      return
    }
    i = (i + 1) & mask
  }
}

/** Adds a domain, hash or URL in its canonical form. One that begins with a dot stands for what is under it. */
export function insertText(at: usize, length: u32): void {
  if (load<u8>(at) == 46) {
    store<u32>(region + WITH_SUBDOMAINS, 1)
    insert(textHash(at + 1, length - 1))
  }
  insert(textHash(at, length))
}

/** Adds a network or, with the longest prefix, an address: its bits in two halves, those of IPv4 in the low 32. */
export function insertNetwork(size: u32, prefix: u32, high: u64, low: u64): void {
  if (size == 32) {
    store<u64>(region + LENGTHS_V4, load<u64>(region + LENGTHS_V4) | ((<u64>1) << (<u64>prefix)))
    insert(networkHash(prefix, 0, prefix == 0 ? 0 : low >> (<u64>(32 - prefix))))
    return
  }
  const word = region + LENGTHS_V6 + ((<usize>(prefix >> 6)) << 3)
  store<u64>(word, load<u64>(word) | ((<u64>1) << (<u64>(prefix & 63))))
  insert(networkHash(prefix | 256, highPart(high, prefix), lowPart(low, prefix)))
}

@inline function highPart(high: u64, prefix: u32): u64 {
  return prefix == 0 ? 0 : prefix >= 64 ? high : high & ~(((<u64>1) << (<u64>(64 - prefix))) - 1)
}

@inline function lowPart(low: u64, prefix: u32): u64 {
  return prefix <= 64 ? 0 : prefix >= 128 ? low : low & ~(((<u64>1) << (<u64>(128 - prefix))) - 1)
}

function isListedV4(bits: u32): bool {
  let lengths = load<u64>(region + LENGTHS_V4)
  while (lengths != 0) {
    const prefix = <u32>ctz(lengths)
    lengths &= lengths - 1
    if (isListed(networkHash(prefix, 0, prefix == 0 ? 0 : (<u64>bits) >> (<u64>(32 - prefix))))) return true
  }
  return false
}

function isListedV6(high: u64, low: u64): bool {
  if (high == 0 && low >> 32 == 0xffff) return isListedV4(<u32>low)
  for (let word: u32 = 0; word < 3; word++) {
    let lengths = load<u64>(region + LENGTHS_V6 + ((<usize>word) << 3))
    while (lengths != 0) {
      const prefix = <u32>ctz(lengths) + word * 64
      lengths &= lengths - 1
      if (isListed(networkHash(prefix | 256, highPart(high, prefix), lowPart(low, prefix)))) return true
    }
  }
  return false
}

// Letters, digits, dot, hyphen, underscore: what names of hosts are made of. Bytes above ASCII count too.
const WORD_LOW: u64 = 0x03ff600000000000
const WORD_HIGH: u64 = 0x07fffffe87fffffe
// Digits and colon, and the letters to f.
const HEX_LOW: u64 = 0x03ff000000000000
const HEX_HIGH: u64 = 0x0000007e0000007e

@inline function isIn(c: u32, low: u64, high: u64): bool {
  return ((c < 64 ? low >> (<u64>c) : c < 128 ? high >> (<u64>(c - 64)) : 0) & 1) != 0
}

@inline function isWord(c: u32): bool {
  return c >= 128 || isIn(c, WORD_LOW, WORD_HIGH)
}

@inline function isHex(c: u32): bool {
  return isIn(c, HEX_LOW, HEX_HIGH)
}

/** Whether [from, to), text of JSON without escapes but the usual short ones, may have an indicator in it. */
export function mayHaveIndicator(from: usize, to: usize): bool {
  let at = from
  // What stands before an escape belongs to nothing behind it.
  let bound = from
  let runEnd: usize = from
  while (at < to) {
    let c = <u32>load<u8>(at)
    if (isWord(c)) {
      const start = at
      let dots: u32 = 0
      let isAllHex = true
      let isAscii = true
      do {
        if (c == 46) dots++
        else if (!isHex(c)) {
          isAllHex = false
          if (c >= 128) isAscii = false
        }
        at++
        c = load<u8>(at)
      } while (at < to && isWord(c))
      if ((dots != 0 || isAllHex || !isAscii) && isWordListed(start, at, dots, isAllHex, isAscii)) return true
      continue
    }
    if (c == 92) {
      at += 2
      bound = at
      continue
    }
    if (c == 58) {
      if (at + 3 <= to && load<u16>(at, 1) == 0x2f2f) {
        if (isUrlListed(bound, at, to)) return true
        at += 3
        continue
      }
      if (at >= runEnd) {
        runEnd = endOfRun(at, to)
        if (isRunListed(bound, at, runEnd)) return true
      }
    }
    at++
  }
  return false
}

function isWordListed(start: usize, end: usize, dots: u32, isAllHex: bool, isAscii: bool): bool {
  if (!isAscii) return true
  while (start < end && load<u8>(start) == 46) {
    start++
    dots--
  }
  while (end > start && load<u8>(end - 1) == 46) {
    end--
    dots--
  }
  const length = <u32>(end - start)
  if (length > 253) return false
  if (dots == 0) {
    if (!isAllHex || (length != 32 && length != 40 && length != 56 && length != 64 && length != 96 && length != 128)) return false
    return isListed(textHash(start, length))
  }
  if (length < 4) return false
  if (isAllHex && dots == 3 && parseV4(start, end)) return isListedV4(parsedV4)
  if (isListed(textHash(start, length))) return true
  if (load<u32>(region + WITH_SUBDOMAINS) != 0)
    for (let at = start + 1; at < end; at++) if (load<u8>(at) == 46 && isListed(textHash(at, <u32>(end - at)))) return true
  return false
}

let parsedV4: u32 = 0

/** An address as Node takes it: four numbers without leading zeros. */
function parseV4(at: usize, end: usize): bool {
  let bits: u32 = 0
  for (let part = 0; part < 4; part++) {
    const start = at
    let value: u32 = 0
    while (at < end) {
      const digit = <u32>load<u8>(at) - 48
      if (digit > 9) break
      value = value * 10 + digit
      at++
      if (at - start > 3) return false
    }
    if (at == start || value > 255 || (load<u8>(start) == 48 && at > start + 1)) return false
    bits = (bits << 8) | value
    if (part < 3) {
      if (at >= end || load<u8>(at) != 46) return false
      at++
    }
  }
  parsedV4 = bits
  return at == end
}

@inline function isRun(c: u32): bool {
  return c == 58 || c == 46 || isHex(c)
}

function endOfRun(at: usize, to: usize): usize {
  while (at < to && isRun(load<u8>(at))) at++
  return at
}

/** The run of hexadecimal digits, colons and dots around the colon at `at`: it may be an IPv6 address. */
function isRunListed(from: usize, at: usize, end: usize): bool {
  let start = at
  while (start > from && isRun(load<u8>(start - 1))) start--
  // What stands around an address in a sentence.
  while (start < end && load<u8>(start) == 46) start++
  if (end - start > 2 && load<u8>(start) == 58 && load<u8>(start, 1) != 58) start++
  while (end > start && load<u8>(end - 1) == 46) end--
  if (end - start > 2 && load<u8>(end - 1) == 58 && load<u8>(end - 2) != 58) end--
  const length = <u32>(end - start)
  return length >= 2 && length <= 45 && parseV6(start, end) && isListedV6(parsedHigh, parsedLow)
}

let parsedHigh: u64 = 0
let parsedLow: u64 = 0

function parseV6(at: usize, end: usize): bool {
  let head: u64 = 0 // groups before the gap, as they come
  let headLow: u64 = 0
  let tailHigh: u64 = 0 // groups after it, shifted in from below
  let tailLow: u64 = 0
  let groups: u32 = 0
  let tails: u32 = 0
  let isGapped = false
  if (load<u8>(at) == 58) {
    if (end - at < 2 || load<u8>(at, 1) != 58) return false
    isGapped = true
    at += 2
  }
  while (at < end) {
    if (groups + tails >= 8) return false
    const start = at
    let value: u32 = 0
    while (at < end && isHex(load<u8>(at))) {
      const c = <u32>load<u8>(at)
      value = (value << 4) | (c <= 57 ? c - 48 : (c | 32) - 87)
      at++
      if (at - start > 4) return false
    }
    if (at == start) return false
    let count: u32 = 1
    let wide: u64 = value
    if (at < end && load<u8>(at) == 46) {
      // The last 32 bits written as an IPv4 address.
      if (groups + tails > 6 || !parseV4(start, end)) return false
      wide = parsedV4
      count = 2
      at = end
    }
    if (isGapped) {
      tails += count
      const shift: u64 = 16 * (<u64>count)
      tailHigh = (tailHigh << shift) | (tailLow >> (64 - shift))
      tailLow = (tailLow << shift) | wide
    } else {
      groups += count
      const shift: u64 = 16 * (<u64>count)
      head = (head << shift) | (headLow >> (64 - shift))
      headLow = (headLow << shift) | wide
    }
    if (at == end) break
    if (load<u8>(at) != 58) return false
    at++
    if (at == end) return false
    if (load<u8>(at) == 58) {
      if (isGapped) return false
      isGapped = true
      at++
      if (at == end) break
    }
  }
  if (isGapped ? groups + tails > 7 : groups != 8) return false
  // The head goes up by the groups that are missing.
  let shift: u64 = 16 * (<u64>(8 - groups))
  if (shift >= 128) {
    head = 0
    headLow = 0
  } else if (shift >= 64) {
    head = headLow << (shift - 64)
    headLow = 0
  } else if (shift > 0) {
    head = (head << shift) | (headLow >> (64 - shift))
    headLow <<= shift
  }
  parsedHigh = head | tailHigh
  parsedLow = headLow | tailLow
  return true
}

@inline function isScheme(c: u32): bool {
  return (c | 32) - 97 < 26 || c - 48 < 10 || c == 43 || c == 45 || c == 46
}

/** What ends an address of the web inside a text: blanks, quotes, brackets of other languages. */
@inline function endsUrl(c: u32): bool {
  return c <= 32 || c == 34 || c == 39 || c == 60 || c == 62 || c == 92 || c == 94 || c == 96 || (c >= 123 && c <= 125)
}

function isUrlListed(from: usize, colon: usize, to: usize): bool {
  let start = colon
  while (start > from && colon - start < 16 && isScheme(load<u8>(start - 1))) start--
  while (start < colon && (<u32>load<u8>(start) | 32) - 97 >= 26) start++
  if (colon - start < 2) return false
  let end = colon + 3
  let fragment: usize = 0
  while (end < to) {
    const c = <u32>load<u8>(end)
    if (endsUrl(c)) break
    if (c >= 128) return true
    if (c == 35 && fragment == 0) fragment = end
    end++
  }
  if (fragment != 0) end = fragment
  while (end > start) {
    const c = <u32>load<u8>(end - 1)
    if (c != 46 && c != 44 && c != 59 && c != 58 && c != 33 && c != 41 && c != 93) break
    end--
  }
  while (end > start && load<u8>(end - 1) == 47) end--
  return isListed(textHash(start, <u32>(end - start)))
}
