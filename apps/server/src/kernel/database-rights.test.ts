import pg from 'pg'
import { expect, inject, test } from 'vitest'
import { asOwner, cloneDatabase } from '../../test/world.ts'
import { findExcessRights, grantRights, userOf } from './database-rights.ts'

test('the program may write rows, and neither change the audit log nor the schema nor run anything on the machine', async () => {
  const { url, drop } = await cloneDatabase()
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    for (const forbidden of [
      'set session_replication_role = replica',
      `copy (select 1) to program 'env'`,
      `copy settings from program 'env'`,
      `select pg_read_file('/etc/passwd')`,
      'create table public.mine (id int)',
      'create schema mine',
      'create extension dblink',
      'alter table journal disable trigger all',
      'drop trigger journal_append_only on journal',
      'create or replace function refuse_change() returns trigger language plpgsql as $$ begin return null; end $$',
      'truncate people',
      'alter role tocsin_program superuser',
      'set role tocsin',
      'update drizzle.__drizzle_migrations set created_at = 0',
      ...['journal', 'journal_leaves', 'journal_nodes', 'journal_checkpoints'].flatMap(table => [`delete from ${table}`, `truncate ${table}`]),
    ])
      await expect(client.query(forbidden), forbidden).rejects.toMatchObject({ code: expect.stringMatching(/^(42501|42710)$/) })
    await client.query(`insert into settings (name, value) values ('a', '1'); update settings set value = '2'; delete from settings where name = 'a'`)
    expect(await findExcessRights(url)).toBeUndefined()

    // What a migration adds is covered by the next start, and a right that was given away is taken back.
    await asOwner(url, 'create table later (id int)', `grant update, delete on journal to ${userOf(url)}`)
    expect(await findExcessRights(url)).toMatch(/^The database user tocsin_program may change the audit log\./)
    await expect(client.query('insert into later values (1)')).rejects.toThrow('permission denied')
    const ownerUrl = inject('templateUrl').replace(/\/tocsin$/, new URL(url).pathname)
    await Promise.all([grantRights(ownerUrl, userOf(url)), grantRights(ownerUrl, userOf(url))])
    await client.query('insert into later values (1)')
    expect(await findExcessRights(url)).toBeUndefined()
    expect(await findExcessRights(ownerUrl)).toMatch(/^The database user tocsin is a superuser\. Connect as a user without that right/)
  } finally {
    await client.end()
    await drop()
  }
})
