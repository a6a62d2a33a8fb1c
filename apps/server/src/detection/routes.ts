import { indicatorRoutes, detectionRoutes as routes } from '@tocsin/api'
import type { RuleFile } from '@tocsin/sigma'
import { readRuleFiles, UnreadableRules } from '@tocsin/sigma/files'
import { and, count, desc, eq, sql } from 'drizzle-orm'
import { z } from 'zod'
import { type AppContext, type Bindings, command, maxFound, nearText, query, recordRestrictedRead, workflow } from '../access/index.ts'
import { alerts, readAlert } from '../alerts/index.ts'
import { onlyChanged } from '../journal/index.ts'
import { listCursor } from '../kernel/cursor.ts'
import type { ReceivedFile } from '../kernel/files.ts'
import { invalid, notFound } from '../kernel/problems.ts'
import { readCoverage } from './coverage.ts'
import { listDeadLetters, replayDeadLetters } from './dead-letters.ts'
import type { Detector } from './detector.ts'
import { addException } from './exceptions.ts'
import { assertFollowable, type FileFollower } from './follow.ts'
import {
  changeIndicatorList,
  createIndicatorList,
  ignoreIndicator,
  importIndicators,
  listIndicatorLists,
  lookUpIndicator,
  removeIndicatorList,
  restoreIndicator,
  visibleIgnored,
} from './indicators.ts'
import type { EventIntake } from './intake.ts'
import { assertRevocable } from './own-trail.ts'
import type { Parsers } from './parsers.ts'
import { changeRule, createRule, enableRule, importRules, listRules, listVersions, parseRuleText, readRule, visibleRule } from './rules.ts'
import { assignLogSource, assignRule } from './services.ts'
import { readMapping, readPlaceholders, saveMapping, savePlaceholders, shownMapping, shownPlaceholders } from './settings.ts'
import { sourceSettings } from './source-settings.ts'
import { createLogSource, listLogSources, revokeLogSource, watchSources } from './sources.ts'
import { deadLetters, detectionMatches, detectionRules, ignoredIndicators, logSources } from './tables.ts'
import { assertPulled, cancelPull, schedulePull } from './taxii.ts'

interface Parts {
  readonly detector: Detector
  readonly intake: EventIntake
  readonly follower: FileFollower
  readonly parsers: Parsers
}

export function detectionBindings(context: AppContext, { detector, intake, follower, parsers }: Parts): Bindings {
  context.searches.add('rule', 'detection:read', async (reader, caller, text) => {
    const { isExact, isNear, order } = nearText(sql`lower(${detectionRules.title} || ' ' || ${detectionRules.ruleId})`, text)
    const rows = await reader.db
      .select({ id: detectionRules.id, title: detectionRules.title, isEnabled: detectionRules.isEnabled, isExact })
      .from(detectionRules)
      .where(and(isNear, visibleRule(context, caller)))
      .orderBy(...order, detectionRules.title)
      .limit(maxFound)
    return rows.map(({ id, title, isEnabled, isExact }) => ({ id, title, number: null, detail: isEnabled ? 'enabled' : 'disabled', isApproximate: !isExact }))
  })
  const read = parsers.rules.bind(parsers)
  return [
    query(routes.detectionRules, (reader, { caller, query }) => listRules(reader, context, caller, query)),
    query(routes.detectionRule, (reader, { caller, params }) => readRule(reader, context, caller, params.id)),
    query(routes.detectionRuleVersions, (reader, { caller, params, query }) => listVersions(reader, context, caller, params.id, query)),
    command(routes.createDetectionRule, (tx, { caller, body }) => createRule(tx, context, caller, body.text, { read })),
    command(routes.changeDetectionRule, (tx, { caller, params, body }) => changeRule(tx, context, caller, params.id, body.text, body.version, read)),
    command(routes.assignDetectionRule, async (tx, { caller, params, body }) => {
      await assignRule(tx, context, caller, params.id, body.serviceId)
      return readRule(tx, context, caller, params.id)
    }),
    command(routes.enableDetectionRule, (tx, { caller, params, body }) => enableRule(tx, context, caller, params.id, body.isEnabled)),
    workflow(routes.importDetectionRules, async (database, { caller, body, files }) => {
      const found = await rulesIn(files)
      return database.transaction(tx => importRules(tx, caller.actor, found, 'imported', body.isEnabled === 'true', read))
    }),
    workflow(routes.checkDetectionRule, async (database, { body }) => ({ problems: (await parseRuleText(database.reader(), body.text, { read })).problems })),
    workflow(routes.tryDetectionRule, async (database, { body }) =>
      parsers.tried(body.text, body.events ?? detector.recent, {
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
    command(routes.alertMatches, async (tx, { caller, params }) => {
      // Who may not see the alert may not see its events.
      const { incident } = await readAlert(tx, context, caller, params.id)
      await recordRestrictedRead(tx, context, caller, incident?.id ?? null)
      const rows = await tx.db
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
    query(routes.logSources, async (reader, { query: { updatedSince } }) =>
      (await onlyChanged(reader, await listLogSources(reader), updatedSince)).map(source => ({ ...source, problem: follower.problemOf(source.id) })),
    ),
    command(routes.createLogSource, async (tx, { caller, body }) => {
      assertFollowable(body.files, context.config.of(sourceSettings).TOCSIN_FOLLOW_FOLDERS)
      const { source, ...secret } = await createLogSource(tx, context.messenger.origin, caller.actor, body)
      await watchSources(tx, context)
      return { ...secret, source: { ...source, problem: null } }
    }),
    command(routes.assignLogSource, async (tx, { caller, params, body }) => {
      await assignLogSource(tx, caller, params.id, body.serviceId)
      const [source] = await listLogSources(tx, params.id)
      if (!source) throw notFound('log source')
      return { ...source, problem: follower.problemOf(params.id) }
    }),
    command(routes.revokeLogSource, (tx, { caller, params }) => {
      assertRevocable(params.id)
      return revokeLogSource(tx, caller.actor, params.id)
    }),
    query(routes.detectionStatus, async (reader, { caller }) => {
      const [letters] = await reader.db.select({ count: count() }).from(deadLetters)
      const [enabled] = await reader.db
        .select({ count: count() })
        .from(detectionRules)
        .where(and(eq(detectionRules.isEnabled, true), visibleRule(context, caller)))
      const { bytes, batches } = intake.waiting
      const { activeRules: _, ...status } = detector.status
      return { ...status, rules: enabled?.count ?? 0, waitingBatches: batches, waitingBytes: bytes, deadLetters: letters?.count ?? 0 }
    }),
    query(routes.deadLetters, (reader, { query }) => listDeadLetters(reader, query)),
    workflow(routes.replayDeadLetters, (database, { caller, body }) => replayDeadLetters(database, intake, caller, body)),
  ]
}

const ignoredCursor = listCursor('ignored-indicators', z.tuple([z.iso.datetime(), z.string()]))

function indicatorBindings(context: AppContext): Bindings {
  return [
    query(indicatorRoutes.indicatorLists, async (reader, { query: { updatedSince } }) => onlyChanged(reader, await listIndicatorLists(reader), updatedSince)),
    command(indicatorRoutes.createIndicatorList, async (tx, { caller, body }) => {
      const list = await createIndicatorList(tx, context, caller.actor, body)
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
    query(indicatorRoutes.lookUpIndicator, (reader, { caller, query }) => lookUpIndicator(reader, context, caller, query.value)),
    query(indicatorRoutes.ignoredIndicators, async (reader, { caller, query }) => {
      const after = ignoredCursor.read(query.cursor)
      const rows = await reader.db
        .select()
        .from(ignoredIndicators)
        .where(
          and(
            visibleIgnored(context, caller),
            after && sql`(${ignoredIndicators.ignoredAt}, ${ignoredIndicators.key}) < (${after[0]}::timestamptz, ${after[1]})`,
          ),
        )
        .orderBy(desc(ignoredIndicators.ignoredAt), desc(ignoredIndicators.key))
        .limit(query.limit + 1)
      const { items, next } = ignoredCursor.page(rows, query.limit, row => [row.ignoredAt, row.key])
      return { items: items.map(({ key, reason, ignoredAt, ignoredBy }) => ({ value: key, reason, at: ignoredAt, by: ignoredBy })), next }
    }),
    command(indicatorRoutes.ignoreIndicator, (tx, { caller, body }) => ignoreIndicator(tx, context, caller, body)),
    command(indicatorRoutes.restoreIndicator, (tx, { caller, body }) => restoreIndicator(tx, context, caller, body.value)),
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
