import { type AlertInput, defang, fitted, isAtLeast, oneLine, type Severity } from '@tocsin/api'
import { type DataOf, titleOnRecord } from '@tocsin/events'
import { and, eq, inArray, isNull, sql } from 'drizzle-orm'
import type { AnyPgColumn } from 'drizzle-orm/pg-core'
import type { AppContext } from '../access/index.ts'
import { firstSecurityTeam, services } from '../directory/index.ts'
import { type Actor, type Marks, markRecords, recordAll, system } from '../journal/index.ts'
import type { Instant } from '../kernel/clock.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { AppProblem } from '../kernel/problems.ts'
import { defineCounter } from '../kernel/telemetry.ts'
import { storable } from '../kernel/text.ts'
import { type Rise, raiseNoTeam, raisePages, resolvePagesOf } from '../paging/index.ts'
import { type Content, keepOccurrences, maxOccurrences } from './occurrences.ts'
import { matches, reasonOfSilence, silence, silencesNow } from './silences.ts'
import { leaveStorms, pageInStorm, type StormyRequest, stormsThatRose } from './storms.ts'
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
 * Stores a batch of alerts, whole or not at all. One with the key of an open alert about the same service is one more occurrence of that. The alert says what the
 * newest of its most severe occurrences does, and never becomes less severe. A new alert at or above its service's threshold pages the security team; so does one
 * that rises to it, and one that has paged pages again when it rises.
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
  const keys = incoming.map((alert, position) => (alert.dedupKey === undefined ? `single ${position}` : `key ${identityOf(alert)}`))
  const grouped = Map.groupBy(incoming.keys(), position => keys[position] ?? '')
  // In one order everywhere, so that two batches with the same keys cannot wait for each other.
  const order = [...grouped.keys()].sort()
  const groups = order.map(key => groupOf((grouped.get(key) ?? []).flatMap(position => incoming[position] ?? [])))
  const rows = await store(tx, scope, groups, { isDemo: marks.isDemo ?? false, isExercise: marks.isExercise ?? false })
  const byKey = new Map(order.map((key, position) => [key, rows[position]]))
  const headlines = new Map(rows.map((row, position) => [row.id, groups[position]?.headline]))
  await announce(tx, context, actor, rows, headlines)
  return keys.map(key => {
    const row = byKey.get(key)
    if (!row) throw new Error('every alert of a batch is stored')
    return { id: row.id, number: row.number, isNew: row.isNew, count: row.count }
  })
}

/** Alerts of one scope are the same while one is open with this. */
const identityOf = ({ serviceId, dedupKey }: { readonly serviceId: string | null; readonly dedupKey?: string | null | undefined }) =>
  `${serviceId ?? ''} ${dedupKey ?? ''}`

/** The occurrences of one alert in a batch, oldest first, and the one that speaks for all of them. */
interface Group {
  readonly headline: IncomingAlert
  readonly occurrences: readonly IncomingAlert[]
}

/** The newest of the most severe ones speaks. It happened when the first did. */
function groupOf(occurrences: readonly IncomingAlert[]): Group {
  const headline = occurrences.reduce((best, next) => (isAtLeast(next.severity, best.severity) ? next : best))
  return { headline: { ...headline, occurredAt: occurrences.find(({ occurredAt }) => occurredAt !== undefined)?.occurredAt }, occurrences }
}

const contentOf = ({ severity, title, description, observables, links, labels }: IncomingAlert): Content => ({
  ...{ severity, title: oneLine(title), description, observables: fitted(observables), links, labels },
})

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
/** `before`: of an alert that the batch has repeated, what it said until then. */
type Stored = Row & { readonly isNew: boolean; readonly before?: Pick<Row, 'severity' | 'title'> }

/** A few statements for the whole batch: open alerts are repeated, the rest is new. Rows are in the order of the groups. */
async function store(tx: Tx, scope: string, groups: readonly Group[], marks: Required<AlertMarks>): Promise<Stored[]> {
  const found = new Map<Group, Stored>()
  // What another batch has opened since it was looked for is repeated in the next round. Looking first keeps repetitions from using up numbers.
  for (let left = groups; left.length > 0; left = left.filter(group => !found.has(group))) {
    const open = new Map((await lockOpen(tx, scope, left)).map(row => [identityOf(row), row]))
    const repeated = left.flatMap(group => {
      const before = group.headline.dedupKey === undefined ? undefined : open.get(identityOf(group.headline))
      return before === undefined ? [] : [{ group, before }]
    })
    for (const [group, row] of await repeat(tx, repeated)) found.set(group, row)
    const fresh = left.filter(group => !found.has(group))
    for (const [group, row] of await insert(tx, scope, fresh, marks)) found.set(group, row)
  }
  const rows = groups.map(group => {
    const row = found.get(group)
    if (!row) throw new Error('every alert of a batch is stored')
    return { group, row }
  })
  const occurrences = rows.flatMap(({ group, row }) =>
    group.occurrences
      .map((occurrence, position) => ({ occurrence, number: row.count - group.occurrences.length + position + 1 }))
      .slice(-maxOccurrences)
      .map(({ occurrence, number }) => ({ alertId: row.id, number, ...contentOf(occurrence) })),
  )
  await keepOccurrences(tx, occurrences)
  return rows.map(({ row }) => row)
}

/** Locks the open alerts that have the key of a group; some may be about other services. */
async function lockOpen(tx: Tx, scope: string, groups: readonly Group[]): Promise<Row[]> {
  const keys = groups.flatMap(({ headline }) => headline.dedupKey ?? [])
  if (keys.length === 0) return []
  return tx.db
    .select(stored)
    .from(alerts)
    .where(and(eq(alerts.dedupScope, scope), sql`${alerts.dedupKey} = any(${sql.param(keys)}::text[])`, alerts.isOpen))
    .orderBy(alerts.dedupKey, alerts.serviceId)
    .for('update')
}

/** Raises the counts of alerts that are locked; one that is repeated at least as severe says what it says now. One statement for all of them. */
async function repeat(tx: Tx, repeated: readonly { readonly group: Group; readonly before: Row }[]): Promise<[Group, Stored][]> {
  if (repeated.length === 0) return []
  const given = repeated.map(({ group: { headline, occurrences }, before }) => ({
    ...{ id: before.id, times: occurrences.length },
    ...(isAtLeast(headline.severity, before.severity) ? contentOf(headline) : {}),
  }))
  const said = (column: AnyPgColumn) => sql`coalesce(given.${sql.identifier(column.name)}, ${column})`
  const rows = await tx.db
    .update(alerts)
    .set({
      ...{ count: sql`${alerts.count} + given.times`, lastSeenAt: tx.now, sourceResolvedAt: null },
      ...{ severity: said(alerts.severity), title: said(alerts.title), description: said(alerts.description) },
      ...{ observables: said(alerts.observables), links: said(alerts.links), labels: said(alerts.labels) },
    })
    .from(
      sql`jsonb_to_recordset(${JSON.stringify(given)}::jsonb) as given
        (id uuid, times int, severity text, title text, description text, observables jsonb, links jsonb, labels jsonb)`,
    )
    .where(sql`${alerts.id} = given.id`)
    .returning(stored)
  const byId = new Map(rows.map(row => [row.id, row]))
  return repeated.flatMap(({ group, before }): [Group, Stored][] => {
    const row = byId.get(before.id)
    return row === undefined ? [] : [[group, { ...row, isNew: false, before }]]
  })
}

/** Inserts what is new, but for what another batch has opened in between. */
async function insert(tx: Tx, scope: string, groups: readonly Group[], marks: Required<AlertMarks>): Promise<[Group, Stored][]> {
  if (groups.length === 0) return []
  const values = groups.map(({ headline, occurrences }) => ({
    ...contentOf(headline),
    ...{ id: newId(), kind: headline.kind ?? ('alert' as const), status: 'open' as const, serviceId: headline.serviceId },
    ...{ dedupScope: scope, dedupKey: headline.dedupKey ?? null, source: headline.source, rule: headline.rule ?? null },
    ...{ count: occurrences.length, firstSeenAt: tx.now, lastSeenAt: tx.now, ...marks },
  }))
  const rows = await tx.db.insert(alerts).values(values).onConflictDoNothing().returning(stored)
  const byId = new Map(rows.map(row => [row.id, row]))
  return groups.flatMap((group, position): [Group, Stored][] => {
    const row = byId.get(values[position]?.id ?? '')
    return row === undefined ? [] : [[group, { ...row, isNew: true }]]
  })
}

const hasRisen = ({ severity, before }: Stored) => before !== undefined && before.severity !== severity

/** What a repetition has changed of what its alert says. */
function changeOf({ severity, title, before }: Stored): Pick<DataOf<'alert.repeated'>, 'severity' | 'title' | 'before'> {
  if (before === undefined || (before.severity === severity && before.title === title)) return {}
  const [isRaised, isRenamed] = [before.severity !== severity, before.title !== title]
  return {
    ...(isRaised ? { severity } : {}),
    ...(isRenamed ? { title } : {}),
    before: { ...(isRaised ? { severity: before.severity } : {}), ...(isRenamed ? { title: before.title } : {}) },
  }
}

async function announce(
  tx: Tx,
  context: AppContext,
  actor: Actor,
  rows: readonly Stored[],
  headlines: ReadonlyMap<string, IncomingAlert | undefined>,
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
        ...{
          number: row.number,
          title: row.kind === 'report' ? titleOnRecord(row.title) : row.title,
          severity: row.severity,
          source: row.source,
          kind: row.kind,
          serviceId: row.serviceId,
        },
        ...{ rule: row.rule, occurredAt: headlines.get(row.id)?.occurredAt },
      },
    })),
    ...repeated.map(row => ({
      ...{ actor, type: 'alert.repeated' as const, subject: { kind: 'alert' as const, id: row.id }, within: row.incidentId },
      data: {
        ...{ count: row.count, occurredAt: headlines.get(row.id)?.occurredAt },
        ...changeOf(row),
      },
    })),
  ])
  const countReal = (all: readonly Stored[]) => all.filter(row => !row.isExercise).length
  acceptedAlerts(context.metrics).inc({ result: 'new' }, countReal(fresh))
  acceptedAlerts(context.metrics).inc({ result: 'repeated' }, countReal(repeated))
  // Whoever works on its incident sees it rise.
  const risen = repeated.filter(row => hasRisen(row) && (row.status === 'open' || row.status === 'acknowledged'))
  if (fresh.length + risen.length > 0) await pageFor(tx, context, actor, [...fresh, ...risen], id => headlines.get(id)?.page)
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

/**
 * Pages about alerts that have changed: `risen` as about those that a repetition has raised, `anew` as if nobody had been paged about them. Whom, and whether a
 * silence keeps them, is decided as for new ones.
 */
export async function pageAgain(tx: Tx, context: AppContext, actor: Actor, ids: readonly string[], how: 'risen' | 'anew'): Promise<void> {
  if (ids.length === 0) return
  const rows = await tx.db
    .select(stored)
    .from(alerts)
    .where(sql`${alerts.id} = any(${sql.param([...ids])}::uuid[])`)
    .orderBy(alerts.number)
  await pageFor(tx, context, actor, how === 'anew' ? rows.map(row => ({ ...row, hasPaged: false })) : rows)
}

/** Pages about alerts, in as many statements for many as for one; a silence keeps some, and many about one service are one page. */
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
  const severe = due.filter(
    alert => pageOf(alert.id) !== 'none' && isAtLeast(alert.severity, byId.get(alert.serviceId ?? '')?.pageFrom ?? pageFromWithoutService),
  )
  const heard = Map.groupBy(severe, alert => silent.find(row => matches(row.matchers, alert)))
  for (const [row, held] of heard)
    if (row !== undefined)
      await silence(
        tx,
        row,
        held.filter(alert => alert.silencedById !== row.id),
        actor,
      )
  const loud = heard.get(undefined) ?? []
  if (loud.length === 0) return
  const fallback = await firstSecurityTeam(tx)
  const requests: StormyRequest[] = []
  const risen: Rise[] = []
  for (const alert of loud) {
    const service = byId.get(alert.serviceId ?? '')
    const teamId = service?.securityTeamId ?? fallback
    // Without any security team the administrators are told: paging is not set up.
    if (teamId === undefined) continue
    const page = pageOf(alert.id)
    const said = saidOf(alert, service?.name, page === 'none' ? undefined : page)
    if (alert.hasPaged) risen.push({ ...said, subjectId: alert.id })
    else
      requests.push({
        ...{ ...said, teamId, subject: { kind: 'alert', id: alert.id }, serviceId: alert.serviceId, isDemo: alert.isDemo, isExercise: alert.isExercise },
        ...{ source: alert.source, serviceName: service?.name },
      })
  }
  if (requests.length + risen.length === 0) return raiseNoTeam(tx, context)
  await pageInStorm(tx, context, requests)
  await tx.db
    .update(alerts)
    .set({ hasPaged: true, silencedById: null })
    .where(sql`${alerts.id} = any(${sql.param(requests.map(({ subject }) => subject.id))}::uuid[])`)
  await raisePages(tx, context, [...risen, ...(await stormsThatRose(tx, risen))])
}

/** What a page says of an alert. */
function saidOf(alert: Row, service: string | undefined, page: Page | undefined) {
  const full = alert.kind === 'report' ? defang(alert.description) : alert.description
  const description = full.length > maxDescription ? `${storable(full, maxDescription)}…` : full
  const from = alert.kind === 'report' ? 'Reported by a user' : `Alert from ${alert.source}`
  const facts = `Severity ${alert.severity}${service === undefined ? '' : `, service ${service}`}`
  return {
    title: page?.title ?? `${service === undefined ? '' : `${service}: `}${alert.title}`,
    summary: page?.summary ?? `${from}: ${alert.title}\n${facts}\n\n${description}`.trim(),
    severity: alert.severity,
  }
}

/**
 * The source reports alerts resolved: paging stops, and the next alert with the key is a new one. One that paged still needs a disposition. As many statements for many as for one.
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
  if (resolved.length === 0) return
  await recordAll(
    tx,
    resolved.map(({ id, incidentId, dedupKey }) => ({
      ...{ actor, type: 'alert.resolved-by-source' as const, subject: { kind: 'alert' as const, id }, within: incidentId },
      data: { occurredAt: endedAt.get(dedupKey) },
    })),
  )
  const ids = resolved.map(({ id }) => id)
  await leaveStorms(tx, ids)
  await resolvePagesOf(tx, context, actor, ids)
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
