import { and, eq, gte, lte, or, type SQL, sql } from 'drizzle-orm'
import { firstAddress, journal, words } from './tables.ts'

/** What entries are looked for by. */
export interface JournalFilter {
  readonly type?: string | undefined
  /** The ID of a person or a service account. */
  readonly actor?: string | undefined
  readonly address?: string | undefined
  /** The ID of the record that they are about. */
  readonly subject?: string | undefined
  readonly incident?: string | undefined
  readonly from?: string | undefined
  readonly to?: string | undefined
  /** Words of names, titles and email addresses, or how they begin. */
  readonly text?: string | undefined
}

const maxWords = 10

/** The condition for entries that a filter means, each part by an index of its own; undefined for all. */
export function filterCondition({ type, actor, address, subject, incident, from, to, text }: JournalFilter): SQL | undefined {
  const pieces = text?.split(/\s+/).filter(piece => piece !== '') ?? []
  return and(
    type === undefined ? undefined : eq(journal.type, type),
    actor === undefined ? undefined : eq(journal.actorId, actor),
    address === undefined
      ? undefined
      : or(
          sql`${firstAddress(journal.data)} = ${address}`,
          sql`(${journal.data} ? 'addresses' and ${journal.data} -> 'addresses' @> ${JSON.stringify([address])}::jsonb)`,
        ),
    subject === undefined ? undefined : eq(journal.subjectId, subject),
    incident === undefined ? undefined : eq(journal.withinId, incident),
    from === undefined ? undefined : gte(journal.at, from),
    to === undefined ? undefined : lte(journal.at, to),
    pieces.length === 0 ? undefined : sql`${words(journal)} @@ to_tsquery('simple'::regconfig, ${pieces.slice(0, maxWords).map(quoted).join(' & ')})`,
  )
}

/** A word as a text search query has it: as it is, whatever is in it, and what begins so. */
const quoted = (piece: string) => `'${piece.replaceAll(/['\\]/g, '$&$&')}':*`
