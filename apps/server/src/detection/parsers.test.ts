import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { zstdDecompressSync } from 'node:zlib'
import { pino } from 'pino'
import { afterAll, expect, test } from 'vitest'
import { patience } from '../../test/patience.ts'
import { eventsOf } from './file-lines.ts'
import type { Packed } from './pack.ts'
import { parseTasks } from './parse-tasks.ts'
import { Parsers } from './parsers.ts'

const parsers = new Parsers(pino({ level: 'silent' }))
afterAll(() => parsers.close())

const at = '2026-01-01T00:00:00.000Z'
const asked = { index: 'logs', filter: undefined, isRefused: false }
const records = (count: number) =>
  Buffer.from(JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: Array(count).fill({ body: { stringValue: 'a' } }) }] }] }))
const actions = (count: number) => Buffer.from('{"create":{"_id":"1"}}\n{"a":1}\n'.repeat(count))
const lines = (count: number) => Buffer.from('<13>Oct 11 22:14:15 host sshd: Accepted publickey for ada from 192.0.2.1\n{"a":1}\n'.repeat(count))

const linesOf = (batches: readonly Packed[]) => batches.map(({ body }) => String(zstdDecompressSync(body))).join('')
const array = (count: number) => Buffer.from(JSON.stringify(Array(count).fill({ a: 1 })))

const ruleOf = (values: number) =>
  `title: Large\nlogsource:\n  product: linux\ndetection:\n  s:\n    field|contains:\n${Array.from({ length: values }, (_, n) => `      - v-${n}\n`).join('')}  condition: s\n`

test.each([
  ['small', 10],
  ['large', 5_000],
])('what is %s is read alike', async (_, count) => {
  expect(linesOf(await parsers.otlp(records(count), 'application/json'))).toBe('{"message":"a"}\n'.repeat(count))
  const { batches, answer } = await parsers.bulk(actions(count), asked)
  expect(linesOf(batches)).toBe('{"a":1}\n'.repeat(count))
  expect(answer).toEqual(parseTasks.bulk({ body: actions(count), asked }).answer)
  for (const [body, kept, others] of [
    [lines(count), String(lines(count)), count],
    [array(count), `\n${'{"a":1}\n'.repeat(count)}`, 0],
  ] as const) {
    const read = await parsers.events(body)
    expect({ ...read, batches: linesOf(read.batches) }).toEqual({ batches: kept, events: count, others })
  }
  const [file, settings] = [
    { name: 'a rule', text: ruleOf(count) },
    { mapping: {}, placeholders: {} },
  ]
  expect(await parsers.rules([file], {})).toEqual(parseTasks.rules({ files: [file], placeholders: {} }))
  const events = '{"field":"a v-1 b"}\n{"field":"x"}'
  expect(await parsers.tried(file.text, events, settings)).toEqual(parseTasks.tried({ text: file.text, events, settings }))
  const groups = await parsers.file(lines(count), '/var/log/a', at)
  expect(groups.map(({ batches, logsource }) => [logsource, linesOf(batches)])).toEqual(
    eventsOf(lines(count), '/var/log/a', at).map(group => [group.logsource, String(group.lines)]),
  )
})

test('what is wrong in a large request is told as in a small one', async () => {
  const wrong = Buffer.concat([actions(5_000), Buffer.from('{"nothing":{}}\n')])
  await expect(parsers.bulk(wrong, asked)).rejects.toMatchObject({ kind: 'invalid', message: expect.stringContaining('line 10001: must be an action') })
})

test('lines at which a worker reaches its limits stay as they are, and become dead letters when they are matched', async () => {
  const closed = new Parsers(pino({ level: 'silent' }))
  await closed.close()
  const [kept, ...others] = await closed.file(lines(2_000), '/var/log/a', at)
  expect([kept?.logsource, linesOf(kept?.batches ?? []), others]).toEqual([{}, String(lines(2_000)), []])
  await expect(closed.otlp(records(5_000), 'application/json')).rejects.toMatchObject({
    kind: 'too-large',
    message: expect.stringContaining('could not be read'),
  })
})

test('nothing else waits while a hostile request is read', async () => {
  await parsers.otlp(records(5_000), 'application/json')
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  await sleep(20)
  const hostile = [
    parsers.otlp(Buffer.from('['.repeat(6_000_000)), 'application/json'),
    parsers.otlp(Buffer.from(`{${'"a":{'.repeat(1_500_000)}`), 'application/json'),
    parsers.bulk(Buffer.from('\n'.repeat(6_000_000)), asked),
    parsers.bulk(Buffer.from('{"create":{}}\n{}\n'.repeat(60_000)), asked),
    parsers.events(Buffer.from('\n'.repeat(6_000_000))),
    parsers.events(Buffer.from('['.repeat(6_000_000))),
    parsers.events(Buffer.from('{}'.repeat(3_000_000))),
    parsers.rules([{ name: 'large', text: ruleOf(3_000) }], {}),
    parsers.tried(ruleOf(3_000), '{"field":"x"}\n'.repeat(20), { mapping: {}, placeholders: {} }),
  ]
  const results = await Promise.allSettled(hostile)
  // What was read here would have held up this.
  await sleep(20)
  delay.disable()
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled', 'rejected', ...Array(5).fill('fulfilled')])
  expect(delay.max / 1e6).toBeLessThan(200 * patience)
})
