import { spawn, spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { patience } from './patience.ts'

export const alertmanagerProgram = 'prometheus-alertmanager'

export const hasAlertmanager = spawnSync(alertmanagerProgram, ['--version'], { stdio: 'ignore' }).status === 0
export const alertmanagerMissing = `${alertmanagerProgram} is not installed (Debian has it)`

export interface Alertmanager {
  /** Gives it an alert as Prometheus would; with `endsAt` in the past it is over. */
  send(alert: { labels: Record<string, string>; annotations: Record<string, string>; endsAt?: string }): Promise<void>
  /** Posts a batch and gives back the bare answer. */
  post(alerts: readonly object[]): Promise<Response>
  stop(): Promise<void>
}

/** A real Prometheus Alertmanager that posts to a webhook. */
export async function startAlertmanager(webhookUrl: string): Promise<Alertmanager> {
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-alertmanager-'))
  const config = {
    route: { receiver: 'tocsin', group_by: ['alertname'], group_wait: '0s', group_interval: '1s', repeat_interval: '1h' },
    receivers: [{ name: 'tocsin', webhook_configs: [{ url: webhookUrl, send_resolved: true }] }],
  }
  // JSON is YAML.
  await writeFile(join(folder, 'config.yml'), JSON.stringify(config))
  const port = await freePort()
  const child = spawn(
    alertmanagerProgram,
    [
      `--config.file=${join(folder, 'config.yml')}`,
      `--storage.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--cluster.listen-address=',
      '--log.level=error',
    ],
    { stdio: 'ignore' },
  )
  const address = `http://127.0.0.1:${port}`
  for (let attempt = 0; ; attempt += 1) {
    const isReady = await fetch(`${address}/-/ready`).then(
      reply => reply.ok,
      () => false,
    )
    if (isReady) break
    if (attempt > 200) throw new Error('Alertmanager does not start')
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  const post = (alerts: readonly object[]) =>
    fetch(`${address}/api/v2/alerts`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(alerts) })
  return {
    post,
    async send(alert) {
      const reply = await post([alert])
      if (!reply.ok) throw new Error(`Alertmanager refused the alert: ${await reply.text()}`)
    },
    async stop() {
      child.kill('SIGKILL')
      await new Promise(resolve => child.once('exit', resolve))
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** A port that nobody listens on, below those that the system gives out by itself: another connection could have taken one of these by the time it is used. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 32_000)
    const probe = createServer()
    const isFree = await new Promise<boolean>(resolve => {
      probe.once('error', () => resolve(false))
      probe.listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!isFree) continue
    await new Promise(resolve => probe.close(resolve))
    return port
  }
}

/** Waits until something outside of our clock's reach has happened; `ms` on an idle machine. */
export async function until<T>(look: () => Promise<T | undefined> | T | undefined, what: string, ms = 20_000): Promise<T> {
  for (const end = Date.now() + ms * patience; Date.now() < end; ) {
    const found = await look()
    if (found !== undefined) return found
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  throw new Error(`it did not happen: ${what}`)
}
