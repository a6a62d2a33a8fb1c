import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { spawnServer } from '../../test/own-process.ts'
import { cloneDatabase } from '../../test/world.ts'
import { readConfig } from '../app/config.ts'
import { systemClock } from './clock.ts'
import { openDatabase } from './database.ts'
import { openMasterKey } from './master-key.ts'
import { seal, unseal } from './sealing.ts'
import { openSecrets, openUnstretched } from './secrets.ts'
import { saveSetting } from './settings.ts'

test('a file that is too short to be a key is refused, in one sentence with exit code 2', async () => {
  const clone = await cloneDatabase()
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-key-'))
  try {
    for (const [content, length] of [
      ['', 0],
      ['abc\n', 3],
      [`${'k'.repeat(31)}\n`, 31],
    ] as const) {
      writeFileSync(join(folder, 'secret.key'), content)
      expect(() => openSecrets(folder, undefined)).toThrow(new RegExp(`secret\\.key has ${length} characters, but at least 32 are required\\.`))
    }
    const server = spawnServer({ TOCSIN_DATA: folder, DATABASE_URL: clone.url, PORT: '0', TOCSIN_LOG_LEVEL: 'silent' })
    expect(await server.ended).toBe(2)
    expect(server.errors().trim().split('\n')).toEqual([expect.stringContaining('at least 32 are required')])
    writeFileSync(join(folder, 'secret.key'), 'k'.repeat(32))
    expect(() => openSecrets(folder, undefined)).not.toThrow()
  } finally {
    await clone.drop()
    rmSync(folder, { recursive: true, force: true })
  }
})

test('ten starts at once make one key, and none reads half of it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-key-'))
  const open = `
    import { openSecrets } from ${JSON.stringify(new URL('./secrets.ts', import.meta.url).href)}
    process.stdin.once('data', () => { console.log(openSecrets(${JSON.stringify(folder)}, undefined).sign('test', 'x')); process.exit() })
    console.log('ready')`
  const starts = Array.from({ length: 10 }, () => spawn(process.execPath, ['--input-type=module', '-e', open], { stdio: ['pipe', 'pipe', 'inherit'] }))
  const lines = starts.map(({ stdout }) => createInterface(stdout)[Symbol.asyncIterator]())
  for (const line of lines) expect((await line.next()).value).toBe('ready')
  for (const { stdin } of starts) stdin.write('go')
  const signed = await Promise.all(lines.map(async line => (await line.next()).value))
  expect(new Set(signed)).toEqual(new Set([openSecrets(folder, undefined).sign('test', 'x')]))
  expect(readdirSync(folder), 'nothing is left of the others').toEqual(['secret.key'])
  rmSync(folder, { recursive: true, force: true })
})

test('a missing or different master key beside an existing database is refused, and none is made in its place', async () => {
  const clone = await cloneDatabase()
  const database = openDatabase(clone.url, systemClock, pino({ level: 'silent' }))
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-key-'))
  const open = (env: Record<string, string>) => openMasterKey(database, readConfig(env))
  try {
    const sealed = seal(await open({ TOCSIN_DATA: folder }), 'x', 'a')
    expect(unseal(await open({ TOCSIN_DATA: folder }), sealed, 'a')).toBe('x')
    // The same key from elsewhere.
    const { keyId } = await open({ TOCSIN_DATA: folder, TOCSIN_SECRET: readFileSync(join(folder, 'secret.key'), 'utf8').trim() })
    expect(sealed.startsWith(`v2.${keyId}.`)).toBe(true)
    rmSync(join(folder, 'secret.key'))
    await expect(open({ TOCSIN_DATA: folder })).rejects.toThrow(/^The master key .*secret\.key is missing, but the database was created with one\. .*\.$/)
    expect(readdirSync(folder)).toEqual([])
    const wrong = 'a key that is not the one it was made with'
    await expect(open({ TOCSIN_DATA: folder, TOCSIN_SECRET: wrong })).rejects.toThrow('TOCSIN_SECRET is not the one that this database was created with')
    // As an operator sees it: one sentence and exit code 2.
    const server = spawnServer({ TOCSIN_DATA: folder, DATABASE_URL: clone.url, PORT: '0', TOCSIN_SECRET: wrong, TOCSIN_LOG_LEVEL: 'silent' })
    expect(await server.ended).toBe(2)
    expect(server.errors().trim().split('\n')).toEqual([expect.stringContaining('is not the one that this database was created with')])
  } finally {
    await database.close()
    await clone.drop()
    rmSync(folder, { recursive: true, force: true })
  }
})

test('a database that was made with a key that was not stretched keeps it', async () => {
  const clone = await cloneDatabase()
  const database = openDatabase(clone.url, systemClock, pino({ level: 'silent' }))
  const secret = 'a key that somebody thought up, long ago'
  try {
    const old = openUnstretched(secret)
    await database.transaction(tx => saveSetting(tx, 'master-key.check', old.sign('master-key.check', 'tocsin')))
    expect((await openMasterKey(database, readConfig({ TOCSIN_DATA: '/nowhere', TOCSIN_SECRET: secret }))).keyId).toBe(old.keyId)
  } finally {
    await database.close()
    await clone.drop()
  }
})
