import { maxIndicatorsTotal } from '@tocsin/api'
import { UnreadableList } from '@tocsin/sigma'
import { eq } from 'drizzle-orm'
import { type Agent, request } from 'undici'
import { z } from 'zod'
import type { AppContext } from '../access/index.ts'
import { system } from '../journal/index.ts'
import { addMinutes } from '../kernel/clock.ts'
import type { Tx } from '../kernel/database.ts'
import type { CallHandler } from '../kernel/jobs/handlers.ts'
import { defineJob, pullsLane } from '../kernel/jobs/lanes.ts'
import { cancel, schedule } from '../kernel/jobs/schedule.ts'
import { openOutbound } from '../kernel/outbound.ts'
import { notFound } from '../kernel/problems.ts'
import { unsealRow } from '../kernel/sealed-columns.ts'
import { sentenceOf } from '../kernel/telemetry.ts'
import { assertRoom, feedSecrets, finishImport, type ListRow, storePart } from './indicators.ts'
import { partsOf } from './list-parts.ts'
import { feedReach } from './source-settings.ts'
import { indicatorLists } from './tables.ts'
import type { PagePart } from './taxii-page.ts'

const mediaType = 'application/taxii+json;version=2.1'
const maxPages = 5_000
const maxPageBytes = 64 * 1_048_576
const maxMs = 600_000
const maxExamples = 20
/** A server that does not answer is asked again after so long, or when it would be asked anyway, if that is sooner. */
const retryMinutes = 10

export const pullJob = defineJob({ kind: 'detection.pull-indicators', lane: pullsLane, data: z.object({ id: z.uuid() }) })
const keyOf = (id: string) => `${pullJob.kind} ${id}`

export async function schedulePull(tx: Tx, id: string, runAt = tx.now): Promise<void> {
  await schedule(tx, { kind: pullJob, key: keyOf(id), runAt, data: { id } })
}

export const cancelPull = (tx: Tx, id: string): Promise<void> => cancel(tx, keyOf(id))

interface Pulled {
  readonly taken: number
  readonly refused: number
  readonly examples: readonly { at: string; reason: string }[]
  readonly addedAfter: string | undefined
  readonly problem: string | null
}

/**
 * Pulls lists from TAXII 2.1 servers. Each page is stored as it comes; where the next pull goes on is kept when all have come, so that a
 * pull that breaks off is done again from where it began, which changes nothing twice.
 */
export function pulling(context: AppContext): CallHandler<{ id: string }, Pulled | undefined> {
  const find = async (id: string) => (await context.database.reader().db.select().from(indicatorLists).where(eq(indicatorLists.id, id)))[0]
  return {
    before: async ({ id }, { signal }) => {
      const list = await find(id)
      if (list?.url == null || !list.isEnabled) return undefined
      try {
        return await pull(context, list, list.url, AbortSignal.any([signal, AbortSignal.timeout(maxMs)]))
      } catch (error) {
        context.log.warn({ err: error, list: id }, 'an indicator list could not be pulled')
        const problem = problemOf(error, new URL(list.url).host).slice(0, 500)
        return { taken: 0, refused: 0, examples: [], addedAfter: undefined, problem }
      }
    },
    run: async (tx, { id }, pulled) => {
      const [list] = await tx.db.select().from(indicatorLists).where(eq(indicatorLists.id, id)).for('update')
      if (pulled === undefined || list?.pullMinutes == null) return
      const { pullMinutes } = list
      if (pulled.problem !== null) {
        await tx.db.update(indicatorLists).set({ problem: pulled.problem }).where(eq(indicatorLists.id, id))
        await schedulePull(tx, id, addMinutes(tx.now, Math.min(pullMinutes, retryMinutes)))
        return
      }
      await schedulePull(tx, id, addMinutes(tx.now, pullMinutes))
      if (pulled.taken + pulled.refused > 0 || list.updatedAt === null) await finishImport(tx, system, id, { ...pulled, generation: list.generation })
      else await tx.db.update(indicatorLists).set({ updatedAt: tx.now, problem: null }).where(eq(indicatorLists.id, id))
    },
  }
}

/** What a person can do something about. */
function problemOf(error: unknown, host: string): string {
  if (error instanceof Error && error.name === 'TimeoutError') return `${host} took longer than 10 minutes`
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `the host ${host} was not found`
  if (code === 'ECONNREFUSED') return `${host} refused the connection`
  if (code?.startsWith('UND_ERR') === true || code === 'ETIMEDOUT') return `${host} did not respond`
  return sentenceOf(error)
}

/** @param signal ends it, also in the middle of a page that trickles */
async function pull(context: AppContext, list: ListRow, url: string, signal: AbortSignal): Promise<Pulled> {
  const headers = { accept: mediaType, 'user-agent': 'Tocsin', ...authorization(context, list) }
  const dispatcher = await openOutbound(new URL(url), feedReach(context.config), signal)
  let taken = 0
  let refused = 0
  let addedAfter = list.addedAfter ?? undefined
  const examples: { at: string; reason: string }[] = []
  try {
    let next: string | undefined
    for (let page = 0; ; page++) {
      signal.throwIfAborted()
      if (page >= maxPages) throw new Error(`it had more than ${maxPages} pages`)
      const answer = await askFor(dispatcher, signal, url, headers, { 'match[type]': 'indicator', added_after: list.addedAfter ?? undefined, next })
      let hasMore = false
      for await (const part of partsOfAnswer(answer.page, new URL(url).origin)) {
        taken += part.indicators.length
        refused += part.problems.length
        examples.push(...part.problems.slice(0, maxExamples - examples.length))
        if (list.size + taken > maxIndicatorsTotal / 2) await assertRoom(context.database.reader(), list.id, list.size + taken)
        await context.database.transaction(tx => storePart(tx, list.id, list.generation, part))
        hasMore = part.more
        next = part.next
      }
      if (answer.addedLast !== undefined) addedAfter = answer.addedLast
      if (!hasMore) return { taken, refused, examples, addedAfter, problem: null }
      if (next === undefined) throw new Error('the server reported more pages without a link to the next one')
    }
  } finally {
    await dispatcher.destroy()
  }
}

function authorization(context: AppContext, { id, username, secretSealed }: ListRow): Record<string, string> {
  if (secretSealed === null) return {}
  const row = { id, sealed: secretSealed }
  const damaged = 'The stored password or token of this feed cannot be read. Delete the list and create it again.'
  const secret = unsealRow(context.database.reader(), context.secrets, feedSecrets, row, damaged)
  return { authorization: username === null ? `Bearer ${secret}` : `Basic ${Buffer.from(`${username}:${secret}`).toString('base64')}` }
}

async function* partsOfAnswer(page: Buffer<ArrayBuffer>, origin: string): AsyncIterable<PagePart> {
  try {
    yield* partsOf(page)
  } catch (error) {
    if (!(error instanceof UnreadableList)) throw error
    throw new Error(`${origin} ${error.message}`)
  }
}

async function askFor(
  dispatcher: Agent,
  signal: AbortSignal,
  collection: string,
  headers: Readonly<Record<string, string>>,
  query: Readonly<Record<string, string | undefined>>,
): Promise<{ page: Buffer<ArrayBuffer>; addedLast: string | undefined }> {
  const url = new URL('objects/', collection)
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value)
  const reply = await request(url, { dispatcher, signal, headers, headersTimeout: 60_000, bodyTimeout: 60_000 })
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of reply.body as AsyncIterable<Buffer>) {
    size += piece.length
    if (size > maxPageBytes) throw new Error(`${url.origin} sent a page larger than ${maxPageBytes / 1_048_576} MB`)
    pieces.push(piece)
  }
  // A redirect is not followed: it could lead inside.
  if (reply.statusCode !== 200) throw new Error(`${url.origin} responded with status ${reply.statusCode}${statusHints[reply.statusCode] ?? ''}`)
  const addedLast = reply.headers['x-taxii-date-added-last']
  return { page: Buffer.concat(pieces), addedLast: typeof addedLast === 'string' ? addedLast : undefined }
}

const statusHints: Readonly<Record<number, string>> = {
  401: ': incorrect user name or secret',
  403: ': the account has no access to the collection',
  404: ': collection not found',
  406: ': TAXII 2.1 is not supported',
}

/** @throws AppProblem not-found for a list that is not pulled */
export async function assertPulled(tx: Tx, id: string): Promise<void> {
  const [list] = await tx.db.select({ url: indicatorLists.url }).from(indicatorLists).where(eq(indicatorLists.id, id))
  if (list?.url == null) throw notFound('TAXII indicator list')
}
