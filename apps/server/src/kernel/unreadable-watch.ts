import type { Alarms } from './alarms.ts'
import type { Database } from './database.ts'
import { Repeating } from './repeating.ts'
import type { Log } from './telemetry.ts'
import { unreadableSentence } from './unreadable.ts'

const lookMs = 5_000
/** Raised again while it lasts: raising an open alarm changes nothing, and one that nobody has acknowledged pages anew. */
const raiseMs = 60_000

/** The program writes none that does not open. */
const sealedSentence = ' An encrypted value among them was moved, changed or damaged outside Tocsin: find out by whom.'

interface Services {
  readonly database: Database
  readonly alarms: Alarms
  readonly log: Log
}

/** Looks at times whether values that could not be read can be, and pages the administrators about those that cannot. */
export class UnreadableWatch {
  readonly #services: Services
  readonly #alarmKey: string
  /** When the alarm was raised last (monotonic, ms); undefined while there is none, null before the first look: an earlier process may have raised it. */
  #raisedAt: number | undefined | null = null
  readonly #looks: Repeating

  /** @param process each looks at what its own queries could not read, and has an alarm of its own */
  constructor(services: Services, process: 'web' | 'pager') {
    this.#services = services
    this.#looks = new Repeating(lookMs, () => this.look(), services.log, 'unreadable values could not be checked')
    this.#alarmKey = `unreadable-values:${process}`
  }

  start(): void {
    this.#looks.start()
  }

  async stop(): Promise<void> {
    await this.#looks.stop()
  }

  /** One look: raises and resolves the alarm. */
  async look(): Promise<void> {
    const { database, alarms } = this.#services
    const { unreadable } = database
    if (unreadable.list().length > 0) await unreadable.review(database.reader().db)
    const values = unreadable.list()
    const key = this.#alarmKey
    const now = performance.now()
    if (values.length === 0) {
      if (this.#raisedAt !== undefined) await database.transaction(tx => alarms.resolve(tx, key))
      this.#raisedAt = undefined
      return
    }
    if (typeof this.#raisedAt === 'number' && now - this.#raisedAt < raiseMs) return
    const title = values.length === 1 ? 'A stored value cannot be read' : `${values.length} stored values cannot be read`
    const summary = `${unreadableSentence(values)} These records are left out of lists, or shown without the value. Everything else works. Correct or delete them in the database.${values.some(({ isSealed }) => isSealed) ? sealedSentence : ''}`
    await database.transaction(tx => alarms.raise(tx, { key, title, summary }))
    this.#raisedAt = now
  }
}
