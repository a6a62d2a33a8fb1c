import { and, eq, sql } from 'drizzle-orm'
import { alerts, type IncomingAlert } from '../alerts/index.ts'
import type { Tx } from '../kernel/database.ts'
import { type Finding, windowKeyOf } from './findings.ts'
import { ownSourceId } from './own-trail.ts'

/**
 * What strangers cause in Tocsin's own audit trail, from as many addresses and about as many accounts as they like. What a person or a service account is
 * refused is not among it: nobody hides behind strangers.
 */
const isByStrangers = (event: string) =>
  /"type":"access\.refused"/.test(event) ? /"actor":\{"kind":"system"/.test(event) : /"type":"(?:sign-in|one-time-code)\.refused"/.test(event)
/** Addresses or accounts with open alerts of their own, of one rule within its window. */
const maxOwnAlerts = 5

/**
 * Bundles the alerts about strangers who try to get into Tocsin: further ones of a rule that has five open share one, which pages once and counts them. It is
 * an alert as the others are: who closes it is told of the next.
 * @param found with an alert each, in the same order
 */
export async function bundleOwn<Alert extends IncomingAlert>(tx: Tx, found: readonly Finding[], given: readonly Alert[]): Promise<Alert[]> {
  const open = new Map<string, Set<string>>()
  const bundled: Alert[] = []
  for (const [i, alert] of given.entries()) {
    const finding = found[i]
    if (finding?.batch.sourceId !== ownSourceId || !isByStrangers(finding.match.text) || alert.dedupKey === undefined) {
      bundled.push(alert)
      continue
    }
    const key = windowKeyOf(finding)
    const own = open.get(key) ?? (await openKeys(tx, `${key} `))
    open.set(key, own)
    if (own.has(alert.dedupKey) || own.size < maxOwnAlerts) {
      own.add(alert.dedupKey)
      bundled.push(alert)
    } else bundled.push({ ...alert, dedupKey: key, title: `${finding.rule.title}: more than ${maxOwnAlerts}` })
  }
  return bundled
}

async function openKeys(tx: Tx, start: string): Promise<Set<string>> {
  const rows = await tx.db
    .select({ key: alerts.dedupKey })
    .from(alerts)
    .where(and(eq(alerts.isOpen, true), eq(alerts.dedupScope, 'detection'), sql`starts_with(${alerts.dedupKey}, ${start})`))
  return new Set(rows.flatMap(({ key }) => key ?? []))
}
