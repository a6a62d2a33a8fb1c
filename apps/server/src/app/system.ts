import { openApiDocument, systemRoutes as routes } from '@tocsin/api'
import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { hasDemo } from '../demo/index.ts'
import { act, type Bindings, type House, isSetUp, openProcess, openQuestion, process, question } from '../identity/index.ts'
import { entryWithin, latestCheckpoint, latestEntries, record } from '../journal/index.ts'
import { Produced } from '../platform/http.ts'
import { AppProblem } from '../platform/problems.ts'
import { readSetting, saveSetting } from '../platform/settings.ts'

/** What belongs to no room: health, the API document, the journal as a list, live updates. */
export function systemBindings(house: House, version: string): Bindings {
  return [
    openQuestion(routes.healthz, async () => ({ status: 'ok' as const })),
    openQuestion(routes.readyz, async reader => {
      await reader.db.execute(sql`select 1`).catch(() => {
        throw new AppProblem('unavailable', 'The database does not answer.')
      })
      return { status: 'ready' as const }
    }),
    openProcess(routes.metrics, async database => {
      house.metrics.journalSize.set((await latestCheckpoint(database.reader()))?.size ?? 0)
      return new Produced(await house.metrics.registry.metrics(), { 'content-type': house.metrics.registry.contentType })
    }),
    openProcess(routes.openApi, async () => new Produced(JSON.stringify(openApiDocument({ version, url: house.messenger.origin })))),
    openQuestion(routes.status, async reader => ({
      organisation: (await readSetting(reader, 'organisation', z.string())) ?? '',
      isSetUp: await isSetUp(reader),
      isPagingLive: house.messenger.isLive,
      hasDemo: await hasDemo(reader),
      version,
      now: reader.now,
    })),
    question(routes.journal, async (reader, { caller, query }) => {
      const before = /^[0-9]{1,15}$/.test(query.cursor ?? '') ? { before: Number(query.cursor) } : {}
      const found = await latestEntries(reader, { limit: query.limit + 1, ...before, condition: house.visibility.condition(caller, entryWithin) })
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
    question(routes.checkpoint, async reader => {
      const latest = await latestCheckpoint(reader)
      return { checkpoint: latest?.note ?? null, key: house.sealer.key, size: latest?.size ?? 0 }
    }),
    process(routes.liveEvents, async (database, { caller, connection }) => {
      const stream = house.live.open(withinId => house.visibility.maySee(database.reader(), caller, withinId))
      if (!stream) throw new AppProblem('unavailable', 'Too many pages are open. This one is not live; reload it to see changes.')
      connection.onClose(() => stream.destroy())
      return new Produced(stream, { 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
    }),
    act(routes.renameOrganisation, async (tx, { caller, body }) => {
      await saveSetting(tx, 'organisation', body.name)
      await record(tx, { actor: caller.actor, type: 'organisation.renamed', subject: { kind: 'organisation', id: 'organisation' }, data: { name: body.name } })
    }),
  ]
}
