import { connect } from 'node:net'
import { Readable } from 'node:stream'
import { fastify } from 'fastify'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { boundBytesInFlight } from './bytes-in-flight.ts'
import { AppProblem } from './problems.ts'

const mebibyte = 1_048_576
let http = fastify()
let origin = ''
let answerAll: () => void = () => undefined
/** Requests that were received whole, and are not answered. */
let received = 0

beforeEach(async () => {
  http = fastify({ forceCloseConnections: true })
  received = 0
  const answered = new Promise<void>(resolve => {
    answerAll = resolve
  })
  boundBytesInFlight(http)
  http.removeAllContentTypeParsers()
  http.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  http.setErrorHandler((error, _request, reply) =>
    reply
      .code(error instanceof AppProblem && error.kind === 'unavailable' ? 503 : 500)
      .header('retry-after', (error as AppProblem).retryAfterSeconds)
      .send(),
  )
  for (const [path, isKnown] of [
    ['/known', true],
    ['/strangers', false],
  ] as const)
    http.post(path, { bodyLimit: 32 * mebibyte, config: { isKnown } }, async () => {
      received += 1
      await answered
      return {}
    })
  origin = await http.listen({ host: '127.0.0.1', port: 0 })
})
afterEach(() => http.close())

const send = async (path: string, body: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>>) => {
  const reply = await fetch(`${origin}${path}`, { method: 'POST', body, duplex: 'half' })
  await reply.arrayBuffer()
  return [reply.status, reply.headers.get('retry-after')]
}
const megabytes = (count: number) => new Uint8Array(count * mebibyte)
const inPieces = (count: number) => Readable.toWeb(Readable.from(Array.from({ length: count }, () => megabytes(1)))) as ReadableStream<Uint8Array<ArrayBuffer>>
const holding = async (count: number) => {
  for (const end = Date.now() + 4_000; received < count && Date.now() < end; ) await new Promise(resolve => setTimeout(resolve, 5))
  expect(received).toBe(count)
}

test('bodies beyond a bound are asked for again later, until others were answered; strangers take no room of those who are known', async () => {
  const large = [send('/known', megabytes(32)), send('/known', inPieces(20))]
  await holding(2)
  expect(await send('/known', megabytes(13))).toEqual([503, '5'])
  expect(await send('/known', inPieces(20))).toEqual([503, '5'])
  const others = [send('/known', megabytes(4)), send('/known', new Uint8Array(60_000)), send('/strangers', megabytes(12))]
  await holding(5)
  expect(await send('/strangers', megabytes(5))).toEqual([503, '5'])
  answerAll()
  for (const sent of [...large, ...others]) expect(await sent).toEqual([200, null])
  expect(await send('/known', megabytes(32))).toEqual([200, null])
  expect(await send('/strangers', inPieces(14))).toEqual([200, null])
})

test('a body takes room as it comes: senders that announce much and send little keep nobody out', async () => {
  const slow = [1, 2, 3].map(() => connect(Number(new URL(origin).port), '127.0.0.1'))
  const answers: string[] = []
  for (const socket of slow) {
    socket.on('data', chunk => answers.push(String(chunk)))
    socket.write(`POST /known HTTP/1.1\r\nhost: x\r\ncontent-length: ${32 * mebibyte}\r\n\r\n`)
    socket.write(new Uint8Array(100_000))
  }
  // Their requests are there before what follows.
  await send('/nowhere', new Uint8Array(1))
  const large = [send('/known', megabytes(30)), send('/known', megabytes(30))]
  await holding(2)
  expect(answers).toEqual([])
  expect(await send('/known', megabytes(5))).toEqual([503, '5'])
  answerAll()
  for (const sent of large) expect(await sent).toEqual([200, null])
  for (const socket of slow) socket.destroy()
})

test('large bodies are read no faster than leaves room for everybody else; small ones at once', async () => {
  const began = performance.now()
  const large = [send('/known', megabytes(16)), send('/known', megabytes(16))]
  const small = send('/known', new Uint8Array(60_000))
  await holding(1)
  answerAll()
  await small
  const smallMs = performance.now() - began
  await Promise.all(large)
  const largeMs = performance.now() - began
  expect(largeMs).toBeGreaterThan(900)
  expect(smallMs).toBeLessThan(largeMs)
})

test('strangers who send large bodies hold up nobody who is known', async () => {
  answerAll()
  let isOver = false
  const flood = Array.from({ length: 60 }, async () => {
    while (!isOver) await send('/strangers', new Uint8Array(300_000))
  })
  for (const end = Date.now() + 4_000; received < 60 && Date.now() < end; ) await new Promise(resolve => setTimeout(resolve, 5))
  const began = performance.now()
  expect(await send('/known', megabytes(8))).toEqual([200, null])
  expect(performance.now() - began).toBeLessThan(5_000)
  isOver = true
  await Promise.all(flood)
})
