import { eq } from 'drizzle-orm'
import { expect } from 'vitest'
import { test } from '../../test/world.ts'
import { alerts as stored } from './tables.ts'

test('an alert has its entities in lower case, whoever writes it', async ({ world }) => {
  const { primary } = await world.team({ tiers: 1 })
  const observables = [
    { kind: 'host', value: 'DB-01' },
    { kind: 'user-account', value: 'Mira' },
    { kind: 'process', value: 'nc' },
    { kind: 'url', value: `https://evil.example/${'x'.repeat(1_900)}` },
  ] as const
  const { alerts } = await primary.call('createAlerts', { body: { title: 'Odd', severity: 'low', observables: [...observables] } })
  const read = async () => {
    const [row] = await world.server.context.database
      .reader()
      .db.select({ entities: stored.entities })
      .from(stored)
      .where(eq(stored.id, alerts[0]?.id ?? ''))
    return row?.entities
  }
  const entities = await read()
  expect(entities).toEqual(['host=db-01', expect.stringMatching(/^url=https:\/\/evil.example\/x{479}$/), 'user-account=mira'])
  await world.asOwner(`update alerts set observables = '"odd"'`)
  expect(await read()).toEqual([])
})
