import type { DetectionRule } from '@tocsin/api'
import { eq } from 'drizzle-orm'
import type { AppContext, Caller } from '../access/index.ts'
import { readAlert } from '../alerts/index.ts'
import type { Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { conflict, invalid } from '../kernel/problems.ts'
import { storable } from '../kernel/text.ts'
import { createRule } from './rules.ts'
import { detectionRules } from './tables.ts'

/** A text of YAML. */
const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`

/** What would be a wildcard or an escape is taken as it is. */
const literal = (text: string) => quoted(text.replaceAll(/[\\*?]/g, '\\$&'))

interface Input {
  readonly field: string
  readonly value: string
  readonly reason: string
  readonly expiresAt: string | null
}

/** Excepts events from the rule behind an alert: a Sigma filter, with its reason and author, that ends by itself where that is asked for. */
export async function addException(tx: Tx, context: AppContext, caller: Caller, alertId: string, input: Input): Promise<DetectionRule> {
  const alert = await readAlert(tx, context, caller, alertId)
  const [rule] = await tx.db
    .select()
    .from(detectionRules)
    .where(eq(detectionRules.ruleId, alert.labels.rule ?? ''))
  if (!rule) throw conflict('This alert was not raised by an existing detection rule.')
  if (rule.kind !== 'rule') throw conflict('Correlations cannot have exceptions. Add the exception to one of the rules that it refers to.')
  if (!/^[^|:'"\n]+$/.test(input.field)) throw invalid('field', 'must be a field name without modifiers')
  if (input.expiresAt !== null && input.expiresAt <= tx.now) throw invalid('expiresAt', 'must be in the future')
  const parts = Object.entries(rule.logsource).map(([part, text]) => `  ${part}: ${quoted(text)}`)
  const text = [
    `title: ${quoted(storable(`Exclude ${input.value.slice(0, 60)}: ${rule.title}`, 250).replaceAll('\n', ' '))}`,
    `id: ${newId()}`,
    `description: ${quoted(input.reason.replaceAll('\n', ' '))}`,
    `author: ${quoted(caller.actor.name)}`,
    `date: ${tx.now.slice(0, 10)}`,
    parts.length === 0 ? 'logsource: {}' : 'logsource:',
    ...parts,
    'filter:',
    `  rules: [${quoted(rule.ruleId)}]`,
    '  selection:',
    `    '${input.field}': ${literal(input.value)}`,
    '  condition: selection',
    '',
  ].join('\n')
  return createRule(tx, caller.actor, text, { origin: 'exception', expiresAt: input.expiresAt })
}
