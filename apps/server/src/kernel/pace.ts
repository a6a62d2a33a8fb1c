import { setTimeout as sleep } from 'node:timers/promises'

/** Below it a timer comes too late to be of use. */
const shortestMs = 2

/** Lets pieces of what is large through at a rate, in the order in which they come: as fast as somebody can send, one sender takes a processor, and the disk. */
export class Pace {
  readonly #bytesPerMs: number
  #freeAtMs = 0

  constructor(bytesPerSecond: number) {
    this.#bytesPerMs = bytesPerSecond / 1_000
  }

  /** Ends when a piece of this size is due; at the soonest in the next turn of the event loop, so that everybody else has one first. */
  async pass(bytes: number): Promise<void> {
    const now = performance.now()
    this.#freeAtMs = Math.max(this.#freeAtMs, now) + bytes / this.#bytesPerMs
    const waitMs = this.#freeAtMs - now
    if (waitMs < shortestMs) await new Promise(resolve => setImmediate(resolve))
    else await sleep(waitMs)
  }
}
