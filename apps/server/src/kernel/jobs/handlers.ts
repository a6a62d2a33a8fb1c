import type { Tx } from '../database.ts'
import type { JobKind, Lane } from './lanes.ts'
import type { LanePlaces } from './places.ts'

/** The most that go into one transaction. */
const maxTogether = 200
/** Attempts of a job whose handler says nothing. */
export const maxAttempts = 1_000

/** What a job that calls nobody does: its effect, in the transaction that also removes the job. */
export interface JobHandler<Data> {
  run?(tx: Tx, data: Data): Promise<void>
  /**
   * Instead of `run`: the effect of many at once, in one transaction, for kinds that come in thousands. All that are ready when a transaction
   * ends go into the next one. Where it fails each is tried alone, so that one bad one does not stand in the way of the others.
   */
  runAll?(tx: Tx, all: readonly Data[]): Promise<void>
  /** Called in a transaction when no attempt is left. */
  giveUp?(tx: Tx, data: Data, error: string): Promise<void>
  /** Attempts before it is given up; default 1000, at growing distances of a minute at most. */
  readonly attempts?: number
}

/** One run of a job. */
export interface Run {
  /** How often it was tried before. */
  readonly attempt: number
  /** Fires at the lane's deadline. Whatever is called outside takes it; what ignores it is not waited for. */
  readonly signal: AbortSignal
}

/**
 * What a job that calls the outside world does. `before` runs outside any transaction, so that a slow peer holds no lock; `run` or `runAll` takes
 * its outcome into the transaction that removes the job. After a crash between the two, `before` happens again: it must carry an id that its
 * receiver can tell a repetition by.
 */
export interface CallHandler<Data, Outcome> {
  before(data: Data, run: Run): Promise<Outcome>
  run?(tx: Tx, data: Data, outcome: Outcome): Promise<void>
  runAll?(tx: Tx, all: readonly { readonly data: Data; readonly outcome: Outcome }[]): Promise<void>
  giveUp?(tx: Tx, data: Data, error: string): Promise<void>
  readonly attempts?: number
}

/** A job that this worker has taken. */
export interface Claimed extends Record<string, unknown> {
  readonly id: string
  readonly kind: string
  readonly key: string
  readonly lane: string
  readonly destination: string
  readonly data: unknown
  readonly attempts: number
}

/** What is stored is not what the kind carries: no repetition can help. */
export class UnreadableJob extends Error {
  override readonly name = 'UnreadableJob'
}

/** Takes jobs away in a transaction and lets `work` do their effect in it; it is told which of them were still there. */
export type Take = (ids: readonly string[], signal: AbortSignal, work: (tx: Tx, ids: ReadonlySet<string>) => Promise<void>) => Promise<void>

/** A kind with what it does. It knows its own types, so that the runner needs none. */
export interface Registered {
  readonly kind: string
  readonly lane: Lane
  readonly attempts: number
  run(job: Claimed, run: Run, places: LanePlaces): Promise<void>
  giveUp(tx: Tx, job: Claimed, error: string): Promise<void>
}

/** A job whose `before` is done. */
interface Ready<Data, Outcome> {
  readonly job: Claimed
  readonly data: Data
  readonly outcome: Outcome
  readonly signal: AbortSignal
}

export class Handled<Data, Outcome> implements Registered {
  readonly kind: string
  readonly lane: Lane
  readonly attempts: number
  readonly #schema: JobKind<Data>['data']
  readonly #handler: CallHandler<Data, Outcome>
  readonly #take: Take
  /** Those that share the next transaction. */
  readonly #waiting: (Ready<Data, Outcome> & { readonly resolve: () => void; readonly reject: (error: unknown) => void })[] = []

  constructor({ kind, lane, data }: JobKind<Data>, handler: CallHandler<Data, Outcome>, take: Take) {
    this.kind = kind
    this.lane = lane
    this.attempts = handler.attempts ?? maxAttempts
    this.#schema = data
    this.#handler = handler
    this.#take = take
  }

  async run(job: Claimed, run: Run, places: LanePlaces): Promise<void> {
    const data = this.#parse(job)
    const outcome = await this.#handler.before(data, run)
    if (run.signal.aborted) return
    const ready = { job, data, outcome, signal: run.signal }
    if (this.#handler.runAll) await this.#together(ready, places)
    else await places.gate.pass(() => this.#settle([ready], places))
  }

  async giveUp(tx: Tx, job: Claimed, error: string): Promise<void> {
    if (this.#handler.giveUp) await this.#handler.giveUp(tx, this.#parse(job), error)
  }

  /** @throws UnreadableJob with the fields that are wrong, never with what stands in them */
  #parse({ data, kind }: Claimed): Data {
    const parsed = this.#schema.safeParse(data)
    if (parsed.success) return parsed.data
    throw new UnreadableJob(`${kind}: ${parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'data'}: ${message}`).join('; ')}`)
  }

  /** The effect of jobs, in one transaction. Those replaced or cancelled while `before` ran, and those whose deadline passed, are nobody's any more. */
  async #settle(all: readonly Ready<Data, Outcome>[], places: LanePlaces): Promise<void> {
    const inTime = all.filter(({ signal }) => !signal.aborted)
    if (inTime.length === 0) return
    await this.#take(
      inTime.map(({ job }) => job.id),
      AbortSignal.timeout(places.deadlineMs),
      async (tx, ids) => {
        const mine = inTime.filter(({ job }) => ids.has(job.id))
        if (mine.length > 0) await this.#handler.runAll?.(tx, mine)
        for (const { data, outcome } of mine) await this.#handler.run?.(tx, data, outcome)
      },
    )
  }

  #together(ready: Ready<Data, Outcome>, places: LanePlaces): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ...ready, resolve, reject })
      if (this.#waiting.length === 1) void places.gate.pass(() => this.#flush(places))
    })
  }

  async #flush(places: LanePlaces): Promise<void> {
    const all = this.#waiting.splice(0, maxTogether)
    // What comes from now on waits for the next transaction, which may run beside this one.
    if (this.#waiting.length > 0) void places.gate.pass(() => this.#flush(places))
    try {
      await this.#settle(all, places)
      for (const { resolve } of all) resolve()
    } catch (error) {
      if (all.length === 1) return all[0]?.reject(error)
      for (const one of all) await this.#settle([one], places).then(one.resolve, one.reject)
    }
  }
}
