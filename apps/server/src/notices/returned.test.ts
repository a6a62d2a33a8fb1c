import { eq } from 'drizzle-orm'
import { describe, expect } from 'vitest'
import { bounce, withInbox } from '../../test/bounce.ts'
import { declare } from '../../test/declared.ts'
import type { Mail } from '../../test/mailbox.ts'
import { test, type World } from '../../test/world.ts'
import { returnAddress } from '../notify/channels/email/inbox.ts'
import { messages } from '../notify/tables.ts'

const content = { nature: 'N', userImpact: 'U', mitigation: 'M', isInvestigationComplete: true } as const
const [security, legal, ciso, board] = ['security@globex.test', 'legal@globex.test', 'ciso@globex.test', 'board@globex.test']
const contact = (email: string, isAlternate = false) => ({ name: 'Globex', email, isAlternate })

/** A declared incident that affects a customer with these contacts. */
async function declared(world: World, contacts: readonly ReturnType<typeof contact>[]) {
  const { team, primary } = await world.team()
  const service = await world.service('billing', team)
  const lead = await world.person('lead')
  const customer = await lead.call('saveCustomer', { body: { name: 'Globex', region: 'EU', contacts: [...contacts] } })
  const { id } = await primary.call('openIncident', { body: { title: 'Leak', reason: 'Seen.', serviceIds: [service.id] } })
  const params = { id }
  for (const page of (await primary.call('pages')).items) await primary.call('acknowledgePage', { params: { id: page.id } })
  await world.settle()
  const { version } = await primary.call('incident', { params })
  await primary.call('setAffectedCustomers', { params, body: { version, customers: [{ id: customer.id, basis: 'Logs.' }] } })
  await declare(primary, id, { by: lead })
  await world.settle()
  world.takeMails()
  const obligations = async () => (await lead.call('obligations', { query: { view: 'all', incidentId: params.id } })).items
  const initial = async () => (await obligations()).find(({ kind }) => kind === 'initial') ?? expect.fail('there is one')
  const notice = async () => (await initial()).notices[0] ?? expect.fail('there is one')
  const at = async () => ({ params: { id: (await notice()).id }, body: { version: (await notice()).version } })
  const approve = async () => lead.call('approveNotice', await at())
  const send = async () => {
    await primary.call('sendNotice', await at())
    await world.settle()
  }
  const draft = async (more: object = {}) => {
    await primary.call('draftNotice', { params: { id: (await initial()).id }, body: { ...content, ...more } })
    await approve()
  }
  const states = async () => Object.fromEntries((await notice()).deliveries.map(({ to, state }) => [to, state]))
  const sentences = async () => (await lead.call('incident', { params })).timeline.map(({ sentence }) => sentence)
  const takeMail = (to: string): Mail => world.expectMail(to, /Security notice/)
  const { version: _, services: __, isDemo: ___, noticeTerm: ____, ...terms } = customer
  return { primary, lead, params, terms, obligations, initial, notice, approve, send, draft, states, sentences, takeMail }
}

/** The update that went to the first contact. */
const takeLater = (world: World): Mail =>
  world.mail.mails.find(({ to, subject }) => to === security && subject.includes('update')) ?? expect.fail('it was sent')

describe('a notice that is returned', () => {
  test.override({ options: withInbox })

  test('goes to the alternates, and meets nothing that a later notice announced; of an incident that was stood down meanwhile nobody else is told', async ({
    world,
  }) => {
    const { primary, lead, params, obligations, initial, send, draft, takeMail } = await declared(world, [contact(security), contact(ciso, true)])
    await draft()
    await send()
    const first = takeMail(security)
    await world.advance({ hours: 5 })
    const announced = { isInvestigationComplete: false, nextSteps: 'Logs.', nextCommunicationAt: '2026-12-20T08:00:00.000Z' }
    await primary.call('draftNotice', { params: { id: (await initial()).id }, body: { ...content, ...announced } })
    const second = async () => {
      const { id = '', version = 0 } = (await initial()).notices[1] ?? {}
      return { params: { id }, body: { version } }
    }
    await lead.call('approveNotice', await second())
    await primary.call('sendNotice', await second())
    await world.settle()
    const update = async () => (await obligations()).find(({ kind }) => kind === 'update')
    expect(await update()).toMatchObject({ state: 'due', dueAt: announced.nextCommunicationAt })
    await bounce(world, first, 'postfix')
    await world.settle()
    const toAlternate = takeMail(ciso)
    expect(await initial()).toMatchObject({ state: 'notified' })
    expect(await update(), 'the customer still expects it').toMatchObject({ state: 'due', dueAt: announced.nextCommunicationAt })

    // The alternate has it for good; of the later one, whose mail comes back after the stand-down, they hear nothing.
    expect(toAlternate.subject).not.toContain('update')
    const { version } = await lead.call('incident', { params })
    const { proposals } = await primary.call('propose', { params, body: { kind: 'stand-down', version, reason: 'A test of our own.' } })
    const { id: proposalId = '', sha256 = '' } = proposals[0] ?? {}
    await lead.call('approveProposal', { params: { ...params, proposalId }, body: { sha256 } })
    world.takeMails()
    await bounce(world, takeLater(world), 'postfix')
    await world.settle()
    expect(world.takeMails().filter(({ to }) => to === ciso)).toEqual([])
  })

  test('to the last contact who had it does not count: it is due again by its deadline, what it announced is not, the lead is paged, and a closed incident is reopened', async ({
    world,
  }) => {
    const { primary, lead, params, obligations, initial, notice, send, draft, states, sentences, takeMail } = await declared(world, [
      contact(security),
      contact(legal),
    ])
    const { dueAt } = await initial()
    await draft({ isInvestigationComplete: false, nextSteps: 'Logs.', nextCommunicationAt: '2026-12-20T08:00:00Z' })
    await send()
    const [toSecurity, toLegal] = [takeMail(security), takeMail(legal)]
    expect(toSecurity.returnPath).toMatch(/^b-[0-9a-f]{56}@reply\.tocsin\.test$/)
    expect((await notice()).deliveries[0]?.receipt, 'which server took it, and what it said').toMatch(/^127\.0\.0\.1: 250 taken/)

    // Of two contacts one has it: the customer is notified.
    await bounce(world, toSecurity, 'postfix-delayed')
    expect(await states()).toEqual({ [security]: 'delayed', [legal]: 'sent' })
    await bounce(world, toSecurity, 'postfix')
    await bounce(world, toSecurity, 'postfix')
    await bounce(world, toLegal, 'relayed')
    await bounce(world, toLegal, 'delivered')
    await bounce(world, toLegal, 'postfix-delayed')
    await world.settle()
    expect(await states(), 'a bounce comes once, and a delay before it is over').toEqual({ [security]: 'bounced', [legal]: 'delivered' })
    expect(await initial()).toMatchObject({ state: 'notified', notices: [{ state: 'sent' }] })
    const [first] = (await notice()).deliveries
    expect(first?.report).toMatch(/^mx1\.globex\.test: 5\.1\.1 550 5\.1\.1 .*User unknown/)
    primary.expectNoPage()
    expect((await sentences()).filter(sentence => /returned|delayed|mailbox|passed on/.test(sentence))).toEqual([
      expect.stringMatching(/^Notice to Globex delayed on its way to security@globex\.test: mx\.tocsin\.test: 4\.4\.1/),
      expect.stringMatching(/^Notice to Globex returned, sent to security@globex\.test: mx1\.globex\.test: 5\.1\.1/),
      'Notice to Globex passed on to another mail server for legal@globex.test',
      'Notice to Globex delivered to the mailbox of legal@globex.test',
    ])

    // Nine days later, the incident is closed. (Closing it by its steps takes a review, which is not what this is about.)
    world.jump({ days: 9 })
    await world.asOwner(`update incidents set status = 'closed', closed_at = now() where id = '${params.id}'`)
    await bounce(world, toLegal, 'forwarded')
    await world.settle()
    expect(await initial()).toMatchObject({ state: 'due', timing: 'overdue', notifiedAt: null, dueAt, notices: [{ state: 'approved', sentAt: null }] })
    expect((await obligations()).map(({ kind, state }) => [kind, state]).toSorted()).toEqual([
      ['initial', 'due'],
      ['update', 'ended'],
    ])
    const page = primary.expectPage(/the notice to Globex reached nobody/)
    expect(page.text).toContain('legal@globex.test: mx.mailbox.test for soc@mailbox.test: 5.2.2 552 5.2.2 Mailbox full')
    primary.expectPage(/1 customer not notified \(overdue\)/)
    const incident = await lead.call('incident', { params })
    expect(incident).toMatchObject({ status: 'recovered', closedAt: null })
    const reopened = incident.timeline.find(({ type }) => type === 'incident.reopened')
    expect(reopened).toMatchObject({ reason: expect.stringMatching(/^The notice to Globex was returned: legal@globex\.test: mx\.mailbox\.test/) })
    expect(incident.timeline.map(({ type }) => type).filter(type => /reopened|missed|ended/.test(type))).toEqual([
      'obligation.ended',
      'obligation.reopened',
      'incident.reopened',
      'obligation.missed',
    ])

    // It is sent again, and meets the obligation late; what it announces is owed anew.
    await send()
    expect(await initial()).toMatchObject({ state: 'notified', timing: 'notified-late' })
    expect((await obligations()).map(({ kind, state }) => [kind, state])).toContainEqual(['update', 'due'])
    expect((await lead.call('pages')).items.filter(({ state }) => state === 'triggered')).toEqual([])
  })

  test('is not so where that is forged, is an answer of a program or person, or is about somebody else', async ({ world }) => {
    const { initial, send, draft, states, takeMail } = await declared(world, [contact(security)])
    await draft()
    await send()
    const mail = takeMail(security)
    const forged = mail.returnPath.replace(/.@/, found => (found === '0@' ? '1@' : '0@'))
    await expect(bounce(world, { ...mail, returnPath: forged }, 'postfix')).rejects.toThrow(/550 No such recipient/)
    await expect(bounce(world, { ...mail, returnPath: mail.returnPath.replace('b-', 'r-') }, 'postfix'), 'as a reply').rejects.toThrow(/550 No such recipient/)
    await expect(bounce(world, { ...mail, to: legal, messageId: '<other@localhost>' }, 'postfix')).rejects.toThrow(/550 This report is not about the mail/)
    await bounce(world, mail, 'out-of-office')
    await bounce(world, mail, 'read')
    await bounce(world, mail, 'qmail', security)
    // Whoever has the mail has its return address for ever. No server reports after weeks.
    world.jump({ days: 31 })
    await expect(bounce(world, mail, 'postfix')).rejects.toThrow(/550 .*sent more than 30 days ago/)
    expect(await states()).toEqual({ [security]: 'sent' })
    expect((await initial()).state).toBe('notified')
  })

  test('before its sending is settled was never delivered', async ({ world }) => {
    const { primary, initial, notice, draft, states } = await declared(world, [contact(security)])
    await draft()
    const { id, version } = await notice()
    world.mail.refuse({ code: 451, text: 'not now' })
    await primary.call('sendNotice', { params: { id }, body: { version } })
    await world.settle()
    expect(await states(), 'a server may take it, and not get to say so').toEqual({ [security]: 'queued' })
    const { config, secrets, database } = world.server.context
    const [message] = await database.reader().db.select().from(messages).where(eq(messages.purposeId, id))
    const returnPath = returnAddress(config, secrets, message?.id ?? '') ?? ''
    await bounce(world, { to: security, messageId: `<${message?.id}@localhost>`, returnPath }, 'qmail')
    expect(await states()).toEqual({ [security]: 'failed' })
    expect(await notice()).toMatchObject({ state: 'approved' })
    world.mail.refuse(undefined)
    await world.advance({ minutes: 3 })
    expect(primary.expectPage(/reached nobody/).text).toContain('A bounce that cannot be read: Hi. This is the qmail-send program')
    expect([await states(), (await initial()).state], 'it is not tried again').toEqual([{ [security]: 'failed' }, 'due'])
  })
})

describe('alternate contacts', () => {
  test.override({ options: withInbox })

  test('get the approved mail once where no other contact is reached, by refusal or return; then the lead is paged', async ({ world }) => {
    const contacts = [contact(security), contact(legal), contact(ciso, true)]
    const { primary, lead, terms, initial, notice, approve, send, draft, states, sentences, takeMail } = await declared(world, contacts)
    await expect(lead.call('saveCustomer', { body: { ...terms, version: 1, contacts: [contact(ciso, true)] } })).rejects.toMatchObject({
      problem: { errors: [{ path: 'contacts', message: 'must have at least one contact that is not an alternate' }] },
    })
    await draft()
    world.mail.refuse({ code: 550, text: 'no such mailbox' }, security)
    await send()
    const toLegal = takeMail(legal)
    expect(
      world.mail.mails.filter(({ to }) => to === ciso),
      'another contact has it',
    ).toEqual([])
    await bounce(world, toLegal, 'postfix')
    expect(await initial()).toMatchObject({ state: 'due', notices: [{ state: 'sending' }] })
    await world.settle()
    primary.expectNoPage()
    const toAlternate = takeMail(ciso)
    expect(await states()).toEqual({ [security]: 'failed', [legal]: 'bounced', [ciso]: 'sent' })
    expect(await initial()).toMatchObject({ state: 'notified', notices: [{ state: 'sent' }] })
    expect(await sentences()).toContain('Sent the notice to the alternate contacts of Globex: no other contact was reached')

    await bounce(world, toAlternate, 'exim')
    await world.settle()
    expect(await initial()).toMatchObject({ state: 'due', notices: [{ state: 'approved' }] })
    primary.expectPage(/reached nobody/)
    expect(
      world.mail.mails.filter(({ to }) => to === ciso),
      'once',
    ).toHaveLength(1)

    // Another alternate: what was approved is not what would leave.
    await lead.call('saveCustomer', { body: { ...terms, version: 1, contacts: [contact(legal), contact(ciso, true), contact(board, true)] } })
    await expect(send()).rejects.toThrow(/are not those that were approved/)
    const { id, version } = await notice()
    await primary.call('changeNotice', { params: { id }, body: { ...content, version } })
    await approve()
    await send()
    const again = takeMail(legal)
    await lead.call('saveCustomer', { body: { ...terms, version: 2, contacts: [contact(legal), contact(board, true)] } })
    await bounce(world, again, 'postfix')
    await world.settle()
    expect(primary.expectPage(/reached nobody/).text).toContain('The alternate contacts did not get it, because what was approved has changed since.')
    expect(world.mail.mails.filter(({ to }) => to === board)).toEqual([])
  })
})
