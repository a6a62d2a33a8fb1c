import type { Reader } from '../kernel/database.ts'
import { conflict } from '../kernel/problems.ts'

type UsedKind = 'schedule' | 'team-channel'
/** @returns why the record with this id cannot go, as a sentence; undefined where nothing refers to it */
type Usage = (reader: Reader, id: string) => Promise<string | undefined>

/** What refers to a record that somebody wants to remove. Modules register for what they refer to in the modules below them. */
export class Usages {
  readonly #usages: { readonly kind: UsedKind; readonly usage: Usage }[] = []

  add(kind: UsedKind, usage: Usage): void {
    this.#usages.push({ kind, usage })
  }

  /** @throws AppProblem conflict, with the first reason against removing it */
  async assertUnused(reader: Reader, kind: UsedKind, id: string): Promise<void> {
    for (const each of this.#usages) {
      const sentence = each.kind === kind ? await each.usage(reader, id) : undefined
      if (sentence !== undefined) throw conflict(sentence)
    }
  }
}
