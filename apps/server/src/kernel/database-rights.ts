import pg from 'pg'
import { locks } from './locks.ts'

/** Tables that only grow: the program adds to them and reads them, and cannot change or remove a row. */
const appendOnlyTables = ['journal', 'journal_leaves', 'journal_nodes', 'journal_checkpoints', 'journal_values'] as const

/** Columns that personal data is erased from. A trigger lets nothing else be made of a value. */
const erasableColumns = { journal: 'data, salt', journal_values: 'salt, value, erased_in' } as const

/**
 * Gives the user of the program what it needs of the schema and no more: rows of tables may be read and written, those of the journal only added, and
 * nothing may be created, altered or dropped. Run by the owner after the migrations, at every start: what a migration made is covered too.
 * @throws Error when `ownerUrl` is not the owner of the tables
 */
export async function grantRights(ownerUrl: string, user: string): Promise<void> {
  const client = new pg.Client({ connectionString: ownerUrl })
  await client.connect()
  const to = pg.escapeIdentifier(user)
  try {
    // Two servers that start at once would change the same rows of the catalog.
    await client.query('begin')
    await client.query('select pg_advisory_xact_lock($1)', [locks.migrations])
    const { rows } = await client.query<{ name: string }>('select current_schema() as name')
    const schema = pg.escapeIdentifier(rows[0]?.name ?? 'public')
    await client.query(`
      grant usage on schema ${schema}, drizzle to ${to};
      grant select on all tables in schema drizzle to ${to};
      grant select, insert, update, delete on all tables in schema ${schema} to ${to};
      grant usage, select on all sequences in schema ${schema} to ${to};
      revoke update, delete, truncate on ${appendOnlyTables.join(', ')} from ${to};
      ${Object.entries(erasableColumns)
        .map(([table, columns]) => `grant update (${columns}) on ${table} to ${to};`)
        .join('\n')}`)
    await client.query('commit')
  } finally {
    await client.end()
  }
}

/** The user of an address, as the driver reads it. */
export const userOf = (url: string): string => new pg.Client({ connectionString: url }).user ?? ''

/**
 * What the user of the program may do that it should not, as a sentence; undefined where it has no more rights than it needs.
 * @param url the address that the program connects by
 */
export async function findExcessRights(url: string): Promise<string | undefined> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<{ user: string; isSuperuser: boolean; mayChange: boolean }>(
      `select current_user as "user", rolsuper as "isSuperuser",
        (select bool_or(has_table_privilege(oid, 'UPDATE, DELETE, TRUNCATE')) from unnest($1::regclass[]) as oid) as "mayChange"
      from pg_roles where rolname = current_user`,
      [`{${appendOnlyTables.join(',')}}`],
    )
    const [found] = rows
    if (found === undefined || !(found.isSuperuser || found.mayChange)) return undefined
    return `The database user ${found.user} ${found.isSuperuser ? 'is a superuser' : 'may change the audit log'}. Connect as a user without that right, and set DATABASE_OWNER_URL to the owner of the tables.`
  } finally {
    await client.end()
  }
}
