import { type IndicatorList, maxIndicatorsTotal } from '@tocsin/api'
import { buildIndicatorsApart, type IndicatorSet, keysAbove, type ListPart, parseIndicator, UnreadableList } from '@tocsin/sigma'
import { and, asc, eq, gt, inArray, isNull, or, type SQL, sql } from 'drizzle-orm'
import type { AppContext, Caller, Viewer } from '../access/index.ts'
import { readAlert } from '../alerts/index.ts'
import { type Actor, record } from '../journal/index.ts'
import { addMinutes, type Instant } from '../kernel/clock.ts'
import type { Config } from '../kernel/config.ts'
import type { Database, Reader, Tx } from '../kernel/database.ts'
import type { ReceivedFile } from '../kernel/files.ts'
import { newId } from '../kernel/ids.ts'
import { checkUrl, Undeliverable } from '../kernel/outbound.ts'
import { Pace } from '../kernel/pace.ts'
import { AppProblem, conflict, invalid, notFound } from '../kernel/problems.ts'
import { sealedColumn, sealFor } from '../kernel/sealed-columns.ts'
import { storable } from '../kernel/text.ts'
import { partsOfFile } from './list-parts.ts'
import { feedReach } from './source-settings.ts'
import { ignoredIndicators, indicatorLists, indicators } from './tables.ts'

export type ListRow = typeof indicatorLists.$inferSelect

const maxExamples = 20
const removedAtOnce = 5_000
/** Indicators of uploaded lists that are stored, a second: a list comes when it comes, while alerts and pages wait for the same database. */
const storing = new Pace(40_000)
const keysAtOnce = 50_000
/** Indicators end all the time: what has ended is left out of the matching at most this often; no alert is raised for it at once. */
const tidyMinutes = 30

const shown = ({
  url,
  username,
  secretSealed,
  pullMinutes,
  addedAfter: _,
  generation: __,
  lastGeneration: ___,
  createdAt: ____,
  ...row
}: ListRow): IndicatorList => ({
  ...row,
  refusedExamples: [...row.refusedExamples],
  taxii: url === null ? null : { url, username, hasSecret: secretSealed !== null, pullMinutes: pullMinutes ?? 60 },
})

export async function listIndicatorLists(reader: Reader): Promise<IndicatorList[]> {
  return (await reader.db.select().from(indicatorLists).orderBy(asc(indicatorLists.name), asc(indicatorLists.id))).map(shown)
}

async function lockList(tx: Tx, id: string): Promise<ListRow> {
  const [row] = await tx.db.select().from(indicatorLists).where(eq(indicatorLists.id, id)).for('update')
  if (!row) throw notFound('indicator list')
  return row
}

export const feedSecrets = sealedColumn(indicatorLists.id, indicatorLists.secretSealed, 'indicator_lists.secret_sealed')

interface NewList {
  readonly name: string
  readonly level: ListRow['level']
  readonly taxii: { readonly url: string; readonly username: string | null; readonly secret: string | null; readonly pullMinutes: number } | null
}

export async function createIndicatorList(
  tx: Tx,
  { secrets, config }: Pick<AppContext, 'secrets' | 'config'>,
  actor: Actor,
  { name, level, taxii }: NewList,
): Promise<IndicatorList> {
  if (taxii !== null) checkFeedUrl(taxii.url, config)
  const id = newId()
  const [row] = await tx.db
    .insert(indicatorLists)
    .values({
      id,
      name,
      level,
      url: taxii === null ? null : taxii.url.replace(/(?<!\/)\/*$/, '/'),
      username: taxii?.username ?? null,
      secretSealed: taxii?.secret == null ? null : sealFor(secrets, feedSecrets, taxii.secret, id),
      pullMinutes: taxii?.pullMinutes ?? null,
      createdAt: tx.now,
    })
    .returning()
  if (!row) throw new Error('an inserted row comes back')
  await record(tx, { actor, type: 'indicator-list.added', subject: { kind: 'indicator-list', id: row.id }, data: { name, level, from: row.url } })
  return shown(row)
}

function checkFeedUrl(url: string, config: Config): void {
  try {
    checkUrl(url, feedReach(config))
  } catch (error) {
    throw error instanceof Undeliverable ? invalid('taxii.url', error.message) : error
  }
}

export async function changeIndicatorList(
  tx: Tx,
  actor: Actor,
  id: string,
  change: { name?: string | undefined; level?: ListRow['level'] | undefined; isEnabled?: boolean | undefined },
): Promise<IndicatorList> {
  const before = await lockList(tx, id)
  const { name = before.name, level = before.level, isEnabled = before.isEnabled } = change
  if (name === before.name && level === before.level && isEnabled === before.isEnabled) return shown(before)
  const [row] = await tx.db.update(indicatorLists).set({ name, level, isEnabled }).where(eq(indicatorLists.id, id)).returning()
  if (!row) throw notFound('indicator list')
  await record(tx, {
    ...{ actor, type: 'indicator-list.changed', subject: { kind: 'indicator-list', id } },
    data: { name, level, isEnabled, before: { name: before.name, level: before.level, isEnabled: before.isEnabled } },
  })
  return shown(row)
}

/** Removes a list: it is out of force at once; its rows go in pieces, because one long transaction would hold up who reads the journal. */
export async function removeIndicatorList(database: Database, actor: Actor, id: string): Promise<void> {
  await database.transaction(async tx => {
    const { name } = await lockList(tx, id)
    await tx.db.update(indicatorLists).set({ isEnabled: false }).where(eq(indicatorLists.id, id))
    await record(tx, { actor, type: 'indicator-list.removed', subject: { kind: 'indicator-list', id }, data: { name } })
  })
  await removeRows(database, id, sql`true`)
  await database.transaction(async tx => void (await tx.db.delete(indicatorLists).where(eq(indicatorLists.id, id))))
}

/** Removes rows of a list in pieces, along its key: a look from the beginning each time would go over all that was removed before. */
async function removeRows(database: Database, listId: string, which: SQL): Promise<void> {
  for (let last: string | null = ''; last !== null; ) {
    const piece: { rows: { last: string | null }[] } = await database.reader().db.execute(sql`
      with piece as materialized (
        select max(key) as last from (
          select key from ${indicators} where list_id = ${listId} and key > ${last} order by list_id, key, generation limit ${removedAtOnce}) part),
      gone as (delete from ${indicators} where list_id = ${listId} and key > ${last} and key <= (select last from piece) and ${which})
      select last from piece`)
    last = piece.rows[0]?.last ?? null
  }
}

/** Writes a part of a list. */
export async function storePart(tx: Tx, listId: string, generation: number, { indicators: found, replaced }: ListPart): Promise<void> {
  if (replaced.length > 0)
    await tx.db.delete(indicators).where(and(eq(indicators.listId, listId), eq(indicators.generation, generation), inArray(indicators.objectId, [...replaced])))
  // The same value twice in one statement would be refused: the last word counts.
  const rows = [...new Map(found.map(one => [one.key, one])).values()]
  if (rows.length === 0) return
  const column = (of: (row: (typeof rows)[number]) => string | null) => sql.param(rows.map(of))
  await tx.db.execute(sql`
    insert into indicators (list_id, key, kind, description, valid_until, object_id, generation)
    select ${listId}::uuid, key, kind, description, valid_until, object_id, ${generation}
    from unnest(${column(row => row.key)}::text[], ${column(row => row.kind)}::text[], ${column(row => storable(row.description, 1_000))}::text[],
      ${column(row => row.validUntil ?? null)}::timestamptz[], ${column(row => row.objectId ?? null)}::text[]) as given(key, kind, description, valid_until, object_id)
    on conflict (list_id, key, generation) do update set kind = excluded.kind, description = excluded.description, valid_until = excluded.valid_until,
      object_id = excluded.object_id`)
}

/** What an import or pull has come to: size, refusals, and the entry of the record. */
export async function finishImport(
  tx: Tx,
  actor: Actor,
  id: string,
  outcome: { generation: number; refused: number; examples: ListRow['refusedExamples']; taken: number; addedAfter?: string | undefined },
): Promise<IndicatorList> {
  const { generation, refused, examples, taken, addedAfter } = outcome
  const size = sql<number>`(select count(*) from indicators where list_id = ${id} and generation = ${generation})`
  const [row] = await tx.db
    .update(indicatorLists)
    .set({ generation, refused, refusedExamples: [...examples], size, updatedAt: tx.now, problem: null, ...(addedAfter === undefined ? {} : { addedAfter }) })
    .where(eq(indicatorLists.id, id))
    .returning()
  if (!row) throw notFound('indicator list')
  await record(tx, {
    actor,
    type: 'indicator-list.imported',
    subject: { kind: 'indicator-list', id },
    data: { name: row.name, taken, size: row.size, refused },
  })
  return shown(row)
}

async function sizeOfOthers(reader: Reader, id: string): Promise<number> {
  const [others] = await reader.db.select({ size: sql<string>`coalesce(sum(size), 0)` }).from(indicatorLists).where(sql`id <> ${id}`)
  return Number(others?.size ?? 0)
}

/** @throws AppProblem too-large */
export async function assertRoom(reader: Reader, id: string, size: number): Promise<void> {
  if (size + (await sizeOfOthers(reader, id)) > maxIndicatorsTotal)
    throw new AppProblem('too-large', `All lists together can have at most ${maxIndicatorsTotal.toLocaleString('en')} indicators.`)
}

/**
 * Takes an uploaded list in, part by part: in `replace` mode it takes the place of what was there once it is whole, so that a file that
 * cannot be read changes nothing.
 */
export async function importIndicators(
  database: Database,
  actor: Actor,
  id: string,
  files: readonly ReceivedFile[],
  mode: 'replace' | 'add',
): Promise<{ list: IndicatorList; taken: number }> {
  const [file] = files
  if (file === undefined || files.length > 1) throw invalid('file', 'must be one file: a CSV with one indicator per line, or a STIX 2.1 bundle')
  const { before, generation } = await database.transaction(async tx => {
    const list = await lockList(tx, id)
    if (mode === 'add') return { before: list, generation: list.generation }
    const next = list.lastGeneration + 1
    await tx.db.update(indicatorLists).set({ lastGeneration: next }).where(eq(indicatorLists.id, id))
    return { before: list, generation: next }
  })
  const others = await sizeOfOthers(database.reader(), id)
  let taken = 0
  let refused = 0
  const examples: { at: string; reason: string }[] = []
  let list: IndicatorList
  try {
    for await (const part of partsOfFile(file.path)) {
      taken += part.indicators.length
      refused += part.problems.length
      examples.push(
        ...part.problems.slice(0, maxExamples - examples.length).map(({ at, reason }) => ({ at: storable(at, 200), reason: storable(reason, 500) })),
      )
      if (taken + others > maxIndicatorsTotal) await assertRoom(database.reader(), id, taken)
      await storing.pass(part.indicators.length, id)
      await database.transaction(tx => storePart(tx, id, generation, part))
    }
    if (taken === 0) throw invalid('file', `has no IP address, domain, URL or hash${examples[0] ? ` (${examples[0].at}: ${examples[0].reason})` : ''}`)
    list = await database.transaction(async tx => {
      const now = await lockList(tx, id)
      if (now.generation !== before.generation) throw conflict('Another import of this list finished in the meantime. Reload the list and try again.')
      return finishImport(tx, actor, id, { generation, refused, examples, taken })
    })
  } catch (error) {
    if (generation !== before.generation) await removeRows(database, id, sql`generation = ${generation}`)
    throw error instanceof UnreadableList ? invalid('file', error.message) : error
  }
  // The planner knows nothing yet of what has come.
  await database.reader().db.execute(sql`analyze indicators`)
  if (before.lastGeneration > 0) await removeRows(database, id, sql`generation < ${generation}`)
  return { list, taken }
}

const isValid = (now: Instant) => or(isNull(indicators.validUntil), gt(indicators.validUntil, now))
const isCurrent = eq(indicators.generation, indicatorLists.generation)
const isActive = (now: Instant) => and(eq(indicatorLists.isEnabled, true), isCurrent, isValid(now))

/** The keys of a list that are looked for, a line each, in parts. */
async function* keysOf(reader: Reader, listId: string, generation: number): AsyncIterable<string> {
  for (let last: string | null = ''; last !== null; ) {
    const part: { rows: { keys: string | null; last: string | null }[] } = await reader.db.execute(sql`
      select max(key) as last, string_agg(key, E'\n') filter (where is_in) as keys
      from (
        select key, ${isValid(reader.now)} as is_in from ${indicators}
        where list_id = ${listId} and key > ${last} and generation = ${generation}
        order by list_id, key, generation limit ${keysAtOnce}) part`)
    last = part.rows[0]?.last ?? null
    yield part.rows[0]?.keys ?? ''
  }
}

/** The indicators that are looked for now, ready for the matching; undefined without any. */
export async function activeIndicators(reader: Reader): Promise<IndicatorSet | undefined> {
  const lists = await reader.db
    .select({ id: indicatorLists.id, generation: indicatorLists.generation })
    .from(indicatorLists)
    .where(and(eq(indicatorLists.isEnabled, true), gt(indicatorLists.size, 0)))
  if (lists.length === 0) return undefined
  // Those that are ignored stay in: they are few, and a sighting is asked about once more before it is an alert.
  const set = await buildIndicatorsApart(
    (async function* () {
      for (const { id, generation } of lists) yield* keysOf(reader, id, generation)
    })(),
  )
  return set.size === 0 ? undefined : set
}

/** When indicators have ended so that the matching is to be made ready anew. */
export async function nextIndicatorEnd(reader: Reader): Promise<Instant | undefined> {
  const [row] = await reader.db
    .select({ at: sql<string | null>`min(${indicators.validUntil})` })
    .from(indicators)
    .where(gt(indicators.validUntil, reader.now))
  if (!row?.at) return undefined
  const at = new Date(row.at).toISOString()
  const soonest = addMinutes(reader.now, tidyMinutes)
  // ISO 8601 compares as text.
  return [at, soonest].sort().at(-1)
}

/** What the lists say of a key that was seen. */
export interface Listed {
  readonly key: string
  readonly kind: typeof indicators.$inferSelect.kind
  readonly description: string
  readonly list: { readonly id: string; readonly name: string; readonly level: ListRow['level'] }
}

/** What the enabled lists say of keys. */
export async function listed(reader: Reader, keys: readonly string[]): Promise<Listed[]> {
  if (keys.length === 0) return []
  return reader.db
    .select({
      key: indicators.key,
      kind: indicators.kind,
      description: indicators.description,
      list: { id: indicatorLists.id, name: indicatorLists.name, level: indicatorLists.level },
    })
    .from(indicators)
    .innerJoin(indicatorLists, eq(indicatorLists.id, indicators.listId))
    .leftJoin(ignoredIndicators, eq(ignoredIndicators.key, indicators.key))
    .where(and(inArray(indicators.key, [...keys]), isActive(reader.now), isNull(ignoredIndicators.key)))
    .orderBy(asc(indicatorLists.name))
}

/** Counts sightings by list. */
export async function countSightings(tx: Tx, byList: ReadonlyMap<string, number>): Promise<void> {
  if (byList.size === 0) return
  await tx.db
    .update(indicatorLists)
    .set({ sightings: sql`${indicatorLists.sightings} + given.times`, lastSightingAt: tx.now })
    .from(sql`unnest(${sql.param([...byList.keys()])}::uuid[], ${sql.param([...byList.values()])}::int[]) as given(list, times)`)
    .where(sql`${indicatorLists.id} = given.list`)
}

function keyOf(value: string): string {
  const indicator = parseIndicator(value)
  if (indicator === undefined) throw invalid('value', 'must be an IP address, network, domain, URL or hash')
  return indicator.key
}

/** The condition for ignored indicators that a viewer may see: one that was ignored at an alert belongs to the incident of it. */
export const visibleIgnored = ({ visibility }: AppContext, viewer: Viewer) => visibility.ofRecord(viewer, 'alert', ignoredIndicators.alertId)

interface Ignoring {
  readonly value: string
  readonly reason: string
  readonly alertId?: string | undefined
}

export async function ignoreIndicator(tx: Tx, context: AppContext, caller: Caller, { value, reason, alertId }: Ignoring): Promise<void> {
  const { actor } = caller
  const key = keyOf(value)
  if (alertId !== undefined) await readAlert(tx, context, caller, alertId)
  const row = { reason, ignoredAt: tx.now, ignoredBy: actor.name, alertId: alertId ?? null }
  await tx.db
    .insert(ignoredIndicators)
    .values({ key, ...row })
    .onConflictDoUpdate({ target: ignoredIndicators.key, set: row })
  await record(tx, { actor, type: 'indicator.ignored', subject: { kind: 'indicator', id: key }, data: { reason, alertId } })
}

export async function restoreIndicator(tx: Tx, context: AppContext, caller: Caller, value: string): Promise<void> {
  const { actor } = caller
  const key = keyOf(value)
  const gone = await tx.db
    .delete(ignoredIndicators)
    .where(and(eq(ignoredIndicators.key, key), visibleIgnored(context, caller)))
    .returning({ alertId: ignoredIndicators.alertId })
  if (gone[0] === undefined) throw notFound('ignored indicator')
  await record(tx, { actor, type: 'indicator.restored', subject: { kind: 'indicator', id: key }, data: { alertId: gone[0].alertId ?? undefined } })
}

/** Which lists have a value, by itself or by a network or domain above it. */
export async function lookUpIndicator(
  reader: Reader,
  context: AppContext,
  viewer: Viewer,
  value: string,
): Promise<{
  kind: Listed['kind'] | null
  found: { list: { id: string; name: string }; value: string; description: string; validUntil: Instant | null; isIgnored: boolean }[]
}> {
  const indicator = parseIndicator(value)
  if (indicator === undefined) return { kind: null, found: [] }
  const rows = await reader.db
    .select({ indicator: indicators, list: { id: indicatorLists.id, name: indicatorLists.name }, ignored: ignoredIndicators.key })
    .from(indicators)
    .innerJoin(indicatorLists, eq(indicatorLists.id, indicators.listId))
    .leftJoin(ignoredIndicators, and(eq(ignoredIndicators.key, indicators.key), visibleIgnored(context, viewer)))
    .where(and(inArray(indicators.key, keysAbove(indicator.key)), isCurrent))
    .orderBy(asc(indicatorLists.name), asc(indicators.key))
  return {
    kind: indicator.kind,
    found: rows.map(({ indicator: { key, description, validUntil }, list, ignored }) => ({
      list,
      value: key,
      description,
      validUntil,
      isIgnored: ignored !== null,
    })),
  }
}
