import { describe, expect } from 'vitest'
import { refusal } from '../../test/refusal.ts'
import { type Person, test } from '../../test/world.ts'

/** The steps by id, each with its state and what was found. */
const stepsOf = async (person: Person) => Object.fromEntries((await person.call('setupChecklist')).steps.map(({ id, ...step }) => [id, step]))
const doneOf = async (person: Person) => (await person.call('setupChecklist')).steps.filter(({ state }) => state === 'done').map(({ id }) => id)

describe('the setup checklist', () => {
  test('of an empty installation is to do, also with the demo, and each step is done once it works', async ({ world }) => {
    const ada = await world.person('administrator')
    const empty = await doneOf(ada)
    expect(empty, 'the starter rules are enabled').toEqual(['rules'])
    await ada.call('loadDemo')
    await world.settle()
    expect(await doneOf(ada), 'the demo does not count').toEqual(empty)
    await ada.call('removeDemo')
    expect(await stepsOf(ada)).toMatchObject({
      email: { state: 'todo', found: 'Email is configured. Send a test email to check that it arrives.', at: null },
      people: { state: 'todo', found: 'Nobody else has joined yet.' },
      team: { state: 'todo' },
      'on-call': { state: 'todo', found: 'Nobody is on call now.' },
      service: { state: 'todo' },
      integration: { state: 'todo' },
      'log-source': { state: 'todo', found: 'No log source yet.' },
      'recovery-codes': { state: 'todo' },
    })

    await ada.call('invite', { body: { name: 'Eve', email: 'eve@tocsin.test', role: 'responder' } })
    expect((await stepsOf(ada)).people, 'who is invited has not joined').toMatchObject({ state: 'todo' })

    world.mail.refuse({ code: 550, text: '5.7.1 No relaying' })
    expect(await ada.call('sendTestEmail')).toEqual({ to: ada.email, state: 'queued' })
    expect((await stepsOf(ada)).email).toEqual({ state: 'waiting', found: 'The test email is being sent.', at: world.now })
    await world.settle()
    expect((await stepsOf(ada)).email).toMatchObject({ state: 'todo', found: expect.stringMatching(/^The test email failed: .*No relaying/) })
    world.mail.refuse(undefined)
    world.jump({ minutes: 2 })
    await ada.call('sendTestEmail')
    await world.settle()
    world.expectMail(ada.email, /Test email from Tocsin/)
    expect((await stepsOf(ada)).email).toEqual({ state: 'done', found: 'Email works: the mail server accepted the test email.', at: world.now })
    const { items } = await ada.call('journal', { query: { type: 'test-email.requested' } })
    expect(items).toMatchObject([{ actor: { id: ada.id } }, { sentence: 'Sent a test email to their own address' }])

    const { url } = await ada.call('createIntegration', { body: { kind: 'alertmanager', name: 'Monitoring' } })
    const source = await ada.call('createLogSource', { body: { name: 'Web servers' } })
    expect(await stepsOf(ada)).toMatchObject({
      integration: { state: 'waiting', found: 'Waiting for the first alert of Monitoring.' },
      'log-source': { state: 'waiting', found: 'Waiting for the first event of Web servers.' },
    })
    const { team } = await world.team()
    await world.service('billing', team)
    const send = (address: string, body: string) =>
      fetch(`${world.origin}${new URL(address).pathname}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    const alert = { status: 'firing', fingerprint: 'a', labels: { alertname: 'BulkExport', service: 'billing', severity: 'low' }, annotations: {} }
    expect((await send(url, JSON.stringify({ version: '4', groupKey: '{}', alerts: [alert] }))).ok).toBe(true)
    expect((await send(`${source.url}/events`, '{"a":"b"}\n')).status).toBe(202)
    await ada.call('createRecoveryCodes')
    await world.settle()
    await world.server.detection.detector.settle()
    expect(await stepsOf(ada)).toEqual({
      email: expect.objectContaining({ state: 'done' }),
      people: { state: 'done', found: '7 people have joined.', at: null },
      team: { state: 'done', found: '2 teams.', at: null },
      'on-call': { state: 'done', found: 'Somebody is on call now in 2 teams.', at: null },
      service: { state: 'done', found: '1 service.', at: null },
      integration: { state: 'done', found: '1 alert received through Monitoring.', at: world.now },
      'log-source': { state: 'done', found: 'Receiving data from Web servers.', at: world.now },
      rules: expect.objectContaining({ state: 'done', found: expect.stringMatching(/^\d+ rules enabled\.$/) }),
      'recovery-codes': { state: 'done', found: 'You have 10 recovery codes left.', at: null },
    })
  })

  describe('without email', () => {
    test.override({ options: { withMail: false } })

    test('says so, holds the test email, and is for leads; who may send it is an administrator, a few times a minute', async ({ world }) => {
      const [ada, lead, responder] = [await world.person('administrator'), await world.person('lead'), await world.person('responder')]
      expect(await ada.call('sendTestEmail')).toEqual({ to: ada.email, state: 'held' })
      expect((await stepsOf(lead)).email).toMatchObject({ state: 'todo', found: expect.stringContaining('Set SMTP_URL') })
      await expect(responder.call('setupChecklist')).rejects.toMatchObject(refusal('forbidden'))
      await expect((await world.person('observer')).call('setupChecklist')).rejects.toMatchObject(refusal('forbidden'))
      await expect(lead.call('sendTestEmail')).rejects.toMatchObject(refusal('forbidden'))
      for (let n = 1; n < 5; n += 1) await ada.call('sendTestEmail')
      await expect(ada.call('sendTestEmail')).rejects.toMatchObject(refusal('too-many'))
      expect((await lead.call('messageLog')).items.filter(({ purpose }) => purpose === 'test-email')).toHaveLength(5)
    })
  })
})
