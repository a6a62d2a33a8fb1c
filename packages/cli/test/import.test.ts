import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { OrganizationFile } from '@tocsin/api'
import { shifts, whoIsOnCall } from '@tocsin/oncall'
import { load } from 'js-yaml'
import { describe, expect, test } from 'vitest'
import { tocsin } from './tocsin.ts'

const sample = (name: string) => fileURLToPath(new URL(`./exports/${name}.json`, import.meta.url))

/** Imports samples, and reads the files that come of it as the server would. */
async function imported(tool: string, names: readonly string[], ...more: string[]) {
  const { code, out, err } = await tocsin(['import', tool, ...names.map(sample), ...more])
  expect(code, err).toBe(0)
  const organization = OrganizationFile.parse(load(out))
  const scheduleNamed = (name: string) => {
    const found = organization.schedules.find(one => one.name === name)
    if (!found) throw new Error(`no schedule ${name}`)
    return found
  }
  return { organization, notes: err.split('\n').filter(line => line !== ''), scheduleNamed }
}

describe('npx tocsin import pagerduty', () => {
  test('carries layers, the upper over the lower, with restrictions, overrides, policies and services', async () => {
    const { organization, notes, scheduleNamed } = await imported('pagerduty', ['pagerduty'])
    const schedule = scheduleNamed('Primary')
    expect(schedule).toMatchObject({ team: 'Response', timeZone: 'America/Chicago', merge: 'top' })
    expect(schedule.layers.map(layer => layer.name)).toEqual(['Always', 'Office hours'])
    expect(schedule.layers[1]?.restrictions).toEqual([{ days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '09:00', until: '17:00' }])
    // Wednesday: office hours in Chicago, and before; Ada has the first week. A handoff at 02:30 that does not exist is at 03:00.
    expect(whoIsOnCall(schedule, '2026-03-04T16:00:00Z')).toEqual(['cai@example.org'])
    expect(whoIsOnCall(schedule, '2026-03-04T14:00:00Z')).toEqual(['ada@example.org'])
    expect(whoIsOnCall(schedule, '2026-03-10T08:00:00Z')).toEqual(['ben@example.org'])
    expect(whoIsOnCall(schedule, '2026-12-25T12:00:00Z')).toEqual(['cai@example.org'])
    expect(organization.policies).toMatchObject([
      {
        team: 'Response',
        name: 'Default',
        repeats: 2,
        levels: [
          // Nobody on call there: the next rule at once.
          { waitMinutes: 10, targets: [{ schedule: 'Primary' }], whenEmpty: 'skip' },
          { waitMinutes: 30, targets: [{ person: 'ada@example.org' }] },
        ],
      },
      // What is of low urgency does not escalate there.
      { name: 'Default (low urgency)', repeats: 0, levels: [{ waitMinutes: 10, targets: [{ schedule: 'Primary' }] }] },
    ])
    expect(organization.teams).toMatchObject([{ name: 'Response', members: ['ada@example.org', 'ben@example.org'], policy: 'Default', progressMinutes: 30 }])
    expect(organization.teams[0]?.routing).toEqual([
      { services: ['billing'], policy: 'Default' },
      { services: ['reports'], policy: 'Default (low urgency)', urgency: 'low' },
      { services: ['search'], policy: 'Default' },
    ])
    expect(organization.people.map(person => person.role)).toEqual(['administrator', 'responder', 'observer'])
    expect(notes).toEqual([
      'schedule Primary, layer Odd: its shift length of 5400 seconds is not a whole number of hours. The layer is left out.',
      'schedule Primary, layer Always: Gone is not among the exported users. Their shifts, if any, stay empty.',
      expect.stringContaining('escalation policy Default: a rule assigns incidents to its targets by round robin'),
      'escalation policy Default: the schedule Gone was not exported. The target is left out.',
      expect.stringContaining('service search: its urgency depends on support hours'),
      expect.stringContaining('a service has two sides'),
      'team Response: its services have different acknowledgement timeouts (30, 60 minutes). In Tocsin a team has one. The shortest is used.',
      expect.stringContaining('PagerDuty pages again when the acknowledgement timeout ends'),
    ])
  })
})

describe('npx tocsin import opsgenie', () => {
  test('carries rotations that are on call together, their hours over midnights, and delays that count from the alert', async () => {
    const names = ['opsgenie-users', 'opsgenie-teams', 'opsgenie-schedules', 'opsgenie-escalations', 'opsgenie-overrides']
    const { organization, notes, scheduleNamed } = await imported('opsgenie', names)
    const schedule = scheduleNamed('Response_schedule')
    expect(schedule).toMatchObject({ team: 'Response', merge: 'all', timeZone: 'Europe/Berlin' })
    expect(schedule.layers.map(layer => [layer.name, layer.rotation.type, layer.rotation.every, layer.rotation.start, layer.restrictions])).toEqual([
      ['Days', 'weekly', 1, '2026-03-02T09:00', [{ from: '08:00', until: '20:00' }]],
      ['Nights', 'daily', 2, '2026-03-02T20:00', [{ from: '20:00', until: '08:00' }]],
      [
        'Weekend',
        'weekly',
        2,
        '2026-03-02T09:00',
        [
          { days: ['fri'], from: '18:00', until: '24:00' },
          { days: ['sat', 'sun'], from: '00:00', until: '24:00' },
          { days: ['mon'], from: '00:00', until: '08:00' },
        ],
      ],
      ['Launch', 'daily', 1, '2026-06-01T02:00', undefined],
    ])
    // An empty slot is kept, and the slot of a team has all its members.
    expect(schedule.layers[1]?.participants).toEqual(['ben@example.org', [], 'ada@example.org'])
    expect(schedule.layers[3]?.participants).toEqual([['ada@example.org', 'ben@example.org'], [], 'ada@example.org'])
    expect(whoIsOnCall(schedule, '2026-03-05T22:00:00Z')).toEqual([])
    // An override of the nights alone leaves the days as they are.
    expect(whoIsOnCall(schedule, '2026-12-28T12:00:00Z')).toEqual(whoIsOnCall({ ...schedule, temporaries: [] }, '2026-12-28T12:00:00Z'))
    expect(whoIsOnCall(schedule, '2026-12-28T21:00:00Z')).toEqual(['ada@example.org'])
    expect(whoIsOnCall({ ...schedule, temporaries: [] }, '2026-12-28T21:00:00Z')).toEqual(['ben@example.org'])
    // Saturday, by day: the day's and the weekend's are on call together.
    expect(whoIsOnCall(schedule, '2026-03-14T11:00:00Z')).toEqual(['ada@example.org', 'ben@example.org'])
    expect(whoIsOnCall(schedule, '2026-12-24T12:00:00Z')).toEqual(['ben@example.org'])
    expect(organization.policies[0]?.levels).toEqual([
      { targets: [{ schedule: 'Response_schedule' }], waitMinutes: 5, whenEmpty: 'wait' },
      { targets: [{ schedule: 'Response_schedule', position: 1 }], waitMinutes: 55, whenEmpty: 'wait' },
      { targets: [{ team: 'Response' }], waitMinutes: 15, whenEmpty: 'wait' },
    ])
    expect(organization.policies[0]?.repeats).toBe(3)
    expect(organization.people.map(person => [person.email, person.role])).toContainEqual(['cai@example.org', 'observer'])
    expect(notes).toEqual([
      expect.stringContaining('rotation Launch: the team Response is replaced by its current members'),
      expect.stringContaining('the escalation Response_escalation cannot be a participant, because it notifies a schedule first. Its shifts stay empty.'),
      expect.stringContaining('the escalation Direct is replaced by those whom it notifies first (ada@example.org)'),
      expect.stringContaining('keeps paging after acknowledgement'),
      expect.stringContaining('closes the alert after all repetitions'),
      expect.stringContaining('pages a random member of Response. In Tocsin the whole team is paged'),
    ])
  })
})

describe('npx tocsin import grafana-oncall', () => {
  test('carries levels, who begins, days on which the rotation advances with each shift, and waits as the time of a level', async () => {
    const names = ['grafana-users', 'grafana-teams', 'grafana-schedules', 'grafana-shifts', 'grafana-escalation']
    const { organization, notes, scheduleNamed } = await imported('grafana-oncall', names)
    const schedule = scheduleNamed('Primary')
    expect(schedule).toMatchObject({ team: 'Response', merge: 'top', timeZone: 'Europe/London' })
    expect(schedule.layers).toMatchObject([
      { name: 'Weeks', participants: ['ben@example.org', 'ada@example.org'] },
      { name: 'Weekend days', advance: 'shift', participants: ['ben@example.org', 'ada@example.org'] },
      { name: 'Together', beside: true, participants: [['ada@example.org', 'ben@example.org'], 'ben@example.org'] },
      { name: 'Launch', beside: true, participants: ['ada@example.org'], starts: '2026-06-02T07:00:00.000Z', ends: '2026-06-02T11:00:00.000Z' },
    ])
    expect(schedule.layers.map(layer => layer.beside)).toEqual([undefined, undefined, true, true])
    // Shifts of one level are on call together, over those of a lower one.
    const launch = shifts(schedule, '2026-05-31T22:00:00Z', '2026-06-03T00:00:00Z').map(shift => `${shift.start.slice(5, 16)} ${shift.participants.join()}`)
    expect(launch).toEqual([
      '05-31T22:00 ben@example.org',
      '05-31T23:00 ada@example.org,ben@example.org',
      '06-01T23:00 ben@example.org',
      '06-02T07:00 ada@example.org,ben@example.org',
      '06-02T11:00 ben@example.org',
      '06-02T23:00 ada@example.org,ben@example.org',
    ])
    const weekend = shifts(schedule, '2026-03-14T00:00:00Z', '2026-03-16T00:00:00Z').map(shift => `${shift.start.slice(8, 13)} ${shift.participants.join()}`)
    expect(weekend).toEqual(['14T00 ada@example.org', '14T09 ben@example.org', '14T17 ada@example.org'])
    expect(whoIsOnCall(schedule, '2026-12-24T12:00:00Z')).toEqual(['ben@example.org'])
    expect(organization.policies).toMatchObject([
      {
        name: 'Default',
        repeats: 5,
        levels: [
          { targets: [{ schedule: 'Primary' }], waitMinutes: 5, whenEmpty: 'wait' },
          { targets: [{ person: 'ada@example.org' }, { person: 'ben@example.org' }], waitMinutes: 5 },
        ],
      },
    ])
    expect(notes).toEqual([
      expect.stringContaining('schedule From a calendar: comes from an external calendar'),
      expect.stringContaining('Grafana OnCall notifies people differently for important steps'),
      expect.stringContaining('a step of type trigger_webhook'),
      expect.stringContaining('The export has no team members'),
    ])
  })
})

describe('npx tocsin import goalert', () => {
  test('carries who is on call at the moment of the export, rules by weekday, temporary schedules and overrides', async () => {
    const { organization, notes, scheduleNamed } = await imported('goalert', ['goalert'], '--at', '2026-11-25T12:00:00Z')
    const schedule = scheduleNamed('Primary')
    expect(schedule.merge).toBe('all')
    // At the moment of the export it is Ben's week.
    expect(whoIsOnCall(scheduleNamed('Weekly'), '2026-11-25T12:00:00Z')).toEqual(['ben@example.org'])
    expect(schedule.layers[1]).toMatchObject({
      participants: ['ben@example.org'],
      restrictions: [{ days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '08:00', until: '17:00' }],
    })
    expect(whoIsOnCall(schedule, '2026-12-24T12:00:00Z')).toEqual(['ada@example.org'])
    expect(whoIsOnCall(schedule, '2026-12-26T12:00:00Z')).toEqual(['ben@example.org'])
    expect(whoIsOnCall(schedule, '2026-12-01T16:00:00Z')).toContain('ada@example.org')
    expect(whoIsOnCall(schedule, '2026-12-01T16:00:00Z')).not.toContain('ben@example.org')
    expect(organization.policies[0]).toMatchObject({
      repeats: 3,
      levels: [{ targets: [{ schedule: 'Primary' }], whenEmpty: 'wait' }, { targets: [{ schedule: 'Weekly' }] }, { targets: [], waitMinutes: 20 }],
    })
    expect(notes).toEqual([
      'rotation Weekly: the user Cai has no email address. Their shifts, if any, stay empty.',
      expect.stringContaining('an override of Primary: replaces one person'),
      expect.stringContaining('pages slackChannel #ops'),
      expect.stringContaining('GoAlert has no teams'),
      expect.stringContaining('a service has two sides'),
    ])
  })
})

test('what is no export is refused with what it should be', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-import-'))
  const file = join(folder, 'x.json')
  writeFileSync(file, '{"schedules": "none"}')
  expect(await tocsin(['import', 'pagerduty', file])).toMatchObject({
    code: 2,
    out: '',
    err: expect.stringContaining('is not a response of the pagerduty API: schedules'),
  })
  const odd = { data: [{ id: 's', name: 'S', rotations: [{ startDate: '2026-03-02T08:00:00Z', type: 'yearly', participants: [] }] }] }
  writeFileSync(file, JSON.stringify(odd))
  expect(await tocsin(['import', 'opsgenie', file])).toMatchObject({ code: 2, out: '', err: expect.stringContaining('data.0.rotations.0.type') })
  writeFileSync(file, 'nothing')
  expect(await tocsin(['import', 'opsgenie', file])).toMatchObject({ code: 2, err: expect.stringContaining('is not valid JSON') })
  expect((await tocsin(['import', 'elsewhere', file])).code).toBe(2)
  expect(await tocsin(['import', 'goalert', join(folder, 'absent.json')])).toMatchObject({ code: 2, err: expect.stringContaining('does not exist') })
})
