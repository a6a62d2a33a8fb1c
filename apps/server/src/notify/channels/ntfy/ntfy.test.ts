import { expect, test } from 'vitest'
import { addVerified, jsonOf, pagedTeam, withProviders } from '../../../../test/providers.ts'

test('ntfy gets an urgent message whose button acknowledges', async () => {
  await withProviders(async (world, { web }) => {
    const { primary } = await pagedTeam(world)
    await addVerified(world, primary, { kind: 'ntfy', address: `${web.url}/ada-pages` }, web)
    await world.alert({ service: 'billing' })
    const sent = jsonOf(web)
    expect(web.received.at(-1)?.path).toBe('/')
    expect(sent).toMatchObject({ topic: 'ada-pages', title: '[HIGH] billing: Something odd', priority: 5 })
    const [action] = sent.actions as { url: string; method: string; headers: Record<string, string>; body: string }[]
    const pressed = await fetch((action?.url ?? '').replace('localhost', '127.0.0.1'), {
      method: action?.method ?? 'GET',
      headers: action?.headers ?? {},
      body: action?.body ?? '',
    })
    expect(await pressed.json()).toMatchObject({ state: 'acknowledged', acknowledgedBy: primary.name })
  })
})
