import { eq } from 'drizzle-orm'
import { describe, expect } from 'vitest'
import { addVerified, formOf, jsonOf, pagedTeam, twilioCalls, withProviders } from '../../test/providers.ts'
import { linkIn, test } from '../../test/world.ts'
import { secretDigest } from '../kernel/secrets.ts'
import { contactMethods, messages } from '../notify/index.ts'

describe('a contact method', () => {
  test('is not paged before its code was given, and a code cannot be guessed', async () => {
    await withProviders(async (world, { twilio }) => {
      const { primary } = await pagedTeam(world)
      const { method } = await primary.call('addContactMethod', { body: { kind: 'sms', address: '+49 30 123456' } })
      expect(method).toMatchObject({ address: '+4930123456', isVerified: false })
      const { db } = world.server.context.database.reader()
      const stored = async () => [
        await db.select().from(messages).where(eq(messages.purpose, 'contact-code')),
        await db.select().from(contactMethods).where(eq(contactMethods.id, method.id)),
      ]
      const before = JSON.stringify(await stored())
      await world.settle()
      const code = /\d{6}/.exec(formOf(twilio).Body ?? '')?.[0] ?? ''
      for (const rows of [before, JSON.stringify(await stored())]) {
        expect(rows).not.toContain(code)
        expect(rows, 'nor a digest that trying all of them finds').not.toContain(secretDigest(`${method.id} ${code}`))
      }
      expect((await stored())[0], 'gone once it has left').toMatchObject([{ code: null, state: 'sent', body: expect.stringContaining('[code] is your code') }])
      await world.alert({ service: 'billing' })
      expect(twilio.received.length, 'the code and nothing else').toBe(1)
      primary.expectPage(/billing/)
      const wrong = code === '000000' ? '000001' : '000000'
      for (let n = 0; n < 6; n += 1)
        await expect(primary.call('verifyContactMethod', { params: { id: method.id }, body: { code: wrong } })).rejects.toThrow(/is incorrect/)
      await expect(primary.call('verifyContactMethod', { params: { id: method.id }, body: { code } })).rejects.toThrow(/has expired/)
      await expect(primary.call('sendContactCode', { params: { id: method.id } }), 'nor does another one give more tries').rejects.toThrow(
        /Too many wrong codes/,
      )
      await world.advance({ minutes: 10 })
      await primary.call('sendContactCode', { params: { id: method.id } })
      await world.settle()
      await expect(primary.call('verifyContactMethod', { params: { id: method.id }, body: { code: wrong } })).rejects.toThrow(/is incorrect/)
      const fresh = /\d{6}/.exec(formOf(twilio).Body ?? '')?.[0] ?? ''
      await world.advance({ minutes: 11 })
      await expect(primary.call('verifyContactMethod', { params: { id: method.id }, body: { code: fresh } })).rejects.toThrow(/has expired/)
      const stranger = await world.person()
      await expect(stranger.call('verifyContactMethod', { params: { id: method.id }, body: { code: fresh } })).rejects.toThrow(/contact method/)
    })
  })

  test('is refused with what would be right', async () => {
    await withProviders(async world => {
      const person = await world.person()
      for (const [kind, address, sentence] of [
        ['sms', '030 123', /phone number with country code/],
        ['slack', 'ada', /member ID/],
        ['ntfy', 'https://ntfy.example/', /URL of a topic/],
        ['email', 'nobody', /email address/],
        ['push', 'https://push.example/x', /keys/],
        ['webhook', 'ftp://x', /https/],
      ] as const)
        await expect(person.call('addContactMethod', { body: { kind, address } })).rejects.toThrow(sentence)
    })
  })

  test('of a channel that is not configured cannot be added', async ({ world }) => {
    const person = await world.person()
    await expect(person.call('addContactMethod', { body: { kind: 'sms', address: '+4930123456' } })).rejects.toThrow(/SMS is not configured/)
    expect((await person.call('pushKey')).channels).toEqual(['email', 'push', 'ntfy', 'webhook'])
  })
})

describe('rules of a person', () => {
  test('say which method comes when, for each urgency, and stop with the acknowledgement', async () => {
    await withProviders(async (world, { twilio }) => {
      const { primary } = await pagedTeam(world)
      const sms = await addVerified(world, primary, { kind: 'sms', address: '+4930123456' }, twilio)
      const voice = await addVerified(world, primary, { kind: 'voice', address: '+4930123456' }, twilio)
      const email = (await primary.call('contactMethods')).find(method => method.kind === 'email')?.id ?? ''
      const rules = {
        high: [
          { methodId: email, afterMinutes: 0 },
          { methodId: sms, afterMinutes: 1 },
          { methodId: voice, afterMinutes: 3 },
        ],
        low: [{ methodId: email, afterMinutes: 0 }],
      }
      expect(await primary.call('saveNotificationRules', { body: rules })).toEqual(rules)
      twilio.received.length = 0
      await world.alert({ service: 'billing', title: 'First' })
      primary.expectPage(/First/)
      await world.advance({ seconds: 59 })
      expect(twilio.received.length).toBe(0)
      await world.advance({ seconds: 1 })
      expect(twilio.received.map(one => one.path)).toEqual(['/2010-04-01/Accounts/AC0123456789/Messages.json'])
      await world.advance({ minutes: 2 })
      expect(twilio.received.map(one => one.path).at(-1)).toBe('/2010-04-01/Accounts/AC0123456789/Calls.json')
      await world.alert({ service: 'billing', title: 'Second' })
      const token = linkIn(primary.expectPage(/Second/), '/a/')
      await world.client()('acknowledgeByLink', { body: { token } })
      twilio.received.length = 0
      await world.advance({ minutes: 1, seconds: 30 })
      expect(twilio.received.length, 'what was answered by mail calls nobody').toBe(0)
      await expect(primary.call('saveNotificationRules', { body: { ...rules, low: [{ methodId: crypto.randomUUID(), afterMinutes: 0 }] } })).rejects.toThrow(
        /low.0.methodId/,
      )
    })
  })
})

test('a later method comes at its minute also where the page escalates to the same person again before, or is exhausted', async () => {
  await withProviders(async (world, { twilio }) => {
    const { team, primary } = await world.team({ tiers: 1, repeats: 1, escalateAfter: { minutes: 5 } })
    await world.service('billing', team)
    const voice = await addVerified(world, primary, { kind: 'voice', address: '+4930123456' }, twilio)
    const email = (await primary.call('contactMethods')).find(method => method.kind === 'email')?.id ?? ''
    const rules = (minutes: number) => [
      { methodId: email, afterMinutes: 0 },
      { methodId: voice, afterMinutes: minutes },
    ]
    await primary.call('saveNotificationRules', { body: { high: rules(6), low: [] } })
    twilio.received.length = 0
    await world.alert({ service: 'billing' })
    await world.advance({ minutes: 5 })
    expect(twilio.received.length).toBe(0)
    await world.advance({ minutes: 1 })
    expect(twilio.received.length, 'six minutes after the first page').toBe(1)
    await primary.call('saveNotificationRules', { body: { high: rules(12), low: [] } })
    await world.alert({ service: 'billing', title: 'Another' })
    twilio.received.length = 0
    await world.advance({ minutes: 11 })
    expect((await primary.call('pages')).items.find(({ title }) => title.includes('Another'))).toMatchObject({ state: 'exhausted' })
    await world.advance({ minutes: 1 })
    expect(twilio.received.length, 'nobody has acknowledged').toBe(1)
  })
})

test('an answer that loses a deadlock in the database is done all the same, once', async () => {
  await withProviders(async (world, { twilio }) => {
    const { primary } = await pagedTeam(world)
    await addVerified(world, primary, { kind: 'sms', address: '+4930123456' }, twilio)
    await world.alert({ service: 'billing' })
    // A sequence counts on where its transaction is rolled back: the first change of a page is refused as PostgreSQL refuses whoever loses a deadlock.
    await world.asOwner(`
      create sequence changes;
      create function lose_once() returns trigger language plpgsql security definer as
        $$ begin if nextval('changes') = 1 then raise exception 'deadlock detected' using errcode = '40P01'; end if; return new; end $$;
      create trigger lose_once before update on pages for each row execute function lose_once()`)
    const reply = await twilioCalls(world, '/hooks/twilio/sms', { From: '+4930123456', To: '+15005550006', Body: '1', MessageSid: 'SM2' })
    expect([reply.status, await reply.text()]).toEqual([200, expect.stringContaining('Acknowledged')])
    const [page] = (await primary.call('pages')).items
    expect(page).toMatchObject({ state: 'acknowledged', acknowledgedBy: primary.name })
    const { events } = await primary.call('page', { params: { id: page?.id ?? '' } })
    expect(events.filter(event => event.kind === 'page.acknowledged').length).toBe(1)
  })
})

test('what a provider took is not sent again, whatever its answer looks like', async () => {
  await withProviders(async (world, { twilio, slack }) => {
    const { primary } = await pagedTeam(world)
    const methods = [
      await addVerified(world, primary, { kind: 'sms', address: '+4930123456' }, twilio),
      await addVerified(world, primary, { kind: 'slack', address: 'U012AB3CD' }, slack),
    ]
    await primary.call('saveNotificationRules', { body: { high: methods.map(methodId => ({ methodId, afterMinutes: 0 })), low: [] } })
    const peers = [twilio, slack]
    for (const peer of peers) {
      peer.received.length = 0
      peer.answer = () => ({ status: 200, body: '<html>accepted</html>' })
    }
    await world.alert({ service: 'billing' })
    await world.advance({ minutes: 4 })
    expect(peers.map(peer => peer.received.length)).toEqual([1, 1])
  })
})

test('a provider that is down is tried again, and the next method of the same person is used at once; the page says so', async () => {
  await withProviders(async (world, { twilio, slack }) => {
    const { primary, backup } = await pagedTeam(world)
    const sms = await addVerified(world, primary, { kind: 'sms', address: '+4930123456' }, twilio)
    const chat = await addVerified(world, primary, { kind: 'slack', address: 'U012AB3CD' }, slack)
    await primary.call('saveNotificationRules', {
      body: {
        high: [
          { methodId: sms, afterMinutes: 0 },
          { methodId: chat, afterMinutes: 60 },
        ],
        low: [],
      },
    })
    twilio.answer = () => ({ status: 503, body: 'maintenance' })
    twilio.received.length = 0
    slack.received.length = 0
    await world.alert({ service: 'billing' })
    expect(slack.received.length, 'one failure may pass').toBe(0)
    await world.advance({ seconds: 3 })
    expect(jsonOf(slack).text).toBe('[HIGH] billing: Something odd')
    backup.expectNoPage()
    const [page] = (await primary.call('pages')).items
    const texts = (await primary.call('page', { params: { id: page?.id ?? '' } })).events.map(event => event.text)
    expect(texts.find(text => text.startsWith('Delivery by SMS failed'))).toMatch(/^Delivery by SMS failed; sending by Slack \(.*503: maintenance\)$/)
    await world.advance({ seconds: 40 })
    expect(slack.received.length, 'once').toBe(1)
    twilio.answer = () => ({ status: 201, body: JSON.stringify({ sid: 'SM1', status: 'queued' }) })
    await world.advance({ minutes: 2 })
    expect(new Set(twilio.received.map(one => one.headers['i-twilio-idempotency-token'])).size, 'every try under one id').toBe(1)
  })
})

test('somebody who is added to an acknowledged page is reached another way, too, and reads that it does not escalate', async () => {
  await withProviders(async (world, { twilio }) => {
    const { primary, backup } = await pagedTeam(world)
    const sms = await addVerified(world, backup, { kind: 'sms', address: '+4930123456' }, twilio)
    await backup.call('saveNotificationRules', { body: { high: [{ methodId: sms, afterMinutes: 0 }], low: [] } })
    await world.alert({ service: 'billing' })
    const [page] = (await primary.call('pages')).items
    const params = { id: page?.id ?? '' }
    await primary.call('acknowledgePage', { params })
    world.takeMails()
    twilio.answer = () => ({ status: 503, body: 'maintenance' })
    await world.advance({ minutes: 1 })
    await primary.call('addResponders', { params, body: { personIds: [backup.id] } })
    await world.advance({ seconds: 5 })
    const mail = backup.expectPage(/billing/)
    expect(mail.text).toContain('It is acknowledged and does not escalate further.')
    primary.expectNoPage()
  })
})

test('a bundle whose channel fails goes out through another channel too, as one message, and is in the timeline of its pages', async () => {
  await withProviders(async (world, { twilio, slack }) => {
    const { team, primary } = await pagedTeam(world)
    await world.service('search', team, undefined, 'medium')
    const sms = await addVerified(world, primary, { kind: 'sms', address: '+4930123456' }, twilio)
    const chat = await addVerified(world, primary, { kind: 'slack', address: 'U012AB3CD' }, slack)
    const rules = [
      { methodId: sms, afterMinutes: 0 },
      { methodId: chat, afterMinutes: 60 },
    ]
    await primary.call('saveNotificationRules', { body: { high: rules, low: rules } })
    const sender = await world.person()
    await sender.call('createAlerts', { body: Array.from({ length: 12 }, (_, n) => ({ title: `Odd ${n}`, severity: 'medium' as const, service: 'search' })) })
    await world.settle()
    twilio.answer = () => ({ status: 503 })
    slack.received.length = 0
    await world.advance({ seconds: 64 })
    expect(slack.received.map((_, n) => jsonOf(slack, n).text)).toEqual([expect.stringMatching(/^\[MEDIUM\] search: Odd \d+ and 6 more pages$/)])
    const bundled = (await primary.call('pages')).items.filter(page => page.notifications.some(one => one.channel === 'slack'))
    expect(bundled.length).toBe(7)
    const { events } = await primary.call('page', { params: { id: bundled[0]?.id ?? '' } })
    expect(events.map(event => event.text)).toEqual(
      expect.arrayContaining([expect.stringMatching(/^Delivery by SMS failed/), `Page sent to ${primary.name} by Slack (U012AB3CD: posted 1503435956.000247)`]),
    )
  })
})

test('whose only methods are by a channel that is configured no more is paged another way', async () => {
  await withProviders(async (world, { twilio }) => {
    const { primary } = await pagedTeam(world)
    const sms = await addVerified(world, primary, { kind: 'sms', address: '+4930123456' }, twilio)
    await primary.call('saveNotificationRules', { body: { high: [{ methodId: sms, afterMinutes: 0 }], low: [] } })
    const has = world.server.context.messenger.has.bind(world.server.context.messenger)
    world.server.context.messenger.has = channel => channel !== 'sms' && has(channel)
    await world.alert({ service: 'billing' })
    primary.expectPage(/billing/)
  })
})

test('somebody whose methods are all unverified is paged at the account’s email, and the fallback with them', async () => {
  await withProviders(async world => {
    const { primary } = await pagedTeam(world)
    const administrator = await world.person('administrator')
    await primary.call('addContactMethod', { body: { kind: 'sms', address: '+4930123456' } })
    // The account's email became a method of its own, verified: it is taken away by hand, as an import may leave somebody.
    const { database } = world.server.context
    await database.transaction(tx => tx.db.delete(contactMethods).where(eq(contactMethods.kind, 'email')))
    await world.alert({ service: 'billing' })
    primary.expectPage(/billing/)
    administrator.expectNoPage()
    const mails = world.takeMails().filter(mail => mail.purpose === 'page')
    expect(mails.map(mail => mail.text).join()).toContain('The person on call has no working contact method, so you are paged instead.')
  })
})

test('a page that is acknowledged while its message is on its way has been delivered; if it fails then, it is not sent again', async () => {
  await withProviders(async (world, { web }) => {
    const { primary } = await pagedTeam(world)
    const phone = await addVerified(world, primary, { kind: 'ntfy', address: `${web.url}/ada-pages` }, web)
    await primary.call('saveNotificationRules', { body: { high: [{ methodId: phone, afterMinutes: 0 }], low: [] } })
    const lead = await world.person('lead')
    const answered = async (status: number) => {
      web.received.length = 0
      let id = ''
      web.answer = async () => {
        id = (await primary.call('pages')).items[0]?.id ?? ''
        await primary.call('acknowledgePage', { params: { id } })
        return { status }
      }
      await world.alert({ service: 'billing', title: `Odd ${status}` })
      await world.advance({ minutes: 3 })
      expect(web.received.length).toBe(1)
      primary.expectNoPage()
      const message = (await lead.call('messageLog')).items.find(one => one.purpose === 'page' && one.subject.includes(`Odd ${status}`))
      const { events, notifications } = await primary.call('page', { params: { id } })
      return [message?.state, notifications[0]?.state, events.map(event => event.text).some(text => text.startsWith(`Page sent to ${primary.name} by ntfy`))]
    }
    expect(await answered(200)).toEqual(['sent', 'sent', true])
    expect(await answered(503)).toEqual(['cancelled', 'cancelled', false])
  })
})
