import { createTransport } from 'nodemailer'
import { describe, expect, onTestFinished, test as plain } from 'vitest'
import { bounce } from '../../test/bounce.ts'
import { linkIn, test, type World } from '../../test/world.ts'
import { parseAnswer } from '../notify/answers.ts'
import { answerPages } from './answers.ts'
import { pages } from './tables.ts'

plain.each([
  ['1', { kind: 'acknowledge' }],
  ['Ack.', { kind: 'acknowledge' }],
  ['\n  acknowledged, thanks\n\nAda\n> On Monday Tocsin wrote: pass', { kind: 'acknowledge' }],
  ['OK', { kind: 'acknowledge' }],
  ['ok thanks', { kind: 'acknowledge' }],
  ['Okay, on it!', { kind: 'acknowledge' }],
  ['Got it, thanks.\n\nSent from my phone', { kind: 'acknowledge' }],
  ['I’m on it', { kind: 'acknowledge' }],
  ['I am looking into it - thanks', { kind: 'acknowledge' }],
  ['I’ll take it', { kind: 'acknowledge' }],
  ['👍🏽', { kind: 'acknowledge' }],
  ['2', { kind: 'escalate' }],
  ['pass it', { kind: 'escalate' }],
  ['no', { kind: 'decline', to: null }],
  ['decline to ben@example.org', { kind: 'decline', to: 'ben@example.org' }],
  ['Add Ben, cai@example.org and Dan', { kind: 'add', who: ['Ben', 'cai@example.org', 'Dan'] }],
  ['snooze 45', { kind: 'snooze', minutes: 45 }],
  ['snooze 2 h', { kind: 'snooze', minutes: 120 }],
  ['snooze', { kind: 'snooze', minutes: 30 }],
  // What only begins like an answer is none.
  ['No idea, who is on it?', undefined],
  ['2 questions first', undefined],
  ['Got it, but who is on call?', undefined],
  ['Ok if Ben takes it?', undefined],
  ['not on it', undefined],
  ['thanks', undefined],
  ['I got it to work', undefined],
  ['I am out of the office', undefined],
  ['decline the meeting', undefined],
  ['', undefined],
] as const)('%j is understood', (text, answer) => {
  expect(parseAnswer(text)).toEqual(answer)
})

describe('by its private link', () => {
  test('a page is given to a colleague by name, joined by another, and nobody’s name is shown', async ({ world }) => {
    const { team, primary, backup } = await world.team({ tiers: 2 })
    await world.service('billing', team)
    const outside = await world.person('responder', 'Olga Outside')
    await world.alert({ service: 'billing' })
    const token = linkIn(primary.expectPage(/billing/), '/a/')
    const call = world.client()
    const namesNobody = await call('declineByLink', { body: { token, to: 'Olga' } }).catch((error: Error) => error.message)
    expect(namesNobody).toMatch(/name of a team member/)
    expect(namesNobody).not.toContain('Outside')
    await call('declineByLink', { body: { token, to: backup.name.toUpperCase() } })
    await world.settle()
    expect(backup.expectPage(/billing/).text).toContain(`${primary.name} reassigned this page to you`)
    await call('addRespondersByLink', { body: { token, who: outside.email } })
    await world.settle()
    expect(outside.expectPage(/billing/).text).toContain(`${primary.name} added you as a responder.`)
    await expect(call('addRespondersByLink', { body: { token: `${token.slice(0, -1)}x`, who: outside.email } })).rejects.toThrow(/link is invalid/)
  })
})

describe('of many pages at once', () => {
  test('a snooze passes over those that somebody else has acknowledged', async ({ world }) => {
    const { team, primary, backup } = await world.team({ tiers: 2 })
    await world.service('billing', team)
    for (const title of ['First', 'Second']) await world.alert({ service: 'billing', title })
    const [{ id: theirs } = { id: '' }] = (await primary.call('pages')).items
    await backup.call('acknowledgePage', { params: { id: theirs } })
    const { context } = world.server
    const snooze = () =>
      context.database.transaction(async tx => {
        const actor = { kind: 'person', id: primary.id, name: primary.name } as const
        const responder = { pages: await tx.db.select().from(pages), levels: new Map(), personId: primary.id, actor }
        return answerPages(tx, context, responder, { kind: 'snooze', minutes: 30 })
      })
    expect(await snooze()).toBe('Snoozed for 30 minutes: 2 pages')
    const shown = (await primary.call('pages')).items.map(({ id, acknowledgedBy, snoozedUntil }) => [id === theirs, acknowledgedBy, snoozedUntil !== null])
    expect(shown.toSorted()).toEqual([
      [false, primary.name, true],
      [true, backup.name, false],
    ])
  })
})

describe('by a reply to its mail', () => {
  const options = { env: { TOCSIN_MAIL_IN_PORT: '0', TOCSIN_MAIL_IN_DOMAIN: 'reply.tocsin.test' } }
  test.override({ options })

  const send = (world: World, from: string, to: string, text: string, headers: Record<string, string> = {}) =>
    createTransport({ host: '127.0.0.1', port: world.server.inbox.port ?? 0, ignoreTLS: true }).sendMail({ from, to, subject: 'Re: a page', text, headers })

  const paged = async (world: World) => {
    const { team, primary, backup } = await world.team({ tiers: 2 })
    await world.service('billing', team)
    await world.alert({ service: 'billing' })
    const mail = primary.expectPage(/billing/)
    return { primary, backup, mail, to: mail.replyTo ?? '' }
  }
  const stateOf = async (person: { call: World['client'] extends (cookie?: string) => infer C ? C : never }) => (await person.call('pages')).items[0]?.state

  test('a page is acknowledged, and what came of it is written back', async ({ world }) => {
    const { primary, mail, to } = await paged(world)
    expect(to).toMatch(/^r-[0-9a-f]{56}@reply\.tocsin\.test$/)
    expect(mail.text).toContain('Or reply to this email with one word')
    await send(world, `Ada <${primary.email.toUpperCase()}>`, to, `ack\n\n> ${mail.text}`)
    await world.settle()
    expect((await primary.call('pages')).items[0]).toMatchObject({ state: 'acknowledged', acknowledgedBy: primary.name })
    world.expectMail(primary.email, /^Acknowledged: billing/)
  })

  test('what is not understood, or goes wrong, changes nothing and is answered with what would be right', async ({ world }) => {
    const { primary, backup, to } = await paged(world)
    await send(world, primary.email, to, 'What is this about?')
    await send(world, primary.email, to, 'decline to Nobody')
    await world.settle()
    expect(world.expectMail(primary.email, /^Reply not recognized/).text).toContain('“ack”')
    expect(world.expectMail(primary.email, /^Reply failed/).text).toContain('name of a team member')
    expect(await stateOf(primary)).toBe('triggered')
    backup.expectNoPage()
    await send(world, primary.email, to, `decline to ${backup.name}`)
    await world.settle()
    backup.expectPage(/billing/)
  })

  test('an out-of-office reply, a forged address, and somebody whom it was forwarded to answer nothing', async ({ world }) => {
    const { primary, backup, mail, to } = await paged(world)
    await send(world, primary.email, to, 'ack', { 'Auto-Submitted': 'auto-replied' })
    // A server that returns the page says nothing for its recipient either; the timeline of the page has it.
    await bounce(world, mail, 'postfix')
    const [{ id } = { id: '' }] = (await primary.call('pages')).items
    const { events } = await primary.call('page', { params: { id } })
    expect(events.filter(({ kind }) => kind === 'page.failed').map(({ text }) => text)).toEqual([expect.stringContaining('550 5.1.1')])
    await expect(send(world, backup.email, to, 'ack')).rejects.toThrow(/Reply from the email address that received the page/)
    const forged = to.replace(/.@/, found => (found === '0@' ? '1@' : '0@'))
    await expect(send(world, primary.email, forged, 'ack')).rejects.toThrow(/No such recipient/)
    await expect(send(world, primary.email, 'anybody@reply.tocsin.test', 'ack')).rejects.toThrow(/No such recipient/)
    await world.settle()
    expect(await stateOf(primary)).toBe('triggered')
    expect(world.takeMails().filter(mail => mail.purpose === 'page-answer')).toEqual([])
  })

  test('counts for whoever the address is of, whatever it says it is from: nobody else is answered for, counted or kept out', async ({ world }) => {
    const { primary, backup, to } = await paged(world)
    await world.alert({ service: 'billing', title: 'Another' })
    const other = primary.expectPage(/Another/).replyTo ?? ''
    for (let sent = 0; sent < 20; sent += 1) await expect(send(world, backup.email, to, 'ack')).rejects.toThrow(/550/)
    await expect(send(world, primary.email, to, 'ack')).rejects.toThrow(/450 .*Too many replies/)
    expect(await stateOf(primary)).toBe('triggered')
    await send(world, primary.email, other, 'ack')
    const answered = (await primary.call('pages')).items.find(page => page.state === 'acknowledged')
    expect(answered).toMatchObject({ title: expect.stringContaining('Another'), acknowledgedBy: primary.name })
  })

  test('is too late after a week, as the link beside it is', async ({ world }) => {
    const { primary, to } = await paged(world)
    world.jump({ days: 8 })
    await send(world, primary.email, to, 'ack')
    await world.settle()
    world.expectMail(primary.email, /^Reply failed/)
    expect(await stateOf(primary)).not.toBe('acknowledged')
  })

  test('is read on a worker, however many lines it has', async ({ world }) => {
    const { primary, to } = await paged(world)
    let workers = 0
    const count = () => {
      workers += 1
    }
    process.on('worker', count)
    onTestFinished(() => void process.off('worker', count))
    await send(world, primary.email, to, `ack${'\n'.repeat(300_000)}`)
    expect(workers, 'a worker that reads it').toBe(1)
    await world.settle()
    expect(await stateOf(primary)).toBe('acknowledged')
  })

  test('that comes while the database is away is not taken, and does its work when its sender tries again', async ({ world }) => {
    const { primary, to } = await paged(world)
    const { database } = world.server.context
    const transaction = database.transaction.bind(database)
    database.transaction = () => Promise.reject(new Error('the database is away'))
    await expect(send(world, primary.email, to, 'ack')).rejects.toThrow(/451 .*try again/)
    database.transaction = transaction
    await send(world, primary.email, to, 'ack')
    expect(await stateOf(primary)).toBe('acknowledged')
  })

  test('that comes a second time, because its sender never learned that it was accepted, does nothing more', async ({ world }) => {
    const { team, members } = await world.team({ tiers: 3 })
    await world.service('billing', team)
    await world.alert({ service: 'billing' })
    const [first, second, third] = members
    if (!first || !second || !third) throw new Error('three members')
    const to = first.expectPage(/billing/).replyTo ?? ''
    for (const _ of [1, 2]) await send(world, first.email, to, 'pass', { 'Message-ID': '<one@example.org>' })
    await world.settle()
    second.expectPage(/billing/)
    third.expectNoPage()
    expect(world.takeMails().filter(mail => mail.purpose === 'page-answer').length).toBe(1)
    // Said again it is about a level that is over: the next one keeps its time, and whoever says it is told.
    await send(world, first.email, to, 'pass', { 'Message-ID': '<two@example.org>' })
    await world.settle()
    third.expectNoPage()
    world.expectMail(first.email, /already escalated to the next level/)
  })
})
