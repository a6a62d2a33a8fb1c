import { getTableName, type SQL, sql } from 'drizzle-orm'
import type { PgColumn } from 'drizzle-orm/pg-core'
import type { Database, Reader } from './database.ts'
import { AppProblem } from './problems.ts'
import { seal, sealedWith, unseal } from './sealing.ts'
import type { Secrets } from './secrets.ts'
import type { UnreadableValues } from './unreadable.ts'

/** Where a table has sealed values. Each module declares its own, and the rotation of the master key seals them anew. */
export interface SealedColumn {
  /** The primary key of the row. */
  readonly id: PgColumn
  /** The column, or a document that holds the value. */
  readonly column: PgColumn
  /** The sealed value of a row; null where there is none. */
  readonly sealed: SQL
  /** What a value belongs to, so that it opens nowhere else: some words, and columns that name its owner. */
  readonly belongsTo: readonly [words: string, ...owner: (PgColumn | SQL)[]]
  /** The column with another sealed value. */
  readonly with: (sealed: SQL) => SQL
}

const declared: SealedColumn[] = []

/** Its table and column. */
export const nameOfSealed = ({ column }: SealedColumn) => `${getTableName(column.table)}.${column.name}`

/** Every column that the modules which this program has loaded declare, by name: a rotation that was killed goes on in the same order. */
export const sealedColumns = (): readonly SealedColumn[] => declared.toSorted((a, b) => (nameOfSealed(a) < nameOfSealed(b) ? -1 : 1))

/** Declares a column with sealed values, or a document that holds one. Without this nothing can be sealed or opened. */
export function declareSealed(column: SealedColumn): SealedColumn {
  declared.push(column)
  return column
}

/**
 * Declares a column of which each value is a sealed one.
 * @param words what it is, chosen for good
 * @param owner columns that name whose it is; the primary key where none is given
 */
export const sealedColumn = (id: PgColumn, column: PgColumn, words: string, owner: readonly PgColumn[] = [id]): SealedColumn =>
  declareSealed({ ...{ id, column }, belongsTo: [words, ...owner], sealed: sql`${column}`, with: sealed => sealed })

const belonging = ({ belongsTo: [words] }: SealedColumn, owner: readonly string[]) => [words, ...owner].join(' ')

const belongingInSql = ({ belongsTo: [words, ...owner] }: SealedColumn) =>
  sql.join([sql`${words}::text`, ...owner.map(column => sql`${column}::text`)], sql` || ' ' || `)

/**
 * Seals a value for a column.
 * @param owner whose it is, as the column declares it
 */
export const sealFor = (secrets: Secrets, column: SealedColumn, plain: string, ...owner: readonly string[]): string =>
  seal(secrets, plain, belonging(column, owner))

/** A sealed value does not open: it is damaged, or was changed or moved there from another row. The sentence says what is to be done without it. */
export class SealedValueDamaged extends AppProblem {
  constructor(sentence: string) {
    super('conflict', sentence)
  }
}

interface SealedRow {
  readonly id: string
  readonly sealed: string
  /** Whose it is, as the column declares it; its own, by its ID, where nothing is given. */
  readonly owner?: readonly string[]
}

/**
 * Opens the sealed value of a row. One that does not open is noted, which pages the administrators.
 * @throws SealedValueDamaged with this sentence
 */
export function unsealRow(reader: Pick<Reader, 'unreadable'>, secrets: Secrets, column: SealedColumn, row: SealedRow, sentence: string): string {
  const plain = opened(secrets, row.sealed, belonging(column, row.owner ?? [row.id]))
  if (plain !== undefined) return plain
  note(reader.unreadable, secrets, column, row)
  throw new SealedValueDamaged(sentence)
}

function note(unreadable: UnreadableValues, secrets: Secrets, sealedColumn: SealedColumn, row: SealedRow): void {
  const { id, column, sealed } = sealedColumn
  unreadable.note({ table: getTableName(column.table), id: row.id, column: column.name, isLeftOut: false, isSealed: true }, async db => {
    const { rows } = await db.execute<{ sealed: string | null }>(sql`select ${sealed} as sealed from ${column.table} where ${id}::text = ${row.id}`)
    const now = rows[0]?.sealed ?? undefined
    if (now !== undefined && opened(secrets, now, belonging(sealedColumn, row.owner ?? [row.id])) === undefined) note(unreadable, secrets, sealedColumn, row)
  })
}

/** So many values are sealed anew in one transaction. */
const batch = 500

/**
 * Seals the values of a column with another master key, batch by batch. After a kill it goes on where it was: what the new key has sealed is passed over.
 * @returns how many do not open with the old key; they are left as they are
 */
export async function reseal(database: Database, where: SealedColumn, from: Secrets, to: Secrets): Promise<number> {
  const { id, column, sealed, with: withSealed } = where
  let unreadable = 0
  for (let after = ''; ; ) {
    const last = await database.transaction(async tx => {
      const { rows } = await tx.db.execute<{ id: string; sealed: string; belongsTo: string }>(sql`
        select ${id}::text as id, ${sealed} as sealed, ${belongingInSql(where)} as "belongsTo" from ${column.table}
        where ${sealed} is not null and not starts_with(${sealed}, ${sealedWith(to.keyId)}) and ${id}::text > ${after}
        order by ${id}::text limit ${batch} for update`)
      const changed = rows.flatMap(row => {
        const plain = opened(from, row.sealed, row.belongsTo)
        return plain === undefined ? [] : [{ id: row.id, sealed: seal(to, plain, row.belongsTo) }]
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
    return unseal(secrets, sealed, belongsTo)
  } catch {
    // Damaged, or moved here from another row: it opens with no key.
    return undefined
  }
}
