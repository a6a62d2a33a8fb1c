import { and, asc, gt, like } from 'drizzle-orm'
import type { AppContext } from '../access/index.ts'
import { addMinutes } from '../kernel/clock.ts'
import type { Tx } from '../kernel/database.ts'
import { Repeating } from '../kernel/repeating.ts'
import { deadLetters, eventBatches } from './tables.ts'

const lookMs = 30_000
/** Events are matched within seconds; what has waited for so long is not going to be soon. */
const maxLagMinutes = 5
/** Events that were set aside, and that nobody has sent again, are told of for so long. */
const toldMinutes = 24 * 60

/** How the reason of each dead letter begins that failed in each attempt to match it. */
export const unmatchedReason = 'the batch could not be matched'
const lagKey = 'detection-lag'
export const setAsideKey = 'detection-set-aside'

/** Pages the administrators when received events are not matched, and resolves the pages about it, and about events that were set aside, when that is over. */
export class DetectionWatch {
  readonly #context: AppContext
  /** Alarms that may be open; at the start each, as an earlier process may have raised it. */
  readonly #open = new Set([lagKey, setAsideKey])
  readonly #looks: Repeating

  constructor(context: AppContext) {
    this.#context = context
    this.#looks = new Repeating(lookMs, () => this.look(), context.log, 'the lag of detection could not be checked')
  }

  start(): void {
    this.#looks.start()
  }

  async stop(): Promise<void> {
    await this.#looks.stop()
  }

  /** Events were set aside: their alarm is looked after from now on. */
  setAside(): void {
    this.#open.add(setAsideKey)
  }

  /** One look: raises and resolves the alarms. */
  async look(): Promise<void> {
    const { database, alarms } = this.#context
    const { db, now } = database.reader()
    const [oldest] = await db.select({ receivedAt: eventBatches.receivedAt }).from(eventBatches).orderBy(asc(eventBatches.id)).limit(1)
    if (oldest !== undefined && oldest.receivedAt < addMinutes(now, -maxLagMinutes)) {
      this.#open.add(lagKey)
      await database.transaction(tx =>
        alarms.raise(tx, {
          key: lagKey,
          title: 'Detection is behind',
          summary: `Log events received at ${oldest.receivedAt} have not been matched yet, so detection rules have not seen them. They are stored and will be matched. Check the health of detection in /readyz, the load of the server, and its log.`,
        }),
      )
    } else await this.#over(lagKey)
    if (!this.#open.has(setAsideKey)) return
    const isLetter = and(like(deadLetters.reason, `${unmatchedReason}%`), gt(deadLetters.receivedAt, addMinutes(now, -toldMinutes)))
    const letters = await db.select({ id: deadLetters.id }).from(deadLetters).where(isLetter).limit(1)
    if (letters.length === 0) await this.#over(setAsideKey)
  }

  async #over(key: string): Promise<void> {
    if (!this.#open.has(key)) return
    await this.#context.database.transaction((tx: Tx) => this.#context.alarms.resolve(tx, key))
    this.#open.delete(key)
  }
}
