import { sql } from 'drizzle-orm'
import { describe, expect, test as plain } from 'vitest'
import { freePort } from '../../test/alertmanager.ts'
import { test } from '../../test/world.ts'
import { systemClock } from './clock.ts'
import { openDatabase } from './database.ts'
import { HealthChecks } from './health.ts'
import { openLog } from './telemetry.ts'

describe('health checks', () => {
  plain('one that fails or hangs holds up no other, and what is unavailable comes first', async () => {
    const checks = new HealthChecks(openLog('silent', false))
    checks.add('well', async () => undefined)
    checks.add('broken', async () => {
      throw new Error('secret content')
    })
    checks.add('away', async () => ({ severity: 'unavailable', detail: 'It is away.' }))
    checks.add('hanging', () => new Promise(() => undefined))
    expect(await checks.findings()).toEqual([
      { name: 'away', severity: 'unavailable', detail: 'It is away.' },
      { name: 'broken', severity: 'degraded', detail: 'The check of broken failed.' },
      { name: 'hanging', severity: 'degraded', detail: 'The check of hanging did not finish within 5 s.' },
    ])
    expect(() => checks.add('well', async () => undefined)).toThrow('already')
  })

  plain('one that asks a database which is away says nothing beside the check of the database', async () => {
    const log = openLog('silent', false)
    const database = openDatabase(`postgres://tocsin@127.0.0.1:${await freePort()}/tocsin`, systemClock, log)
    const checks = new HealthChecks(log)
    checks.add('database', () => database.health())
    checks.add('delivery', async () => {
      await database.reader().db.execute(sql`select 1`)
      return undefined
    })
    expect(await checks.findings()).toEqual([{ name: 'database', severity: 'unavailable', detail: expect.any(String) }])
    await database.close()
  })

  test('/readyz answers 200 with details while something is degraded, and 503 with the cause while something is unavailable', async ({ world }) => {
    const readyz = async () => {
      const reply = await fetch(`${world.origin}/readyz`)
      return [reply.status, await reply.json()]
    }
    expect(await readyz()).toEqual([200, { status: 'ready', details: [] }])
    let isAway = false
    world.server.context.health.add('lag', async () => ({ severity: 'degraded', detail: 'A reader lags by 90 s.' }))
    expect(await readyz()).toEqual([200, { status: 'degraded', details: [{ name: 'lag', detail: 'A reader lags by 90 s.' }] }])
    world.server.context.health.add('disk', async () => (isAway ? { severity: 'unavailable', detail: 'The disk is full.' } : undefined))
    isAway = true
    expect(await readyz()).toEqual([
      503,
      expect.objectContaining({ detail: 'The disk is full. A reader lags by 90 s.', type: 'urn:tocsin:problem:unavailable' }),
    ])
  })
})
