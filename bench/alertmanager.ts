/**
 * The reference for paging: Prometheus Alertmanager, told of so many alerts whose mails are all due at once, and killed (-9) in the middle of
 * sending. It is started again on its own storage, as a supervisor would.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { alertmanagerProgram, freePort, hasAlertmanager } from '../apps/server/test/alertmanager.ts'
import type { Taken } from './mail-sink.ts'
import { type Sink, settled } from './sink.ts'

export interface Killed {
  readonly due: number
  /** Mails that never came. */
  readonly lost: number
  /** What came more than once. */
  readonly twice: number
  /** Of those, what came under another Message-ID, so that nothing tells that it is the same. */
  readonly doubled: number
}

/** What came of so many that were due. */
export function countKilled(due: number, found: readonly Taken[]): Killed {
  const bySubject = [...Map.groupBy(found, one => one.subject).values()]
  return {
    due,
    lost: due - bySubject.length,
    twice: bySubject.filter(all => all.length > 1).length,
    doubled: bySubject.filter(all => new Set(all.map(one => one.messageId)).size > 1).length,
  }
}

const groupWaitSeconds = 8

/** @param repost the sender tells of all alerts again after the restart, as Prometheus does every minute or so */
export async function killAlertmanager(sink: Sink, run: string, count: number, repost: boolean): Promise<Killed | undefined> {
  if (!hasAlertmanager) return undefined
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-bench-alertmanager-'))
  const email = {
    to: 'oncall@bench.test',
    from: 'alertmanager@bench.test',
    smarthost: `127.0.0.1:${await sink.port}`,
    require_tls: false,
    headers: { Subject: '{{ .CommonLabels.alertname }}' },
    text: 'Something odd on a machine of the service.',
    html: '',
  }
  const config = {
    route: { receiver: 'mail', group_by: ['alertname'], group_wait: `${groupWaitSeconds}s`, group_interval: '5m', repeat_interval: '4h' },
    receivers: [{ name: 'mail', email_configs: [email] }],
  }
  await writeFile(join(folder, 'config.yml'), JSON.stringify(config))
  const post = async (address: string) => {
    for (let at = 0; at < count; at += 200) {
      const alerts = Array.from({ length: 200 }, (_, n) => ({ labels: { alertname: `${run} ${at + n}` }, annotations: {} }))
      await fetch(`${address}/api/v2/alerts`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(alerts) })
    }
  }
  const isOurs = ({ subject }: { subject: string }) => subject.startsWith(`${run} `)
  sink.forget()
  const first = await start(folder)
  await post(first.address)
  await settled(sink, isOurs, 60_000, count / 4)
  first.child.kill('SIGKILL')
  const second = await start(folder)
  if (repost) await post(second.address)
  const found = await settled(sink, isOurs, (groupWaitSeconds + 12) * 1_000)
  second.child.kill('SIGKILL')
  await rm(folder, { recursive: true, force: true })
  return countKilled(count, found)
}

async function start(folder: string): Promise<{ child: ChildProcess; address: string }> {
  const port = await freePort()
  const options = [`--config.file=${join(folder, 'config.yml')}`, `--storage.path=${join(folder, 'data')}`, `--web.listen-address=127.0.0.1:${port}`]
  const child = spawn(alertmanagerProgram, [...options, '--cluster.listen-address=', '--log.level=error'], { stdio: 'ignore' })
  const address = `http://127.0.0.1:${port}`
  for (;;) {
    const isReady = await fetch(`${address}/-/ready`).then(
      reply => reply.ok,
      () => false,
    )
    if (isReady) return { child, address }
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}
