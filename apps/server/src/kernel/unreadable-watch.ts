import type { Alarms } from './alarms.ts'
import type { Database } from './database.ts'
import type { Log } from './telemetry.ts'
import { nameOfValue, unreadableSentence } from './unreadable.ts'

const lookMs = 5_000
const alarmKey = 'unreadable-values'

interface Services {
  readonly database: Database
  readonly alarms: Alarms
  readonly log: Log
}

/** Looks at times whether values that could not be read can be, and pages the administrators about those that cannot. */
export class UnreadableWatch {
  readonly #services: Services
  /** What the administrators were paged about last; undefined while there is nothing. */
  #paged: string | undefined
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined

  constructor(services: Services) {
    this.#services = services
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#looking ??= this.look()
        .catch((error: unknown) => this.#services.log.warn({ err: error }, 'unreadable values could not be checked; retrying'))
        .finally(() => {
          this.#looking = undefined
        })
    }, lookMs)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#looking
  }

  /** One look: raises and resolves the alarm. */
  async look(): Promise<void> {
    const { database, alarms } = this.#services
    const { unreadable } = database
    if (unreadable.list().length > 0) await unreadable.review(database.reader().db)
    const values = unreadable.list()
    const names = values.length === 0 ? undefined : values.map(nameOfValue).toSorted().join()
    if (names === this.#paged) return
    await database.transaction(tx =>
      values.length === 0
        ? alarms.resolve(tx, alarmKey)
        : alarms.raise(tx, {
            key: alarmKey,
            title: values.length === 1 ? 'A stored value cannot be read' : `${values.length} stored values cannot be read`,
            summary: `${unreadableSentence(values)} These records are left out of lists, or shown without the value. Everything else works. Correct or delete them in the database.`,
          }),
    )
    this.#paged = names
  }
}
