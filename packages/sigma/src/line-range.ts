import { readSync } from 'node:fs'

const lookBytes = 1 << 16

/** Where the first line begins that begins at `at` or behind it; the end of the file where none does. */
function lineFrom(descriptor: number, at: number): number {
  if (at === 0) return 0
  const piece = new Uint8Array(lookBytes)
  // The newline before it may stand right before `at`.
  for (let from = at - 1; ; ) {
    const size = readSync(descriptor, piece, 0, piece.length, from)
    const newline = piece.subarray(0, size).indexOf(10)
    if (newline >= 0) return from + newline + 1
    from += size
    if (size === 0) return from
  }
}

/**
 * Reads the lines of a file that begin within [from, to): neighbouring ranges have every line once between them.
 * @returns a function that fills memory from its start and says how much it filled; 0 at the end
 */
export function lineRange(descriptor: number, from: number, to: number): (into: Uint8Array) => number {
  const end = lineFrom(descriptor, to)
  let at = lineFrom(descriptor, from)
  return into => {
    if (at >= end) return 0
    const size = readSync(descriptor, into, 0, Math.min(into.length, end - at), at)
    at += size
    return size
  }
}
