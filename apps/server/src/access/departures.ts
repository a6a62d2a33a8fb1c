import type { Actor } from '../journal/index.ts'
import type { Tx } from '../kernel/database.ts'

type Departure = (tx: Tx, actor: Actor, personId: string) => Promise<void>

/** What ends in the same transaction in which an account is deactivated. Modules above register what they hold of a person. */
export class Departures {
  readonly #departures: Departure[] = []

  add(departure: Departure): void {
    this.#departures.push(departure)
  }

  async leave(tx: Tx, actor: Actor, personId: string): Promise<void> {
    for (const departure of this.#departures) await departure(tx, actor, personId)
  }
}
