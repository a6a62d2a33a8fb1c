import { endedBy } from '../../kernel/deadline.ts'
import { OutboundFailure } from '../../kernel/outbound.ts'
import type { Log } from '../../kernel/telemetry.ts'

/** A place outside the database that is given the checkpoints, so that a journal which was rewritten as a whole is found. */
export interface Witness {
  /** As it is named on record and in `/readyz`, which anybody may read: without an address. */
  readonly name: string
  /** The least time between two checkpoints: the newest is enough. */
  readonly restMs: number
  /** Resolves once the place has the signed checkpoint. Given again after a failure. */
  witness(checkpoint: string, signal: AbortSignal): Promise<void>
}

/** One checkpoint is given up after that time, and tried again. */
const deadlineMs = 15_000
const backoffMs = { first: 1_000, max: 300_000 }
/** After so many failures in a row it is an alarm. */
const failuresUntilAlarm = 3

/** What a witness is behind by, and why. */
export interface WitnessStatus {
  readonly name: string
  /** For how long there has been a newer checkpoint than the one that it has; 0 when it has the newest. */
  readonly lagSeconds: number
  /** Why the last attempt failed, without an address; undefined where it did not. */
  readonly error: string | undefined
  /** It has failed again and again. */
  readonly isFailing: boolean
}

/** Gives a witness the newest checkpoint, at its own pace and for as long as it takes; nobody waits for it who does not want to. */
export class Witnessing {
  readonly #witness: Witness
  readonly #log: Log
  readonly #deadlineMs: number
  readonly #end = new AbortController()
  /** The newest checkpoint, until the witness has it. */
  #wanted: string | undefined
  /** Since when one is wanted (monotonic, ms). */
  #since: number | undefined
  #failures = 0
  #error: string | undefined
  #attempt: Promise<void> | undefined
  /** What was begun last, which may go on after it was given up. */
  #begun: Promise<unknown> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined

  constructor(witness: Witness, log: Log, options: { deadlineMs?: number } = {}) {
    this.#witness = witness
    this.#log = log
    this.#deadlineMs = options.deadlineMs ?? deadlineMs
  }

  get status(): WitnessStatus {
    const lagSeconds = this.#since === undefined ? 0 : Math.round((performance.now() - this.#since) / 1_000)
    return { name: this.#witness.name, lagSeconds, error: this.#error, isFailing: this.#failures >= failuresUntilAlarm }
  }

  /** Takes the newest checkpoint. Whoever waits does so for one attempt, if there is one now. */
  async offer(checkpoint: string): Promise<void> {
    this.#wanted = checkpoint
    this.#since ??= performance.now()
    this.#start()
    while (this.#attempt && this.#wanted === checkpoint) await this.#attempt
  }

  async stop(): Promise<void> {
    this.#end.abort(new Error('the server stops'))
    clearTimeout(this.#timer)
    await this.#attempt
  }

  #start(): void {
    if (this.#attempt || this.#timer || this.#wanted === undefined || this.#end.signal.aborted) return
    this.#attempt = this.#give(this.#wanted).then(waitMs => {
      this.#attempt = undefined
      if (waitMs === 0 || this.#end.signal.aborted) return this.#start()
      this.#timer = setTimeout(() => {
        this.#timer = undefined
        this.#start()
      }, waitMs)
    })
  }

  /** @returns for how long to wait before the next */
  async #give(checkpoint: string): Promise<number> {
    const { name, restMs } = this.#witness
    const signal = AbortSignal.any([this.#end.signal, AbortSignal.timeout(this.#deadlineMs)])
    try {
      // Never a second beside one that hangs, as on a share that is away: each would hold a thread or a process for as long.
      await endedBy(this.#begun, signal)
      const given = this.#witness.witness(checkpoint, signal)
      this.#begun = given.catch(() => undefined)
      await endedBy(given, signal)
    } catch (error) {
      if (this.#end.signal.aborted) return 0
      this.#failures += 1
      this.#error = reasonOf(error)
      this.#log.warn({ err: error, witness: name }, 'a witness did not take a checkpoint of the audit log; retrying')
      return Math.min(backoffMs.max, backoffMs.first * 2 ** Math.min(this.#failures - 1, 20))
    }
    if (this.#failures > 0) this.#log.info({ witness: name }, 'a witness takes checkpoints of the audit log again')
    this.#failures = 0
    this.#error = undefined
    this.#since = this.#wanted === checkpoint ? undefined : performance.now()
    if (this.#wanted === checkpoint) this.#wanted = undefined
    return restMs
  }
}

/** Why, in a few words without addresses and paths: for `/readyz` and the record. The log has all of it. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'failed'
  if (error.name === 'TimeoutError') return 'no response in time'
  if (error instanceof WitnessFailure) return error.message
  if (error instanceof OutboundFailure) return error.status === undefined ? 'refused' : `status ${error.status}`
  const { code } = error as NodeJS.ErrnoException
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]+$/.test(code) ? code : 'failed'
}

/** A failure whose sentence names no address, path or content. */
export class WitnessFailure extends Error {
  override readonly name = 'WitnessFailure'
}
