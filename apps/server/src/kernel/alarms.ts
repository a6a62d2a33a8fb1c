import type { Tx } from './database.ts'

/** Something about the installation itself that an administrator has to see to. */
export interface Alarm {
  /** What is wrong, exactly: while a page about it is open, raising it again pages nobody. Such as `journal-reader:notices`. */
  readonly key: string
  /** One line without content of records: it leaves by every channel. */
  readonly title: string
  /** What happened, what it means, and what to do. */
  readonly summary: string
}

interface Pager {
  raise(tx: Tx, alarm: Alarm): Promise<void>
  resolve(tx: Tx, key: string): Promise<void>
}

/** Pages the administrators. Any module may raise an alarm; the one that pages people fills this. */
export class Alarms {
  #pager: Pager | undefined

  fill(pager: Pager): void {
    this.#pager = pager
  }

  /** Pages all active administrators, in the transaction of what was found. An alarm whose page is open is not doubled. */
  raise(tx: Tx, alarm: Alarm): Promise<void> {
    return this.#filled().raise(tx, alarm)
  }

  /** The cause is gone: the page about it, if there is one, is resolved. */
  resolve(tx: Tx, key: string): Promise<void> {
    return this.#filled().resolve(tx, key)
  }

  #filled(): Pager {
    if (this.#pager === undefined) throw new Error('paging of administrators is not ready yet')
    return this.#pager
  }
}
