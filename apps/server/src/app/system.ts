import { channelName, maxCounted, openApiDocument, systemRoutes as routes } from '@tocsin/api'
import { tellEvent } from '@tocsin/events'
import { and } from 'drizzle-orm'
import { z } from 'zod'
import { type AppContext, type Bindings, command, isSetUp, openQuery, openWorkflow, query, workflow } from '../access/index.ts'
import { countAssigned, countQueue } from '../alerts/index.ts'
import { hasDemo } from '../demo/index.ts'
import { countAwaitingInIncidents, countLed, countOpenIncidents } from '../incidents/index.ts'
import {
  discardDeadLetter,
  entryColumns,
  filterCondition,
  type JournalWatch,
  latestCheckpoint,
  latestEntries,
  listDeadLetters,
  proveConsistency,
  record,
  replayDeadLetter,
} from '../journal/index.ts'
import { addDays } from '../kernel/clock.ts'
import { listCursor } from '../kernel/cursor.ts'
import { Produced } from '../kernel/http.ts'
import { AppProblem, notFound } from '../kernel/problems.ts'
import { readSetting, saveSetting } from '../kernel/settings.ts'
import { withinMs } from '../kernel/within.ts'
import { countAwaitingInNotices, countObligations } from '../notices/index.ts'
import { stalledChannels } from '../notify/index.ts'
import { countUnacknowledged } from '../paging/index.ts'

/** Longer than a scrape would wait for the database. */
const metricMs = 1_000
const journalCursor = listCursor('journal', z.tuple([z.int()]))

/** What belongs to no module: health, the API document, the journal as a list, live updates. */
export function systemBindings(context: AppContext, watch: JournalWatch, version: string, securityContact: string | undefined): Bindings {
  return [
    openQuery(routes.healthz, async () => ({ status: 'ok' as const })),
    openQuery(routes.readyz, async () => {
      const findings = await context.health.findings()
      if (findings.some(({ severity }) => severity === 'unavailable')) throw new AppProblem('unavailable', findings.map(({ detail }) => detail).join(' '))
      return { status: findings.length > 0 ? ('degraded' as const) : ('ready' as const), details: findings.map(({ name, detail }) => ({ name, detail })) }
    }),
    openWorkflow(routes.metrics, async database => {
      // Metrics must be readable while the database is away: values from it stay as they were.
      await withinMs(metricMs, latestCheckpoint(database.reader())).then(
        checkpoint => context.metrics.journalSize.set(checkpoint?.size ?? 0),
        (error: unknown) => context.log.warn({ err: error }, 'could not read the database metrics'),
      )
      return new Produced(await context.metrics.text(), { 'content-type': context.metrics.registry.contentType })
    }),
    openQuery(routes.securityTxt, async reader => {
      if (securityContact === undefined) throw notFound('security contact')
      // RFC 9116, 2.5.5: less than a year ahead. It is made when read, so it never runs out while the server is up.
      const lines = [`Contact: ${securityContact}`, `Expires: ${addDays(reader.now, 90)}`, `Canonical: ${context.messenger.origin}${routes.securityTxt.path}`]
      return new Produced(`${lines.join('\n')}\n`, { 'content-type': 'text/plain; charset=utf-8' })
    }),
    openWorkflow(routes.openApi, async () => new Produced(JSON.stringify(openApiDocument({ version, url: context.messenger.origin })))),
    openQuery(routes.status, async reader => ({
      organization: (await readSetting(reader, 'organization', z.string())) ?? '',
      isSetUp: await isSetUp(reader),
      isPagingLive: context.messenger.isLive,
      areBouncesReceived: context.messenger.receivesBounces,
      hasDemo: await hasDemo(reader),
      version,
      now: reader.now,
    })),
    query(routes.counters, async (reader, { caller }) => ({
      unacknowledgedPages: await countUnacknowledged(reader, context, caller),
      pagesToMe: await countUnacknowledged(reader, context, caller, caller.personId),
      mine: Math.min(maxCounted, (await countAssigned(reader, context, caller)) + (await countLed(reader, context, caller))),
      // A service account approves nothing.
      approvalsWaiting:
        caller.actor.kind === 'key'
          ? 0
          : Math.min(maxCounted, (await countAwaitingInIncidents(reader, context, caller)) + (await countAwaitingInNotices(reader, context, caller))),
      alertsToTriage: await countQueue(reader, context, caller),
      openIncidents: await countOpenIncidents(reader, context, caller),
      obligationsDue: await countObligations(reader, context, caller),
      stalledChannels: (await stalledChannels(reader)).map(({ channel }) => channelName(channel)),
    })),
    query(routes.journal, async (reader, { caller, query }) => {
      const [before] = journalCursor.read(query.cursor) ?? []
      const condition = and(filterCondition(query), context.visibility.ofEntry(caller, entryColumns))
      const found = await latestEntries(reader, { limit: query.limit + 1, before, condition })
      const { items: shown, next } = journalCursor.page(found, query.limit, ({ seq }) => [seq])
      return {
        items: shown.map(({ entry, leafIndex }) => ({
          id: entry.id,
          index: leafIndex,
          at: entry.at,
          actor: entry.actor,
          type: entry.type,
          subject: entry.subject,
          sentence: entry.fault ?? tellEvent(entry.type, { actor: entry.actor.name, at: entry.at, data: entry.data }).sentence,
          data: entry.data,
          calledFrom: entry.calledFrom ?? null,
          erasure: entry.erasure ? { at: entry.erasure.at, by: entry.erasure.by, reason: entry.erasure.reason, fields: entry.erasure.count } : null,
        })),
        next,
      }
    }),
    query(routes.journalReaders, async () => {
      const { readers, writers } = await watch.read()
      const statuses = readers.map(({ isAhead: _, ...status }) => status)
      return { readers: statuses, writers: writers.map(({ pid, openSeconds, query }) => ({ pid, openSeconds: Math.round(openSeconds), query })) }
    }),
    query(routes.journalDeadLetters, (reader, { caller, query }) => listDeadLetters(reader, query, context.visibility.ofEntry(caller, entryColumns))),
    workflow(routes.replayJournalDeadLetter, (_database, { caller, params }) =>
      replayDeadLetter(context, caller.actor, params.id, context.visibility.ofEntry(caller, entryColumns)),
    ),
    command(routes.discardJournalDeadLetter, (tx, { caller, params, body }) =>
      discardDeadLetter(tx, context.alarms, caller.actor, params.id, body.reason, context.visibility.ofEntry(caller, entryColumns)),
    ),
    query(routes.checkpoint, async reader => {
      const latest = await latestCheckpoint(reader)
      const { key, successions } = context.sealer
      return { checkpoint: latest?.note ?? null, key, successions: [...successions], size: latest?.size ?? 0 }
    }),
    query(routes.consistency, async (reader, { query: { from, to } }) => {
      const size = (await latestCheckpoint(reader))?.size ?? 0
      const refuse = (path: string, message: string) => new AppProblem('invalid', `The size "${path}" ${message}.`, [{ path, message }])
      if (to > size) throw refuse('to', `must be at most ${size}, the number of sealed entries`)
      if (from > to) throw refuse('from', 'must be at most "to"')
      const { root1, root2, proof } = await proveConsistency(reader, from, to)
      return { from, to, fromRoot: root1.toString('base64'), toRoot: root2.toString('base64'), proof: proof.map(hash => hash.toString('base64')) }
    }),
    workflow(routes.liveEvents, async (_database, { caller, connection }) => {
      const stream = context.live.open(caller)
      if (!stream) throw new AppProblem('unavailable', 'Too many live update streams are open. Reload this page to see changes.')
      connection.onClose(() => stream.destroy())
      return new Produced(stream, { 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
    }),
    command(routes.renameOrganization, async (tx, { caller, body }) => {
      const name = (await readSetting(tx, 'organization', z.string())) ?? null
      if (name === body.name) return
      await saveSetting(tx, 'organization', body.name)
      const subject = { kind: 'organization', id: 'organization' } as const
      await record(tx, { actor: caller.actor, type: 'organization.renamed', subject, data: { name: body.name, before: { name } } })
    }),
  ]
}
