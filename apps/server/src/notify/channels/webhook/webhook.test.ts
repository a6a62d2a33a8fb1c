import { createHmac } from 'node:crypto'
import { createServer } from 'node:http'
import { expect, test } from 'vitest'
import { startPeer } from '../../../../test/peer.ts'
import { sentenceWithReply } from '../../../kernel/outbound.ts'
import { sentenceOf } from '../../../kernel/telemetry.ts'
import { sendWebhook } from './send.ts'

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
    secret: '',
    origin: '',
    sentAt: 0,
  }
  for (const url of ['http://127.0.0.1:1/x', 'http://localhost:1/x', 'http://[::1]:1/x', 'http://2130706433/x', 'http://0x7f.1/x'])
    await expect(sendWebhook({ ...message, address: url }, false, new AbortController().signal)).rejects.toThrow(/private address/)
  await expect(sendWebhook({ ...message, address: 'file:///etc/passwd' }, true, new AbortController().signal)).rejects.toThrow(/https/)
  await expect(sendWebhook({ ...message, address: 'https://user:pw@example.com/' }, true, new AbortController().signal)).rejects.toThrow(/password/)
})

test('what a receiver says of a failure is for the message log, and not in the sentence that is logged', async () => {
  const peer = await startPeer(({ path }) => ({ status: path === '/busy' ? 503 : 410, body: 'needle token=abc '.repeat(100) }))
  const message = { id: 'm1', purpose: 'page', purposeId: 'p1', subject: '', text: '', brief: '', link: undefined, replyTo: undefined, origin: '', sentAt: 0 }
  for (const [path, name, status] of [
    ['/busy', 'OutboundFailure', 503],
    ['/gone', 'Undeliverable', 410],
  ]) {
    const address = `${peer.url}${path}`
    const failure: unknown = await sendWebhook({ ...message, secret: '', address }, true, new AbortController().signal).catch((error: unknown) => error)
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
    origin: '',
    sentAt: 1_700_000_000_000,
  }
  await sendWebhook({ ...message, address: `http://127.0.0.1:${port}/`, secret }, true, new AbortController().signal)
  const [got] = received
  const body = '{"id":"m1","type":"page","title":"Odd","text":"Look"}'
  expect(got).toMatchObject({ id: 'm1', timestamp: '1700000000', body })
  expect(got?.signature).toBe(`v1,${createHmac('sha256', Buffer.from(secret, 'base64')).update(`m1.1700000000.${body}`).digest('base64')}`)
  await new Promise(resolve => server.close(resolve))
})
