import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer as createHttp } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { until } from '../../../test/alertmanager.ts'
import { withInstallation } from '../../../test/installation.ts'
import { buildWorld, type World } from '../../../test/world.ts'
import { readConfig } from '../../app/config.ts'
import type { Server as Tocsin } from '../../app/server.ts'
import { openMetrics } from '../../kernel/telemetry.ts'
import { JournalWatch } from '../watch.ts'

const secret = Buffer.alloc(24, 7).toString('base64')

const Sent = z.looseObject({
  class_uid: z.int(),
  message: z.string().optional(),
  metadata: z.looseObject({ uid: z.uuid(), event_code: z.string() }),
})
type Sent = z.output<typeof Sent>

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** A receiver of syslog over TCP that keeps what it is sent, message by message. */
async function syslogServer(): Promise<{ port: number; headers: string[]; sent: Sent[]; close(): void }> {
  const headers: string[] = []
  const sent: Sent[] = []
  const server = createServer(socket => {
    let bytes = Buffer.alloc(0)
    socket.on('error', () => undefined)
    socket.on('data', chunk => {
      bytes = Buffer.concat([bytes, chunk])
      for (;;) {
        const [head, digits = ''] = /^(\d+) /.exec(bytes.toString('latin1', 0, 20)) ?? []
        if (head === undefined || bytes.length < head.length + Number(digits)) return
        const [header = '', text = ''] = bytes
          .subarray(head.length, head.length + Number(digits))
          .toString()
          .split('\ufeff')
        headers.push(header)
        sent.push(Sent.parse(JSON.parse(text)))
        bytes = bytes.subarray(head.length + Number(digits))
      }
    })
  })
  return { port: await listening(server), headers, sent, close: () => server.close() }
}

/** A receiver of webhooks that answers as it is told, or not at all. */
async function hookServer(): Promise<{ port: number; batches: { id: string; sent: Sent[] }[]; sent: Sent[]; status: number | undefined; close(): void }> {
  const receiver = { port: 0, batches: [] as { id: string; sent: Sent[] }[], sent: [] as Sent[], status: 200 as number | undefined, close: () => {} }
  const server = createHttp(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    if (receiver.status === undefined) return
    const { 'webhook-id': id = '', 'webhook-timestamp': at = '', 'webhook-signature': signature } = request.headers
    const expected = createHmac('sha256', Buffer.from(secret, 'base64'))
      .update(`${String(id)}.${String(at)}.${body}`)
      .digest('base64')
    expect(signature).toBe(`v1,${expected}`)
    if (receiver.status === 200) {
      const sent = z.array(Sent).parse(JSON.parse(body))
      receiver.batches.push({ id: String(id), sent })
      receiver.sent.push(...sent)
    }
    response.statusCode = receiver.status
    response.end()
  })
  receiver.port = await listening(server)
  receiver.close = () => {
    server.closeAllConnections()
    server.close()
  }
  return receiver
}

const entryIds = async ({ context }: Tocsin) =>
  z
    .array(z.object({ id: z.string() }))
    .parse((await context.database.reader().db.execute('select id from journal order by seq')).rows)
    .map(({ id }) => id)
const idsOf = (sent: readonly Sent[]) => sent.map(({ metadata }) => metadata.uid)
const typesOf = (sent: readonly Sent[]) => sent.map(({ metadata }) => metadata.event_code)
const finding = async ({ context }: Tocsin) => (await context.health.findings()).find(({ name }) => name === 'audit log readers')?.detail

async function withWorld(addresses: readonly string[], work: (world: World) => Promise<void>): Promise<void> {
  const { world, end } = await buildWorld({ env: { TOCSIN_AUDIT_STREAM: addresses.join(), TOCSIN_AUDIT_STREAM_SECRET: `whsec_${secret}` } })
  try {
    await work(world)
  } finally {
    await end()
  }
}

test('a receiver is refused by name where it could not be one', () => {
  const read = (TOCSIN_AUDIT_STREAM: string, more = {}) => readConfig({ TOCSIN_AUDIT_STREAM, ...more })
  for (const address of ['file:/a', 'syslog+tls://host', 'http://siem.example/x', 'https://u:p@siem.example/x'])
    expect(() => read(`syslog+udp://h:514, ${address}`), address).toThrow(/^TOCSIN_AUDIT_STREAM must be a list of receivers, but number 2 is none: syslog\+tls/)
  expect(() => read('https://siem.example/x')).toThrow('TOCSIN_AUDIT_STREAM_SECRET is required')
  expect(() => read('syslog+udp://h:514 syslog+udp://h:514')).toThrow('TOCSIN_AUDIT_STREAM must name each receiver once.')
})

test('every entry goes out in order by syslog and by webhook, nothing of what belongs to an incident is told, and a receiver that fails stops only itself', {
  timeout: 60_000,
}, async () => {
  const syslog = await syslogServer()
  const hook = await hookServer()
  hook.status = 503
  await withWorld([`syslog+tcp://127.0.0.1:${syslog.port}`, `http://127.0.0.1:${hook.port}/in`], async world => {
    const { context } = world.server
    const ada = await world.person('administrator', 'Ada')
    const lead = await world.person('lead')
    await ada.call('renameOrganization', { body: { name: 'Orchard "Nord" ]' } })
    for (const isRestricted of [true, false]) {
      const { id } = await lead.call('openIncident', { body: { title: 'Kumquat', reason: 'Quince.', isRestricted } })
      await lead.call('incident', { params: { id } })
      await lead.call('addNote', { params: { id }, body: { markdown: 'Medlar' } })
      await lead.call.raw('exportIncident', { params: { id } })
    }
    // The webhook answers with 503: it is told in readiness, on record and by an alarm, and the other receiver is sent that, too.
    const [, failing] = context.streams.all
    await until(() => failing?.status.isFailing || undefined, 'it has failed three times')
    expect(await finding(world.server)).toMatch(/^Entries of the audit log have not reached the audit stream webhook for \d+ s \(status 503\)\.$/)
    const watch = new JournalWatch({ ...context, metrics: openMetrics() })
    await watch.look()
    await world.settle()
    ada.expectPage(/Entries of the audit log do not reach the audit stream webhook/)
    await until(() => typesOf(syslog.sent).includes('journal.stream-failed') || undefined, 'the other receiver is told')
    expect(hook.sent).toEqual([])
    hook.status = 200
    await until(() => failing?.status.error === undefined || undefined, 'it is tried again')
    await watch.look()
    const all = await until(async () => {
      const ids = await entryIds(world.server)
      return syslog.sent.length >= ids.length && hook.sent.length >= ids.length ? ids : undefined
    }, 'both have all')
    expect(idsOf(syslog.sent)).toEqual(all)
    expect(idsOf(hook.sent)).toEqual(all)
    expect(typesOf(hook.sent)).toContain('journal.stream-recovered')
    expect(hook.batches[0]?.id).toMatch(/^audit_[0-9a-f]{32}$/)
    expect(await finding(world.server)).toBeUndefined()
    expect((await ada.call('pages')).items.map(({ state }) => state)).toEqual(['resolved'])
    const renamed = hook.sent.find(({ metadata }) => metadata.event_code === 'organization.renamed')
    expect(renamed).toMatchObject({
      ...{ class_uid: 3004, message: 'Renamed the organization to Orchard "Nord" ]', actor: { user: { uid: ada.id, name: 'Ada' } } },
      src_endpoint: { ip: '127.0.0.1' },
    })
    const element = `\\[tocsin@32473 id="${renamed?.metadata.uid}" type="organization\\.renamed" subject="organization"\\]`
    expect(syslog.headers[typesOf(syslog.sent).indexOf('organization.renamed')]).toMatch(
      new RegExp(`^<110>1 2026-11-23T08:00:00\\.000Z \\S+ tocsin \\d+ organization\\.renamed ${element} $`),
    )
    // Who opened, read and exported the restricted incident is told, and what it is about is not; neither is the work on the other one.
    expect(JSON.stringify([syslog.sent, hook.sent])).not.toMatch(/Kumquat|Quince|Medlar/)
    expect(hook.sent.filter(({ metadata }) => metadata.event_code === 'incident.exported')).toMatchObject([
      { actor: { user: { uid: lead.id } }, src_endpoint: { name: 'unknown' }, unmapped: { is_restricted: true, is_withheld: true } },
      { src_endpoint: { ip: '127.0.0.1' }, message: 'Exported the incident as signed JSON' },
    ])
  })
  syslog.close()
  hook.close()
})

test('a receiver that hangs stops neither the other, nor the server; what it did not take is sent after a restart', { timeout: 60_000 }, async () => {
  const sockets: Socket[] = []
  const hanging = createServer({ allowHalfOpen: true }, socket => void sockets.push(socket.on('error', () => undefined)))
  const syslog = await syslogServer()
  const hook = await hookServer()
  hook.status = undefined
  const env = {
    TOCSIN_AUDIT_STREAM: `syslog+tcp://127.0.0.1:${await listening(hanging)},syslog+tcp://127.0.0.1:${syslog.port},http://127.0.0.1:${hook.port}/in`,
    TOCSIN_AUDIT_STREAM_SECRET: `whsec_${secret}`,
  }
  await withInstallation(async ({ start }) => {
    const first = await start('2026-11-23T08:00:00.000Z', env)
    await until(() => sockets.length > 0 || undefined, 'the hanging one is tried')
    await until(() => typesOf(syslog.sent).includes('system.started') || undefined, 'the other one has what there is')
    const began = performance.now()
    await first.stop()
    expect(performance.now() - began).toBeLessThan(5_000)
    hook.status = 200
    // In another order, with a receiver less: nothing is lost, and the removed one is told so as the last thing.
    const second = await start('2026-11-23T09:00:00.000Z', {
      ...env,
      TOCSIN_AUDIT_STREAM: env.TOCSIN_AUDIT_STREAM.split(',').toReversed().slice(0, 1).join(),
    })
    const all = await entryIds(second)
    await until(() => hook.sent.length >= all.length || undefined, 'the webhook has all')
    expect(idsOf(hook.sent).slice(0, all.length)).toEqual(all)
    await until(() => typesOf(syslog.sent).includes('setting.changed') || undefined, 'the former receiver is told')
    expect(new Set(idsOf(syslog.sent))).toEqual(new Set(all.slice(0, idsOf(syslog.sent).length)))
    expect(syslog.sent.find(({ metadata }) => metadata.event_code === 'setting.changed')).toMatchObject({ message: 'Setting TOCSIN_AUDIT_STREAM changed' })
    const { rows } = await second.context.database.reader().db.execute("select title from pages where subject_kind = 'system'")
    expect(rows).toEqual([{ title: 'The audit log is no longer sent to 2 receivers' }])
  })
  for (const socket of sockets) socket.destroy()
  hanging.close()
  syslog.close()
  hook.close()
})
