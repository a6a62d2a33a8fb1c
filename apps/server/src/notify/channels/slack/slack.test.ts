import { createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { addVerified, jsonOf, pagedTeam, slackSecret, withProviders } from '../../../../test/providers.ts'
import { readConfig } from '../../../app/config.ts'
import { isFromSlack } from './send.ts'

test('a signature of Slack is what its documentation computes, and not older than five minutes', async () => {
  const config = readConfig({ SLACK_BOT_TOKEN: 'xoxb-test', SLACK_SIGNING_SECRET: '8f742231b10e8888abcd99yyyzzz85a5' })
  const body =
    'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c'
  const headers = { 'x-slack-request-timestamp': '1531420618', 'x-slack-signature': 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503' }
  expect(isFromSlack(config, headers, body, 1_531_420_618_000)).toBe(true)
  expect(isFromSlack(config, headers, body, 1_531_420_618_000 + 301_000)).toBe(false)
  expect(isFromSlack(config, headers, `${body}x`, 1_531_420_618_000)).toBe(false)
})

test('Slack gets a message with buttons, and a signed press of one acknowledges', async () => {
  await withProviders(async (world, { slack, web }) => {
    const { primary } = await pagedTeam(world)
    await addVerified(world, primary, { kind: 'slack', address: 'U012AB3CD' }, slack)
    await world.alert({ service: 'billing' })
    const sent = jsonOf(slack)
    expect(slack.received.at(-1)).toMatchObject({ path: '/api/chat.postMessage', headers: { authorization: 'Bearer xoxb-test' } })
    expect(sent).toMatchObject({ channel: 'U012AB3CD', text: '[HIGH] billing: Something odd' })
    const blocks = sent.blocks as { type: string; block_id?: string; elements?: { action_id: string }[] }[]
    const buttons = blocks.find(block => block.type === 'actions')
    const press = (secret: string, text?: string) => {
      const action = { action_id: buttons?.elements?.[0]?.action_id, block_id: buttons?.block_id }
      const payload = { type: 'block_actions', user: { id: 'U012AB3CD' }, actions: [action], response_url: `${web.url}/response` }
      const body = new URLSearchParams({ payload: text ?? JSON.stringify(payload) }).toString()
      const timestamp = String(Math.floor(Date.parse(world.now) / 1_000))
      return fetch(`${world.origin}/hooks/slack`, {
        method: 'POST',
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          'x-slack-request-timestamp': timestamp,
          'x-slack-signature': `v0=${createHmac('sha256', secret).update(`v0:${timestamp}:${body}`).digest('hex')}`,
        },
        body,
      })
    }
    expect((await press('another secret')).status).toBe(403)
    for (const text of ['not JSON', '{', 'null', '['.repeat(10_000)]) expect((await press(slackSecret, text)).status, text.slice(0, 10)).toBe(400)
    expect((await press(slackSecret)).status).toBe(200)
    expect((await primary.call('pages')).items[0]).toMatchObject({ state: 'acknowledged', acknowledgedBy: primary.name })
    expect(jsonOf(web).text).toBe('Acknowledged: billing: Something odd')
    slack.answer = () => ({ status: 200, body: JSON.stringify({ ok: false, error: 'channel_not_found' }) })
    await world.alert({ service: 'billing', title: 'Later' })
    const [page] = (await primary.call('pages')).items.filter(one => one.state === 'triggered')
    const { events } = await primary.call('page', { params: { id: page?.id ?? '' } })
    expect(events.map(event => event.text)).toContain(
      `Page could not be sent to ${primary.name} by Slack: Slack rejected the message: channel_not_found (U012AB3CD)`,
    )
  })
})
