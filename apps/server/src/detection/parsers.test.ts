import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { afterAll, expect, test } from 'vitest'
import { patience } from '../../test/patience.ts'
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

const array = (count: number) => Buffer.from(JSON.stringify(Array(count).fill({ a: 1 })))

const ruleOf = (values: number) =>
  `title: Large\nlogsource:\n  product: linux\ndetection:\n  s:\n    field|contains:\n${Array.from({ length: values }, (_, n) => `      - v-${n}\n`).join('')}  condition: s\n`

test.each([
  ['small', 10],
  ['large', 5_000],
])('what is %s is read alike', async (_, count) => {
  expect(await parsers.otlp(records(count), 'application/json')).toEqual(parseTasks.otlp({ body: records(count), type: 'application/json' }))
  expect(await parsers.bulk(actions(count), asked)).toEqual(parseTasks.bulk({ body: actions(count), asked }))
  expect(await parsers.events(lines(count))).toEqual({ lines: lines(count), events: count, others: count })
  expect(await parsers.events(array(count))).toEqual({ lines: Buffer.from(`\n${'{"a":1}\n'.repeat(count)}`), events: count, others: 0 })
  const [file, settings] = [
    { name: 'a rule', text: ruleOf(count) },
    { mapping: {}, placeholders: {} },
  ]
  expect(await parsers.rules([file], {})).toEqual(parseTasks.rules({ files: [file], placeholders: {} }))
  const events = '{"field":"a v-1 b"}\n{"field":"x"}'
  expect(await parsers.tried(file.text, events, settings)).toEqual(parseTasks.tried({ text: file.text, events, settings }))
  expect(await parsers.file(lines(count), '/var/log/a', at)).toEqual(parseTasks.file({ bytes: lines(count), path: '/var/log/a', readAt: at }))
})

test('what is wrong in a large request is told as in a small one', async () => {
  const wrong = Buffer.concat([actions(5_000), Buffer.from('{"nothing":{}}\n')])
  await expect(parsers.bulk(wrong, asked)).rejects.toMatchObject({ kind: 'invalid', message: expect.stringContaining('line 10001: must be an action') })
})

test('lines at which a worker reaches its limits stay as they are, and become dead letters when they are matched', async () => {
  const closed = new Parsers(pino({ level: 'silent' }))
  await closed.close()
  expect(await closed.file(lines(2_000), '/var/log/a', at)).toEqual([{ lines: lines(2_000), logsource: {} }])
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
