import { describe, expect, test } from 'vitest'
import { addVerified, formOf, pagedTeam, twilioCalls, twilioToken, withProviders } from '../../../../test/providers.ts'
import { readConfig } from '../../../app/config.ts'
import { isFromTwilio } from './send.ts'

test('a signature of Twilio is what its documentation computes', async () => {
  // The example of "Validating requests" in Twilio's documentation.
  const fields = { CallSid: 'CA1234567890ABCDE', Caller: '+14158675309', Digits: '1234', From: '+14158675309', To: '+18005551212' }
  const config = readConfig({ TWILIO_ACCOUNT_SID: 'AC1', TWILIO_AUTH_TOKEN: '12345', TWILIO_FROM: '+15005550006' })
  expect(isFromTwilio(config, 'RSOYDt4T1cUTdK1PDd93/VVr8B8=', 'https://mycompany.com/myapp.php?foo=1&bar=2', fields)).toBe(true)
  expect(isFromTwilio(config, 'RSOYDt4T1cUTdK1PDd93/VVr8B8=', 'https://mycompany.com/myapp.php?foo=1&bar=3', fields)).toBe(false)
})

describe('SMS', () => {
  test('is sent by the API of Twilio, and a signed reply acknowledges', async () => {
    await withProviders(async (world, { twilio }) => {
      const { primary } = await pagedTeam(world)
      await addVerified(world, primary, { kind: 'sms', address: '+4930123456' }, twilio)
      await world.alert({ service: 'billing' })
      const sent = twilio.received.at(-1)
      expect(sent?.headers.authorization).toBe(`Basic ${Buffer.from(`AC0123456789:${twilioToken}`).toString('base64')}`)
      expect(formOf(twilio)).toMatchObject({ To: '+4930123456', From: '+15005550006' })
      expect(formOf(twilio).Body).toMatch(/^\[HIGH\] billing: Something odd\nReply 1 to acknowledge, 2 to escalate\.\nhttp/)
      const fields = { From: '+4930123456', To: '+15005550006', Body: '1', MessageSid: 'SM2' }
      expect((await twilioCalls(world, '/hooks/twilio/sms', fields, 'another token')).status).toBe(403)
      expect((await primary.call('pages')).items[0]?.state).toBe('triggered')
      const reply = await twilioCalls(world, '/hooks/twilio/sms', fields)
      expect([reply.status, reply.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/xml')])
      expect(await reply.text()).toContain('<Message>Acknowledged: billing: Something odd</Message>')
      expect((await primary.call('pages')).items[0]).toMatchObject({ state: 'acknowledged', acknowledgedBy: primary.name })
      expect(await (await twilioCalls(world, '/hooks/twilio/sms', { ...fields, From: '+4930999999' })).text()).toContain('No page was sent to this number')
    })
  })

  test('passes it on with a 2', async () => {
    await withProviders(async (world, { twilio }) => {
      const { primary, backup } = await pagedTeam(world)
      await addVerified(world, primary, { kind: 'sms', address: '+4930123456' }, twilio)
      await world.alert({ service: 'billing' })
      const answerTo = async (Body: string) => (await twilioCalls(world, '/hooks/twilio/sms', { From: '+4930123456', Body })).text()
      expect(await answerTo('snooze 3')).toContain('<Message>The snooze must be at least 5 minutes.</Message>')
      expect(await answerTo('add Nobody')).toContain('<Message>The person must be the name of a team member')
      expect(await (await twilioCalls(world, '/hooks/twilio/sms', { From: '+4930123456', Body: '2' })).text()).toContain('Escalated to the next level')
      await world.settle()
      backup.expectPage(/billing/)
    })
  })
})

test('a call says what it is about, and a digit acknowledges; what an attacker puts into a title is no markup', async () => {
  await withProviders(async (world, { twilio }) => {
    const { primary } = await pagedTeam(world)
    await addVerified(world, primary, { kind: 'voice', address: '+4930123456' }, twilio)
    await world.alert({ service: 'billing', title: '</Say><Dial>+1900</Dial>' })
    const { Twiml = '' } = formOf(twilio)
    expect(Twiml).toContain('Press 1 to acknowledge')
    expect(Twiml).not.toContain('<Dial>')
    const action = /action="([^"]+)"/.exec(Twiml)?.[1] ?? ''
    const path = new URL(action).pathname
    expect((await twilioCalls(world, path, { Digits: '1' }, 'another token')).status).toBe(403)
    expect(await (await twilioCalls(world, path, { Digits: '7' })).text()).toContain('Press 1 to acknowledge')
    expect(await (await twilioCalls(world, path, { Digits: '1' })).text()).toContain('<Say>Acknowledged')
    expect((await primary.call('pages')).items[0]).toMatchObject({ state: 'acknowledged', acknowledgedBy: primary.name })
  })
})
