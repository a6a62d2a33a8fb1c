import { and, eq, gte, isNull } from 'drizzle-orm'
import { addDays } from '../kernel/clock.ts'
import type { Reader } from '../kernel/database.ts'
import { detectionMatches, detectionRules, type LogSourceParts, logSources } from './tables.ts'

/** ATT&CK's tactics for enterprises, in the order of its matrix. */
export const tactics = [
  'reconnaissance', 'resource-development', 'initial-access', 'execution', 'persistence', 'privilege-escalation', 'defense-evasion', 'stealth', 'defense-impairment',
  'credential-access', 'discovery', 'lateral-movement', 'collection', 'command-and-control', 'exfiltration', 'impact',
] as const // biome-ignore format: a list of words

interface Coverage {
  readonly tactics: { tactic: string; techniques: { id: string; rules: number; fed: number }[] }[]
  readonly rules: number
  readonly fedRules: number
}

/** Whether a source could carry events of a rule's log source: it is declared to, or it leaves open what it carries. */
const feeds = (source: LogSourceParts, wanted: LogSourceParts) =>
  (['category', 'product', 'service'] as const).every(part => wanted[part] === undefined || source[part] === undefined || wanted[part] === source[part])

/**
 * The techniques that enabled rules name. A rule is fed when a source that is alive is declared to carry its log source, or when the
 * rule has matched within thirty days: then the events are there.
 */
export async function readCoverage(reader: Reader): Promise<Coverage> {
  const rules = await reader.db
    .select({ id: detectionRules.id, tags: detectionRules.tags, logsource: detectionRules.logsource, kind: detectionRules.kind })
    .from(detectionRules)
    .where(eq(detectionRules.isEnabled, true))
  const living = await reader.db
    .select({ logsource: logSources.logsource })
    .from(logSources)
    .where(and(isNull(logSources.revokedAt), eq(logSources.isSilent, false), gte(logSources.lastSeenAt, addDays(reader.now, -1))))
  const matched = new Set(
    (
      await reader.db
        .selectDistinct({ id: detectionMatches.ruleId })
        .from(detectionMatches)
        .where(gte(detectionMatches.at, addDays(reader.now, -30)))
    ).map(({ id }) => id),
  )
  const isDeclared = (parts: LogSourceParts) => Object.values(parts).some(part => part !== undefined)
  const isFed = (rule: (typeof rules)[number]) =>
    matched.has(rule.id) || living.some(({ logsource }) => isDeclared(logsource) && feeds(logsource, rule.logsource))
  const cells = new Map<string, Map<string, { rules: number; fed: number }>>()
  for (const rule of rules) {
    const named = rule.tags.map(tag => tag.toLowerCase()).filter(tag => tag.startsWith('attack.'))
    const techniques = named.flatMap(tag => /^attack\.(t\d{4}(?:\.\d{3})?)$/.exec(tag)?.[1]?.toUpperCase() ?? [])
    for (const tactic of tactics.filter(known => named.includes(`attack.${known}`) || named.includes(`attack.${known.replaceAll('-', '_')}`)))
      for (const id of techniques) {
        const column = cells.get(tactic) ?? new Map<string, { rules: number; fed: number }>()
        cells.set(tactic, column)
        const cell = column.get(id) ?? { rules: 0, fed: 0 }
        column.set(id, { rules: cell.rules + 1, fed: cell.fed + (isFed(rule) ? 1 : 0) })
      }
  }
  return {
    tactics: tactics.map(tactic => ({
      tactic,
      techniques: [...(cells.get(tactic) ?? [])].map(([id, cell]) => ({ id, ...cell })).toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    })),
    rules: rules.filter(rule => rule.kind !== 'filter').length,
    fedRules: rules.filter(rule => rule.kind !== 'filter' && isFed(rule)).length,
  }
}
