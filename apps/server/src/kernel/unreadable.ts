import { and, eq, getTableName, is } from 'drizzle-orm'
import { NodePgDatabase, type NodePgQueryResultHKT } from 'drizzle-orm/node-postgres'
import { type NodePgClient, NodePgSession } from 'drizzle-orm/node-postgres/session'
import { getTableConfig, PgColumn, type PgDatabase, PgDialect, PgTable, type PreparedQueryConfig } from 'drizzle-orm/pg-core'
import { Unreadable } from './columns.ts'
import { constraintProblem } from './constraints.ts'
import type { Finding } from './finding.ts'
import { AppProblem } from './problems.ts'
import type { Log } from './telemetry.ts'

/** What queries are made with, in a transaction or outside. */
export type Queries = PgDatabase<NodePgQueryResultHKT, Record<string, never>>

/** Which value cannot be read. Names only, no content. */
interface UnreadableValue {
  readonly table: string
  /** The primary key of its row; undefined where a query did not ask for it. */
  readonly id: string | undefined
  readonly column: string
  /** Its row is left out, rather than given out with something in its place. */
  readonly isLeftOut: boolean
  /** It was sealed with the master key, and does not open where it is. */
  readonly isSealed?: boolean
}

interface Known extends UnreadableValue {
  /** Reads it once more, which notes it where it still cannot be read. */
  readonly again: (db: Queries) => Promise<unknown>
  isSeen: boolean
}

const maxKnown = 1_000
/** Values that are read once more at a time, and that are named in one sentence. */
const maxLooks = 20
const maxNamed = 5
/** Rows that are read to find one whose key is not known. */
const maxSearched = 10_000

export const nameOfValue = ({ table, id, column }: Pick<UnreadableValue, 'table' | 'id' | 'column'>) =>
  `${table}${id === undefined ? '' : ` ${id}`} (${column})`

/** One sentence. */
export function unreadableSentence(values: readonly UnreadableValue[]): string {
  const named = values.slice(0, maxNamed).map(nameOfValue).join(', ')
  const count = values.length === 1 ? '1 stored value' : `${values.length} stored values`
  return `${count} cannot be read: ${named}${values.length > maxNamed ? ` and ${values.length - maxNamed} more` : ''}.`
}

/** The stored values that could not be read, until they can be again or are gone. */
export class UnreadableValues {
  readonly #log: Log
  readonly #known = new Map<string, Known>()

  constructor(log: Log) {
    this.#log = log
  }

  /** @param again reads the value once more */
  note(value: UnreadableValue, again: Known['again']): void {
    const key = nameOfValue(value)
    const known = this.#known.get(key)
    if (known) known.isSeen = true
    else if (this.#known.size < maxKnown) {
      this.#known.set(key, { ...value, again, isSeen: true })
      this.#log.error(value, `a stored value cannot be read: ${key}`)
    }
  }

  list(): readonly UnreadableValue[] {
    return [...this.#known.values()]
  }

  /** For `/readyz`, which anybody may read: no IDs. */
  health(): Finding | undefined {
    if (this.#known.size === 0) return undefined
    const tables = [...new Set(this.list().map(({ table }) => table))].toSorted().join(', ')
    const count = this.#known.size === 1 ? '1 stored value' : `${this.#known.size} stored values`
    return { severity: 'degraded', detail: `${count} cannot be read, in ${tables}. The log names them. Correct or delete them in the database.` }
  }

  /** Reads some of them once more, and forgets those that can be read or are gone. */
  async review(db: Queries): Promise<void> {
    for (const [key, known] of [...this.#known].slice(0, maxLooks)) {
      known.isSeen = false
      await known.again(db)
      this.#known.delete(key)
      // The next review begins with others.
      if (known.isSeen) this.#known.set(key, known)
    }
  }

  /**
   * What somebody is told who asks for a record that was left out.
   * @param error of their request
   * @param ids that it names
   * @returns undefined where the error has another reason
   */
  problemOf(error: unknown, ids: readonly unknown[]): AppProblem | undefined {
    const isMissing = error instanceof AppProblem ? error.kind === 'not-found' : constraintProblem(error)?.kind === 'conflict'
    const found = isMissing ? this.list().find(({ id, isLeftOut }) => isLeftOut && id !== undefined && ids.includes(id)) : undefined
    if (found === undefined) return undefined
    const { table, id, column } = found
    return new AppProblem('unexpected', `${table} ${id} cannot be read: its column ${column} is damaged. An administrator must correct it in the database.`)
  }
}

type NoSchema = Record<string, never>

/**
 * Queries that one unreadable value does not break for everybody: where it says what it counts as, that stands in its place, otherwise its row is left out.
 * Each is noted. (Decoders of Drizzle see a value without its row, so this is done where the rows of a result are whole.)
 */
class TolerantSession extends NodePgSession<NoSchema, NoSchema> {
  readonly #unreadable: UnreadableValues

  constructor(client: NodePgClient, dialect: PgDialect, unreadable: UnreadableValues) {
    super(client, dialect, undefined)
    this.#unreadable = unreadable
  }

  override prepareQuery<T extends PreparedQueryConfig = PreparedQueryConfig>(...given: Parameters<NodePgSession<NoSchema, NoSchema>['prepareQuery']>) {
    const prepared = super.prepareQuery<T>(...given)
    const selected = (given[1] ?? []).flatMap(({ path, field }) => (is(field, PgColumn) ? [{ path, column: field }] : []))
    const documents = selected.filter(({ column }) => column.getSQLType() === 'jsonb')
    if (documents.length === 0) return prepared
    const execute = prepared.execute.bind(prepared)
    prepared.execute = async values => {
      const rows: unknown = await execute(values)
      const read: unknown = Array.isArray(rows) ? rows.filter(row => this.#isReadable(row, documents, selected)) : rows
      return read as T['execute']
    }
    return prepared
  }

  #isReadable(row: unknown, documents: readonly Selected[], selected: readonly Selected[]): boolean {
    return documents.reduce((isReadable, { path, column }) => {
      const value = valueAt(row, path)
      if (!(value instanceof Unreadable)) return isReadable
      this.#note(row, column, selected, value.instead === undefined)
      const holder = valueAt(row, path.slice(0, -1))
      if (value.instead === undefined || typeof holder !== 'object' || holder === null) return false
      Reflect.set(holder, path.at(-1) ?? '', structuredClone(value.instead))
      return isReadable
    }, true)
  }

  #note(row: unknown, column: PgColumn, selected: readonly Selected[], isLeftOut: boolean): void {
    const { table } = column
    if (!is(table, PgTable)) return
    const { columns, primaryKeys } = getTableConfig(table)
    const single = columns.filter(one => one.primary)
    const keys = single.length > 0 ? single : primaryKeys.flatMap(one => one.columns)
    const key = keys.map(one => {
      const place = selected.find(({ column: other }) => other.table === table && other.name === one.name)
      return { column: one, value: place && valueAt(row, place.path) }
    })
    const isKnown = key.every(({ value }) => value !== undefined)
    const fields = Object.fromEntries([...keys, column].map(one => [one.name, one]))
    const id = isKnown ? key.map(({ value }) => String(value)).join(' ') : undefined
    this.#unreadable.note({ table: getTableName(table), id, column: column.name, isLeftOut }, db =>
      db
        .select(fields)
        .from(table)
        .where(isKnown ? and(...key.map(one => eq(one.column, one.value))) : undefined)
        .limit(maxSearched),
    )
  }
}

interface Selected {
  readonly path: readonly string[]
  readonly column: PgColumn
}

const valueAt = (row: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>((at, name) => (typeof at === 'object' && at !== null ? Reflect.get(at, name) : undefined), row)

/** Queries on a pool or a connection. What they cannot read is noted in `unreadable`. */
export function openQueries(client: NodePgClient, unreadable: UnreadableValues): Queries {
  const dialect = new PgDialect()
  return new NodePgDatabase(dialect, new TolerantSession(client, dialect, unreadable), undefined)
}
