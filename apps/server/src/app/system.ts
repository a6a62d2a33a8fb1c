import { openApiDocument, systemRoutes as routes } from '@tocsin/api'
import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { type AppContext, type Bindings, command, isSetUp, openQuery, openWorkflow, query, workflow } from '../access/index.ts'
import { hasDemo } from '../demo/index.ts'
import { entryWithin, latestCheckpoint, latestEntries, record } from '../journal/index.ts'
import { Produced } from '../kernel/http.ts'
import { AppProblem } from '../kernel/problems.ts'
import { readSetting, saveSetting } from '../kernel/settings.ts'

/** What belongs to no room: health, the API document, the journal as a list, live updates. */
export function systemBindings(context: AppContext, version: string): Bindings {
  return [
    openQuery(routes.healthz, async () => ({ status: 'ok' as const })),
    openQuery(routes.readyz, async reader => {
      await reader.db.execute(sql`select 1`).catch(() => {
        throw new AppProblem('unavailable', 'The database does not answer.')
      })
      return { status: 'ready' as const }
    }),
    openWorkflow(routes.metrics, async database => {
      context.metrics.journalSize.set((await latestCheckpoint(database.reader()))?.size ?? 0)
      return new Produced(await context.metrics.text(), { 'content-type': context.metrics.registry.contentType })
    }),
    openWorkflow(routes.openApi, async () => new Produced(JSON.stringify(openApiDocument({ version, url: context.messenger.origin })))),
    openQuery(routes.status, async reader => ({
      organization: (await readSetting(reader, 'organization', z.string())) ?? '',
      isSetUp: await isSetUp(reader),
      isPagingLive: context.messenger.isLive,
      hasDemo: await hasDemo(reader),
      version,
      now: reader.now,
    })),
    query(routes.journal, async (reader, { caller, query }) => {
      const before = /^[0-9]{1,15}$/.test(query.cursor ?? '') ? { before: Number(query.cursor) } : {}
      const found = await latestEntries(reader, { limit: query.limit + 1, ...before, condition: context.visibility.condition(caller, entryWithin) })
      const shown = found.slice(0, query.limit)
      return {
        items: shown.map(({ entry, leafIndex }) => ({
          id: entry.id,
          index: leafIndex,
          at: entry.at,
          actor: entry.actor,
          type: entry.type,
          subject: entry.subject,
          data: entry.data,
        })),
        next: found.length > query.limit ? String(shown.at(-1)?.seq) : null,
      }
    }),
    query(routes.checkpoint, async reader => {
      const latest = await latestCheckpoint(reader)
      return { checkpoint: latest?.note ?? null, key: context.sealer.key, size: latest?.size ?? 0 }
    }),
    workflow(routes.liveEvents, async (database, { caller, connection }) => {
      const stream = context.live.open(withinId => context.visibility.maySee(database.reader(), caller, withinId))
      if (!stream) throw new AppProblem('unavailable', 'Too many pages are open. This one is not live; reload it to see changes.')
      connection.onClose(() => stream.destroy())
      return new Produced(stream, { 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
    }),
    command(routes.renameOrganization, async (tx, { caller, body }) => {
      await saveSetting(tx, 'organization', body.name)
      await record(tx, { actor: caller.actor, type: 'organization.renamed', subject: { kind: 'organization', id: 'organization' }, data: { name: body.name } })
    }),
  ]
}
