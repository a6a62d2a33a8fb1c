import { describe, expect, test } from 'vitest'
import { ChunkMatcher, Engine, readRules } from '../src/index.ts'
import { isMissing, publicRules, sharedJson, sharedText, windowsEvents } from './shared.ts'

describe.skipIf(isMissing)('the public rules on real events (skipped without the shared folder)', async () => {
  const set = isMissing ? { rules: [], correlations: [], filters: [], refused: [] } : readRules(await publicRules())
  const engine = Engine.compile(set)
  const matcher = new ChunkMatcher(engine)
  const idsIn = (events: readonly unknown[]) => {
    const fired: string[][] = events.map(() => [])
    const result = matcher.match(Buffer.from(events.map(event => JSON.stringify(event)).join('\n')))
    for (const { line, rule } of result.matches) fired[line]?.push(engine.rules[rule]?.id ?? '')
    return fired.map(ids => ids.toSorted())
  }

  test('every rule is loaded, but those with a placeholder that has no values', () => {
    expect(set.rules.length).toBe(3755)
    expect(set.refused.length).toBe(25)
    for (const { reason, line, file } of set.refused) {
      expect(reason, file).toMatch(/the placeholder %.+% has no values/)
      expect(line, file).toBeGreaterThan(10)
    }
  })

  test('each regression case of the public rules fires exactly the rules that it should', () => {
    const cases = sharedText('regression.ndjson')
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as { events: unknown[]; source: string })
    const expected = sharedJson('regression-exact.json') as { fires: string[][] }[]
    expect(cases.length).toBe(98)
    for (const [i, { events, source }] of cases.entries()) expect(idsIn(events), source).toEqual(expected[i]?.fires.map(ids => ids.toSorted()))
  })

  test('45,808 recorded events fire exactly the rules that they should', () => {
    const { direct, mapped4688, notWindows, unresolved } = sharedJson('exact-matches.json') as {
      direct: Record<string, number[]>
      mapped4688: Record<string, number[]>
      notWindows: number[]
      unresolved: string[]
    }
    const result = matcher.match(windowsEvents())
    expect(result.events).toBe(45_808)
    expect(result.invalid).toEqual([])
    const found = new Set(result.matches.map(({ rule, line }) => `${engine.rules[rule]?.id} ${line + 1}`))
    const pairs = (from: Record<string, number[]>) => Object.entries(from).flatMap(([rule, lines]) => lines.map(line => `${rule} ${line}`))
    const wanted = new Set([...pairs(direct), ...pairs(mapped4688)])
    expect(wanted.size).toBe(1_277)
    expect([...wanted].filter(pair => !found.has(pair))).toEqual([])
    const judged = (pair: string) => !notWindows.includes(Number(pair.split(' ')[1])) && !unresolved.includes(pair.split(' ')[0] ?? '')
    expect([...found].filter(pair => judged(pair) && !wanted.has(pair))).toEqual([])
  })

  test('a saved engine is the same engine', () => {
    const again = Engine.load(engine.save())
    if (again === undefined) throw new Error('it was saved by this version')
    const events = windowsEvents().subarray(0, 3_000_000)
    const whole = events.subarray(0, events.lastIndexOf(10) + 1)
    expect(new ChunkMatcher(again).match(whole)).toEqual(matcher.match(whole))
  })
})
