import { isOutage } from './database.ts'
import type { Finding } from './finding.ts'
import type { Log } from './telemetry.ts'

export interface NamedFinding extends Finding {
  /** The part, for example `database`. */
  readonly name: string
}

/** A check that has not answered by then counts as degraded itself. */
const checkMs = 5_000

/**
 * What `/readyz` asks. Each part of the server adds a check of its own; all run at once, and one that hangs or fails holds up no other.
 */
export class HealthChecks {
  readonly #log: Log
  readonly #checks = new Map<string, () => Promise<Finding | undefined>>()
  #running: Promise<readonly NamedFinding[]> | undefined

  constructor(log: Log) {
    this.#log = log
  }

  /**
   * Adds a check. It answers undefined while all is well.
   * @param name of the part, lower case with hyphens; one check a name
   */
  add(name: string, check: () => Promise<Finding | undefined>): void {
    if (this.#checks.has(name)) throw new Error(`there is a health check named ${name} already`)
    this.#checks.set(name, check)
  }

  /** Everything that is wrong now, what is unavailable first. Those who ask at the same time share one run. */
  findings(): Promise<readonly NamedFinding[]> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #run(): Promise<readonly NamedFinding[]> {
    const found = await Promise.all([...this.#checks].map(([name, check]) => this.#ask(name, check)))
    return found.filter(finding => finding !== undefined).sort((a, b) => Number(b.severity === 'unavailable') - Number(a.severity === 'unavailable'))
  }

  async #ask(name: string, check: () => Promise<Finding | undefined>): Promise<NamedFinding | undefined> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<Finding>(resolve => {
      timer = setTimeout(() => resolve({ severity: 'degraded', detail: `The check of ${name} did not finish within ${checkMs / 1_000} s.` }), checkMs)
    })
    try {
      const finding = await Promise.race([check(), late])
      return finding && { name, ...finding }
    } catch (error) {
      // A database that is away is told of by its own check.
      if (isOutage(error)) return undefined
      this.#log.warn({ err: error, check: name }, 'a health check failed')
      return { name, severity: 'degraded', detail: `The check of ${name} failed.` }
    } finally {
      clearTimeout(timer)
    }
  }
}
