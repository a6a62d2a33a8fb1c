import { spawn } from 'node:child_process'
import { createCipheriv, randomBytes } from 'node:crypto'
import { copyFileSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createClient } from '@tocsin/api'
import { logKeys, verifyExport } from '@tocsin/merkle'
import { eq } from 'drizzle-orm'
import pg from 'pg'
import { pino } from 'pino'
import { describe, expect, inject, test } from 'vitest'
import { enrolled, password } from '../../test/accounts.ts'
import { until } from '../../test/alertmanager.ts'
import { programEnv } from '../../test/program-env.ts'
import { codeAt } from '../../test/totp.ts'
import { buildWorld, cloneDatabase } from '../../test/world.ts'
import { people } from '../access/index.ts'
import { openSealer } from '../journal/index.ts'
import { addSeconds, systemClock } from '../kernel/clock.ts'
import { openDatabase } from '../kernel/database.ts'
import { openMasterKey } from '../kernel/master-key.ts'
import { nameOfSealed, sealedColumns } from '../kernel/sealed-columns.ts'
import { seal, sealedWith, unseal } from '../kernel/sealing.ts'
import { masterKeyFile, nextKeyFile, openKeyFile, openSecrets } from '../kernel/secrets.ts'
import { saveSetting } from '../kernel/settings.ts'
import { readConfig } from './config.ts'
import { rotateMasterKey } from './rotate-key.ts'
import { startServer } from './server.ts'

const silent = pino({ level: 'silent' })
const cli = fileURLToPath(new URL('../../../../packages/cli/src/main.ts', import.meta.url))

/** As the owner of the database, whom the rotation does not take for a server. */
async function withOwner<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: inject('templateUrl').replace(/\/tocsin$/, new URL(url).pathname) })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/** Where in the whole database something stands that this key has sealed: each table and column. */
async function placesSealedWith(client: pg.Client, keyId: string): Promise<string[]> {
  const { rows: columns } = await client.query<{ table: string; column: string }>(`
    select table_name as "table", column_name as "column" from information_schema.columns
    where table_schema = 'public' and data_type in ('text', 'jsonb') order by 1, 2`)
  const places: string[] = []
  for (const { table, column } of columns) {
    const { rows } = await client.query(`select 1 from "${table}" where strpos("${column}"::text, $1) > 0 limit 1`, [sealedWith(keyId)])
    if (rows.length > 0) places.push(`${table}.${column}`)
  }
  return places
}

const webhook = { kind: 'webhook', address: 'https://hooks.example/tocsin' } as const

/** A browser, which begins with a cookie or without one. */
function browserAt(origin: string, held = '') {
  let cookie = held
  return createClient({
    origin,
    fetch: async (input, init) => {
      const reply = await fetch(input, { ...init, headers: { ...(init?.headers as Record<string, string>), origin, cookie } })
      cookie = reply.headers.getSetCookie()[0]?.split(';')[0] ?? cookie
      return reply
    },
  })
}

describe('the rotation of the master key', () => {
  test('seals everything anew, ends sessions, and loses nothing when it is killed', async () => {
    const { world, end } = await buildWorld({ env: { TOCSIN_ALLOW_PRIVATE_WEBHOOKS: 'true' } })
    const { config, secrets: old, database } = world.server.context
    const folder = config.dataFolder
    try {
      const lead = await world.person('lead')
      const { person, administrator } = await enrolled(world)
      await administrator.call('changePerson', { params: { id: person.id }, body: { role: 'administrator' } })
      const { method, secret } = await lead.call('addContactMethod', { body: webhook })
      const { team } = await world.team()
      await lead.call('saveTeamChannel', { params: { id: team.id }, body: { ...webhook, name: 'Hooks' } })
      const taxii = { url: 'https://taxii.example/api/collections/1/', username: 'tocsin', secret: 'the password of the feed', pullMinutes: 60 }
      const { id: listId } = await lead.call('createIndicatorList', { body: { name: 'Botnets', taxii } })
      await administrator.call('loadDemo')
      const report = new FormData()
      for (const [name, value] of Object.entries({ audience: 'employee', text: 'Look.', contactName: 'Kim', contactEmail: 'kim@customer.test' }))
        report.append(name, value)
      report.append('files', new File(['hello'], 'mail.eml'))
      await world.client().raw('report', { body: report })
      const { secret: apiKey } = await administrator.call('createApiKey', { body: { name: 'script', scopes: ['journal:read'] } })
      const [totp] = await database.transaction(tx => tx.db.select().from(people).where(eq(people.id, person.id)))
      // More than a batch of what is sealed, and one that was sealed before envelopes.
      const ids = Array.from({ length: 1_200 }, (_, n) => `reply ${String(n).padStart(4, '0')}`)
      const replies = ids.map(id => seal(old, '{}', `idempotency_keys.reply ${id}`))
      const nonce = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', old.derive('sealing'), nonce)
      const bytes = Buffer.concat([cipher.update('whsec_old', 'utf8'), cipher.final()])
      const early = Buffer.concat([nonce, cipher.getAuthTag(), bytes]).toString('base64')
      await withOwner(database.url, async owner => {
        await owner.query(
          `insert into idempotency_keys (id, request, reply, created_at) select id, '', reply, now() from unnest($1::text[], $2::text[]) as r (id, reply)`,
          [ids, replies],
        )
        await owner.query('update team_channels set secret = $1', [early])
        await owner.query(`update idempotency_keys set reply = (select reply from idempotency_keys where id = 'reply 0001') where id = 'reply 0700'`)
      })
      await expect(
        rotateMasterKey(
          { ...config, dataFolder: mkdtempSync(join(tmpdir(), 'tocsin-rotate-')), oldSecret: readFileSync(masterKeyFile(folder), 'utf8').trim() },
          silent,
        ),
      ).rejects.toThrow('Stop every Tocsin server and pager')
      const exported = await (await administrator.call.raw('exportJournal')).text()
      const { key: logKey, successions } = await administrator.call('checkpoint')
      expect(successions).toEqual([])
      await world.server.stop()
      const places = await withOwner(database.url, owner => placesSealedWith(owner, old.keyId))
      // That of the channel is from before envelopes.
      expect([...places, 'team_channels.secret'], 'each column that is declared has something in it, and no other').toEqual(sealedColumns().map(nameOfSealed))

      const env = { ...programEnv, TOCSIN_DATA: folder, DATABASE_URL: database.url, TOCSIN_LOG_LEVEL: 'silent' }
      const kept = join(folder, 'kept')
      copyFileSync(masterKeyFile(folder), kept)
      await withOwner(database.url, async owner => {
        // It is killed where it waits for a list, when contact methods and files are sealed with the new key already.
        await owner.query('begin')
        await owner.query('select 1 from indicator_lists for update')
        const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', cli, 'key', 'rotate'], { env, stdio: 'inherit' })
        const ended = new Promise(resolve => child.once('exit', resolve))
        await withOwner(database.url, watcher =>
          until(async () => ((await placesSealedWith(watcher, old.keyId)).includes('files.key') ? undefined : true), 'the first columns'),
        )
        child.kill('SIGKILL')
        await ended
        await owner.query('rollback')
      })
      const half = await withOwner(database.url, owner => placesSealedWith(owner, old.keyId))
      expect(half).toEqual(places.slice(2))
      await expect(startServer(config, silent), 'no server starts with either key').rejects.toThrow('was begun and has not finished. Run it again')

      const rotated = await rotateMasterKey(config, silent)
      const next = openKeyFile(masterKeyFile(folder))
      expect(rotated).toEqual({ from: old.keyId, to: next.keyId, unreadable: 1 })
      expect(existsSync(nextKeyFile(folder))).toBe(false)
      // As if it had been killed before the new key was in its place.
      renameSync(masterKeyFile(folder), nextKeyFile(folder))
      renameSync(kept, masterKeyFile(folder))
      expect(await rotateMasterKey(config, silent)).toBeUndefined()
      await withOwner(database.url, async owner => {
        await owner.query(`delete from idempotency_keys where id = 'reply 0700'`)
        expect(await placesSealedWith(owner, old.keyId)).toEqual([])
        expect(await placesSealedWith(owner, next.keyId)).toEqual([...places, 'settings.value', 'team_channels.secret'].toSorted())
        const read = async (place: string, belongsTo: string) =>
          unseal(next, (await owner.query<{ sealed: string }>(`select ${place}`)).rows[0]?.sealed ?? '', belongsTo)
        expect(await read("reply as sealed from idempotency_keys where id = 'reply 1199'", 'idempotency_keys.reply reply 1199')).toBe('{}')
        expect(await read('secret as sealed from team_channels', `channel secret webhook ${webhook.address}`)).toBe('whsec_old')
        expect(await read(`secret as sealed from contact_methods where id = '${method.id}'`, `channel secret webhook ${webhook.address}`)).toBe(
          secret?.replace('whsec_', ''),
        )
        expect(await read('secret_sealed as sealed from indicator_lists', `indicator_lists.secret_sealed ${listId}`)).toBe(taxii.secret)
        expect(await read("data ->> 'key' as sealed from jobs where kind = 'demo.attack' and data ->> 'step' = '2'", 'jobs.data demo.attack 2')).toMatch(
          /^.{20,}$/,
        )
      })

      const now = addSeconds(world.now, 3_600)
      const server = await startServer(config, silent, { now: () => now })
      try {
        const origin = server.origin.replace('localhost', '127.0.0.1')
        const { secrets } = server.context
        expect(secrets.derive('vapid'), 'browsers are subscribed to it').toEqual(old.derive('vapid'))
        await expect(browserAt(origin, administrator.cookie)('me')).rejects.toThrow(/Sign in/)
        const kim = browserAt(origin)
        await kim('signIn', { body: { email: person.email, password } })
        const code = codeAt(unseal(old, totp?.totpSecret ?? '', `people.totp_secret ${person.id}`), Date.parse(now))
        expect((await kim('giveOneTimeCode', { body: { code } })).assurance).toBe('full')
        const [file] = (await server.context.database.reader().db.execute<{ id: string }>('select id from files')).rows
        expect(await (await kim.raw('reportFile', { params: { id: file?.id ?? '' } })).text()).toBe('hello')
        const script = createClient({ origin, apiKey })
        const signed = await script('checkpoint')
        expect([signed.key === logKey, signed.key.split('+')[0], signed.successions.length]).toEqual([false, logKey.split('+')[0], 1])
        const whole = await (await kim.raw('exportJournal')).text()
        const { checkpoint } = JSON.parse(exported) as { checkpoint: string }
        for (const trusted of [logKey, signed.key])
          expect(verifyExport(whole, trusted, [checkpoint])).toMatchObject({
            problems: [],
            isComplete: true,
            key: signed.key,
            types: { 'journal.key-replaced': 1 },
          })
        expect(await server.context.sealer.inspect(server.context.database.reader())).toBeUndefined()
        await server.context.readers.drain()
        const { items } = await script('journal', { query: { limit: 200 } })
        expect(items.filter(({ type }) => type === 'master-key.rotated')).toEqual([expect.objectContaining({ data: rotated })])
        expect(
          items.filter(({ type }) => type === 'journal.foreign-entry'),
          'entries that the old key signed',
        ).toEqual([])
        expect(
          (
            await server.context.database
              .reader()
              .db.execute("select 1 from journal where type in ('system.stopped', 'master-key.rotated') and id not in (select entry_id from journal_leaves)")
          ).rows,
        ).toEqual([])
      } finally {
        await server.stop()
      }
    } finally {
      await end()
    }
  })

  test('takes both keys from settings, refuses others, and the database knows them by what only the new key can write', async () => {
    const clone = await cloneDatabase()
    const folder = mkdtempSync(join(tmpdir(), 'tocsin-rotate-'))
    const database = openDatabase(clone.url, systemClock, silent)
    // As they are generated: none is stretched.
    const [one = '', two = '', three = ''] = ['1', '2', '3'].map(digit => digit.repeat(64))
    const configOf = (secret: string, old?: string) =>
      readConfig({ TOCSIN_DATA: folder, DATABASE_URL: clone.url, TOCSIN_SECRET: secret, ...(old && { TOCSIN_SECRET_OLD: old }) })
    const open = (secret: string) => openMasterKey(database, configOf(secret))
    const alone = (secret: string, old?: string) => rotateMasterKey(configOf(secret, old), silent)
    try {
      const first = await open(one)
      const entry = first.sign('journal entry', 'claims')
      await database.close()
      await expect(alone(two)).rejects.toThrow('Set TOCSIN_SECRET_OLD to that key')
      await expect(alone(two, three)).rejects.toThrow('The master key in TOCSIN_SECRET_OLD is not the one')
      await expect(alone(one, one)).rejects.toThrow('is the master key of this database already')
      expect(await alone(two, one)).toMatchObject({ from: first.keyId, unreadable: 0 })
      expect(await alone(two, one), 'run again').toBeUndefined()
      await expect(alone(three, one)).rejects.toThrow('is not the one')
      expect(await alone(three, two)).toMatchObject({ unreadable: 0 })
      const again = openDatabase(clone.url, systemClock, silent)
      try {
        for (const earlier of [one, two]) await expect(openMasterKey(again, configOf(earlier))).rejects.toThrow('is not the one')
        const third = await openMasterKey(again, configOf(three))
        const [log, before] = [openSealer(third), openSealer(first)]
        expect([log.successions.length, log.key.split('+')[0]], 'the name of the log stays').toEqual([2, before.key.split('+')[0]])
        expect(logKeys(log.key, log.successions).map(({ key }) => key)).toEqual([before.key, expect.any(String), log.key])
        expect([third.derive('vapid'), third.isSigned('journal entry', 'claims', entry)]).toEqual([first.derive('vapid'), false])
        // Of entries that the first key did write, up to its last.
        expect([0, 1, 1_000_000].map(seq => third.wasSigned('journal entry', 'claims', entry, seq))).toEqual([true, false, false])
        // Whoever writes to the database cannot take away what is kept of earlier keys, or put in other keys.
        const stored = (
          await again.reader().db.execute<{ value: { check: string; kept: string } }>("select value from settings where name = 'master-key.check'")
        ).rows[0]?.value
        for (const value of [
          openSecrets('', three).sign('x', 'tocsin'),
          stored?.check,
          { ...stored, kept: seal(openSecrets('', one), '{"derived":{},"earlier":[]}', 'settings master-key.check') },
        ]) {
          await again.transaction(tx => saveSetting(tx, 'master-key.check', value))
          await expect(openMasterKey(again, configOf(three))).rejects.toThrow('is not the one')
        }
      } finally {
        await again.close()
      }
    } finally {
      await clone.drop()
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
