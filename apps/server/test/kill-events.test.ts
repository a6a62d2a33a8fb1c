import { type ChildProcess, spawn } from 'node:child_process'
import { appendFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sql } from 'drizzle-orm'
import { expect } from 'vitest'
import { freePort, until } from './alertmanager.ts'
import { patience } from './patience.ts'
import { programEnv } from './program-env.ts'
import { test } from './world.ts'

const kills = 12
const logs = await mkdtemp(join(tmpdir(), 'tocsin-kill-logs-'))
/** Lines after which the followed file is rotated. */
const rotation = 200

const rule = `title: Seen
id: 44444444-4444-4444-8444-444444444444
logsource: {category: test}
detection:
  selection:
    F: evil
  condition: selection
level: low
`

const secret = 'a master key that both servers have'
test.override({ options: { env: { TOCSIN_FOLLOW_FOLDERS: logs, TOCSIN_SECRET: secret } } })
test('a batch that was acknowledged, and a line of a followed file, is matched, once, whenever the server is killed', { timeout: 240_000 * patience }, async ({
  world,
}) => {
  // This world's own server only prepares: another, which is killed, takes the events.
  const lead = await world.person('lead')
  await lead.call('createDetectionRule', { body: { text: rule } })
  const { url } = await lead.call('createLogSource', { body: { name: 'Shipper' } })
  const file = join(logs, 'app.log')
  await writeFile(file, '')
  await lead.call('createLogSource', { body: { name: 'File', files: [file] } })
  await world.settle()
  await world.server.detection.stop()
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-kill-events-'))
  const shift = join(folder, 'shift')
  await writeFile(shift, '0')
  const port = await freePort()
  const path = `http://127.0.0.1:${port}/in/${url.split('/').at(-1)}/events`
  const start = async (): Promise<ChildProcess> => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', fileURLToPath(new URL('./killable.ts', import.meta.url)), shift], {
      env: {
        ...programEnv,
        TOCSIN_DATA: join(folder, 'data'),
        TOCSIN_SECRET: secret,
        PORT: String(port),
        DATABASE_URL: world.server.context.database.url,
        TOCSIN_FOLLOW_FOLDERS: logs,
        TOCSIN_LOG_LEVEL: 'error',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await new Promise((resolve, reject) => {
      child.stdout?.once('data', resolve)
      child.once('exit', code => reject(new Error(`the server ended with ${code} before it was ready`)))
    })
    return child
  }
  const acknowledged: string[] = []
  const written: string[] = []
  let sent = 0
  for (let kill = 0; kill < kills; kill++) {
    const child = await start()
    let isAlive = true
    // The first rounds are killed while the rules are still being made ready, the later ones while events are matched.
    const timer = setTimeout(
      () => {
        isAlive = false
        child.kill('SIGKILL')
      },
      150 + kill * 350,
    )
    while (isAlive) {
      const names = Array.from({ length: 3 }, () => `h${sent++}`)
      const body = names.map(name => `${JSON.stringify({ F: 'evil', host: name })}\n`).join('')
      const reply = await fetch(path, { method: 'POST', body }).catch(() => undefined)
      if (reply?.status === 202) acknowledged.push(...names)
      const line = `f${written.length}`
      await appendFile(file, `${JSON.stringify({ F: 'evil', host: line })}\n`)
      written.push(line)
      if (written.length % rotation === 0) {
        await rename(file, `${file}.${written.length}`)
        await writeFile(file, '')
      }
      await new Promise(resolve => setTimeout(resolve, 10))
    }
    clearTimeout(timer)
    await new Promise(resolve => (child.exitCode === null && child.signalCode === null ? child.once('exit', resolve) : resolve(undefined)))
  }
  const last = await start()
  const { db } = world.server.context.database.reader()
  const waiting = async () => Number((await db.execute<{ n: string }>(sql`select count(*) as n from event_batches`)).rows[0]?.n)
  const matchedLines = async () =>
    Number((await db.execute<{ n: string }>(sql`select count(*) as n from alerts where dedup_scope = 'detection' and title like 'Seen: f%'`)).rows[0]?.n)
  await until(async () => ((await matchedLines()) >= written.length && (await waiting()) === 0 ? true : undefined), 'everything is matched', 60_000)
  const alerts = await db.execute<{ title: string; count: number }>(
    sql`select title, count from alerts where dedup_scope = 'detection' and title like 'Seen: %'`,
  )
  const counts = new Map(alerts.rows.map(({ title, count }) => [title.replace('Seen: ', ''), count]))
  expect(acknowledged.length).toBeGreaterThan(100)
  expect(written.length).toBeGreaterThan(rotation)
  expect(
    [...acknowledged, ...written].filter(name => !counts.has(name)),
    'nothing acknowledged is lost, nor a line of the file',
  ).toEqual([])
  expect(
    [...counts].filter(([, count]) => count !== 1),
    'and nothing is matched twice',
  ).toEqual([])
  last.kill('SIGTERM')
  await new Promise(resolve => last.once('exit', resolve))
  for (const place of [folder, logs]) await rm(place, { recursive: true, force: true })
})
