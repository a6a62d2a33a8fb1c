import { verifyExport } from '@tocsin/merkle'
import { expect } from 'vitest'
import { declare } from './declared.ts'
import { patience } from './patience.ts'
import { type Person, test, type World } from './world.ts'

const count = 37
const names = Array.from({ length: count }, (_, n) => `Cust ${String(n + 1).padStart(2, '0')}`)
const canary = 'Kestrel'

/** The people of the week, and an incident as they work on it. */
function crew(people: { lead: Person; second: Person; responder: Person }, id: string) {
  const { lead, second, responder } = people
  const params = { id }
  const read = () => lead.call('incident', { params })
  const body = async (reason = 'As the runbook says.') => ({ version: (await read()).version, reason })
  const obligations = async () => {
    const items = []
    for (let cursor: string | undefined; ; ) {
      const page = await lead.call('obligations', { query: { view: 'all', incidentId: id, limit: 200, ...(cursor === undefined ? {} : { cursor }) } })
      items.push(...page.items)
      if (page.next === null) return items
      cursor = page.next
    }
  }
  const owedTo = async (name: string) =>
    (await obligations()).find(({ customer, state }) => customer?.name === name && (state === 'due' || state === 'deferred')) ??
    expect.fail(`nothing is owed to ${name}`)
  /** One person writes, another approves, and it is sent. */
  const notify = async (name: string, more: { isInvestigationComplete?: boolean; nextSteps?: string; nextCommunicationAt?: string } = {}) => {
    const content = {
      nature: 'A support token was stolen.',
      userImpact: 'Names and mail addresses.',
      mitigation: 'It is revoked.',
      isInvestigationComplete: true,
    }
    const { notices } = await responder.call('draftNotice', { params: { id: (await owedTo(name)).id }, body: { ...content, ...more } })
    const notice = { id: notices.at(-1)?.id ?? '' }
    await lead.call('approveNotice', { params: notice, body: { version: 1 } })
    await responder.call('sendNotice', { params: notice, body: { version: 2 } })
  }
  /** Writes and finishes the review of this round. */
  const review = async () => {
    const started = await responder.call('startReview', { params })
    const findings = [{ kind: 'process-flaw' as const, description: 'Tokens of support did not expire.' }]
    const saved = await responder.call('saveReview', { params: { id: started.id }, body: { version: 1, sequence: started.sequence, findings } })
    return second.call('finishReview', { params: { id: started.id }, body: { version: saved.version } })
  }
  const contain = async () => {
    await lead.call('containIncident', { params, body: await body() })
    await lead.call('eradicateIncident', { params, body: await body() })
  }
  const recover = async (monitorUntil: string) => {
    const recovery = { secureState: 'Tokens were issued anew', verification: 'No sign-in with an old one for a day', monitorUntil }
    await responder.call('recoverIncident', { params, body: { ...(await body()), ...recovery } })
    await second.call('verifyRecovery', { params, body: await body('No old token was used since.') })
  }
  const close = async () => second.call('closeIncident', { params, body: await body() })
  return { params, read, body, obligations, owedTo, notify, review, contain, recover, close }
}

const pagesTo = (world: World, person: Person) => world.takeMails().filter(mail => mail.to === person.email && mail.purpose.startsWith('page'))

async function acknowledgeAll(world: World, person: Person): Promise<void> {
  for (const { id, state } of (await person.call('pages')).items) if (state === 'triggered') await person.call('acknowledgePage', { params: { id } })
  await world.settle()
}

test('a stolen support token and 37 customers: everybody is told in time, nothing is forgotten, and the suspect learns nothing', {
  timeout: 180_000 * patience,
}, async ({ world }) => {
  const { team, primary, backup: suspect } = await world.team({ tiers: 2 })
  const billing = await world.service('billing', team)
  const [lead, second, responder] = [await world.person('lead', 'Lena'), await world.person('lead', 'Sofia'), await world.person('responder', 'Rob')]
  const sponsor = await world.executive('responder', 'Erin')
  const ids = new Map<string, string>()
  for (const name of names) ids.set(name, (await world.customer(name)).id)
  const listed = (...some: readonly string[]) => some.map(name => ({ id: ids.get(name) ?? '', basis: 'In the log of the token.' }))

  // Monday, 08:00: an alert pages, is acknowledged, and becomes an incident.
  const alert = await world.alert({ title: 'Support token used from a new country', severity: 'high', service: 'billing' })
  await acknowledgeAll(world, primary)
  expect((await lead.call('alert', { params: { id: alert.id } })).status).toBe('acknowledged')
  const opened = await primary.call('escalateAlert', {
    params: { id: alert.id },
    body: { responsibility: 'us', reason: 'Nobody of ours is there.', title: 'Token stolen' },
  })
  const week = crew({ lead, second, responder }, opened.id)
  await lead.call('assignRole', { params: { ...week.params, role: 'lead' }, body: { version: (await week.read()).version, personId: lead.id } })
  await lead.call('assignRole', { params: { ...week.params, role: 'executive' }, body: { version: (await week.read()).version, personId: sponsor.id } })

  // Somebody on call may have given the token away: another incident, of which they must learn nothing.
  const hidden = await lead.call('openIncident', {
    body: { title: `${canary}: who gave it away`, reason: `${canary}.`, serviceIds: [billing.id], isRestricted: true },
  })
  await lead.call('setSuspects', { params: { id: hidden.id }, body: { version: hidden.version, personIds: [suspect.id] } })
  await lead.call('addNote', { params: { id: hidden.id }, body: { markdown: `${canary} signs in at night.` } })
  await lead.call('pageIncident', { params: { id: hidden.id }, body: { personIds: [second.id] } })

  // 36 customers are known when it is declared.
  const known = names.slice(0, 36)
  await lead.call('setAffectedCustomers', { params: week.params, body: { version: (await week.read()).version, customers: listed(...known) } })
  await declare(lead, opened.id, { class: 'customer-reportable' })
  const declaredAt = world.now
  expect(new Set((await week.obligations()).map(({ dueAt }) => dueAt))).toEqual(new Set(['2026-11-26T08:00:00.000Z']))

  // On Tuesday 34 of them are told, and one of them is announced an update.
  await world.advance({ hours: 30 })
  const [deferred, last] = [names[34] ?? '', names[35] ?? '']
  for (const name of names.slice(0, 33)) await week.notify(name)
  await week.notify(names[33] ?? '', { isInvestigationComplete: false, nextSteps: 'We read the logs.', nextCommunicationAt: '2026-11-27T12:00:00.000Z' })
  await world.settle()

  // The police asks to wait with one: deferred after 40 hours, withdrawn after 71.5.
  await world.advance({ hours: 10 })
  const decision = { kind: 'defer', reasonCategory: 'asked-by-authority', reason: 'The police asks for it.', reviewOn: '2026-11-30' } as const
  const waiting = await week.owedTo(deferred)
  await lead.call('proposeDecision', { params: { id: waiting.id }, body: { ...decision, version: waiting.version } })
  await expect(lead.call('approveDecision', { params: { id: waiting.id }, body: { version: (await week.owedTo(deferred)).version } })).rejects.toThrow(
    /somebody other/,
  )
  await sponsor.call('approveDecision', { params: { id: waiting.id }, body: { version: (await week.owedTo(deferred)).version } })
  await world.advance({ hours: 8 })
  const warning = pagesTo(world, lead).find(({ subject }) => subject.includes('1 customer not notified'))
  expect(warning?.text.split('\n')[0], 'one is warned about: the other waits').toBe(`${last}: the first notice is due on Nov 26, 08:00 UTC.`)
  await acknowledgeAll(world, lead)
  await week.notify(last)
  await world.advance({ hours: 23, minutes: 30 })
  world.takeMails()
  await lead.call('withdrawDecision', { params: { id: waiting.id } })
  await world.settle()
  expect(
    pagesTo(world, lead).map(({ text }) => text.split('\n')[0]),
    'half an hour is left',
  ).toEqual([`${deferred}: the first notice is due on Nov 26, 08:00 UTC.`])
  await week.notify(deferred)
  await world.settle()
  expect((await week.obligations()).filter(({ kind, timing }) => kind === 'initial' && timing !== 'notified').map(({ customer }) => customer?.name)).toEqual([])

  // Wednesday's false alarm: declared in error, one customer was told already, who hears that it was nothing.
  const error = await responder.call('openIncident', { body: { title: 'Odd restore', reason: 'Seen.', serviceIds: [billing.id] } })
  const nothing = crew({ lead, second, responder }, error.id)
  await lead.call('setAffectedCustomers', { params: nothing.params, body: { version: error.version, customers: listed('Cust 01', 'Cust 02') } })
  await declare(lead, error.id)
  await nothing.notify('Cust 01')
  await world.settle()
  await lead.call('propose', { params: nothing.params, body: { ...(await nothing.body('A test of the backups.')), kind: 'stand-down' } })
  const [proposal] = (await nothing.read()).proposals
  await second.call('approveProposal', { params: { ...nothing.params, proposalId: proposal?.id ?? '' }, body: { sha256: proposal?.sha256 ?? '' } })
  expect((await nothing.obligations()).map(({ customer, kind, state }) => [customer?.name, kind, state]).toSorted()).toEqual([
    ['Cust 01', 'initial', 'notified'],
    ['Cust 01', 'update', 'due'],
    ['Cust 02', 'initial', 'ended'],
  ])
  await nothing.notify('Cust 01')
  await world.settle()
  await nothing.review()
  await nothing.close()

  // On Friday the announced update is sent, and the 37th customer is found.
  await world.advance({ hours: 26 })
  await week.notify(names[33] ?? '')
  await lead.call('setAffectedCustomers', { params: week.params, body: { version: (await week.read()).version, customers: listed(...names) } })
  await world.settle()
  const late = await week.owedTo(names[36] ?? '')
  expect(late).toMatchObject({ contractTiming: 'overdue', dueAt: '2026-11-26T08:00:00.000Z', timing: 'due', found: { at: world.now, timing: 'due' } })
  const told = pagesTo(world, lead).filter(({ text }) => text.includes(names[36] ?? ''))
  expect(
    told.map(({ text }) => text.split('\n')[0]),
    'at once',
  ).toEqual([
    'Cust 37: the first notice was due on Nov 26, 08:00 UTC, before the customer was found affected; counted from then, it is due on Nov 30, 09:30 UTC.',
  ])
  await week.notify(names[36] ?? '')
  await world.settle()

  // Recovered, verified by another person, monitored, reviewed, and closed by somebody else than who contained it.
  await week.contain()
  await week.recover('2026-11-29')
  await expect(week.close()).rejects.toThrow(/The monitoring period lasts until 2026-11-29 UTC\. .*review/)
  await week.review()
  await world.advance({ days: 3 })
  await expect(lead.call('closeIncident', { params: week.params, body: await week.body() })).rejects.toThrow(/You contained this incident/)
  await week.close()
  expect(await week.read()).toMatchObject({ status: 'closed', class: 'customer-reportable' })

  // The token is seen again: a new round, with an update to everybody who was notified.
  await world.advance({ days: 2 })
  await lead.call('reopenIncident', {
    params: week.params,
    body: { ...(await week.body('The token was used again.')), monitorUntil: '2026-12-03', updateCustomers: true },
  })
  expect((await week.obligations()).filter(({ kind, state }) => kind === 'update' && state === 'due')).toHaveLength(count)
  for (const name of names) await week.notify(name)
  await world.settle()
  await week.review()
  await world.advance({ days: 3 })
  await week.close()

  // What the world was told: each customer its notices, nobody anything of an error.
  const mails = world.mail.mails.filter(({ purpose }) => purpose === 'notice')
  const to = (name: string) => mails.filter(mail => mail.to === `security@${name.toLowerCase().replaceAll(' ', '-')}.test`).length
  expect(names.map(to)).toEqual(names.map(name => (name === 'Cust 01' ? 4 : name === names[33] ? 3 : 2)))
  // Nothing is owed by any incident that is closed, and the time was kept, counted from being found where that was later.
  const owed = await lead.call('obligations', { query: { view: 'open' } })
  expect(owed.items).toEqual([])
  const missed = (await week.read()).timeline.filter(({ type }) => type === 'obligation.missed').map(({ sentence }) => sentence)
  expect(missed).toEqual([])
  const { key } = await lead.call('checkpoint')
  expect(verifyExport(await (await lead.call.raw('exportIncident', { params: week.params })).text(), key)).toMatchObject({ problems: [] })
  expect(declaredAt).toBe('2026-11-23T08:00:00.000Z')

  // The suspect was on call all week, and has learned nothing.
  const seen = [
    ...world.mail.mails.filter(mail => mail.to === suspect.email).map(mail => `${mail.subject} ${mail.text}`),
    JSON.stringify(await suspect.call('incidents', { query: { view: 'all' } })),
    JSON.stringify(await suspect.call('pages')),
    JSON.stringify(await suspect.call('counters')),
  ]
  for (const text of seen) expect(text).not.toMatch(new RegExp(`${canary}|${hidden.id}`))
  await expect(suspect.call('incident', { params: { id: hidden.id } })).rejects.toThrow(/no such incident/)
})
