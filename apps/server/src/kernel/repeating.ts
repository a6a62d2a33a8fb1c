import type { Log } from './telemetry.ts'

/** Does something every so often, never twice at once. What fails is logged, and done again the next time. */
export class Repeating {
  readonly #everyMs: number
  readonly #work: () => Promise<void>
  readonly #log: Log
  readonly #failed: string
  #timer: NodeJS.Timeout | undefined
  #working: Promise<void> | undefined

  /** @param failed the sentence that is logged with the error */
  constructor(everyMs: number, work: () => Promise<void>, log: Log, failed: string) {
    this.#everyMs = everyMs
    this.#work = work
    this.#log = log
    this.#failed = failed
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#working ??= this.#work()
        .catch((error: unknown) => this.#log.warn({ err: error }, `${this.#failed}; retrying`))
        .finally(() => {
          this.#working = undefined
        })
    }, this.#everyMs)
  }

  /** Waits for what is being done. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#working
  }
}
