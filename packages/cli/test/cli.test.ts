import { spawnSync } from 'node:child_process'
import { type KeyObject, randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  append,
  type ExportedEntry,
  emptyFrontier,
  type Hash,
  hashBody,
  inclusionPlaces,
  joinSubtrees,
  leafData,
  leafHash,
  openCheckpoint,
  root,
  signCheckpoint,
  signingKey,
  signSuccession,
  verifierKey,
  writeExport,
} from '@tocsin/merkle'
import type { Command } from 'commander'
import { afterEach, describe, expect, test as plain, vi } from 'vitest'
import { recordAll, system } from '../../../apps/server/src/journal/index.ts'
import { journalDeadLetters } from '../../../apps/server/src/journal/tables.ts'
import { patience } from '../../../apps/server/test/patience.ts'
import { test, type World } from '../../../apps/server/test/world.ts'
import { program } from '../src/program.ts'
import { tocsin } from './tocsin.ts'

const launcher = fileURLToPath(new URL('../../../scripts/run.mjs', import.meta.url))

describe('npx tocsin', () => {
  test('sends alerts, lists and shows incidents, with a key', async ({ world }) => {
    const administrator = await world.person('administrator')
    const { secret } = await administrator.call('createApiKey', {
      body: { name: 'cli', scopes: ['alerts:write', 'alerts:read', 'catalog:read', 'incidents:read'] },
    })
    const env = { TOCSIN_URL: world.origin, TOCSIN_API_KEY: secret }
    expect(await tocsin(['alert', 'send', '--title', 'From the shell', '--severity', 'low', '--dedup-key', 'k'], env)).toEqual({
      code: 0,
      out: 'Alert 1 created.\n',
      err: '',
    })
    expect(JSON.parse((await tocsin(['--json', 'alert', 'send', '--title', 'From the shell', '--dedup-key', 'k'], env)).out)).toMatchObject({
      number: 1,
      isNew: false,
      count: 2,
    })
    const refused = await tocsin(['alert', 'send', '--title', 'x', '--service', 'nothing'], env)
    expect(refused).toMatchObject({ code: 1, out: '', err: 'service: "nothing" is not a service in the catalog\n' })
    expect((await tocsin(['incident', 'list'], env)).out).toBe('No open incidents.\n')
    const { id } = await administrator.call('openIncident', { body: { title: 'Odd \u001b[31msign-ins', reason: 'Two countries.' } })
    const list = (await tocsin(['incident', 'list'], env)).out
    expect((await tocsin(['incidents', 'list', '--filter', 'phase:suspected involved:me,none'], env)).out).toBe(list)
    expect((await tocsin(['incidents', 'list', '--filter', 'phase:closed'], env)).out).toBe('No incidents.\n')
    expect((await tocsin(['alerts', 'list', '--filter', 'help'], env)).out).toMatch(/^severity:critical,high,medium,low,info +Severity$/m)
    expect(await tocsin(['alerts', 'list', '--filter', 'sevrity:x'], env)).toMatchObject({ code: 1, err: expect.stringContaining('did you mean severity?') })
    expect((await tocsin(['alerts', 'list', '--filter', 'text:zzz', '--view', 'all'], env)).out).toBe('No alerts.\n')
    expect((await tocsin(['alerts', 'list', '--csv'], env)).out).toMatch(/^number,kind,severity,/)
    expect((await tocsin(['search', 'INC-1'], env)).out).toMatch(/^incident {3}INC-1 /m)
    expect(list).toMatch(/1 {2}— {5}suspected {3}Odd .*sign-ins/)
    expect(list, 'a title moves no cursor').not.toContain('\u001b')
    expect((await tocsin(['incident', 'show', '1'], env)).out).toContain('Opened a suspected incident')
    expect(JSON.parse((await tocsin(['incident', 'show', '1', '--json'], env)).out)).toMatchObject({ number: 1, status: 'suspected' })
    // A timeline that does not fit in one reply is shown whole.
    const note = { actor: system, type: 'note.written', subject: { kind: 'note', id }, within: id } as const
    const notes = Array.from({ length: 700 }, (_, n) => ({ ...note, data: { markdown: String(n) } }))
    await world.server.context.database.transaction(tx => recordAll(tx, notes))
    const { timeline } = JSON.parse((await tocsin(['incident', 'show', '1', '--json'], env)).out) as { timeline: { id: string; type: string }[] }
    expect(timeline[0]?.type).toBe('incident.opened')
    expect(new Set(timeline.filter(({ type }) => type === 'note.written').map(entry => entry.id)).size).toBe(notes.length)
    expect(await tocsin(['incident', 'show', '7'], env)).toMatchObject({ code: 1, err: 'Incident 7 does not exist, or this API key cannot access it.\n' })
    expect((await tocsin(['incident', 'list'], { ...env, TOCSIN_API_KEY: 'tok_wrong' })).err).toBe('The API key is not valid.\n')
  })

  test('lists, replays and discards what a reader of the journal has set aside', { timeout: 60_000 * patience }, async ({ world }) => {
    const administrator = await world.person('administrator', 'Ada')
    const { secret } = await administrator.call('createApiKey', { body: { name: 'cli', scopes: ['journal:read', 'journal:write'] } })
    const env = { TOCSIN_URL: world.origin, TOCSIN_API_KEY: secret }
    expect((await tocsin(['journal', 'dead-letters'], env)).out).toBe('No dead letters.\n')
    const { id: alertId } = await world.alert({ severity: 'low' })
    const id = randomUUID()
    await world.server.context.database.transaction(tx =>
      tx.db
        .insert(journalDeadLetters)
        .values([
          { reader: 'alerts', entryId: id, error: 'it was away', attempts: 5, at: tx.now },
          { reader: 'gone', entryId: id, error: 'no more', attempts: 5, at: tx.now },
        ])
        .then(() =>
          recordAll(tx, [
            {
              id,
              actor: system,
              type: 'page.acknowledged',
              subject: { kind: 'page', id },
              within: null,
              data: { about: { kind: 'alert', id: alertId }, teamId: null, personId: administrator.id, afterSeconds: 0 },
            },
          ]),
        ),
    )
    const list: { id: string; reader: string }[] = JSON.parse((await tocsin(['--json', 'journal', 'dead-letters'], env)).out)
    expect(list.map(one => one.reader).sort()).toEqual(['alerts', 'gone'])
    const of = (reader: string) => list.find(one => one.reader === reader)?.id ?? ''
    expect((await tocsin(['journal', 'replay', of('alerts')], env)).out).toMatch(/alerts {2}page\.acknowledged {2}replayed/)
    expect(await tocsin(['journal', 'replay'], env)).toMatchObject({ code: 1, err: expect.stringMatching(/reader "gone" no longer exists/) })
    expect((await tocsin(['journal', 'discard', of('gone'), '--reason', 'It was removed.'], env)).out).toMatch(/discarded/)
    expect((await tocsin(['journal', 'dead-letters'], env)).out).toBe('No dead letters.\n')
  })

  test('lists pages, shows their timeline, and does with them what the web pages do', async ({ world }) => {
    const { team, primary, backup } = await world.team({ tiers: 2 })
    await world.service('billing', team)
    const administrator = await world.person('administrator', 'Ada Admin')
    const { secret } = await administrator.call('createApiKey', { body: { name: 'cli', scopes: ['alerts:read', 'alerts:write', 'catalog:read'] } })
    const env = { TOCSIN_URL: world.origin, TOCSIN_API_KEY: secret }
    expect((await tocsin(['page', 'list'], env)).out).toBe('No pages.\n')
    await world.alert({ service: 'billing' })
    const [page] = JSON.parse((await tocsin(['--json', 'page', 'list'], env)).out) as { id: string; title: string }[]
    const ending = page?.id.slice(-6) ?? ''
    expect((await tocsin(['page', 'show', ending], env)).out).toContain(`Paged ${primary.name}`)
    expect((await tocsin(['page', 'escalate', ending], env)).code).toBe(0)
    await world.settle()
    backup.expectPage(/billing/)
    expect((await tocsin(['page', 'snooze', ending], env)).err).toContain('Acknowledge the page before')
    expect((await tocsin(['page', 'ack', ending], env)).out).toContain('acknowledged by cli (service account)')
    for (const [minutes, sentence] of [
      ['4', /at least 5 minutes/],
      ['1441', /at most 1440 minutes/],
      ['x', /must be a number/],
    ] as const)
      expect((await tocsin(['page', 'snooze', ending, '--minutes', minutes], env)).err).toMatch(sentence)
    expect((await tocsin(['page', 'snooze', ending, '--minutes', '1440'], env)).out).toContain('snoozed until 2026-11-24T08:00:00.000Z')
    expect((await tocsin(['page', 'snooze', ending, '--minutes', '60'], env)).out).toContain('snoozed until 2026-11-23T09:00:00.000Z')
    primary.expectPage(/billing/)
    await tocsin(['page', 'add', ending, primary.email], env)
    await world.settle()
    expect(primary.expectPage(/billing/).text).toContain('cli (service account) added you as a responder.')
    expect(await tocsin(['page', 'add', ending, 'nobody@tocsin.test'], env)).toMatchObject({
      code: 2,
      err: 'No user has the email address nobody@tocsin.test.\n',
    })
    expect((await tocsin(['page', 'decline', ending, '--to', backup.email, '--reason', 'Leaving'], env)).out).toContain('triggered')
    await world.settle()
    expect(backup.expectPage(/billing/).text).toContain('cli (service account) reassigned this page to you: Leaving')
    expect((await tocsin(['page', 'list', '--mine'], env)).out, 'nobody paged whoever made the key').toBe('No pages.\n')
    await tocsin(['page', 'add', ending, administrator.email], env)
    expect((await tocsin(['page', 'list', '--mine'], env)).out).toContain(page?.id)
    expect(await tocsin(['page', 'ack', '000000'], env)).toMatchObject({ code: 1, err: 'Page 000000 does not exist, or this API key cannot access it.\n' })
  })

  test('imports rules from a folder, and leaves out what git keeps', async ({ world }) => {
    const lead = await world.person('lead')
    const administrator = await world.person('administrator')
    const { secret } = await administrator.call('createApiKey', { body: { name: 'rules', scopes: ['detection:write'] } })
    const env = { TOCSIN_URL: world.origin, TOCSIN_API_KEY: secret }
    const folder = mkdtempSync(join(tmpdir(), 'tocsin-rules-'))
    mkdirSync(join(folder, '.git'))
    const rule = (title: string) =>
      `title: ${title}\nid: 44444444-4444-4444-8444-444444444444\nlogsource: {product: linux}\ndetection:\n  s:\n    F: x\n  condition: s\n`
    writeFileSync(join(folder, 'a.yml'), rule('Of a folder'))
    writeFileSync(join(folder, 'bad.yml'), 'title: Bad\n')
    writeFileSync(join(folder, '.git', 'b.yml'), rule('Of git'))
    const done = await tocsin(['rules', 'import', '--disabled', folder], env)
    expect(done.out).toMatch(/^bad\.yml:1: .*\n1 rules added, 0 changed, 0 unchanged, 1 refused\.\n$/)
    expect(done.code).toBe(1)
    expect((await lead.call('detectionRules', { query: { search: 'Of a folder' } })).items).toMatchObject([{ isEnabled: false, origin: 'imported' }])
    expect(await tocsin(['rules', 'import', join(folder, 'a.yml')], { ...env, TOCSIN_API_KEY: 'tok_wrong' })).toMatchObject({
      code: 1,
      err: 'The API key is not valid.\n',
    })
    expect((await tocsin(['rules', 'import', join(folder, 'a.yml')], { TOCSIN_URL: 'http://127.0.0.1:1' })).err).toMatch(
      /^http:\/\/127\.0\.0\.1:1 cannot be reached/,
    )
  })

  test('verifies an exported journal, and names the entry that was changed', async ({ world }) => {
    const administrator = await world.person('administrator')
    await administrator.call('openIncident', { body: { title: 'Leak', reason: 'Seen.' } })
    const file = join(mkdtempSync(join(tmpdir(), 'tocsin-cli-')), 'journal.json')
    const text = await (await administrator.call.raw('exportJournal')).text()
    const { key } = await administrator.call('checkpoint')
    writeFileSync(file, text)
    expect(await tocsin(['journal', 'verify', file, '--trusted-key', key])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^Genuine: the whole audit log/),
    })
    writeFileSync(file, text.replace('Leak', 'Peak'))
    expect(await tocsin(['journal', 'verify', file])).toMatchObject({
      code: 1,
      out: expect.stringMatching(/NOT genuine:\n- entry 3 of the file \(index 2 in the audit log\) was changed/),
    })
    expect(JSON.parse((await tocsin(['--json', 'journal', 'verify', file])).out)).toMatchObject({ isGenuine: false })
    expect(await tocsin(['journal', 'verify', '/nowhere.json'])).toMatchObject({ code: 2, err: '/nowhere.json cannot be read (ENOENT).\n' })
  })

  test('verifies that an exported journal extends an older one, or a checkpoint, and names both sizes where it does not', async ({ world }) => {
    const administrator = await world.person('administrator')
    const folder = mkdtempSync(join(tmpdir(), 'tocsin-cli-'))
    const [older, newer, other, checkpoint] = ['older.json', 'newer.json', 'other.json', 'checkpoint'].map(name => join(folder, name)) as [
      string,
      string,
      string,
      string,
    ]
    const incident = await administrator.call('openIncident', { body: { title: 'Leak', reason: 'Seen.' } })
    const exported = async () => (await administrator.call.raw('exportJournal')).text()
    writeFileSync(older, await exported())
    writeFileSync(checkpoint, `kept on Monday\n\n${(await administrator.call('checkpoint')).checkpoint}`)
    const { size } = await administrator.call('checkpoint')
    await administrator.call('addNote', { params: { id: incident.id }, body: { markdown: 'More.' } })
    writeFileSync(newer, await exported())
    const [byHand, onWindows] = [join(folder, 'by-hand'), join(folder, 'on-windows')]
    const note = (await administrator.call('checkpoint')).checkpoint ?? ''
    writeFileSync(byHand, note.trim())
    writeFileSync(onWindows, `\uFEFF${note.replaceAll('\n', '\r\n')}`)
    for (const since of [older, checkpoint, byHand, onWindows])
      expect(await tocsin(['journal', 'verify', newer, '--since', since])).toMatchObject({
        code: 0,
        out: expect.stringContaining('extends the older checkpoint'),
      })
    expect(await tocsin(['journal', 'verify', older, '--since', newer])).toMatchObject({
      code: 1,
      out: expect.stringMatching(new RegExp(`the audit log has ${size} entries, fewer than the \\d+ of the older checkpoint`)),
    })
    // The same installation, whose log somebody began anew with its key and other entries: what the database and the master key together allow.
    const forged = rewrittenBy(world, readFileSync(newer, 'utf8'))
    writeFileSync(other, forged.text)
    expect(await tocsin(['journal', 'verify', other])).toMatchObject({ code: 0 })
    expect(await tocsin(['journal', 'verify', other, '--since', older])).toMatchObject({
      code: 1,
      out: expect.stringContaining(`the first ${size} of ${forged.size} entries are not those of the older checkpoint: the audit log was rewritten`),
    })
    // Its key was replaced since: whoever trusts the earlier one is led to the new one.
    const content = JSON.parse(readFileSync(newer, 'utf8')) as Parameters<typeof writeExport>[0]
    const signed = openCheckpoint(content.checkpoint, content.key)
    const [first, second] = [world.server.context.secrets.derive('journal signing'), Buffer.alloc(32, 2)].map(signingKey) as [KeyObject, KeyObject]
    const key = verifierKey(signed.origin, second)
    const successions = [signSuccession(signed.origin, signed.size - 1, first, second)]
    writeFileSync(other, writeExport({ ...content, key, successions, checkpoint: signCheckpoint(signed, second) }))
    expect(await tocsin(['journal', 'verify', other, '--trusted-key', content.key, '--since', older])).toMatchObject({
      code: 0,
      out: expect.stringContaining(`It was replaced, and both keys signed that. Trust this one from now on: ${key}`),
    })
    writeFileSync(other, await (await administrator.call.raw('exportIncident', { params: { id: incident.id } })).text())
    expect(await tocsin(['journal', 'verify', other, '--since', older])).toMatchObject({
      code: 1,
      out: expect.stringContaining('take an export of the whole audit log'),
    })
    writeFileSync(other, readFileSync(newer, 'utf8').replaceAll('\n', '\r\n'))
    expect(await tocsin(['journal', 'verify', other])).toMatchObject({ code: 1, out: expect.stringContaining('the line ends of the file were changed') })
    expect(await tocsin(['journal', 'verify', newer, '--trusted-key', 'mistyped'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('--trusted-key is not the key of an audit log'),
    })
    writeFileSync(other, 'nothing\n')
    expect(await tocsin(['journal', 'verify', newer, '--since', other])).toMatchObject({ code: 2, err: expect.stringContaining('holds no signed checkpoint') })
  })

  test('says that the key is missing, and why a server cannot be reached', async ({ world }) => {
    expect(await tocsin(['incident', 'list'], { TOCSIN_URL: world.origin })).toMatchObject({
      code: 1,
      err: expect.stringContaining('Set TOCSIN_API_KEY, or use --key.'),
    })
    const unused = createServer().listen(0, '127.0.0.1')
    await new Promise(resolve => unused.once('listening', resolve))
    const address = unused.address()
    const port = typeof address === 'object' ? address?.port : undefined
    await new Promise(resolve => unused.close(resolve))
    expect((await tocsin(['incident', 'list'], { TOCSIN_URL: `http://127.0.0.1:${port}`, TOCSIN_API_KEY: 'x' })).err).toContain('ECONNREFUSED')
  })

  test('serve says in one sentence what is wrong with the configuration, and ends with 2', async () => {
    const data = mkdtempSync(join(tmpdir(), 'tocsin-cli-'))
    expect(await tocsin(['serve'], { PORT: 'x', TOCSIN_DATA: data })).toEqual({ code: 2, out: '', err: 'PORT must be a number.\n' })
    const taken = createServer()
    const port = await new Promise<number>(resolve => taken.listen(0, '127.0.0.1', () => resolve((taken.address() as { port: number }).port)))
    expect(await tocsin(['serve', '--port', String(port)], { TOCSIN_DATA: data })).toEqual({
      code: 2,
      out: '',
      err: `Port ${port} is in use. Choose another port with --port or PORT.\n`,
    })
    taken.close()
  })
})

describe('a wrong command line', () => {
  afterEach(() => vi.restoreAllMocks())

  /** How the program ends with these arguments, in this process: one for each command would take long. */
  async function ended(args: readonly string[]): Promise<{ code: unknown; err: string }> {
    let err = ''
    vi.spyOn(process.stderr, 'write').mockImplementation(text => {
      err += String(text)
      return true
    })
    vi.spyOn(process.stdout, 'write').mockReturnValue(true)
    vi.spyOn(process, 'exit').mockImplementation(code => {
      throw new Error(`exit ${code}`)
    })
    const code = await program.parseAsync(args, { from: 'user' }).then(
      () => 'no exit',
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    )
    vi.restoreAllMocks()
    return { code, err }
  }

  /** Every command, with the names that lead to it. */
  const all = (command: Command, path: readonly string[]): (readonly [readonly string[], Command])[] => [
    [path, command],
    ...command.commands.flatMap(child => all(child, [...path, child.name()])),
  ]

  plain('ends every command with 2 and names what is wrong: an unknown option or command, an argument too many or one that is missing', async () => {
    const commands = all(program, [])
    expect(commands.length).toBeGreaterThan(30)
    for (const [path, command] of commands) {
      const name = path.join(' ')
      const options = command.options.filter(option => option.mandatory).flatMap(option => [option.long ?? '', option.argChoices?.[0] ?? 'x'])
      expect(await ended([...path, ...options, '--no-such-option']), name).toEqual({ code: 'exit 2', err: "error: unknown option '--no-such-option'\n" })
      if (command.commands.length > 0) {
        expect(await ended([...path, 'no-such-command']), name).toEqual({ code: 'exit 2', err: "error: unknown command 'no-such-command'\n" })
        expect(await ended(path), `${name} alone`).toEqual({ code: 'exit 2', err: expect.stringContaining('Usage: tocsin') })
        continue
      }
      const given = command.registeredArguments.map(argument => argument.argChoices?.[0] ?? 'x')
      if (given.length > 0 && command.registeredArguments[0]?.required)
        expect(await ended([...path, ...options]), name).toEqual({ code: 'exit 2', err: expect.stringMatching(/^error: missing required argument '\w+'\n$/) })
      if (options.length > 0)
        expect(await ended([...path, ...given]), name).toEqual({ code: 'exit 2', err: expect.stringMatching(/^error: required option '.*' not specified\n$/) })
      if (!command.registeredArguments.some(argument => argument.variadic))
        expect(await ended([...path, ...given, ...options, 'y']), name).toEqual({
          code: 'exit 2',
          err: expect.stringMatching(/^error: too many arguments/),
        })
      expect(await ended([...path, '--help']), name).toMatchObject({ code: 'exit 0' })
    }
    expect(await ended(['serve', '--role', 'king'])).toMatchObject({ code: 'exit 2' })
  })

  plain('of the program itself and of its launcher ends with 2', async () => {
    const env = { TOCSIN_URL: 'tocsin.example' }
    expect(await tocsin(['page', 'list'], env)).toEqual({ code: 2, out: '', err: '--url (or TOCSIN_URL) must be a URL such as https://tocsin.example.\n' })
    expect(await tocsin(['incident', 'shwo'])).toMatchObject({ code: 2, out: '', err: expect.stringContaining("error: unknown command 'shwo'") })
    for (const [args, sentence] of [
      [['sreve'], /^There is no command sreve: serve, /],
      [['check', '--fix'], /^The command check takes no arguments: --fix\.$/m],
      [['bench', 'paging', 'quickly'], /^The command bench takes one measurement: api, detection, hostile, paging, or none for the server as a whole\.$/m],
    ] as const) {
      const done = spawnSync(process.execPath, [launcher, ...args], { encoding: 'utf8' })
      expect(done, args.join(' ')).toMatchObject({ status: 2, stdout: '', stderr: expect.stringMatching(sentence) })
    }
  })
})

/** An export whose first entry is left out, as the same key would have signed it. */
function rewrittenBy({ server }: World, text: string): { text: string; size: number } {
  const seed = server.context.secrets.derive('journal signing')
  const parsed = JSON.parse(text) as { key: string; document: unknown; entries: ExportedEntry[] }
  const [origin = ''] = parsed.key.split('+')
  const entries = parsed.entries.slice(1)
  const leaves = entries.map(({ header, salt = '', body }) => leafHash(leafData(header, hashBody(Buffer.from(salt, 'base64'), body ?? expect.fail()))))
  const nodes = new Map<string, Hash>()
  let frontier = emptyFrontier
  for (const leaf of leaves) {
    const appended = append(frontier, leaf)
    frontier = appended.frontier
    for (const { level, index, hash } of appended.completed) nodes.set(`${level}/${index}`, hash)
  }
  const { size } = frontier
  const proofOf = (index: number) =>
    inclusionPlaces(index, size).map(places =>
      joinSubtrees(places.map(place => nodes.get(`${place.level}/${place.index}`) ?? expect.fail())).toString('base64'),
    )
  const checkpoint = signCheckpoint({ origin, size, root: root(frontier) }, signingKey(seed))
  return { text: writeExport({ ...parsed, checkpoint, entries: entries.map((entry, index) => ({ ...entry, index, proof: proofOf(index) })) }), size }
}
