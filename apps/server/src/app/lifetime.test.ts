import { version } from '@tocsin/api'
import { expect, test, vi } from 'vitest'
import { withInstallation } from '../../test/installation.ts'
import { patience } from '../../test/patience.ts'
import { addSeconds } from '../kernel/clock.ts'

const recorded = "select type, subject_id as subject, data from journal where type ~ '^(system|setting)' order by seq"
const begin = '2026-11-23T08:00:00.000Z'
const running = { version, schema: expect.stringMatching(/^[0-9a-f]{64}$/), role: 'all' }

test('when a server ran, and how long none did, is on record', async () => {
  await withInstallation(async ({ start, query }) => {
    await (await start(begin)).stop()
    expect(await query(recorded)).toEqual([
      { type: 'system.started', subject: 'system', data: running },
      { type: 'system.stopped', subject: 'system', data: running },
    ])
    await start(addSeconds(begin, 3_600))
    expect((await query(recorded)).slice(2)).toEqual([
      { type: 'system.away', subject: 'system', data: { from: begin, until: addSeconds(begin, 3_600), seconds: 3_600, isExact: true } },
      { type: 'system.started', subject: 'system', data: running },
    ])
    const away = async () => (await query("select value from settings where name = 'system.last-away'"))[0]?.value
    expect(await away()).toEqual({ from: begin, until: addSeconds(begin, 3_600) })
    // A second server beside one that runs: nobody was away.
    await start(addSeconds(begin, 3_660))
    expect((await query(recorded)).slice(4).map(entry => entry.type)).toEqual(['system.started'])
    expect(await away(), 'what is sent was received all the time').toEqual({ from: begin, until: addSeconds(begin, 3_600) })
  })
})

test('a server that was killed counts as away from its last sign of life on', async () => {
  await withInstallation(async ({ start, query }) => {
    await (await start(begin)).stop()
    await query(`update settings set value = value || '{"isStopped": false}' where name = 'system.running'`)
    await start(addSeconds(begin, 90))
    expect((await query(recorded))[2]).toMatchObject({ type: 'system.away', data: { from: begin, seconds: 90, isExact: false } })
  })
})

test('a server that runs gives a sign of life every minute', async () => {
  vi.useFakeTimers({ toFake: ['setInterval'] })
  try {
    await withInstallation(async ({ start, query }) => {
      let now = begin
      await start(() => now)
      const seenAt = async () => (await query("select value->>'seenAt' as at from settings where name = 'system.running'"))[0]?.at
      now = addSeconds(begin, 60)
      vi.advanceTimersByTime(59_999)
      expect(await seenAt()).toBe(begin)
      vi.advanceTimersByTime(1)
      await vi.waitFor(async () => expect(await seenAt()).toBe(now), { timeout: 10_000 * patience })
    })
  } finally {
    vi.useRealTimers()
  }
})

test('what changed since the last start is on record: the version, and settings that hold no secret', async () => {
  await withInstallation(async ({ start, query }) => {
    await (await start(begin, { SMTP_URL: 'smtp://user:hunter2@mail.example:587', SLACK_BOT_TOKEN: 'xoxb-one', SLACK_SIGNING_SECRET: 's' })).stop()
    await query(`update settings set value = value || '{"version": "0.0.9"}' where name = 'system.running'`)
    const changed = { SMTP_URL: 'smtp://user:hunter3@relay.example:587', SLACK_BOT_TOKEN: 'xoxb-two', SLACK_SIGNING_SECRET: 's', TOCSIN_TRUST_PROXY: 'true' }
    await (await start(begin, changed)).stop()
    const entries = await query(recorded)
    expect(entries.filter(entry => entry.type === 'system.upgraded').map(entry => entry.data)).toEqual([{ from: '0.0.9', to: version }])
    expect(entries.filter(entry => entry.type === 'setting.changed')).toEqual([
      {
        type: 'setting.changed',
        subject: 'TOCSIN_TRUST_PROXY',
        data: { name: 'TOCSIN_TRUST_PROXY', before: [], after: ['loopback', 'linklocal', 'uniquelocal'] },
      },
      { type: 'setting.changed', subject: 'SMTP_URL', data: { name: 'SMTP_URL', before: 'mail.example:587', after: 'relay.example:587' } },
    ])
    const stored = await query("select value::text from settings where name = 'system.running' union all select data::text from journal")
    expect(JSON.stringify(stored)).not.toMatch(/hunter|xoxb/)
    // The same once more: nothing has changed.
    await start(begin, changed)
    expect((await query(recorded)).filter(entry => /^(system.upgraded|setting)/.test(String(entry.type)))).toHaveLength(3)
  })
})
