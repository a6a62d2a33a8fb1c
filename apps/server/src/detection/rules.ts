import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import type { DetectionRule, DetectionRuleDetail, DetectionRuleVersion } from '@tocsin/api'
import { digest } from '@tocsin/merkle'
import type { Placeholders, RuleFile } from '@tocsin/sigma'
import { and, asc, desc, eq, gt, gte, ilike, inArray, isNotNull, isNull, lt, ne, or, type SQL, sql } from 'drizzle-orm'
import { z } from 'zod'
import type { AppContext, Caller, Viewer } from '../access/index.ts'
import { alerts } from '../alerts/index.ts'
import { services } from '../directory/index.ts'
import { type Actor, changedSince, record, system } from '../journal/index.ts'
import type { Instant } from '../kernel/clock.ts'
import { listCursor } from '../kernel/cursor.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { AppProblem, changedMeanwhile, conflict, notFound } from '../kernel/problems.ts'
import { parseTasks, type RuleHead, type RuleHeads } from './parse-tasks.ts'
import { readPlaceholders } from './settings.ts'
import { detectionDays, detectionRules, detectionRuleVersions } from './tables.ts'
import type { Problem } from './try.ts'

type Row = typeof detectionRules.$inferSelect
type Origin = Row['origin']
type Parsed = RuleHead

/** Names that correlations and filters of one text may refer to: the rules that are there already. */
async function knownRules(reader: Reader): Promise<RuleFile[]> {
  const rows = await reader.db.select({ text: detectionRules.text, ruleId: detectionRules.ruleId, kind: detectionRules.kind }).from(detectionRules)
  return rows.filter(row => row.kind !== 'filter').map(row => ({ name: row.ruleId, id: row.ruleId, text: row.text }))
}

type ReadRules = (files: readonly RuleFile[], placeholders: Placeholders) => RuleHeads | Promise<RuleHeads>
const readHere: ReadRules = (files, placeholders) => parseTasks.rules({ files, placeholders })

/** Reads one rule. A correlation may refer to rules that are there. */
export async function parseRuleText(
  reader: Reader,
  text: string,
  { besides, read = readHere }: { readonly besides?: string; readonly read?: ReadRules | undefined } = {},
): Promise<{ parsed: Parsed | undefined; problems: Problem[] }> {
  const isCorrelation = /^correlation:/m.test(text)
  const others = isCorrelation ? (await knownRules(reader)).filter(file => file.name !== besides) : []
  const name = 'the rule'
  const set = await read([...others, { name, text }], await readPlaceholders(reader))
  const mine = set.documents.filter(document => document.file === name)
  const problems = set.refused.filter(refused => refused.file === name).map(({ line, reason }) => ({ line, reason }))
  if (problems.length === 0 && mine.length !== 1)
    problems.push({ line: 1, reason: mine.length === 0 ? 'has no rule' : 'must be one rule; to add several, import them as a file' })
  return { parsed: mine[0], problems }
}

function refuse(problems: readonly Problem[]): never {
  throw new AppProblem(
    'invalid',
    problems.map(({ line, reason }) => `Line ${line}: ${reason}.`).join(' '),
    problems.map(({ line, reason }) => ({ path: 'text', message: `line ${line}: ${reason}` })),
  )
}

const columnsOf = (parsed: Parsed) => ({
  kind: parsed.kind,
  title: parsed.title,
  level: parsed.kind === 'filter' ? null : parsed.level,
  tags: parsed.kind === 'filter' ? [] : parsed.tags,
  logsource: parsed.kind === 'correlation' ? {} : parsed.logsource,
  description: parsed.description ?? '',
})

/** A rule that gives itself no id keeps the one that it has, or else is known by its text. */
const ruleIdOf = (parsed: Parsed, text: string, has?: string) =>
  parsed.id.startsWith(`${parsed.file}#`) ? (has ?? `text-${sha256(text).slice(0, 32)}`) : parsed.id

interface NewRule {
  readonly parsed: Parsed
  readonly text: string
  readonly origin: Origin
  readonly isEnabled: boolean
  readonly expiresAt?: string | null
  readonly alertId?: string | null
}

async function insert(tx: Tx, by: Actor, rule: NewRule): Promise<string> {
  const id = newId()
  await tx.db.insert(detectionRules).values({
    ...columnsOf(rule.parsed),
    id,
    ruleId: ruleIdOf(rule.parsed, rule.text),
    origin: rule.origin,
    text: rule.text,
    isEnabled: rule.isEnabled,
    changedAt: tx.now,
    changedBy: by.name,
    expiresAt: rule.expiresAt ?? null,
    alertId: rule.alertId ?? null,
  })
  await tx.db.insert(detectionRuleVersions).values({ ruleId: id, version: 1, text: rule.text, changedAt: tx.now, changedBy: by.name })
  return id
}

/** The text of a rule by its digest: what a decision of a rule rested on can be proved later. */
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

/** The condition for rules that a viewer may see: an exception belongs to the incident of the alert that it was made from. */
export const visibleRule = (context: AppContext, viewer: Viewer) => context.visibility.ofRecord(viewer, 'detection-rule', detectionRules.id)

/** A rule as an error names it: by its title, where the viewer may see it. */
async function nameOf(reader: Reader, context: AppContext, viewer: Viewer, id: string): Promise<string> {
  const [rule] = await reader.db
    .select({ title: detectionRules.title })
    .from(detectionRules)
    .where(and(eq(detectionRules.id, id), visibleRule(context, viewer)))
  return rule === undefined ? 'An exception of a restricted incident' : `"${rule.title}"`
}

type Origins = Pick<NewRule, 'origin' | 'expiresAt' | 'alertId'>

/** Adds a rule. @throws AppProblem invalid with line and reason, conflict where its id is taken */
export async function createRule(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  text: string,
  { origin = 'own', expiresAt, alertId, read }: Partial<Origins> & { readonly read?: ReadRules } = {},
): Promise<DetectionRuleDetail> {
  const { actor } = caller
  const { parsed, problems } = await parseRuleText(tx, text, { read })
  if (parsed === undefined || problems.length > 0) refuse(problems)
  const ruleId = ruleIdOf(parsed, text)
  const [taken] = await tx.db.select({ id: detectionRules.id }).from(detectionRules).where(eq(detectionRules.ruleId, ruleId))
  if (taken) throw conflict(`${await nameOf(tx, context, caller, taken.id)} already has the id ${ruleId}. Edit that rule, or use another id.`)
  const id = await insert(tx, actor, { parsed, text, origin, isEnabled: true, expiresAt: expiresAt ?? null, alertId: alertId ?? null })
  await record(tx, {
    actor,
    type: 'detection-rule.added',
    subject: { kind: 'detection-rule', id },
    data: { title: parsed.title, ruleId, version: 1, sha256: sha256(text), origin, expiresAt: expiresAt ?? undefined },
  })
  return readRule(tx, context, caller, id)
}

/** Locks a rule for a change, if the caller may see it. */
export async function lockRule(tx: Tx, context: AppContext, caller: Caller, id: string): Promise<Row> {
  const [row] = await tx.db
    .select()
    .from(detectionRules)
    .where(and(eq(detectionRules.id, id), visibleRule(context, caller)))
    .for('update')
  if (!row) throw notFound('rule')
  return row
}

export async function changeRule(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  id: string,
  text: string,
  version: number,
  read: ReadRules,
): Promise<DetectionRuleDetail> {
  const { actor } = caller
  const before = await lockRule(tx, context, caller, id)
  if (before.version !== version) throw changedMeanwhile()
  if (before.text === text) return readRule(tx, context, caller, id)
  const { parsed, problems } = await parseRuleText(tx, text, { besides: before.ruleId, read })
  if (parsed === undefined || problems.length > 0) refuse(problems)
  const ruleId = ruleIdOf(parsed, text, before.ruleId)
  if (ruleId !== before.ruleId) await assertNotReferred(tx, context, caller, before)
  const taken = await tx.db.select({ id: detectionRules.id }).from(detectionRules).where(eq(detectionRules.ruleId, ruleId))
  if (taken.some(other => other.id !== id)) throw conflict(`Another rule already has the id ${ruleId}.`)
  await replaceText(tx, actor, before, { ...columnsOf(parsed), ruleId }, text)
  await record(tx, {
    actor,
    type: 'detection-rule.changed',
    subject: { kind: 'detection-rule', id },
    data: {
      ...{ title: parsed.title, ruleId, version: version + 1, sha256: sha256(text) },
      before: { title: before.title, ruleId: before.ruleId, version: before.version, sha256: sha256(before.text) },
    },
  })
  return readRule(tx, context, caller, id)
}

/** Exceptions and correlations name a rule by its id: under another one they would end in silence. @throws AppProblem conflict */
async function assertNotReferred(tx: Tx, context: AppContext, caller: Caller, { id, ruleId }: Row): Promise<void> {
  const [other] = await tx.db
    .select({ id: detectionRules.id })
    .from(detectionRules)
    .where(and(ne(detectionRules.kind, 'rule'), ne(detectionRules.id, id), gt(sql<number>`position(${ruleId} in ${detectionRules.text})`, 0)))
    .limit(1)
  if (!other) return
  const name = await nameOf(tx, context, caller, other.id)
  throw conflict(`${name} refers to this rule by its id ${ruleId}. Keep that id, or remove the reference first.`)
}

async function replaceText(tx: Tx, by: Actor, before: Row, columns: ReturnType<typeof columnsOf> & { ruleId: string }, text: string): Promise<void> {
  const next = before.version + 1
  await tx.db
    .update(detectionRules)
    .set({ ...columns, text, version: next, changedAt: tx.now, changedBy: by.name })
    .where(eq(detectionRules.id, before.id))
  await tx.db.insert(detectionRuleVersions).values({ ruleId: before.id, version: next, text, changedAt: tx.now, changedBy: by.name })
}

export async function enableRule(tx: Tx, context: AppContext, caller: Caller, id: string, isEnabled: boolean): Promise<DetectionRuleDetail> {
  const { actor } = caller
  const before = await lockRule(tx, context, caller, id)
  if (before.isEnabled !== isEnabled) {
    await tx.db.update(detectionRules).set({ isEnabled, changedAt: tx.now, changedBy: actor.name }).where(eq(detectionRules.id, id))
    await record(tx, {
      actor,
      type: isEnabled ? 'detection-rule.enabled' : 'detection-rule.disabled',
      subject: { kind: 'detection-rule', id },
      data: { title: before.title, ruleId: before.ruleId, version: before.version, sha256: sha256(before.text) },
    })
  }
  return readRule(tx, context, caller, id)
}

export interface Imported {
  readonly added: number
  readonly changed: number
  readonly unchanged: number
  readonly refused: { file: string; line: number; reason: string }[]
}

/** A file of several documents is cut where they are: each rule is kept, shown and changed by itself. */
function documentsOf(file: RuleFile): RuleFile[] {
  const parts = file.text.split(/^---[ \t]*$/m).filter(part => part.trim() !== '')
  return parts.length <= 1 ? [file] : parts.map((text, i) => ({ name: `${file.name}#${i + 1}`, text: `${text.trim()}\n` }))
}

/**
 * Takes rules in: new ones are added, those that are there and differ are changed. One journal entry tells of all.
 * @param read reads files of rules; those of a stranger on a worker
 */
export async function importRules(tx: Tx, actor: Actor, files: readonly RuleFile[], origin: Origin, isEnabled: boolean, read: ReadRules): Promise<Imported> {
  const documents = files.flatMap(documentsOf)
  const texts = new Map(documents.map(file => [file.name, file.text]))
  const set = await read(documents, await readPlaceholders(tx))
  const known = new Map((await tx.db.select().from(detectionRules)).map(row => [row.ruleId, row]))
  let added = 0
  let changed = 0
  let unchanged = 0
  const imported: string[] = []
  for (const parsed of set.documents) {
    const text = texts.get(parsed.file) ?? ''
    const ruleId = ruleIdOf(parsed, text)
    imported.push(`${ruleId} ${sha256(text)}`)
    const before = known.get(ruleId)
    if (before === undefined) {
      await insert(tx, actor, { parsed, text, origin, isEnabled })
      added++
    } else if (before.text === text) unchanged++
    else {
      await replaceText(tx, actor, before, { ...columnsOf(parsed), ruleId }, text)
      changed++
    }
  }
  const refused = set.refused.map(({ file, line, reason }) => ({ file, line, reason }))
  if (added + changed > 0)
    await record(tx, {
      actor,
      type: 'detection-rules.imported',
      subject: { kind: 'detection-rules', id: origin },
      data: { added, changed, unchanged, refused: refused.length, sha256: digest([...imported].sort()) },
    })
  return { added, changed, unchanged, refused }
}

const starterFolder = new URL('./starter/', import.meta.url)

/** The rules that a fresh start has, as files. */
export function starterRules(): RuleFile[] {
  return readdirSync(starterFolder)
    .filter(name => name.endsWith('.yml'))
    .sort()
    .map(name => ({ name, text: readFileSync(new URL(name, starterFolder), 'utf8') }))
}

/** Adds those of the starter pack that are not there. One that somebody has changed or disabled stays as it is. */
export async function addStarterRules(tx: Tx): Promise<void> {
  const known = new Set((await tx.db.select({ ruleId: detectionRules.ruleId }).from(detectionRules)).map(row => row.ruleId))
  const fresh = starterRules()
    .flatMap(documentsOf)
    .filter(file => !known.has(/^id: (\S+)$/m.exec(file.text)?.[1] ?? ''))
  if (fresh.length > 0) await importRules(tx, system, fresh, 'starter', true, readHere)
}

/** An active rule: its row, and which text of it matches. */
export interface ActiveRule {
  readonly id: string
  readonly title: string
  readonly version: number
  readonly sha256: string
}

/** The active rules. */
export async function activeRules(reader: Reader): Promise<{ files: RuleFile[]; rows: Map<string, ActiveRule> }> {
  const rows = await reader.db
    .select({
      ...{ id: detectionRules.id, ruleId: detectionRules.ruleId, title: detectionRules.title, text: detectionRules.text },
      version: detectionRules.version,
    })
    .from(detectionRules)
    .where(and(eq(detectionRules.isEnabled, true), or(isNull(detectionRules.expiresAt), gt(detectionRules.expiresAt, reader.now))))
    .orderBy(asc(detectionRules.id))
  return {
    files: rows.map(row => ({ name: row.ruleId, id: row.ruleId, text: row.text })),
    rows: new Map(rows.map(({ ruleId, id, title, version, text }) => [ruleId, { id, title, version, sha256: sha256(text) }])),
  }
}

/** When the next exception ends. */
export async function nextExpiry(reader: Reader): Promise<string | undefined> {
  const [row] = await reader.db
    .select({ at: sql<string | null>`min(${detectionRules.expiresAt})` })
    .from(detectionRules)
    .where(and(eq(detectionRules.isEnabled, true), gt(detectionRules.expiresAt, reader.now)))
  return row?.at ? new Date(row.at).toISOString() : undefined
}

/** Of the alerts of each rule that have a disposition, the share that was dismissed as false positive. */
async function falsePositives(reader: Reader, ruleIds: readonly string[]): Promise<Map<string, number>> {
  if (ruleIds.length === 0) return new Map()
  const label = sql<string>`${alerts.labels}->>'rule'`
  const rows = await reader.db
    .select({ rule: label, share: sql<number>`avg(case when ${alerts.dispositionValue} = 'false-positive' then 1.0 else 0.0 end)::float8` })
    .from(alerts)
    .where(and(eq(alerts.dedupScope, 'detection'), isNotNull(alerts.dispositionAt), inArray(label, [...ruleIds])))
    .groupBy(label)
  return new Map(rows.map(row => [row.rule, row.share]))
}

async function shown(reader: Reader, rows: readonly Row[]): Promise<DetectionRule[]> {
  const shares = await falsePositives(
    reader,
    rows.map(row => row.ruleId),
  )
  const serviceIds = [...new Set(rows.flatMap(({ serviceId }) => serviceId ?? []))]
  const about = serviceIds.length === 0 ? [] : await reader.db.select().from(services).where(inArray(services.id, serviceIds))
  const names = new Map(about.map(({ id, name }) => [id, name]))
  return rows.map(row => ({
    id: row.id,
    ruleId: row.ruleId,
    kind: row.kind,
    title: row.title,
    level: row.level,
    origin: row.origin,
    tags: [...row.tags],
    logsource: row.logsource,
    isEnabled: row.isEnabled,
    version: row.version,
    changedAt: row.changedAt,
    changedBy: row.changedBy,
    matches: row.matches,
    lastMatchAt: row.lastMatchAt,
    falsePositiveShare: shares.get(row.ruleId) ?? null,
    expiresAt: row.expiresAt,
    service: row.serviceId === null ? null : { id: row.serviceId, name: names.get(row.serviceId) ?? '' },
  }))
}

const rulesCursor = listCursor('detection-rules', z.tuple([z.string(), z.uuid()]))

interface ListQuery {
  readonly limit: number
  readonly updatedSince?: Instant | undefined
  readonly cursor?: string | undefined
  readonly search: string
  readonly view: 'all' | 'enabled' | 'disabled' | 'matching'
}

function conditionOf({ search, view, cursor, updatedSince }: ListQuery): SQL | undefined {
  const pattern = `%${search.replaceAll(/[\\%_]/g, '\\$&')}%`
  const after = rulesCursor.read(cursor)
  return and(
    search === ''
      ? undefined
      : or(ilike(detectionRules.title, pattern), ilike(detectionRules.ruleId, pattern), sql`${detectionRules.tags}::text ilike ${pattern}`),
    view === 'enabled' ? eq(detectionRules.isEnabled, true) : view === 'disabled' ? eq(detectionRules.isEnabled, false) : undefined,
    view === 'matching' ? isNotNull(detectionRules.lastMatchAt) : undefined,
    // Rules of a set are imported with one entry for all, so that their rows say when.
    updatedSince === undefined ? undefined : or(gte(detectionRules.changedAt, updatedSince), changedSince(detectionRules.id, updatedSince)),
    after && sql`(${detectionRules.title}, ${detectionRules.id}) > (${after[0]}, ${after[1]}::uuid)`,
  )
}

export async function listRules(
  reader: Reader,
  context: AppContext,
  viewer: Viewer,
  query: ListQuery,
): Promise<{ items: DetectionRule[]; next: string | null }> {
  const rows = await reader.db
    .select()
    .from(detectionRules)
    .where(and(conditionOf(query), visibleRule(context, viewer)))
    .orderBy(asc(detectionRules.title), asc(detectionRules.id))
    .limit(query.limit + 1)
  const { items, next } = rulesCursor.page(rows, query.limit, row => [row.title, row.id])
  return { items: await shown(reader, items), next }
}

/** @throws AppProblem not-found, also for an exception that is hidden from the viewer */
export async function readRule(reader: Reader, context: AppContext, viewer: Viewer, id: string): Promise<DetectionRuleDetail> {
  const [row] = await reader.db
    .select()
    .from(detectionRules)
    .where(and(eq(detectionRules.id, id), visibleRule(context, viewer)))
  if (!row) throw notFound('rule')
  const [rule] = await shown(reader, [row])
  if (!rule) throw notFound('rule')
  const days = await reader.db.select().from(detectionDays).where(eq(detectionDays.ruleId, id)).orderBy(desc(detectionDays.day)).limit(30)
  const { items: versions } = await versionsOf(reader, id, { limit: 50 })
  return {
    ...rule,
    text: row.text,
    description: row.description,
    days: days.toReversed().map(({ day, matches }) => ({ day, matches })),
    versions,
  }
}

const versionsCursor = listCursor('detection-rule-versions', z.tuple([z.number().int()]))

interface Versions {
  readonly items: DetectionRuleVersion[]
  readonly next: string | null
}

/** The versions of a rule, latest first. @throws AppProblem not-found, also for an exception that is hidden from the viewer */
export async function listVersions(
  reader: Reader,
  context: AppContext,
  viewer: Viewer,
  ruleId: string,
  query: { limit: number; cursor?: string | undefined },
): Promise<Versions> {
  const versions = await versionsOf(reader, ruleId, query)
  const isThere = and(eq(detectionRules.id, ruleId), visibleRule(context, viewer))
  if ((await reader.db.$count(detectionRules, isThere)) === 0) throw notFound('rule')
  return versions
}

async function versionsOf(reader: Reader, ruleId: string, query: { limit: number; cursor?: string | undefined }): Promise<Versions> {
  const after = versionsCursor.read(query.cursor)
  const rows = await reader.db
    .select()
    .from(detectionRuleVersions)
    .where(and(eq(detectionRuleVersions.ruleId, ruleId), after && lt(detectionRuleVersions.version, after[0])))
    .orderBy(desc(detectionRuleVersions.version))
    .limit(query.limit + 1)
  const { items, next } = versionsCursor.page(rows, query.limit, row => [row.version])
  return { items: items.map(({ version, text, changedAt, changedBy }) => ({ version, text, at: changedAt, by: changedBy })), next }
}
