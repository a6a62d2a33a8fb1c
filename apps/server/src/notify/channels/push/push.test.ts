import { createPublicKey, verify } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Received } from '../../../../test/peer.ts'
import { pagedTeam, withProviders } from '../../../../test/providers.ts'
import { makeSubscription } from '../../../../test/push.ts'

test('a browser gets an encrypted push from a server that shows who it is, and its button acknowledges', async () => {
  await withProviders(async (world, { web }) => {
    web.answer = () => ({ status: 201 })
    const { primary } = await pagedTeam(world)
    const subscription = makeSubscription(web)
    const { key } = await primary.call('pushKey')
    const { method } = await primary.call('addContactMethod', { body: { kind: 'push', label: 'My phone', ...subscription.input } })
    expect(method.address, 'the address is not shown').toBe(new URL(web.url).host)
    await world.settle()
    await primary.call('verifyContactMethod', { params: { id: method.id }, body: { code: /\d{6}/.exec(subscription.latest().body)?.[0] ?? '' } })
    await world.alert({ service: 'billing' })
    const headers: Received['headers'] = web.received.at(-1)?.headers ?? {}
    expect(headers).toMatchObject({ 'content-encoding': 'aes128gcm', urgency: 'high', ttl: '3600' })
    // VAPID (RFC 8292): a token of the push service's origin, signed with the key that the browser was given.
    const [, token = '', shown] = /^vapid t=([^,]+), ?k=(.+)$/.exec(String(headers.authorization)) ?? []
    expect(shown).toBe(key)
    const [head = '', claims = '', signature = ''] = token.split('.')
    const point = Buffer.from(key, 'base64url')
    const jwk = { kty: 'EC', crv: 'P-256', x: point.subarray(1, 33).toString('base64url'), y: point.subarray(33).toString('base64url') }
    const isSigned = verify(
      'sha256',
      Buffer.from(`${head}.${claims}`),
      { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' },
      Buffer.from(signature, 'base64url'),
    )
    expect([isSigned, (JSON.parse(Buffer.from(claims, 'base64url').toString()) as { aud: string }).aud]).toEqual([true, web.url])
    const pushed = subscription.latest()
    expect(pushed).toMatchObject({ title: '[HIGH] billing: Something odd', isPage: true })
    expect(await world.client()('acknowledgeByLink', { body: { token: pushed.token } })).toMatchObject({ state: 'acknowledged', acknowledgedBy: primary.name })
  })
})
