import { joinSubtrees } from '@tocsin/merkle'
import { sql } from 'drizzle-orm'
import type { Reader } from '../kernel/database.ts'
import { journalNodes } from './tables.ts'

/** Where a subtree stands. */
export type Place = { readonly level: number; readonly index: number }

export const placeName = (place: Place) => `${place.level}/${place.index}`

/** The stored hashes of subtrees, by the name of their place. */
export async function readNodes(reader: Reader, places: readonly Place[]): Promise<Map<string, Buffer>> {
  const wanted = new Map(places.map(place => [placeName(place), place]))
  if (wanted.size === 0) return new Map()
  const levels = sql.param([...wanted.values()].map(place => place.level))
  const indexes = sql.param([...wanted.values()].map(place => place.index))
  const rows = await reader.db
    .select()
    .from(journalNodes)
    .where(sql`(${journalNodes.level}, ${journalNodes.nodeIndex}) in (select * from unnest(${levels}::int[], ${indexes}::bigint[]))`)
  return new Map(rows.map(row => [placeName({ level: row.level, index: row.nodeIndex }), row.hash]))
}

/** The hashes of a proof, each joined of the subtrees that make it; undefined where one of them is not stored. */
export function proofOf(nodes: ReadonlyMap<string, Buffer>, places: readonly (readonly Place[])[]): Buffer[] | undefined {
  const hashes = places.map(subtrees => subtrees.map(place => nodes.get(placeName(place))))
  const found = hashes.flatMap(subtrees => (subtrees.every(hash => hash !== undefined) ? [joinSubtrees(subtrees)] : []))
  return found.length === places.length ? found : undefined
}
