import { indicatorRoutes, detectionRoutes as routes } from '@tocsin/api'
import type { RuleFile } from '@tocsin/sigma'
import { readRuleFiles, UnreadableRules } from '@tocsin/sigma/files'
import { count, desc, eq, inArray, sql } from 'drizzle-orm'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { type AppContext, type Bindings, command, query, workflow } from '../access/index.ts'
import { alerts, readAlert } from '../alerts/index.ts'
import { record } from '../journal/index.ts'
import { listCursor } from '../kernel/cursor.ts'
import type { Tx } from '../kernel/database.ts'
import type { ReceivedFile } from '../kernel/files.ts'
import { schedule } from '../kernel/jobs.ts'
import { defineJob, housekeepingLane } from '../kernel/lanes.ts'
import { invalid, notFound } from '../kernel/problems.ts'
import { readCoverage } from './coverage.ts'
import { Detector } from './detector.ts'
import { addException } from './exceptions.ts'
import { assertFollowable, FileFollower } from './follow.ts'
import { announceChange, generationChannel, latestChange } from './generation.ts'
import {
  changeIndicatorList,
  createIndicatorList,
  ignoreIndicator,
  importIndicators,
  listIndicatorLists,
  lookUpIndicator,
  nextIndicatorEnd,
  removeIndicatorList,
  restoreIndicator,
} from './indicators.ts'
import { EventIntake } from './intake.ts'
import { SyslogListeners } from './listen.ts'
import { measure } from './measure.ts'
import { addStarterRules, changeRule, createRule, enableRule, importRules, listRules, nextExpiry, parseRuleText, readRule } from './rules.ts'
import { readMapping, readPlaceholders, saveMapping, savePlaceholders, shownMapping, shownPlaceholders } from './settings.ts'
import { mountShipping } from './ship.ts'
import { createLogSource, KnownSources, listLogSources, revokeLogSource, watchJob, watchSources } from './sources.ts'
import { deadLetters, detectionMatches, detectionRules, ignoredIndicators, logSources } from './tables.ts'
import { assertPulled, cancelPull, pulling, pullJob, schedulePull } from './taxii.ts'
import { pastedEvents, tryRule } from './try.ts'

const expiryJob = defineJob({ kind: 'end-detection-exceptions', lane: housekeepingLane, data: z.object({}) })
const tidyJob = defineJob({ kind: 'end-indicators', lane: housekeepingLane, data: z.object({}) })

/** Events in, alerts out. */
export class Detection {
  readonly bindings: Bindings
  readonly detector: Detector
  readonly intake: EventIntake
  readonly syslog: SyslogListeners
  readonly follower: FileFollower
  readonly #context: AppContext
  readonly #sources: KnownSources
  /** The latest change that this server has taken in. */
  #generation = 0

  constructor(context: AppContext) {
    this.#context = context
    this.intake = new EventIntake(context.database)
    this.detector = new Detector(context, this.intake)
    this.#sources = new KnownSources(() => context.database.reader())
    this.syslog = new SyslogListeners(context, this.#sources, this.intake)
    this.follower = new FileFollower(context, this.intake)
    context.health.add('detection', () => this.detector.health())
    measure(context.metrics, this.detector, this.intake)
    const reload = (tx: Tx) => this.#announce(tx)
    context.readers.react('detection', {
      'detection-rule.added': (tx, entry) => this.#changed(tx, entry.type),
      'detection-rule.changed': reload,
      'detection-rule.enabled': reload,
      'detection-rule.disabled': reload,
      'detection-rules.imported': reload,
      'detection-settings.changed': reload,
      'indicator-list.changed': reload,
      'indicator-list.removed': reload,
      'indicator-list.imported': tx => this.#tidy(tx),
      'log-source.added': reload,
      'log-source.revoked': reload,
    })
    context.jobs.register(watchJob, { run: tx => watchSources(tx, context) })
    context.jobs.registerCall(pullJob, pulling(context))
    context.jobs.register(tidyJob, { run: tx => this.#tidy(tx) })
    context.jobs.register(expiryJob, { run: tx => this.#changed(tx, expiryJob.kind) })
    this.bindings = this.#bind(context)
  }

  /** What changed is read anew here at once, and by every other server on this database when the transaction is committed. */
  async #announce(tx: Tx): Promise<void> {
    this.#generation = await announceChange(tx)
    this.#readAnew()
  }

  #readAnew(): void {
    this.#sources.forget()
    this.follower.forget()
    this.detector.reload()
  }

  /** Another server may have changed something. */
  async #catchUp(): Promise<void> {
    try {
      const latest = await latestChange(this.#context.database.reader())
      if (latest === this.#generation) return
      this.#generation = latest
      this.#readAnew()
    } catch (error) {
      // A connection that is lost is opened again, and then this is asked anew.
      this.#context.log.warn({ err: error }, 'changes of rules and sources could not be read')
    }
  }

  /** Rules have changed: they are made ready anew, now and when the next exception ends. */
  async #changed(tx: Tx, _why: string): Promise<void> {
    await this.#announce(tx)
    const at = await nextExpiry(tx)
    if (at !== undefined) await schedule(tx, { kind: expiryJob, key: expiryJob.kind, runAt: at, data: {} })
  }

  /** Indicators have come or ended: the matching is made ready anew, now and when the next have ended. */
  async #tidy(tx: Tx): Promise<void> {
    await this.#announce(tx)
    const at = await nextIndicatorEnd(tx)
    if (at !== undefined) await schedule(tx, { kind: tidyJob, key: tidyJob.kind, runAt: at, data: {} })
  }

  /** The addresses that shippers send to. */
  mount(http: FastifyInstance): void {
    mountShipping(http, this.#sources, this.intake)
  }

  async start(): Promise<void> {
    const { database } = this.#context
    await database.transaction(async tx => {
      await addStarterRules(tx)
      await watchSources(tx, this.#context)
    })
    this.#generation = await latestChange(database.reader())
    database.listen(generationChannel, () => void this.#catchUp())
    await this.intake.start()
    await this.detector.start()
    await this.syslog.start()
    this.follower.start()
  }

  async stop(): Promise<void> {
    await this.follower.stop()
    await this.syslog.stop()
    await this.detector.stop()
    this.intake.stop()
  }

  #bind(context: AppContext): Bindings {
    return [
      query(routes.detectionRules, (reader, { query }) => listRules(reader, query)),
      query(routes.detectionRule, (reader, { params }) => readRule(reader, params.id)),
      command(routes.createDetectionRule, (tx, { caller, body }) => createRule(tx, caller.actor, body.text)),
      command(routes.changeDetectionRule, (tx, { caller, params, body }) => changeRule(tx, caller.actor, params.id, body.text, body.version)),
      command(routes.enableDetectionRule, (tx, { caller, params, body }) => enableRule(tx, caller.actor, params.id, body.isEnabled)),
      workflow(routes.importDetectionRules, async (database, { caller, body, files }) => {
        const found = await rulesIn(files)
        return database.transaction(tx => importRules(tx, caller.actor, found, 'imported', body.isEnabled === 'true'))
      }),
      workflow(routes.checkDetectionRule, async (database, { body }) => ({ problems: (await parseRuleText(database.reader(), body.text)).problems })),
      workflow(routes.tryDetectionRule, async (database, { body }) =>
        tryRule(body.text, body.events === null ? this.detector.recent : pastedEvents(body.events), {
          mapping: await readMapping(database.reader()),
          placeholders: await readPlaceholders(database.reader()),
        }),
      ),
      query(routes.fieldMapping, async reader => shownMapping(await readMapping(reader))),
      command(routes.changeFieldMapping, async (tx, { caller, body }) => {
        await saveMapping(tx, caller.actor, body.fields)
        return shownMapping(await readMapping(tx))
      }),
      query(routes.placeholders, async reader => shownPlaceholders(await readPlaceholders(reader))),
      command(routes.changePlaceholders, async (tx, { caller, body }) => {
        await savePlaceholders(tx, caller.actor, body.placeholders)
        return shownPlaceholders(await readPlaceholders(tx))
      }),
      ...indicatorBindings(context),
      query(routes.detectionCoverage, reader => readCoverage(reader)),
      command(routes.addDetectionException, (tx, { caller, params, body }) => addException(tx, context, caller, params.id, body)),
      query(routes.alertMatches, async (reader, { caller, params }) => {
        // Who may not see the alert may not see its events.
        await readAlert(reader, context, caller, params.id)
        const rows = await reader.db
          .select({ match: detectionMatches, source: logSources.name, title: detectionRules.title })
          .from(detectionMatches)
          .innerJoin(logSources, eq(logSources.id, detectionMatches.sourceId))
          .leftJoin(detectionRules, eq(detectionRules.id, detectionMatches.ruleId))
          .innerJoin(alerts, eq(alerts.id, detectionMatches.alertId))
          .where(eq(detectionMatches.alertId, params.id))
          .orderBy(desc(detectionMatches.id))
          .limit(20)
        return rows.map(({ match, source, title }) => ({
          id: match.id,
          at: match.at,
          rule: match.ruleId === null ? null : { id: match.ruleId, title: title ?? '' },
          fields: Object.fromEntries(Object.entries(match.fields).map(([field, values]) => [field, [...values]])),
          event: match.event,
          source,
        }))
      }),
      query(routes.logSources, async reader => (await listLogSources(reader)).map(source => ({ ...source, problem: this.follower.problemOf(source.id) }))),
      command(routes.createLogSource, async (tx, { caller, body }) => {
        assertFollowable(body.files, context.config.followFolders)
        const { source, ...secret } = await createLogSource(tx, context.messenger.origin, caller.actor, body)
        await watchSources(tx, context)
        return { ...secret, source: { ...source, problem: null } }
      }),
      command(routes.revokeLogSource, (tx, { caller, params }) => revokeLogSource(tx, caller.actor, params.id)),
      query(routes.detectionStatus, async reader => {
        const [letters] = await reader.db.select({ count: count() }).from(deadLetters)
        const [enabled] = await reader.db.select({ count: count() }).from(detectionRules).where(eq(detectionRules.isEnabled, true))
        const { bytes, batches } = this.intake.waiting
        const { activeRules: _, ...standing } = this.detector.status
        return { ...standing, rules: enabled?.count ?? 0, waitingBatches: batches, waitingBytes: bytes, deadLetters: letters?.count ?? 0 }
      }),
      query(routes.deadLetters, async (reader, { query }) => {
        const after = lettersCursor.read(query.cursor)
        const rows = await reader.db
          .select({ deadLetter: deadLetters, source: logSources.name })
          .from(deadLetters)
          .innerJoin(logSources, eq(logSources.id, deadLetters.sourceId))
          .where(after && sql`(${deadLetters.receivedAt}, ${deadLetters.id}) < (${after[0]}::timestamptz, ${after[1]}::uuid)`)
          .orderBy(desc(deadLetters.receivedAt), desc(deadLetters.id))
          .limit(query.limit + 1)
        const { items, next } = lettersCursor.page(rows, query.limit, ({ deadLetter }) => [deadLetter.receivedAt, deadLetter.id])
        return {
          items: items.map(({ deadLetter, source }) => ({
            id: deadLetter.id,
            source,
            receivedAt: deadLetter.receivedAt,
            reason: deadLetter.reason,
            text: deadLetter.text,
          })),
          next,
        }
      }),
      workflow(routes.replayDeadLetters, async (database, { caller, body }) => {
        const texts = new Map(body.letters.map(({ id, text }) => [id, text]))
        const rows = await database
          .reader()
          .db.select({ deadLetter: deadLetters, source: logSources })
          .from(deadLetters)
          .innerJoin(logSources, eq(logSources.id, deadLetters.sourceId))
          .where(inArray(deadLetters.id, [...texts.keys()]))
        for (const [index, { deadLetter, source }] of rows.entries()) {
          const text = texts.get(deadLetter.id) ?? ''
          if (text.trim() === '') throw invalid(`letters.${index}.text`, 'must not be empty')
          // First taken in, then removed: between the two it is there twice, never not at all.
          await this.intake.accept(source, Buffer.from(`${linesOf(text)}\n`))
          await database.transaction(async tx => {
            await tx.db.delete(deadLetters).where(eq(deadLetters.id, deadLetter.id))
            await record(tx, {
              actor: caller.actor,
              type: 'dead-letter.replayed',
              subject: { kind: 'dead-letter', id: deadLetter.id },
              data: { source: source.name },
            })
          })
        }
        return { replayed: rows.length }
      }),
    ]
  }
}

/** A dead letter as it is matched again: one event, which may span several lines after it was fixed, or many lines. */
function linesOf(text: string): string {
  const oneLine = text.trim().replaceAll('\n', ' ')
  try {
    JSON.parse(oneLine)
    return oneLine
  } catch {
    return text.trim()
  }
}
const lettersCursor = listCursor('detection-dead-letters', z.tuple([z.iso.datetime(), z.uuid()]))
const ignoredCursor = listCursor('ignored-indicators', z.tuple([z.iso.datetime(), z.string()]))

function indicatorBindings(context: AppContext): Bindings {
  return [
    query(indicatorRoutes.indicatorLists, reader => listIndicatorLists(reader)),
    command(indicatorRoutes.createIndicatorList, async (tx, { caller, body }) => {
      const list = await createIndicatorList(tx, context.secrets, caller.actor, body)
      if (list.taxii !== null) await schedulePull(tx, list.id)
      return list
    }),
    command(indicatorRoutes.changeIndicatorList, async (tx, { caller, params, body }) => {
      const list = await changeIndicatorList(tx, caller.actor, params.id, body)
      if (list.taxii !== null && body.isEnabled === true) await schedulePull(tx, list.id)
      return list
    }),
    workflow(indicatorRoutes.removeIndicatorList, async (database, { caller, params }) => {
      await database.transaction(tx => cancelPull(tx, params.id))
      await removeIndicatorList(database, caller.actor, params.id)
    }),
    workflow(indicatorRoutes.importIndicators, (database, { caller, params, body, files }) =>
      importIndicators(database, caller.actor, params.id, files, body.mode),
    ),
    command(indicatorRoutes.pullIndicators, async (tx, { params }) => {
      await assertPulled(tx, params.id)
      await schedulePull(tx, params.id)
      const list = (await listIndicatorLists(tx)).find(({ id }) => id === params.id)
      if (list === undefined) throw notFound('indicator list')
      return list
    }),
    query(indicatorRoutes.lookUpIndicator, (reader, { query }) => lookUpIndicator(reader, query.value)),
    query(indicatorRoutes.ignoredIndicators, async (reader, { query }) => {
      const after = ignoredCursor.read(query.cursor)
      const rows = await reader.db
        .select()
        .from(ignoredIndicators)
        .where(after && sql`(${ignoredIndicators.ignoredAt}, ${ignoredIndicators.key}) < (${after[0]}::timestamptz, ${after[1]})`)
        .orderBy(desc(ignoredIndicators.ignoredAt), desc(ignoredIndicators.key))
        .limit(query.limit + 1)
      const { items, next } = ignoredCursor.page(rows, query.limit, row => [row.ignoredAt, row.key])
      return { items: items.map(({ key, reason, ignoredAt, ignoredBy }) => ({ value: key, reason, at: ignoredAt, by: ignoredBy })), next }
    }),
    command(indicatorRoutes.ignoreIndicator, (tx, { caller, body }) => ignoreIndicator(tx, caller.actor, body)),
    command(indicatorRoutes.restoreIndicator, (tx, { caller, body }) => restoreIndicator(tx, caller.actor, body.value)),
  ]
}

/** Rule files in what was uploaded: archives are unpacked. */
async function rulesIn(files: readonly ReceivedFile[]): Promise<RuleFile[]> {
  if (files.length === 0) throw invalid('files', 'must be an archive (.tar.gz) or rule files (.yml)')
  const found: RuleFile[] = []
  for (const file of files) {
    try {
      const read = await readRuleFiles(file.path, file.name)
      found.push(...read)
    } catch (error) {
      if (error instanceof UnreadableRules) throw invalid('files', error.message.replaceAll(file.path, file.name).replace(/\.$/, ''))
      throw error
    }
  }
  if (found.length === 0) throw invalid('files', 'must contain at least one rule (.yml)')
  return found
}
