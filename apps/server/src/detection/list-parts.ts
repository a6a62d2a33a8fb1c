import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { type ListPart, UnreadableList } from '@tocsin/sigma'
import { AppProblem } from '../kernel/problems.ts'
import { maxHereBytes } from '../kernel/worker-pool.ts'
import { type PagePart, partsOfPage } from './taxii-page.ts'

/** A file that was uploaded, or a page of a TAXII server. */
export type ListSource = { readonly path: string } | { readonly page: Uint8Array }
export type ListReply = { readonly part: ListPart } | { readonly unreadable: string } | { readonly isDone: true }

/** Lists that wait while one is read, in a thread of its own: a bundle is held in memory. */
const limits = { maxWaiting: 16, memoryMb: 1_024, partMs: 60_000 }

let isReading = false
const waiting: (() => void)[] = []

async function takePlace(): Promise<void> {
  if (!isReading) {
    isReading = true
    return
  }
  if (waiting.length >= limits.maxWaiting) throw new AppProblem('too-many', 'Too many lists of indicators are being read. Try again in a minute.')
  await new Promise<void>(resolve => waiting.push(resolve))
}

function givePlace(): void {
  const next = waiting.shift()
  if (next) next()
  else isReading = false
}

/** Reads an uploaded list part by part, so that nothing else waits for it. @throws UnreadableList */
export function partsOfFile(path: string): AsyncIterable<ListPart> {
  return partsApart({ path })
}

/** The same of a page of a TAXII server, whose memory is handed over; a small one is read at once. @throws UnreadableList */
export async function* partsOf(page: Buffer<ArrayBuffer>): AsyncIterable<PagePart> {
  if (page.length <= maxHereBytes) return yield* partsOfPage(page)
  yield* partsApart({ page }) as AsyncIterable<PagePart>
}

async function* partsApart(source: ListSource): AsyncGenerator<ListPart> {
  await takePlace()
  const worker = new Worker(new URL('./list-worker.ts', import.meta.url), {
    workerData: source,
    resourceLimits: { maxOldGenerationSizeMb: limits.memoryMb, maxYoungGenerationSizeMb: 32 },
  })
  // It may also fail while nothing is asked of it, between two parts or while it is ended: that is told with the next part, if one is asked for.
  const failed = new AbortController()
  worker.on('error', error => failed.abort(error))
  try {
    for (;;) {
      const reply = await ask(worker, failed.signal)
      if ('unreadable' in reply) throw new UnreadableList(reply.unreadable)
      if ('isDone' in reply) return
      yield reply.part
    }
  } finally {
    await worker.terminate()
    givePlace()
  }
}

async function ask(worker: Worker, failed: AbortSignal): Promise<ListReply> {
  try {
    failed.throwIfAborted()
    worker.postMessage(null)
    const [reply]: ListReply[] = await once(worker, 'message', { signal: AbortSignal.timeout(limits.partMs) })
    if (reply === undefined) throw new Error('a worker answers with a message')
    return reply
  } catch (error) {
    const { code, name } = error as NodeJS.ErrnoException
    if (name === 'AbortError') throw new UnreadableList(`took longer than ${limits.partMs / 1_000} seconds to read: split it`)
    if (code === 'ERR_WORKER_OUT_OF_MEMORY') throw new UnreadableList(`needed more than ${limits.memoryMb} MB of memory: split it`)
    throw error
  }
}
