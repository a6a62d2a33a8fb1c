import { connect } from 'node:net'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { until } from '../../test/alertmanager.ts'
import { setUpServer, spawnServer } from '../../test/own-process.ts'
import { patience } from '../../test/patience.ts'
import { asOwner, cloneDatabase } from '../../test/world.ts'
import { sentenceOf } from './telemetry.ts'

/** A server in a process of its own, on a database that a test may break. */
async function withServer(
  work: (server: Awaited<ReturnType<typeof spawnServer>['ready']>, breaks: (sql: string) => Promise<void>) => Promise<void>,
): Promise<void> {
  const clone = await cloneDatabase()
  const server = await spawnServer({ TOCSIN_SECRET: 'a master key for this test only, long', DATABASE_URL: clone.url, PORT: '0', TOCSIN_LOG_LEVEL: 'info' })
    .ready
  try {
    await work(server, sql => asOwner(clone.url, sql))
  } finally {
    await server.stop()
    await clone.drop()
  }
}

describe('the log', () => {
  test('never carries what a failed statement was given, nor rows, nor bodies; a fault that repeats is written once a minute; a request has an id', {
    timeout: 120_000 * patience,
  }, async () => {
    await withServer(async (server, breaks) => {
      const call = await setUpServer(server)
      const { id } = await call('openIncident', { body: { title: 'An incident', reason: 'x' } })
      await breaks(`
        create function refuse() returns trigger language plpgsql as $$ begin raise exception 'the disk of notes is broken' using detail = new.markdown; end $$;
        create trigger refuse before insert on notes for each row execute function refuse()`)
      for (let n = 0; n < 30; n += 1)
        await expect(call('addNote', { params: { id }, body: { markdown: `needle-in-a-note "quoted needle" ${n}` } })).rejects.toThrow('Internal error')
      const odd = await fetch(`${server.origin}/api/v1/session`, {
        method: 'POST',
        body: '{"needle-in-a-body"',
        headers: {
          'content-type': 'application/json',
          'x-request-id': 'from-a-proxy.1',
          traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
        },
      })
      expect([odd.headers.get('x-request-id'), odd.headers.get('traceparent')]).toEqual([
        'from-a-proxy.1',
        '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      ])
      const plain = await fetch(`${server.origin}/api/v1/status`, { headers: { 'x-request-id': 'not\tan id!' } })
      expect(plain.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
      await until(() => server.log().find(line => line.requestId === plain.headers.get('x-request-id')), 'the request is in the log')
      expect(server.errors()).not.toContain('needle')
      expect(server.errors()).not.toContain(id)
      const failures = server.log().filter(line => line.msg === 'a request failed')
      expect(failures).toEqual([
        expect.objectContaining({
          requestId: expect.any(String),
          err: expect.objectContaining({
            message: 'Failed query: insert on notes',
            cause: expect.objectContaining({ code: 'P0001', message: 'the disk of notes is broken' }),
          }),
        }),
      ])
      const requests = server.log().filter(line => line.msg === 'request')
      expect(requests).toContainEqual(
        expect.objectContaining({
          requestId: 'from-a-proxy.1',
          traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
          route: '/api/v1/session',
          method: 'POST',
          status: 400,
        }),
      )
      // A client that hangs up in the middle of a file is no error of ours.
      const { hostname, port } = new URL(server.origin)
      const form = 'POST /api/v1/reports HTTP/1.1\r\nhost: x\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: 1000000\r\n\r\n'
      const file = '--b\r\ncontent-disposition: form-data; name="files"; filename="x"\r\ncontent-type: text/plain\r\n\r\n'
      const upload = connect(Number(port), hostname, () => upload.write(form + file + 'x'.repeat(100_000), () => setTimeout(() => upload.destroy(), 200)))
      const countOf = async (status: number) =>
        new RegExp(`request_seconds_count\\{(?=.*route="/api/v1/reports").*status="${status}".*\\} (\\d+)`).exec(
          await (await fetch(`${server.origin}/metrics`)).text(),
        )?.[1]
      expect(await until(() => countOf(499), 'the request is counted')).toBe('1')
      expect(await countOf(500)).toBeUndefined()
      expect(server.log().filter(line => line.route === '/api/v1/reports')).toEqual([])
      const metrics = await (await fetch(`${server.origin}/metrics`)).text()
      expect(metrics).toMatch(/^tocsin_unexpected_errors_total\{kind="request".*\} 30$/m)
      expect(metrics).toMatch(/tocsin_build_info\{version="0\.1\.0",node="v\d+/)
      for (const name of ['database_connections', 'database_connections_idle', 'database_connections_waiting', 'live_streams'])
        expect(metrics).toMatch(new RegExp(`^tocsin_${name}(\\{.*\\})? `, 'm'))
    })
  })

  test('sentences of errors keep names and lose values', () => {
    const database = Object.assign(new pg.DatabaseError('invalid input syntax for type integer: "needle"', 1, 'error'), { code: '22P02' })
    expect(sentenceOf(database)).toBe('invalid input syntax for type integer: …')
    let syntax: unknown
    try {
      JSON.parse('{"needle": oops}')
    } catch (error) {
      syntax = error
    }
    expect(sentenceOf(syntax)).not.toContain('needle')
    expect(sentenceOf('needle')).toBe('a thrown string')
  })
})

describe('metrics', () => {
  test('are named as Prometheus would have them', async () => {
    await withServer(async server => {
      const text = await (await fetch(`${server.origin}/metrics`)).text()
      const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type] as const)
      expect(types.length).toBeGreaterThan(20)
      // The rules of `promtool check metrics`.
      for (const [name, type] of types) {
        expect(name.endsWith('_total'), `${name} is a ${type}`).toBe(type === 'counter')
        if (type !== 'histogram' && type !== 'summary') expect(name, name).not.toMatch(/_(count|sum|bucket)$/)
        expect(name, name).toMatch(/^[a-z][a-z0-9_]*$/)
        expect(name, name).not.toMatch(/_(counter|gauge|histogram|summary)(_|$)|_(ms|milliseconds|minutes|hours|kb|mb|kilobytes)(_|$)/)
        expect(text, `${name} has a help text`).toMatch(new RegExp(`^# HELP ${name} \\S`, 'm'))
      }
    })
  })
})
