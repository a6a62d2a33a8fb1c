import { createSocket } from 'node:dgram'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RouteName, routes } from '@tocsin/api'
import { createTransport } from 'nodemailer'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { freePort, until } from './alertmanager.ts'
import { setUpServer, spawnServer } from './own-process.ts'
import { patience } from './patience.ts'
import { asOwner, cloneDatabase } from './world.ts'

/** A word that only strangers, and those who set secrets, have written. */
const canary = 'canary-7f3a9c21'
const secretOf = (name: string) => `${canary}-${name}-${'x'.repeat(32)}`

type Shape = Readonly<Record<string, unknown>>
const shapeOf = (value: unknown): Shape => (typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {})
const shapesOf = (value: unknown): Shape[] => (Array.isArray(value) ? value.map(shapeOf) : [])

/** A value that a JSON schema describes, with the word in every text that may have one. */
function filled(shape: Shape): unknown {
  if ('const' in shape) return shape.const
  if (Array.isArray(shape.enum)) return shape.enum[0]
  const [first] = shapesOf(shape.anyOf ?? shape.oneOf ?? shape.allOf)
  if (first) return filled(first)
  if (shape.type === 'object') {
    const own = Object.entries(shapeOf(shape.properties)).map(([name, of]) => [name, filled(shapeOf(of))] as const)
    const more = shape.propertyNames === undefined ? [] : [[canary, canary] as const]
    return Object.fromEntries([...own, ...more])
  }
  if (shape.type === 'array') return [filled(shapeOf(shape.items))]
  if (shape.type === 'number' || shape.type === 'integer') return 1
  if (shape.type === 'boolean') return true
  return shape.format === 'email' ? `${canary}@example.org` : `${canary} text of a stranger`
}

const bodyOf = (name: RouteName): unknown => {
  const { body } = routes[name]
  return body === undefined ? undefined : filled(shapeOf(z.toJSONSchema(body, { io: 'input', unrepresentable: 'any' })))
}

test('nothing of what strangers send, nor of the secrets that are set, is in the log of a server, whatever fails', {
  timeout: 180_000 * patience,
}, async () => {
  const clone = await cloneDatabase()
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-log-'))
  const ports = { mail: await freePort(), tcp: await freePort(), udp: await freePort() }
  const server = await spawnServer({
    ...{ TOCSIN_DATA: folder, DATABASE_URL: clone.url, PORT: '0', TOCSIN_LOG_LEVEL: 'debug', TOCSIN_TRUST_PROXY: 'true' },
    ...{
      TOCSIN_MAIL_IN_PORT: String(ports.mail),
      TOCSIN_MAIL_IN_DOMAIN: 'reply.tocsin.test',
      TOCSIN_SYSLOG_TCP: String(ports.tcp),
      TOCSIN_SYSLOG_UDP: String(ports.udp),
    },
    ...{ TOCSIN_SECRET: secretOf('master'), SLACK_BOT_TOKEN: secretOf('slack'), SLACK_SIGNING_SECRET: secretOf('slack-signing') },
    ...{ TWILIO_ACCOUNT_SID: 'AC1', TWILIO_AUTH_TOKEN: secretOf('twilio'), TWILIO_FROM: '+15005550006' },
    ...{ TOCSIN_WITNESS_INTAKE_SECRET: `whsec_${Buffer.from(secretOf('witness')).toString('base64')}`, SMTP_URL: `smtp://${canary}:${canary}@127.0.0.1:1` },
  }).ready
  try {
    const call = await setUpServer(server)
    const { key } = await call('createIntegration', { body: { kind: 'alertmanager', name: 'Prometheus' } })
    const events = await call('createIntegration', { body: { kind: 'pagerduty', name: 'Events' } })
    const headers = {
      ...{
        'user-agent': canary,
        referer: `https://${canary}.example/`,
        cookie: `tocsin_session=${canary}; ${canary}=1`,
        'x-forwarded-for': `203.0.113.7, ${canary}`,
      },
      ...{
        origin: server.origin,
        'x-request-id': `${canary} no id`,
        traceparent: canary,
        'webhook-signature': canary,
        'x-slack-signature': canary,
      },
    }
    const statuses: number[] = []
    const send = async (method: string, path: string, body?: string | FormData, more: Record<string, string> = {}) => {
      const reply = await fetch(`${server.origin}${path}`, {
        method,
        headers: { ...headers, 'idempotency-key': `${canary}-${statuses.length}`, ...more },
        ...(body === undefined ? {} : { body }),
      })
      await reply.arrayBuffer()
      statuses.push(reply.status)
      return reply.status
    }
    const json = { 'content-type': 'application/json' }
    const strangers = async () => {
      for (const name of Object.keys(routes) as RouteName[]) {
        const { method, path, access } = routes[name]
        if (access.kind !== 'public') continue
        const known = path.startsWith('/in/') ? path.replace('{key}', path.endsWith('alertmanager') ? key : events.key) : path
        for (const at of new Set([known, path])) {
          const url = `${at.replaceAll(/\{\w+\}/g, canary)}?${canary}=${canary}`
          const body = bodyOf(name)
          if (body === undefined) await send(method, url)
          else for (const text of [JSON.stringify(body), `{"${canary}": "${canary}`, `["${canary}"]`]) await send(method, url.replace(/\?.*/, ''), text, json)
        }
      }
      for (const path of ['events', 'elastic/_bulk', `elastic/${canary}/_bulk`, canary]) {
        await send('POST', `/in/${canary}/${path}`, `{"${canary}":1}\n`, json)
        await send('POST', `/in/${path}`, `{"${canary}":1}\n`, { ...json, authorization: `ApiKey ${canary}` })
      }
      for (const path of ['slack', 'twilio/sms', `twilio/voice/${canary}`, 'teams', 'witness', canary]) {
        await send('POST', `/hooks/${path}`, JSON.stringify({ payload: canary, Body: canary, type: canary }), json)
        await send('POST', `/hooks/${path}`, `payload=${canary}&Body=${canary}`, { 'content-type': 'application/x-www-form-urlencoded' })
      }
      const form = new FormData()
      for (const [name, value] of Object.entries({
        audience: 'customer',
        text: `${canary} report`,
        contactName: canary,
        contactEmail: `${canary}@example.org`,
      }))
        form.append(name, value)
      form.append('files', new File([canary], `${canary}.eml`, { type: `text/${canary}` }))
      await send('POST', '/api/v1/reports', form)
      await send('POST', '/api/v1/alerts', JSON.stringify({ title: canary }), { ...json, authorization: `Bearer ${canary}` })
      for (const path of [`/${canary}`, `/api/v1/${canary}`, `/a/${canary}`, `/calendar/${canary}.ics`]) await send('GET', `${path}?${canary}`)
    }
    await strangers()
    const { hostname, port } = new URL(server.origin)
    const talk = (to: number, text: string) =>
      new Promise<void>(resolve => {
        const socket = connect(to, hostname, () => socket.end(text))
        socket.on('error', () => resolve())
        socket.on('close', () => resolve())
        socket.resume()
      })
    await talk(Number(port), `${canary} / HTTP/9.9\r\n${canary}: ${canary}\r\n\r\n`)
    await talk(ports.tcp, `<13>1 - ${canary} ${canary} - - - ${canary}\n99999999 ${canary}`)
    await talk(ports.mail, `EHLO ${canary}\r\nVRFY ${canary}\r\n${canary}\r\nMAIL FROM:<${canary}\r\n`)
    const udp = createSocket('udp4')
    await new Promise(resolve => udp.send(`<13>${canary}`, ports.udp, hostname, resolve))
    udp.close()
    const mail = { from: `${canary}@example.org`, to: `${canary}@reply.tocsin.test`, subject: canary, text: canary }
    await expect(createTransport({ host: hostname, port: ports.mail, ignoreTLS: true }).sendMail(mail)).rejects.toThrow(/No such recipient/)

    // The same where the database refuses what is written, and repeats it in its error.
    const refusing = ['alerts', 'reports', 'jobs', 'messages'].map(
      table => `create trigger refuse before insert on ${table} for each row execute function refuse()`,
    )
    await asOwner(
      clone.url,
      `create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no' using detail = new::text; end $$; ${refusing.join('; ')}`,
    )
    await strangers()
    expect([...new Set(statuses)], 'some of it was taken, some refused, some failed').toEqual(expect.arrayContaining([201, 202, 204, 400, 401, 403, 404, 500]))
    await until(() => server.log().find(line => line.msg === 'a request failed'), 'it is in the log')
  } finally {
    await server.stop()
    await clone.drop()
    await rm(folder, { recursive: true })
  }
  const found = server
    .errors()
    .split('\n')
    .filter(line => line.toLowerCase().includes(canary))
  expect(found).toEqual([])
  const logged = new Set(server.log().map(line => line.route))
  for (const route of ['/api/v1/session', '/api/v1/reports', '/in/:key/alertmanager', '/v2/enqueue', '/hooks/slack', '/hooks/witness'])
    expect(logged, route).toContain(route)
})
