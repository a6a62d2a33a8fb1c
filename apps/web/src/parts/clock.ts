/** How far the clock of the server is ahead of the one here, by what its replies say; it is known to the second. */
export class ServerClock {
  /** Between what it must lie, in milliseconds. */
  #from = Number.NEGATIVE_INFINITY
  #until = Number.POSITIVE_INFINITY

  /**
   * A reply said when it was made.
   * @param date its `Date` header: a whole second, cut off
   * @param sentAt when its request was sent, and when it was received, by the clock here in milliseconds
   */
  hear(date: string | null, sentAt: number, receivedAt: number): void {
    const at = Date.parse(date ?? '')
    if (Number.isNaN(at)) return
    const [from, until] = [at - receivedAt, at + 1_000 - sentAt]
    const isAsBefore = from <= this.#until && until >= this.#from
    // One of the clocks was set meanwhile.
    this.#from = isAsBefore ? Math.max(from, this.#from) : from
    this.#until = isAsBefore ? Math.min(until, this.#until) : until
  }

  /** The time of the server, in milliseconds, when the clock here says `here`. */
  at(here: number): number {
    const isSame = this.#from <= 0 && this.#until >= 0
    return isSame ? here : here + (this.#from + this.#until) / 2
  }
}

export const serverClock = new ServerClock()

/** The time now as the server has it: deadlines are the server's, whatever the clock of a laptop says. */
export const serverNow = (): number => serverClock.at(Date.now())
