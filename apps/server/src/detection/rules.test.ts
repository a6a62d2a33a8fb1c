import { describe, expect } from 'vitest'
import { until } from '../../test/alertmanager.ts'
import { refusal } from '../../test/refusal.ts'
import { type Person, test, type World } from '../../test/world.ts'
import { detectionRuleVersions } from './tables.ts'

const ids = { first: '44444444-4444-4444-8444-444444444444', second: '55555555-5555-4555-8555-555555555555' }
const rule = (id: string, title: string, value = 'evil') => `title: ${title}
id: ${id}
description: What ${title} is about
logsource: {category: test}
detection:
  selection:
    F: ${value}
  condition: selection
level: low
`

function formOf(name: string, content: string, fields: Record<string, string>): FormData {
  const form = new FormData()
  for (const [field, value] of Object.entries(fields)) form.append(field, value)
  form.append('file', new Blob([content]), name)
  return form
}

const importRules = async (person: Person, text: string, fields: Record<string, string> = {}) =>
  (await person.call.raw('importDetectionRules', { body: formOf('rules.yml', text, fields) })).json()

const importList = async (person: Person, id: string, lines: string, fields: Record<string, string> = {}) =>
  (await person.call.raw('importIndicators', { params: { id }, body: formOf('list.csv', lines, fields) })).json()

const found = async (person: Person, title: string) =>
  (await person.call('detectionRules', { query: { search: title } })).items.find(one => one.title === title)

async function inForce(world: World): Promise<void> {
  await world.settle()
  await world.server.detection.detector.settle()
}

describe('importDetectionRules', () => {
  test('adds what is new, changes what differs, leaves what is the same, and tells what it refused with its reason', async ({ world }) => {
    const lead = await world.person('lead')
    expect(await importRules(lead, rule(ids.first, 'Imported'))).toEqual({ added: 1, changed: 0, unchanged: 0, refused: [] })
    expect(await importRules(lead, rule(ids.first, 'Imported'))).toEqual({ added: 0, changed: 0, unchanged: 1, refused: [] })
    expect(await found(lead, 'Imported')).toMatchObject({ ruleId: ids.first, origin: 'imported', isEnabled: true, version: 1 })
    const mixed = `${rule(ids.first, 'Imported', 'worse')}---\n${rule(ids.second, 'Broken').replace('condition: selection', 'condition: nothing')}`
    const second = await importRules(lead, mixed)
    expect(second).toMatchObject({ added: 0, changed: 1, unchanged: 0, refused: [{ reason: expect.any(String), line: expect.any(Number) }] })
    expect(await found(lead, 'Imported')).toMatchObject({ version: 2 })
    expect(await found(lead, 'Broken')).toBeUndefined()
    const entries = (await lead.call('journal', { query: { limit: 50 } })).items.filter(
      ({ type, subject }) => type === 'detection-rules.imported' && subject.id === 'imported',
    )
    expect(
      entries.map(({ actor }) => actor.id),
      'an import that changes nothing is no entry',
    ).toEqual([lead.id, lead.id])
  })

  test('disabled where that is asked: such a rule matches nothing', async ({ world }) => {
    const lead = await world.person('lead')
    await importRules(lead, rule(ids.first, 'Imported'), { isEnabled: 'false' })
    expect(await found(lead, 'Imported')).toMatchObject({ isEnabled: false })
    const { url } = await lead.call('createLogSource', { body: { name: 'Source' } })
    await inForce(world)
    await fetch(`${world.origin}${new URL(url).pathname}/events`, { method: 'POST', body: '{"F":"evil"}\n' })
    await until(() => (world.server.detection.intake.waiting.batches === 0 ? true : undefined), 'the event was looked at')
    expect((await lead.call('alerts', {})).items).toEqual([])
  })

  test('is for leads', async ({ world }) => {
    const responder = await world.person('responder')
    await expect(importRules(responder, rule(ids.first, 'Imported'))).rejects.toMatchObject(refusal('forbidden'))
    await expect(world.client().raw('importDetectionRules', { body: new FormData() })).rejects.toMatchObject(refusal('not-signed-in'))
    expect(await found(responder, 'Imported')).toBeUndefined()
  })
})

describe('detectionRule', () => {
  test('shows the text, each version with its author, and the matches of each day', async ({ world }) => {
    const lead = await world.person('lead')
    const other = await world.person('lead')
    const { id } = await lead.call('createDetectionRule', { body: { text: rule(ids.first, 'Seen') } })
    const firstAt = world.now
    await world.advance({ minutes: 5 })
    const newer = rule(ids.first, 'Seen', 'worse')
    await other.call('changeDetectionRule', { params: { id }, body: { text: newer, version: 1 } })
    const { url } = await lead.call('createLogSource', { body: { name: 'Source' } })
    await inForce(world)
    const send = async (count: number) => {
      const body = Array.from({ length: count }, () => '{"F":"worse"}').join('\n')
      await fetch(`${world.origin}${new URL(url).pathname}/events`, { method: 'POST', body })
      await until(() => (world.server.detection.intake.waiting.batches === 0 ? true : undefined), 'the events were matched')
    }
    await send(3)
    await world.advance({ days: 1 })
    await send(2)
    expect(await (await world.person('observer')).call('detectionRule', { params: { id } })).toMatchObject({
      ...{ title: 'Seen', description: 'What Seen is about', text: newer, version: 2, changedBy: other.name, matches: 5, lastMatchAt: world.now },
      days: [
        { day: '2026-11-23', matches: 3 },
        { day: '2026-11-24', matches: 2 },
      ],
      versions: [
        { version: 2, by: other.name, text: newer },
        { version: 1, by: lead.name, at: firstAt, text: rule(ids.first, 'Seen') },
      ],
    })
  })

  test('has all its versions, page after page, latest first', async ({ world }) => {
    const lead = await world.person('lead')
    const { id } = await lead.call('createDetectionRule', { body: { text: rule(ids.first, 'Edited') } })
    const others = await lead.call('createDetectionRule', { body: { text: rule(ids.second, 'Another') } })
    await world.server.context.database.transaction(tx =>
      tx.db
        .insert(detectionRuleVersions)
        .values(Array.from({ length: 69 }, (_, n) => ({ ruleId: id, version: n + 2, text: `version ${n + 2}`, changedAt: tx.now, changedBy: lead.name }))),
    )
    const observer = await world.person('observer')
    expect((await observer.call('detectionRule', { params: { id } })).versions.map(one => one.version)).toEqual(Array.from({ length: 50 }, (_, n) => 70 - n))
    const versions: number[] = []
    let cursor: string | undefined
    do {
      const page = await observer.call('detectionRuleVersions', { params: { id }, query: { limit: 30, ...(cursor === undefined ? {} : { cursor }) } })
      versions.push(...page.items.map(one => one.version))
      cursor = page.next ?? undefined
    } while (cursor !== undefined)
    expect(versions).toEqual(Array.from({ length: 70 }, (_, n) => 70 - n))
    expect((await observer.call('detectionRuleVersions', { params: { id: others.id } })).items.map(one => one.version)).toEqual([1])
  })

  test('is for who is signed in, and not there for an id that is no rule’s', async ({ world }) => {
    const observer = await world.person('observer')
    await expect(observer.call('detectionRule', { params: { id: observer.id } })).rejects.toMatchObject(refusal('not-found'))
    await expect(world.client()('detectionRule', { params: { id: observer.id } })).rejects.toMatchObject(refusal('not-signed-in'))
  })
})

describe('importIndicators', () => {
  test('takes the place of what the list had, or is added to it; what cannot be looked up is counted', async ({ world }) => {
    const lead = await world.person('lead')
    const { id } = await lead.call('createIndicatorList', { body: { name: 'Botnets' } })
    const listed = async (value: string) => (await lead.call('lookUpIndicator', { query: { value } })).found.map(({ list }) => list.name)
    expect(await importList(lead, id, '198.51.100.1\nnonsense\n')).toMatchObject({ taken: 1, list: { id, size: 1, refused: 1 } })
    expect(await importList(lead, id, '198.51.100.2\n', { mode: 'add' })).toMatchObject({ taken: 1, list: { size: 2, refused: 0 } })
    expect([await listed('198.51.100.1'), await listed('198.51.100.2')]).toEqual([['Botnets'], ['Botnets']])
    expect(await importList(lead, id, 'evil.example\n', { mode: 'replace' })).toMatchObject({ taken: 1, list: { size: 1 } })
    expect([await listed('198.51.100.1'), await listed('evil.example')]).toEqual([[], ['Botnets']])
    await expect(importList(lead, id, 'nothing\n')).rejects.toMatchObject(refusal('invalid', 'file'))
    expect(await listed('evil.example'), 'what cannot be read takes no place').toEqual(['Botnets'])
  })

  test('is for leads, and for a list that there is', async ({ world }) => {
    const lead = await world.person('lead')
    const { id } = await lead.call('createIndicatorList', { body: { name: 'Botnets' } })
    await expect(importList(await world.person('responder'), id, '198.51.100.1\n')).rejects.toMatchObject(refusal('forbidden'))
    await expect(importList(lead, lead.id, '198.51.100.1\n')).rejects.toMatchObject(refusal('not-found'))
    expect(await lead.call('indicatorLists')).toMatchObject([{ size: 0 }])
  })
})

describe('ignoredIndicators', () => {
  test('are listed a page at a time, the latest first, with who ignores them and why, until they are restored', async ({ world }) => {
    const lead = await world.person('lead')
    const responder = await world.person('responder')
    const values = ['198.51.100.1', '198.51.100.2', 'evil.example']
    for (const value of values) {
      await responder.call('ignoreIndicator', { body: { value, reason: `Ours: ${value}` } })
      await world.advance({ minutes: 1 })
    }
    const first = await responder.call('ignoredIndicators', { query: { limit: 2 } })
    expect(first.items).toMatchObject([
      { value: 'evil.example', reason: 'Ours: evil.example', by: responder.name, at: '2026-11-23T08:02:00.000Z' },
      { value: '198.51.100.2' },
    ])
    const rest = await responder.call('ignoredIndicators', { query: { limit: 2, cursor: first.next ?? '' } })
    expect([rest.items.map(({ value }) => value), rest.next]).toEqual([['198.51.100.1'], null])
    await expect(responder.call('restoreIndicator', { body: { value: 'evil.example' } })).rejects.toMatchObject(refusal('forbidden'))
    await lead.call('restoreIndicator', { body: { value: 'EVIL.example' } })
    expect((await responder.call('ignoredIndicators')).items.map(({ value }) => value)).toEqual(['198.51.100.2', '198.51.100.1'])
  })

  test('are for responders and above', async ({ world }) => {
    const observer = await world.person('observer')
    await expect(observer.call('ignoredIndicators')).rejects.toMatchObject(refusal('forbidden'))
    await expect(observer.call('ignoreIndicator', { body: { value: '198.51.100.1', reason: 'x' } })).rejects.toMatchObject(refusal('forbidden'))
    await expect(world.client()('ignoredIndicators')).rejects.toMatchObject(refusal('not-signed-in'))
    const responder = await world.person('responder')
    await expect(responder.call('ignoreIndicator', { body: { value: 'nothing at all', reason: 'x' } })).rejects.toMatchObject({ problem: { status: 400 } })
  })
})
