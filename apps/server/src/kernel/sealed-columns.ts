import { getTableName, type SQL, sql } from 'drizzle-orm'
import type { PgColumn } from 'drizzle-orm/pg-core'
import type { Database, Reader } from './database.ts'
import { AppProblem } from './problems.ts'
import { type Secrets, sealedWith } from './secrets.ts'
import type { UnreadableValues } from './unreadable.ts'

/** Where a table has sealed values. Each module says so of its own, and the rotation of the master key seals them anew. */
export interface SealedColumn {
  /** The primary key of the row. */
  readonly id: PgColumn
  /** The column, or a document that holds the value. */
  readonly column: PgColumn
  /** The sealed value of a row; null where there is none. */
  readonly sealed: SQL
  /** What the module seals it for (`belongsTo`), as SQL: the two must be the same. */
  readonly belongsTo: SQL
  /** The column with another sealed value. */
  readonly with: (sealed: SQL) => SQL
}

/** A column of which each value is a sealed one. */
export const sealedColumn = (id: PgColumn, column: PgColumn, belongsTo: SQL): SealedColumn => ({
  ...{ id, column, belongsTo },
  sealed: sql`${column}`,
  with: sealed => sealed,
})

/** A sealed value does not open: it is damaged, or was changed or moved there from another row. The sentence says what is to be done without it. */
export class SealedValueDamaged extends AppProblem {
  constructor(sentence: string) {
    super('conflict', sentence)
  }
}

interface SealedRow {
  readonly id: string
  readonly sealed: string
  readonly belongsTo: string
}

/**
 * Opens the sealed value of a row. One that does not open is noted, which pages the administrators.
 * @throws SealedValueDamaged with this sentence
 */
export function unsealRow(reader: Pick<Reader, 'unreadable'>, secrets: Secrets, column: SealedColumn, row: SealedRow, sentence: string): string {
  const plain = opened(secrets, row.sealed, row.belongsTo)
  if (plain !== undefined) return plain
  note(reader.unreadable, secrets, column, row)
  throw new SealedValueDamaged(sentence)
}

function note(unreadable: UnreadableValues, secrets: Secrets, sealedColumn: SealedColumn, row: SealedRow): void {
  const { id, column, sealed } = sealedColumn
  unreadable.note({ table: getTableName(column.table), id: row.id, column: column.name, isLeftOut: false, isSealed: true }, async db => {
    const { rows } = await db.execute<{ sealed: string | null }>(sql`select ${sealed} as sealed from ${column.table} where ${id}::text = ${row.id}`)
    const now = rows[0]?.sealed ?? undefined
    if (now !== undefined && opened(secrets, now, row.belongsTo) === undefined) note(unreadable, secrets, sealedColumn, row)
  })
}

/** So many values are sealed anew in one transaction. */
const batch = 500

/**
 * Seals the values of a column with another master key, batch by batch. After a kill it goes on where it was: what the new key has sealed is passed over.
 * @returns how many do not open with the old key; they are left as they are
 */
export async function reseal(
  database: Database,
  { id, column, sealed, belongsTo, with: withSealed }: SealedColumn,
  from: Secrets,
  to: Secrets,
): Promise<number> {
  let unreadable = 0
  for (let after = ''; ; ) {
    const last = await database.transaction(async tx => {
      const { rows } = await tx.db.execute<{ id: string; sealed: string; belongsTo: string }>(sql`
        select ${id}::text as id, ${sealed} as sealed, ${belongsTo} as "belongsTo" from ${column.table}
        where ${sealed} is not null and not starts_with(${sealed}, ${sealedWith(to.keyId)}) and ${id}::text > ${after}
        order by ${id}::text limit ${batch} for update`)
      const changed = rows.flatMap(row => {
        const plain = opened(from, row.sealed, row.belongsTo)
        return plain === undefined ? [] : [{ id: row.id, sealed: to.seal(plain, row.belongsTo) }]
      })
      unreadable += rows.length - changed.length
      const ids = sql.param(changed.map(row => row.id))
      const values = sql.param(changed.map(row => row.sealed))
      if (changed.length > 0)
        await tx.db.execute(sql`
          update ${column.table} set ${sql.identifier(column.name)} = ${withSealed(sql`changed.sealed`)}
          from unnest(${ids}::text[], ${values}::text[]) as changed (id, sealed) where ${id}::text = changed.id`)
      return rows.at(-1)
    })
    if (last === undefined) return unreadable
    after = last.id
  }
}

function opened(secrets: Secrets, sealed: string, belongsTo: string): string | undefined {
  try {
    return secrets.unseal(sealed, belongsTo)
  } catch {
    // Damaged, or moved here from another row: it opens with no key.
    return undefined
  }
}
