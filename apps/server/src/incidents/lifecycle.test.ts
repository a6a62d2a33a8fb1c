import { describe, expect, test } from 'vitest'
import { blockers, destination, type IncidentState, possibleTransitions, type Transition } from './lifecycle.ts'

const recovered: IncidentState = {
  ...{ status: 'recovered', class: 'security-incident', severity: 'SEV2', declaredAt: '2026-11-23T08:00:00.000Z' },
  ...{ stoodDownAt: null, monitorUntil: '2026-11-25', openTasks: 0 },
}

describe('closing a recovered incident', () => {
  test.each([
    ['2026-11-24', 1],
    ['2026-11-25', 1],
    ['2026-11-26', 0],
  ])('on %s, monitored until the 25th: %i blockers', (today, count) => {
    expect(blockers('close', recovered, today)).toHaveLength(count)
  })

  test('is held up by each open task besides, and by nothing where nothing is monitored', () => {
    expect(blockers('close', { ...recovered, openTasks: 2 }, '2026-11-25')).toHaveLength(2)
    expect(blockers('close', { ...recovered, monitorUntil: null }, '2026-11-23')).toEqual([])
    expect(blockers('contain', recovered, '2026-11-24'), 'the attacker may return at any time').toEqual([])
  })
})

test('what was stood down can only be closed, whatever its status, or reopened, which declares it again', () => {
  const stoodDown = { ...recovered, class: 'not-an-incident', stoodDownAt: '2026-11-23T09:00:00.000Z' } as const
  for (const status of ['declared', 'contained', 'eradicated', 'recovered'] as const)
    expect(possibleTransitions({ ...stoodDown, status })).toEqual(['close', 'reopen'])
  expect(blockers('close', stoodDown, '2026-11-24'), 'no monitoring period').toEqual([])
  for (const status of ['contained', 'closed'] as const) expect(destination('reopen', { ...stoodDown, status })).toBe('declared')
  expect(destination('close', { ...stoodDown, status: 'closed' })).toBeUndefined()
})

const statuses = ['suspected', 'declared', 'contained', 'eradicated', 'recovered', 'closed'] as const
const transitions: readonly Transition[] = ['declare', 'contain', 'eradicate', 'recover', 'close', 'reopen']

describe('where each transition leads', () => {
  test.each([
    ['declare', { suspected: 'declared' }],
    ['contain', { declared: 'contained', eradicated: 'contained', recovered: 'contained' }],
    ['eradicate', { contained: 'eradicated' }],
    ['recover', { eradicated: 'recovered' }],
    ['close', { suspected: 'closed', recovered: 'closed' }],
    ['reopen', { closed: 'recovered' }],
  ] as const)('%s, and from where it is not allowed', (action, expected) => {
    const found = statuses.flatMap(status => {
      const to = destination(action, { ...recovered, status })
      return to === undefined ? [] : [[status, to]]
    })
    expect(Object.fromEntries(found)).toEqual(expected)
  })

  test('what was never declared is reopened as suspected; other transitions do not ask', () => {
    expect(destination('reopen', { ...recovered, status: 'closed', declaredAt: null })).toBe('suspected')
    expect(destination('contain', { ...recovered, status: 'declared', declaredAt: null })).toBe('contained')
  })
})

describe('declaring', () => {
  const suspected: IncidentState = { ...recovered, status: 'suspected', declaredAt: null, monitorUntil: null }

  test('needs a severity and a class that is confirmed, and says which is missing', () => {
    expect(blockers('declare', suspected, '2026-11-23')).toEqual([])
    expect(blockers('declare', { ...suspected, severity: null }, '2026-11-23')).toEqual(['Assess the severity first.'])
    const byClass = (name: IncidentState['class']) => blockers('declare', { ...suspected, class: name }, '2026-11-23')
    for (const name of ['security-incident', 'customer-reportable', 'privacy-breach'] as const) expect(byClass(name)).toEqual([])
    for (const name of ['suspected', 'not-an-incident'] as const)
      expect(byClass(name)).toEqual(['Set the class to security incident, customer-reportable or privacy breach.'])
  })

  test('does not wait for tasks, and nothing else waits for severity and class', () => {
    expect(blockers('declare', { ...suspected, openTasks: 3 }, '2026-11-23')).toEqual([])
    expect(blockers('contain', { ...recovered, severity: null, class: 'suspected', openTasks: 3 }, '2026-11-23')).toEqual([])
  })

  test('is not needed only for what is no incident', () => {
    const sentence = 'A suspected incident can be closed without a declaration only as "not an incident".'
    expect(blockers('close', suspected, '2026-11-23')).toEqual([sentence])
    expect(blockers('close', { ...suspected, class: 'not-an-incident' }, '2026-11-23')).toEqual([])
    expect(possibleTransitions(suspected)).toEqual(['declare'])
    expect(possibleTransitions({ ...suspected, class: 'not-an-incident' })).toEqual(['declare', 'close'])
  })
})

test('open tasks are counted in the sentence, and a monitoring period counts for what is recovered alone', () => {
  const free: IncidentState = { ...recovered, monitorUntil: null }
  expect(blockers('close', { ...free, openTasks: 1 }, '2026-11-23')).toEqual(['One task is open.'])
  expect(blockers('close', { ...free, openTasks: 2 }, '2026-11-23')).toEqual(['2 tasks are open.'])
  expect(blockers('close', { ...recovered, status: 'suspected', class: 'not-an-incident' }, '2026-11-23')).toEqual([])
})

test('the transitions that are possible are those that lead somewhere, in their usual order', () => {
  for (const status of statuses) {
    const state: IncidentState = { ...recovered, status, class: 'not-an-incident' }
    expect(possibleTransitions(state)).toEqual(transitions.filter(action => destination(action, state) !== undefined))
  }
  expect(possibleTransitions(recovered)).toEqual(['contain', 'close'])
})
