import { zstdCompressSync } from 'node:zlib'

/** Events of a batch as they are stored: compressed lines of JSON. */
export interface Packed {
  /** Uncompressed. */
  readonly sizeBytes: number
  readonly body: Uint8Array
}

/** Of the lines of a batch, and of a statement that stores some: to copy more at once would hold up others. */
export const maxBatchBytes = 4 * 1_048_576

/** Lines in batches that are not too large; a line is never divided. Takes 8 ms for each megabyte, so what is large is packed where it was read: on a worker. */
export function pack(lines: Buffer): Packed[] {
  const packed: Packed[] = []
  for (let at = 0; at < lines.length; ) {
    const end = lines.length - at <= maxBatchBytes ? -1 : lines.indexOf(10, at + maxBatchBytes)
    const to = end < 0 ? lines.length : end + 1
    packed.push({ sizeBytes: to - at, body: zstdCompressSync(lines.subarray(at, to)) })
    at = to
  }
  return packed
}
