import { isAtLeast, severities } from '@tocsin/api'
import { and, eq, inArray, sql } from 'drizzle-orm'
import type { AppContext } from '../access/index.ts'
import { recordAll, system } from '../journal/index.ts'
import { addMinutes } from '../kernel/clock.ts'
import type { Tx } from '../kernel/database.ts'
import { maxUrgentPerMinute, type PageRequest, pages, pageTeams, type Rise, raisePages } from '../paging/index.ts'
import { alerts } from './tables.ts'

/** Pages about alerts of one service that nobody has acknowledged, within this time, are as many as one person is sent in a minute: more is a storm. */
const stormMinutes = 10

/** A page about an alert, and what a page says of many that are like it. */
export interface StormyRequest extends PageRequest {
  readonly source: string
  readonly serviceName: string | undefined
}

/** What belongs together: nobody reads which of a thousand pages about one service is which. */
const kindOf = ({ teamId, serviceId = null, isDemo = false, isExercise = false }: PageRequest) =>
  `${teamId} storm ${serviceId ?? 'none'}${isDemo ? ' demo' : ''}${isExercise ? ' exercise' : ''}`

/**
 * Pages about alerts. Where one team would have more unacknowledged pages about one service than anybody reads, one page speaks for all that follow: it escalates
 * as any page does, whoever acknowledges it acknowledges each of its alerts, and it goes on until each of them is acknowledged or decided.
 */
export async function pageInStorm(tx: Tx, context: AppContext, requests: readonly StormyRequest[]): Promise<void> {
  if (requests.length === 0) return
  const grouped = Map.groupBy(requests, kindOf)
  const escalating = await countEscalating(tx, [...grouped.keys()])
  const [storms, singles] = [new Map<string, readonly StormyRequest[]>(), [] as PageRequest[]]
  for (const [kind, own] of grouped) {
    const { n = 0, hasStorm = false } = escalating.get(kind) ?? {}
    if (hasStorm || n + own.length > maxUrgentPerMinute) storms.set(kind, own)
    else singles.push(...own.map(withoutStorm))
  }
  await pageTeams(tx, context, singles)
  if (storms.size > 0) await joinStorms(tx, context, storms)
}

const withoutStorm = ({ source: _source, serviceName: _serviceName, ...page }: StormyRequest): PageRequest => page

/** How many pages about single alerts of each kind escalate lately, and whether one about a storm does. */
async function countEscalating(tx: Tx, kinds: readonly string[]): Promise<ReadonlyMap<string, { readonly n: number; readonly hasStorm: boolean }>> {
  const { rows } = await tx.db.execute<{ kind: string; n: number; hasStorm: boolean }>(sql`
    select kind, count(*) filter (where key <> kind and created_at > ${addMinutes(tx.now, -stormMinutes)}::timestamptz)::int as n, bool_or(key = kind) as "hasStorm"
    from (
      select key, created_at, team_id || ' storm ' || coalesce(service_id::text, 'none')
        || case when is_demo then ' demo' else '' end || case when is_exercise then ' exercise' else '' end as kind
      from ${pages} where state = 'triggered' and subject_kind = 'alert'
    ) escalating
    where kind = any(${sql.param([...kinds])}::text[]) group by kind`)
  return new Map(rows.map(row => [row.kind, row]))
}

const worstOf = (all: readonly StormyRequest[]) => all.reduce((worst, next) => (isAtLeast(worst.severity, next.severity) ? worst : next))

/** Alerts join the page of their storm, which is opened where none escalates. No alert is named: any of them may become part of a restricted incident. */
async function joinStorms(tx: Tx, context: AppContext, storms: ReadonlyMap<string, readonly StormyRequest[]>): Promise<void> {
  const opening = [...storms].map(([kind, own]): PageRequest => {
    const worst = worstOf(own)
    return { ...withoutStorm(worst), key: kind.slice(worst.teamId.length + 1), ...saying(worst, own.length) }
  })
  const opened = new Set(await pageTeams(tx, context, opening))
  const found = await tx.db
    .select({ id: pages.id, key: pages.key, severity: pages.severity, subjectId: pages.subjectId, withinId: pages.withinId })
    .from(pages)
    .where(and(eq(pages.state, 'triggered'), inArray(pages.key, [...storms.keys()])))
    .orderBy(pages.id)
    .for('update')
  const given = found.flatMap(page => (storms.get(page.key) ?? []).map(({ subject }) => ({ id: subject.id, page_id: page.id })))
  await tx.db.execute(sql`
    update ${alerts} alert set storm_page_id = given.page_id
    from jsonb_to_recordset(${JSON.stringify(given)}::jsonb) as given (id uuid, page_id uuid) where alert.id = given.id`)
  const counts = await tx.db
    .select({ id: alerts.stormPageId, n: sql<number>`count(*)::int` })
    .from(alerts)
    .where(
      inArray(
        alerts.stormPageId,
        found.map(page => page.id),
      ),
    )
    .groupBy(alerts.stormPageId)
  const countOf = new Map(counts.map(({ id, n }) => [id, n]))
  const joined = found.map(page => {
    const own = storms.get(page.key) ?? []
    return { page, own, total: countOf.get(page.id) ?? own.length }
  })
  await recordAll(
    tx,
    joined.map(({ page, own, total }) => ({
      ...{ actor: system, type: 'page.storm-grew' as const, subject: { kind: 'page' as const, id: page.id }, within: page.withinId },
      data: { alerts: own.length, total },
    })),
  )
  const grown = joined.flatMap(({ page, own, total }) => (opened.has(page.subjectId) ? [] : [{ page, worst: worstOf(own), total }]))
  const said = grown.map(({ page, worst, total }) => ({ id: page.id, ...saying(isWorse(worst, page) ? worst : { ...worst, severity: page.severity }, total) }))
  await tx.db.execute(sql`
    update ${pages} page set title = said.title, summary = said.summary
    from jsonb_to_recordset(${JSON.stringify(said)}::jsonb) as said (id uuid, title text, summary text) where page.id = said.id`)
  await raisePages(
    tx,
    context,
    grown.flatMap(({ page, worst, total }) => (isWorse(worst, page) ? [{ ...saying(worst, total), subjectId: page.subjectId, severity: worst.severity }] : [])),
  )
}

type Severe = Pick<Rise, 'severity'>
const isWorse = (one: Severe, other: Severe) => severities.indexOf(one.severity) > severities.indexOf(other.severity)

function saying({ serviceName, severity, source }: Pick<StormyRequest, 'serviceName' | 'severity' | 'source'>, total: number) {
  const where = serviceName === undefined ? '' : `${serviceName}: `
  const count = total === 1 ? '1 alert' : `${total.toLocaleString('en-US')} alerts`
  return {
    title: `${where}alert storm, ${count}`,
    summary: `${count}${serviceName === undefined ? ' without a service' : ` about ${serviceName}`}, the most severe of them ${severity}, such as one from ${source}. This page speaks for all of them: acknowledging it acknowledges each. Decide about them in the triage queue.`,
  }
}

/** The pages of storms of which an alert has become more severe than the page says. */
export async function stormsThatRose(tx: Tx, risen: readonly Rise[]): Promise<Rise[]> {
  if (risen.length === 0) return []
  const members = await tx.db
    .select({ id: alerts.id, subjectId: pages.subjectId, title: pages.title, summary: pages.summary, severity: pages.severity })
    .from(alerts)
    .innerJoin(pages, eq(pages.id, alerts.stormPageId))
    .where(sql`${alerts.id} = any(${sql.param(risen.map(({ subjectId }) => subjectId))}::uuid[])`)
  const severityOf = new Map(risen.map(({ subjectId, severity }) => [subjectId, severity]))
  const worst = new Map<string, Rise>()
  for (const { id, ...page } of members) {
    const severity = severityOf.get(id) ?? page.severity
    if (isWorse({ severity }, worst.get(page.subjectId) ?? page)) worst.set(page.subjectId, { ...page, severity })
  }
  return [...worst.values()]
}

/**
 * Alerts of storms are acknowledged, or decided, which also takes them out of their storm (`stormPageId`). The page speaks for the others from now on, under the name
 * of one of them; where none is left that it is to speak for, it stays about one of these, and ends as its alert does.
 */
export async function leaveStorms(tx: Tx, ids: readonly string[]): Promise<void> {
  const given = sql.param([...ids])
  await tx.db.execute(sql`
    update ${pages} storm set subject_id = next.id
    from (
      select distinct on (page.id) page.id as page_id, other.id
      from (select distinct storm_page_id from ${alerts} where id = any(${given}::uuid[]) and storm_page_id is not null) touched
      join ${pages} page on page.id = touched.storm_page_id and page.subject_id = any(${given}::uuid[]) and page.state in ('triggered', 'exhausted', 'acknowledged')
      join ${alerts} other on other.storm_page_id = page.id and (other.status = 'open' or (page.state = 'acknowledged' and other.status = 'acknowledged'))
      where other.id <> all(${given}::uuid[])
      order by page.id, other.status = 'open' desc, other.number
    ) next
    where storm.id = next.page_id`)
}

/** A page that ended in favor of another about the same storm: that one speaks for its alerts. */
export async function followStorm(tx: Tx, pageId: string): Promise<void> {
  await tx.db.execute(sql`
    update ${alerts} alert set storm_page_id = twin.id
    from ${pages} page join ${pages} twin on twin.key = page.key and twin.state = 'triggered' and twin.id <> page.id
    where page.id = ${pageId} and alert.storm_page_id = page.id`)
}

/** Those of some alerts that have paged, are open, and that no page speaks for that somebody is still to acknowledge. */
export async function unspokenFor(tx: Tx, ids: readonly string[]): Promise<string[]> {
  const { rows } = await tx.db.execute<{ id: string }>(sql`
    select alert.id from ${alerts} alert
    where alert.id = any(${sql.param([...ids])}::uuid[]) and alert.status = 'open' and alert.has_paged and not exists (
      select 1 from ${pages} page where page.state in ('triggered', 'exhausted') and (page.subject_id = alert.id or page.id = alert.storm_page_id))`)
  return rows.map(({ id }) => id)
}
