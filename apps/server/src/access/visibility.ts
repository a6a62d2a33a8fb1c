import { type AnyColumn, type SQL, sql } from 'drizzle-orm'
import type { Reader } from '../kernel/database.ts'

/** Who looks. */
export interface Viewer {
  readonly personId: string
  readonly role: string
}

type Rule = (viewer: Viewer, id: AnyColumn | SQL) => SQL

/**
 * Who may see what belongs to a restricted record. The module that owns the records says the rule once; every query in every layer
 * that shows something belonging to one (alerts, pages, messages, journal, live stream) puts it into its `where`.
 */
export class Visibility {
  #rule: Rule = () => sql`true`

  /** `rule` gives the condition under which `viewer` may see the record whose id stands in a column. */
  define(rule: Rule): void {
    this.#rule = rule
  }

  /** The condition for rows that belong to the record in `column`, or to none. */
  condition(viewer: Viewer, column: AnyColumn): SQL {
    return sql`(${column} is null or ${this.#rule(viewer, column)})`
  }

  async maySee(reader: Reader, viewer: Viewer, id: string): Promise<boolean> {
    const found = await reader.db.execute<{ may: boolean }>(sql`select ${this.#rule(viewer, sql`${id}::uuid`)} as may`)
    return found.rows[0]?.may === true
  }
}
