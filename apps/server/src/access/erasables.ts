import type { Erasure, ErasureInput } from '@tocsin/api'
import type { About } from '../journal/index.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import type { Viewer } from './visibility.ts'

type Kind = ErasureInput['kind']

/** The records that an erasure is about. */
export interface Found {
  readonly ids: readonly string[]
  /** The incidents that they belong to; null for none. */
  readonly within: readonly (string | null)[]
  /** The records of other kinds of which the audit log tells by a quotation. */
  readonly others?: readonly About[]
}

/** A kind of personal data that can be erased. */
export interface Erasable {
  /** The kind of the records in the audit log. */
  readonly subject: 'report' | 'note' | 'incident'
  /**
   * @param target an email address or an ID
   * @param viewer who asks, where somebody does: what they may not see is not found
   */
  find(reader: Reader, target: string, viewer: Viewer): Promise<Found>
  /** Erases it from the tables, with all copies of it; the audit log is not its concern. A few statements for all records. */
  erase(tx: Tx, ids: readonly string[], erasure: Erasure): Promise<void>
  /** What its retention ends for, oldest first and no more than `limit`; undefined where no retention is configured. */
  outlived?(reader: Reader, limit: number): Promise<Found | undefined>
}

/** What personal data there is to erase. Modules define the kinds that they hold. */
export class Erasables {
  readonly #erasables = new Map<Kind, Erasable>()

  define(kind: Kind, erasable: Erasable): void {
    this.#erasables.set(kind, erasable)
  }

  get all(): ReadonlyMap<Kind, Erasable> {
    return this.#erasables
  }

  of(kind: Kind): Erasable {
    const found = this.#erasables.get(kind)
    if (found === undefined) throw new Error(`nobody has said how the data of a ${kind} is erased`)
    return found
  }
}
