import { type AlertActInput, isAtLeast, type Severity } from '@tocsin/api'
import { inArray, sql } from 'drizzle-orm'
import type { AppContext } from '../access/index.ts'
import { firstSecurityTeam, services } from '../directory/index.ts'
import { type Actor, recordAll } from '../journal/index.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { invalid } from '../kernel/problems.ts'
import { resolvePagesOf } from '../paging/index.ts'
import { pageAgain } from './receive.ts'
import { leaveStorms } from './storms.ts'
import { alerts } from './tables.ts'
import { openKeys } from './triage.ts'
import { among, idsOf, type Obstacle, type TriagedAlert } from './triaged.ts'

type Service = Pick<typeof services.$inferSelect, 'id' | 'name' | 'isDemo' | 'securityTeamId'>
type Services = ReadonlyMap<string, Service>

/** What alerts are to say from now on; what is not given stays. */
export interface Correction {
  readonly severity?: Severity | undefined
  readonly serviceId?: string | null | undefined
}

/** A severity and service that an alert had, and those that it has. */
interface Corrected {
  readonly before: TriagedAlert
  readonly severity: Severity
  readonly serviceId: string | null
}

async function servicesOf(reader: Reader, ids: readonly (string | null | undefined)[]): Promise<Services> {
  const wanted = [...new Set(ids.filter(id => id !== null && id !== undefined))]
  if (wanted.length === 0) return new Map()
  const rows = await reader.db
    .select({ id: services.id, name: services.name, isDemo: services.isDemo, securityTeamId: services.securityTeamId })
    .from(services)
    .where(inArray(services.id, wanted))
  return new Map(rows.map(row => [row.id, row]))
}

/**
 * Which alerts cannot be corrected like this: those that say so already, and demo data and real data where the service is of the other.
 * @throws AppProblem invalid where there is no such service
 */
export async function unfitToCorrect(reader: Reader, { severity, serviceId }: Correction): Promise<(alert: TriagedAlert) => Obstacle | undefined> {
  const service = (await servicesOf(reader, [serviceId])).get(serviceId ?? '')
  if (typeof serviceId === 'string' && service === undefined) throw invalid('serviceId', 'must be the ID of a service in the catalog')
  return alert => {
    if (service !== undefined && service.isDemo !== alert.isDemo) return 'demo-or-real'
    const isSame = (severity ?? alert.severity) === alert.severity && (serviceId === undefined || serviceId === alert.serviceId)
    return isSame ? 'unchanged' : undefined
  }
}

/** Corrects alerts that are locked. */
export async function correctAlerts(
  tx: Tx,
  context: AppContext,
  actor: Actor,
  rows: readonly TriagedAlert[],
  { severity, serviceId }: Correction,
  reason: string,
): Promise<void> {
  const corrected = rows.map(before => ({ before, severity: severity ?? before.severity, serviceId: serviceId === undefined ? before.serviceId : serviceId }))
  const moved = corrected.filter(one => one.serviceId !== one.before.serviceId).map(one => one.before)
  await tx.db
    .update(alerts)
    .set({
      ...(severity === undefined ? {} : { severity }),
      ...(serviceId === undefined ? {} : { serviceId }),
      ...(moved.length > 0 ? { isOpen: closedIn(moved) } : {}),
    })
    .where(among(idsOf(rows)))
  await openKeys(tx, idsOf(moved.filter(alert => alert.isOpen)))
  await followCorrection(tx, context, actor, corrected, reason)
}

/** About another service a key may be that of another open alert: it is open again once that is known. */
const closedIn = (rows: readonly TriagedAlert[]) => sql`${alerts.isOpen} and not ${among(idsOf(rows))}`

/**
 * Records what was corrected, and pages as for an alert that rises: one that nobody has acknowledged goes to the team of its service, and whoever has acknowledged
 * one is paged when it is more severe than they knew.
 */
export async function followCorrection(tx: Tx, context: AppContext, actor: Actor, corrected: readonly Corrected[], reason: string): Promise<void> {
  const known = await servicesOf(
    tx,
    corrected.flatMap(({ before, serviceId }) => [before.serviceId, serviceId]),
  )
  const named = (id: string | null) => (id === null ? null : { id, name: known.get(id)?.name ?? '' })
  await recordAll(
    tx,
    corrected.map(({ before, severity, serviceId }) => ({
      ...{ actor, type: 'alert.corrected' as const, subject: { kind: 'alert' as const, id: before.id }, within: before.incidentId },
      data: {
        ...(before.severity === severity ? {} : { severity: { from: before.severity, to: severity } }),
        ...(before.serviceId === serviceId ? {} : { service: { from: named(before.serviceId), to: named(serviceId) } }),
        reason,
      },
    })),
  )
  const fallback = await firstSecurityTeam(tx)
  const teamOf = (id: string | null) => known.get(id ?? '')?.securityTeamId ?? fallback
  const undecided = corrected.filter(({ before }) => before.status === 'open' || before.status === 'acknowledged')
  const redirected = undecided.filter(({ before, serviceId }) => before.status === 'open' && before.hasPaged && teamOf(before.serviceId) !== teamOf(serviceId))
  const others = undecided.filter(
    one => !redirected.includes(one) && (hasRisen(one) || (one.before.serviceId !== one.serviceId && !one.before.hasPaged && one.before.status === 'open')),
  )
  const redirectedIds = redirected.map(({ before }) => before.id)
  // The team that was paged before is not responsible for it.
  await leaveStorms(tx, redirectedIds)
  if (redirectedIds.length > 0) await tx.db.update(alerts).set({ stormPageId: null }).where(among(redirectedIds))
  await resolvePagesOf(tx, context, actor, redirectedIds)
  await pageAgain(tx, context, actor, redirectedIds, 'anew')
  await pageAgain(
    tx,
    context,
    actor,
    others.map(({ before }) => before.id),
    'risen',
  )
}

const hasRisen = ({ before, severity }: Corrected) => severity !== before.severity && isAtLeast(severity, before.severity)

/** What an act on many says of a correction. @throws Error unless the contract has checked that it has a reason */
export function correctionOf({ severity, serviceId, reason }: AlertActInput): { readonly correction: Correction; readonly reason: string } {
  if (reason === undefined) throw new Error('a correction has a reason')
  return { correction: { severity, serviceId }, reason }
}
