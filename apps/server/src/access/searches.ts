import type { Scope, SearchResults, searchKinds } from '@tocsin/api'
import { desc, or, type SQL, type SQLWrapper, sql } from 'drizzle-orm'
import type { Database, Reader } from '../kernel/database.ts'
import { isUnavailable } from '../kernel/database.ts'
import { containsText } from '../kernel/filter.ts'
import { withinMs } from '../kernel/within.ts'
import type { Caller } from './caller.ts'

type Kind = (typeof searchKinds)[number]
type Group = SearchResults['groups'][number]
export type SearchItem = Group['items'][number]
/** Finds a few records of a kind that a caller may see: those that contain the text first, then those with similar words. */
type Part = (reader: Reader, caller: Caller, text: string) => Promise<SearchItem[]>

/** Records of one kind that are shown. */
export const maxFound = 8
/** What takes longer is left out, and says so. */
const patienceMs = 2_000

/** What is searched by the search of everything. Modules say how their records are found. */
export class Searches {
  readonly #parts = new Map<Kind, { readonly scope: Scope; readonly part: Part }>()

  /** @param scope that a service account needs for it */
  add(kind: Kind, scope: Scope, part: Part): void {
    this.#parts.set(kind, { scope, part })
  }

  /** All kinds at a time. One that fails or takes too long says so, and costs the others nothing. */
  async search(database: Database, caller: Caller, text: string, kinds: readonly Kind[]): Promise<SearchResults> {
    const may = kinds.flatMap(kind => {
      const found = this.#parts.get(kind)
      return found !== undefined && (caller.scopes?.includes(found.scope) ?? true) ? [{ kind, part: found.part }] : []
    })
    const groups = may.map(async ({ kind, part }): Promise<Group> => {
      try {
        return { kind, items: await withinMs(patienceMs, part(database.reader(), caller, text)), problem: null }
      } catch (error) {
        if (isUnavailable(error) || isLate(error)) return { kind, items: [], problem: 'This took too long to search. Try a longer or more exact text.' }
        throw error
      }
    })
    return { groups: await Promise.all(groups) }
  }
}

const isLate = (error: unknown) => error instanceof Error && error.message.startsWith('not done within')

/** Conditions and order of rows whose text, in lower case, contains what is searched for, or words like it. */
export function nearText(column: SQLWrapper, text: string): { readonly isExact: SQL<boolean>; readonly isNear: SQL; readonly order: SQL[] } {
  const isExact = sql<boolean>`(${containsText(column, [text])})`
  const isNear = or(isExact, sql`lower(${text}::text) <% ${column}`) ?? isExact
  return { isExact, isNear, order: [desc(isExact), desc(sql`word_similarity(lower(${text}::text), ${column})`)] }
}
