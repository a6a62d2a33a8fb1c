import { type AlertInput, isAtLeast, oneLine, type Severity } from '@tocsin/api'
import { and, eq, inArray, isNull, sql } from 'drizzle-orm'
import type { AppContext } from '../access/index.ts'
import { firstSecurityTeam, services } from '../directory/index.ts'
import { type Actor, type Marks, markRecords, record, recordAll, system } from '../journal/index.ts'
import type { Instant } from '../kernel/clock.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { AppProblem } from '../kernel/problems.ts'
import { defineCounter } from '../kernel/telemetry.ts'
import { defang, storable } from '../kernel/text.ts'
import { pageTeam, type Rise, raiseNoTeam, raisePages, resolvePagesAbout } from '../paging/index.ts'
import { matches, reasonOfSilence, silence, silencesNow } from './silences.ts'
import { alerts } from './tables.ts'

export const acceptedAlerts = defineCounter({ name: 'tocsin_alerts_total', help: 'Alerts accepted, by result: new or repeated', labelNames: ['result'] })

/** An alert as a source sends it: the service already found in the catalog, or none. */
export interface IncomingAlert extends Omit<AlertInput, 'service' | 'isExercise'> {
  readonly serviceId: string | null
  readonly kind?: 'alert' | 'report'
  /** The detection rule that raised it, with the version and SHA-256 of its text. */
  readonly rule?: { readonly id: string; readonly version: number; readonly sha256: string }
  /** When it happened, where its source says that. */
  readonly occurredAt?: Instant | undefined
  /** What its page says instead, where it stands for others too; `none` where another's page stands for it. */
  readonly page?: Page | 'none'
}
interface Page {
  readonly title: string
  readonly summary: string
}

/** What a batch of alerts belongs to, where that is not the real world. */
export type AlertMarks = Pick<Marks, 'isDemo' | 'isExercise'>

export interface Received {
  readonly id: string
  readonly number: number
  readonly isNew: boolean
  readonly count: number
}

/** The severity at which an alert that names no service pages the security team. */
const pageFromWithoutService: Severity = 'high'
/** A page says so much of an alert's description; the rest is read in Tocsin. */
const maxDescription = 1_500

/**
 * Stores a batch of alerts, whole or not at all. One with the key of an open alert raises that one's count, and its severity where
 * it is more severe, never less. A new alert at or above its service's threshold pages the security team; so does one that rises to it, and one that has paged pages again when it rises.
 * @param scope within what dedup keys are compared; those of an exercise need one of their own, so that they count up nothing real.
 * @returns one answer for each alert given, in order.
 */
export async function receiveAlerts(
  tx: Tx,
  context: AppContext,
  actor: Actor,
  scope: string,
  incoming: readonly IncomingAlert[],
  marks: AlertMarks = {},
): Promise<Received[]> {
  const grouped = new Map<string, { alert: IncomingAlert; times: number }>()
  const keys = incoming.map((alert, position) => (alert.dedupKey === undefined ? `single ${position}` : `key ${alert.dedupKey}`))
  for (const [position, alert] of incoming.entries()) {
    const key = keys[position] ?? ''
    const earlier = grouped.get(key)
    // The last word of a batch about one key is the newest, but no repetition makes an alert less severe.
    const severity = earlier && isAtLeast(earlier.alert.severity, alert.severity) ? earlier.alert.severity : alert.severity
    const occurredAt = earlier?.alert.occurredAt ?? alert.occurredAt
    grouped.set(key, { alert: { ...alert, severity, occurredAt }, times: (earlier?.times ?? 0) + 1 })
  }
  // In one order everywhere, so that two batches with the same keys cannot wait for each other.
  const order = [...grouped.keys()].sort()
  const rows = await store(
    tx,
    scope,
    order.map(key => grouped.get(key)).filter(group => group !== undefined),
    { isDemo: marks.isDemo ?? false, isExercise: marks.isExercise ?? false },
  )
  const byKey = new Map(order.map((key, position) => [key, rows[position]]))
  const sources = new Map(rows.map((row, position) => [row.id, grouped.get(order[position] ?? '')?.alert]))
  await announce(tx, context, actor, rows, sources)
  return keys.map(key => {
    const row = byKey.get(key)
    if (!row) throw new Error('every alert of a batch is stored')
    return { id: row.id, number: row.number, isNew: row.isNew, count: row.count }
  })
}

interface Group {
  readonly alert: IncomingAlert
  readonly times: number
}

/** The columns of an alert that its announcement needs. */
const stored = {
  id: alerts.id,
  number: alerts.number,
  title: alerts.title,
  severity: alerts.severity,
  serviceId: alerts.serviceId,
  count: alerts.count,
  description: alerts.description,
  source: alerts.source,
  kind: alerts.kind,
  rule: alerts.rule,
  isDemo: alerts.isDemo,
  isExercise: alerts.isExercise,
  incidentId: alerts.incidentId,
  dedupKey: alerts.dedupKey,
  status: alerts.status,
  hasPaged: alerts.hasPaged,
  silencedById: alerts.silencedById,
}
type Row = Pick<typeof alerts.$inferSelect, keyof typeof stored>
/** `before`: what an alert was that the batch has made more severe. */
type Stored = Row & { isNew: boolean; before?: { readonly severity: Severity; readonly title: string } }

/** A few statements for the whole batch: counts and severities of open alerts are raised, the rest is new. Rows are in the order of the groups. */
async function store(tx: Tx, scope: string, groups: readonly Group[], marks: Required<AlertMarks>): Promise<Stored[]> {
  const repeated = await countUp(tx, scope, groups)
  const known = new Map(repeated.map(row => [row.dedupKey, row]))
  const values = groups.map(({ alert, times }) => ({
    id: newId(),
    kind: alert.kind ?? ('alert' as const),
    title: oneLine(alert.title),
    severity: alert.severity,
    status: 'open' as const,
    serviceId: alert.serviceId,
    dedupScope: scope,
    dedupKey: alert.dedupKey ?? null,
    source: alert.source,
    labels: alert.labels,
    links: alert.links,
    description: alert.description,
    observables: alert.observables,
    rule: alert.rule ?? null,
    count: times,
    firstSeenAt: tx.now,
    lastSeenAt: tx.now,
    ...marks,
  }))
  const fresh = values.filter(value => value.dedupKey === null || !known.has(value.dedupKey))
  const inserted =
    fresh.length === 0
      ? []
      : await tx.db
          .insert(alerts)
          .values(fresh)
          // Another batch opened the key in between.
          .onConflictDoUpdate({
            target: [alerts.dedupScope, alerts.dedupKey],
            targetWhere: sql`is_open`,
            set: { count: sql`${alerts.count} + excluded.count`, lastSeenAt: sql`excluded.last_seen_at`, sourceResolvedAt: null },
          })
          .returning(stored)
  const ids = new Set(fresh.map(value => value.id))
  const rows = await raise(tx, groups, [...repeated.map(row => ({ ...row, isNew: false })), ...inserted.map(row => ({ ...row, isNew: ids.has(row.id) }))])
  const byKey = new Map(rows.filter(row => row.dedupKey !== null).map(row => [row.dedupKey, row]))
  const byId = new Map(rows.map(row => [row.id, row]))
  return values.map(value => {
    const row = value.dedupKey === null ? byId.get(value.id) : byKey.get(value.dedupKey)
    if (!row) throw new Error('every alert of a batch is stored')
    return row
  })
}

/** Raises the counts of alerts that are open. Counting up first keeps repetitions from using up numbers. */
async function countUp(tx: Tx, scope: string, groups: readonly Group[]): Promise<Row[]> {
  const keyed = groups.filter(({ alert }) => alert.dedupKey !== undefined)
  if (keyed.length === 0) return []
  const keys = sql.param(keyed.map(({ alert }) => alert.dedupKey))
  const times = sql.param(keyed.map(group => group.times))
  return (
    tx.db
      .update(alerts)
      .set({ count: sql`${alerts.count} + given.times`, lastSeenAt: tx.now, sourceResolvedAt: null })
      .from(sql`unnest(${keys}::text[], ${times}::int[]) as given(key, times)`)
      // The keys appear here twice: joined alone, they would not lead the index, and every open alert would be looked at.
      .where(and(eq(alerts.dedupScope, scope), sql`${alerts.dedupKey} = any(${keys}::text[]) and ${alerts.dedupKey} = given.key and ${alerts.isOpen}`))
      .returning(stored)
  )
}

/**
 * Makes those that are repeated as more severe than they are more severe, with the title that says so; their rows are locked since they were counted up. One
 * statement for all of them.
 */
async function raise(tx: Tx, groups: readonly Group[], rows: readonly Stored[]): Promise<Stored[]> {
  const given = new Map(groups.map(({ alert }) => [alert.dedupKey, alert]))
  const raised = rows.map(row => {
    const repeated = row.isNew || row.dedupKey === null ? undefined : given.get(row.dedupKey)
    if (repeated === undefined || isAtLeast(row.severity, repeated.severity)) return row
    return { ...row, severity: repeated.severity, title: oneLine(repeated.title), before: { severity: row.severity, title: row.title } }
  })
  const risen = raised.filter(row => row.before !== undefined)
  if (risen.length === 0) return raised
  const ids = sql.param(risen.map(row => row.id))
  const severities = sql.param(risen.map(row => row.severity))
  const titles = sql.param(risen.map(row => row.title))
  await tx.db
    .update(alerts)
    .set({ severity: sql`risen.severity`, title: sql`risen.title` })
    .from(sql`unnest(${ids}::uuid[], ${severities}::text[], ${titles}::text[]) as risen(id, severity, title)`)
    .where(sql`${alerts.id} = risen.id`)
  return raised
}

async function announce(
  tx: Tx,
  context: AppContext,
  actor: Actor,
  rows: readonly Stored[],
  sources: ReadonlyMap<string, IncomingAlert | undefined>,
): Promise<void> {
  const fresh = rows.filter(row => row.isNew)
  for (const mark of ['isDemo', 'isExercise'] as const)
    await markRecords(
      tx,
      fresh.filter(row => row[mark]).map(row => row.id),
      { [mark]: true },
    )
  const repeated = rows.filter(row => !row.isNew)
  await recordAll(tx, [
    ...fresh.map(row => ({
      actor,
      type: 'alert.received' as const,
      subject: { kind: 'alert' as const, id: row.id },
      data: {
        ...{ number: row.number, title: row.title, severity: row.severity, source: row.source, kind: row.kind, serviceId: row.serviceId },
        ...{ rule: row.rule, occurredAt: sources.get(row.id)?.occurredAt },
      },
    })),
    ...repeated.map(row => ({
      ...{ actor, type: 'alert.repeated' as const, subject: { kind: 'alert' as const, id: row.id }, within: row.incidentId },
      data: {
        ...{ count: row.count, occurredAt: sources.get(row.id)?.occurredAt },
        ...(row.before === undefined ? {} : riseOf(row, row.before)),
      },
    })),
  ])
  const countReal = (all: readonly Stored[]) => all.filter(row => !row.isExercise).length
  acceptedAlerts(context.metrics).inc({ result: 'new' }, countReal(fresh))
  acceptedAlerts(context.metrics).inc({ result: 'repeated' }, countReal(repeated))
  // Whoever works on its incident sees it rise.
  const risen = repeated.filter(row => row.before !== undefined && (row.status === 'open' || row.status === 'acknowledged'))
  if (fresh.length + risen.length > 0) await pageFor(tx, context, actor, [...fresh, ...risen], id => sources.get(id)?.page)
}

/** A rise, as its entry has it: the title only where that is another one. */
function riseOf({ severity, title }: Row, before: { readonly severity: Severity; readonly title: string }) {
  return title === before.title ? { severity, before: { severity: before.severity } } : { severity, title, before }
}

/** A silence is over: alerts that it suppressed, and that nobody has acknowledged meanwhile, page now; what holds them from then on is another silence. */
export async function pageSilenced(tx: Tx, context: AppContext, silenceId: string): Promise<void> {
  const held = await tx.db
    .update(alerts)
    .set({ silencedById: null })
    // Those of incidents keep their silence: what it says belongs to them.
    .where(and(eq(alerts.silencedById, silenceId), isNull(alerts.incidentId)))
    .returning({ ...stored, isOpen: alerts.isOpen })
  const due = held.filter(alert => alert.isOpen && alert.status === 'open')
  if (due.length === 0) return
  const reason = await reasonOfSilence(tx, silenceId)
  await recordAll(
    tx,
    due.map(({ id, incidentId }) => ({
      ...{ actor: system, type: 'alert.silence-ended', subject: { kind: 'alert', id }, within: incidentId },
      data: { silenceId, reason },
    })),
  )
  await pageFor(tx, context, system, due)
}

async function pageFor(
  tx: Tx,
  context: AppContext,
  actor: Actor,
  due: readonly Row[],
  pageOf: (alertId: string) => Page | 'none' | undefined = () => undefined,
): Promise<void> {
  const silent = await silencesNow(tx)
  const serviceIds = [...new Set(due.map(row => row.serviceId).filter(id => id !== null))]
  const known = serviceIds.length === 0 ? [] : await tx.db.select().from(services).where(inArray(services.id, serviceIds))
  const byId = new Map(known.map(service => [service.id, service]))
  const risen: Rise[] = []
  for (const alert of due) {
    const service = alert.serviceId === null ? undefined : byId.get(alert.serviceId)
    if (!isAtLeast(alert.severity, service?.pageFrom ?? pageFromWithoutService)) continue
    const page = pageOf(alert.id)
    if (page === 'none') continue
    const silencing = silent.find(row => matches(row.matchers, alert))
    if (silencing) {
      if (alert.silencedById !== silencing.id) await silence(tx, silencing, alert, actor)
      continue
    }
    const teamId = service?.securityTeamId ?? (await firstSecurityTeam(tx))
    // Without any security team the administrators are told once: paging is not set up.
    if (teamId === undefined) {
      await raiseNoTeam(tx, context)
      continue
    }
    const full = alert.kind === 'report' ? defang(alert.description) : alert.description
    const description = full.length > maxDescription ? `${storable(full, maxDescription)}…` : full
    const where = service ? `${service.name}: ` : ''
    const said = {
      title: page?.title ?? `${where}${alert.title}`,
      summary:
        page?.summary ??
        `${alert.kind === 'report' ? 'Reported by a user' : `Alert from ${alert.source}`}: ${alert.title}\nSeverity ${alert.severity}${service ? `, service ${service.name}` : ''}\n\n${description}`.trim(),
      severity: alert.severity,
    }
    if (alert.hasPaged) {
      risen.push({ ...said, subjectId: alert.id })
      continue
    }
    await pageTeam(tx, context, {
      ...said,
      teamId,
      subject: { kind: 'alert', id: alert.id },
      serviceId: alert.serviceId,
      isDemo: alert.isDemo,
      isExercise: alert.isExercise,
    })
    await tx.db.update(alerts).set({ hasPaged: true, silencedById: null }).where(eq(alerts.id, alert.id))
  }
  await raisePages(tx, context, risen)
}

/**
 * The source reports it resolved: paging stops, and the next alert with the key is a new one. One that paged still needs a disposition.
 * @param endedAt when it ended, by dedup key, where the source says that
 */
export async function resolveBySource(
  tx: Tx,
  context: AppContext,
  actor: Actor,
  scope: string,
  dedupKeys: readonly string[],
  endedAt: ReadonlyMap<string | null, Instant | undefined> = new Map(),
): Promise<void> {
  if (dedupKeys.length === 0) return
  const resolved = await tx.db
    .update(alerts)
    .set({
      sourceResolvedAt: tx.now,
      isOpen: false,
      status: sql`case when ${alerts.status} in ('open', 'acknowledged') then 'resolved' else ${alerts.status} end`,
    })
    .where(and(eq(alerts.dedupScope, scope), inArray(alerts.dedupKey, [...dedupKeys]), eq(alerts.isOpen, true)))
    .returning({ id: alerts.id, incidentId: alerts.incidentId, dedupKey: alerts.dedupKey })
  for (const alert of resolved) {
    await record(tx, {
      ...{ actor, type: 'alert.resolved-by-source', subject: { kind: 'alert', id: alert.id }, within: alert.incidentId },
      data: { occurredAt: endedAt.get(alert.dedupKey) },
    })
    await resolvePagesAbout(tx, context, actor, alert.id)
  }
}

/** Finds services by the name or id that alerts carry. @throws AppProblem invalid, naming each alert whose service is unknown. */
export async function findServices(reader: Reader, names: readonly (string | undefined)[], pathOf: (position: number) => string): Promise<(string | null)[]> {
  const wanted = [...new Set(names.filter(name => name !== undefined))]
  const found =
    wanted.length === 0
      ? []
      : await reader.db
          .select({ id: services.id, name: services.name })
          .from(services)
          .where(sql`${services.name} = any(${sql.param(wanted)}::text[]) or ${services.id}::text = any(${sql.param(wanted)}::text[])`)
  const ids = new Map(found.flatMap(service => [[service.name, service.id] as const, [service.id, service.id] as const]))
  const errors = names.flatMap((name, position) =>
    name !== undefined && name !== '' && !ids.has(name) ? [{ path: pathOf(position), message: `"${name}" is not a service in the catalog` }] : [],
  )
  if (errors.length > 0)
    throw new AppProblem(
      'invalid',
      errors
        .map(error => `${error.path}: ${error.message}`)
        .join('; ')
        .slice(0, 2_000),
      errors,
    )
  return names.map(name => (name === undefined ? null : (ids.get(name) ?? null)))
}
