import { describe, expect, test } from 'vitest'
import { blockers, type IncidentState } from './lifecycle.ts'

const recovered: IncidentState = {
  ...{ status: 'recovered', class: 'security-incident', severity: 'SEV2', declaredAt: '2026-11-23T08:00:00.000Z' },
  ...{ monitorUntil: '2026-11-25', openTasks: 0 },
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
