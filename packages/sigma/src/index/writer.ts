import { utf8 } from './bytes.ts'

/** Where the image begins in the memory of the scanner. Below it is room for nothing but mistakes. */
export const base = 1_024

/** Writes the image: little-endian words at addresses that are those of the scanner's memory. */
export class Writer {
  #bytes = new Uint8Array(1 << 20)
  #view = new DataView(this.#bytes.buffer)
  #length = 0
  readonly #texts = new Map<string, { at: number; length: number }>()

  /** Takes `size` zero bytes. @returns their address */
  take(size: number, alignment = 4): number {
    const at = Math.ceil(this.#length / alignment) * alignment
    this.#length = at + size
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length))
      grown.set(this.#bytes)
      this.#bytes = grown
      this.#view = new DataView(grown.buffer)
    }
    return base + at
  }

  u8(at: number, value: number): void {
    this.#view.setUint8(at - base, value)
  }

  u16(at: number, value: number): void {
    this.#view.setUint16(at - base, value, true)
  }

  u32(at: number, value: number): void {
    this.#view.setUint32(at - base, value, true)
  }

  getU32(at: number): number {
    return this.#view.getUint32(at - base, true)
  }

  words(values: readonly number[]): number {
    const at = this.take(values.length * 4)
    for (const [i, value] of values.entries()) this.u32(at + i * 4, value)
    return at
  }

  /** A text in UTF-8, kept once however often it is asked for. */
  text(text: string): { at: number; length: number } {
    const known = this.#texts.get(text)
    if (known !== undefined) return known
    const bytes = utf8(text)
    const at = this.take(bytes.length, 1)
    this.#bytes.set(bytes, at - base)
    const placed = { at, length: bytes.length }
    this.#texts.set(text, placed)
    return placed
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }
}
