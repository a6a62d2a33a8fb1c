import { createHmac } from 'node:crypto'
import { createServer } from 'node:http'
import { expect, test } from 'vitest'
import { startPeer } from '../../../../test/peer.ts'
import { checkUrl, type EnteredReach, openOutbound, type Reach, sentenceWithReply } from '../../../kernel/outbound.ts'
import { sentenceOf } from '../../../kernel/telemetry.ts'
import { sendWebhook } from './send.ts'

const publicOnly: EnteredReach = { mayReachPrivate: false, privateSetting: 'TOCSIN_ALLOW_PRIVATE_WEBHOOKS', allowed: undefined }
const withPrivate: EnteredReach = { ...publicOnly, mayReachPrivate: true }

test('a webhook reaches no private address, by number or by name, unless that is configured', async () => {
  const message = {
    id: 'm1',
    purpose: 'page',
    purposeId: 'p1',
    subject: '',
    text: '',
    brief: '',
    link: undefined,
    replyTo: undefined,
    returnTo: undefined,
    secret: '',
    origin: '',
    sentAt: 0,
  }
  const refused = (address: string, reach: Reach) => expect(sendWebhook({ ...message, address }, reach, new AbortController().signal)).rejects
  for (const host of ['127.0.0.1:1', 'localhost:1', '[::1]:1', '2130706433', '0x7f.1']) {
    await refused(`https://${host}/x`, publicOnly).toThrow(/private address/)
    await refused(`http://${host}/x`, publicOnly).toThrow(/must start with https/)
  }
  await refused('file:///etc/passwd', withPrivate).toThrow(/https/)
  await refused('https://user:pw@example.com/', withPrivate).toThrow(/password/)
  // Nobody on the way may read a page, also where private addresses may be reached without TLS.
  await refused('http://1.1.1.1/', withPrivate).toThrow('1.1.1.1 must be reached by https')
})

test('a webhook goes to the hosts and networks that the operator lists, and nowhere else', () => {
  const allowed = ['hooks.example', '*.hooks.example', '192.0.2.0/24', '2001:db8::1']
  const check = (url: string, list = allowed) => checkUrl(url, { ...publicOnly, allowed: list }).hostname
  for (const url of ['https://hooks.example/x', 'https://a.b.hooks.example/x', 'https://HOOKS.example/', 'https://192.0.2.7/', 'https://[2001:db8::1]/'])
    expect(() => check(url), url).not.toThrow()
  for (const url of ['https://192.0.3.1/', 'https://[2001:db8::2]/']) expect(() => check(url), url).toThrow('is not in TOCSIN_OUTBOUND_HOSTS')
  const names = allowed.slice(0, 2)
  for (const host of ['evilhooks.example', 'hooks.example.evil.example', 'example', '1.1.1.1'])
    expect(() => check(`https://${host}/`, names), host).toThrow(`${host} is not in TOCSIN_OUTBOUND_HOSTS`)
  // A name may lead into a listed network, or not: its address decides.
  expect(() => check('https://other.example/')).not.toThrow()
  const elsewhere = openOutbound(new URL('https://localhost/'), { ...withPrivate, allowed: ['192.0.2.0/24'] }, new AbortController().signal)
  return expect(elsewhere).rejects.toThrow(/^localhost \(.*\) is not in TOCSIN_OUTBOUND_HOSTS$/)
})

test('what a receiver says of a failure is for the message log, and not in the sentence that is logged', async () => {
  const peer = await startPeer(({ path }) => ({ status: path === '/busy' ? 503 : 410, body: 'needle token=abc '.repeat(100) }))
  const message = {
    id: 'm1',
    purpose: 'page',
    purposeId: 'p1',
    subject: '',
    text: '',
    brief: '',
    link: undefined,
    replyTo: undefined,
    returnTo: undefined,
    origin: '',
    sentAt: 0,
  }
  for (const [path, name, status] of [
    ['/busy', 'OutboundFailure', 503],
    ['/gone', 'Undeliverable', 410],
  ]) {
    const address = `${peer.url}${path}`
    const failure: unknown = await sendWebhook({ ...message, secret: '', address }, withPrivate, new AbortController().signal).catch((error: unknown) => error)
    expect(failure).toMatchObject({ name, status })
    expect(sentenceOf(failure)).toBe(`${peer.url} responded with status ${status}`)
    expect(sentenceWithReply(failure)).toMatch(/: needle token=abc/)
    expect(sentenceWithReply(failure).length).toBeLessThan(300)
  }
  await peer.stop()
})

test('a webhook is signed as Standard Webhooks says', async () => {
  const secret = Buffer.from('a secret of the receiver').toString('base64')
  const received: { id: string; signature: string; timestamp: string; body: string }[] = []
  const server = createServer((request, reply) => {
    let body = ''
    request.on('data', chunk => {
      body += chunk
    })
    request.on('end', () => {
      received.push({
        id: String(request.headers['webhook-id']),
        signature: String(request.headers['webhook-signature']),
        timestamp: String(request.headers['webhook-timestamp']),
        body,
      })
      reply.end()
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', () => resolve()))
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const message = {
    id: 'm1',
    purpose: 'page',
    purposeId: 'p1',
    subject: 'Odd',
    text: 'Look',
    brief: 'Look',
    link: undefined,
    replyTo: undefined,
    returnTo: undefined,
    origin: '',
    sentAt: 1_700_000_000_000,
  }
  await sendWebhook({ ...message, address: `http://127.0.0.1:${port}/`, secret }, withPrivate, new AbortController().signal)
  const [got] = received
  const body = '{"id":"m1","type":"page","title":"Odd","text":"Look"}'
  expect(got).toMatchObject({ id: 'm1', timestamp: '1700000000', body })
  expect(got?.signature).toBe(`v1,${createHmac('sha256', Buffer.from(secret, 'base64')).update(`m1.1700000000.${body}`).digest('base64')}`)
  await new Promise(resolve => server.close(resolve))
})
