import { setImmediate, setTimeout as sleep } from 'node:timers/promises'

/** Below it a timer comes too late to be of use. */
const shortestMs = 2

interface Piece {
  readonly bytes: number
  readonly goOn: () => void
}

/**
 * Lets pieces of what is large through at a rate, of each sender in turn: as fast as somebody can send, one sender takes a processor, and the disk, and who
 * opens many connections takes no more than who opens one.
 */
export class Pace {
  readonly #bytesPerMs: number
  readonly #waiting = new Map<string, Piece[]>()
  #freeAtMs = 0
  #isServing = false

  constructor(bytesPerSecond: number) {
    this.#bytesPerMs = bytesPerSecond / 1_000
  }

  /** Ends when a piece of this size is due; at the soonest in the next turn of the event loop, so that everybody else has one first. */
  pass(bytes: number, sender: string): Promise<void> {
    return new Promise(goOn => {
      const queue = this.#waiting.get(sender) ?? []
      queue.push({ bytes, goOn })
      this.#waiting.set(sender, queue)
      if (!this.#isServing) void this.#serve()
    })
  }

  async #serve(): Promise<void> {
    this.#isServing = true
    for (let piece = this.#next(); piece !== undefined; piece = this.#next()) {
      const now = performance.now()
      this.#freeAtMs = Math.max(this.#freeAtMs, now) + piece.bytes / this.#bytesPerMs
      const waitMs = this.#freeAtMs - now
      if (waitMs < shortestMs) await setImmediate()
      else await sleep(waitMs)
      piece.goOn()
    }
    this.#isServing = false
  }

  /** The next piece of the sender whose turn it is, who then comes last. */
  #next(): Piece | undefined {
    for (const [sender, queue] of this.#waiting) {
      this.#waiting.delete(sender)
      const piece = queue.shift()
      if (queue.length > 0) this.#waiting.set(sender, queue)
      return piece
    }
    return undefined
  }
}
