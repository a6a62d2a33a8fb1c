import { createReadStream } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { type ListPart, readIndicators, UnreadableList } from '@tocsin/sigma'
import { yieldProcessors } from '../kernel/worker.ts'
import type { ListReply, ListSource } from './list-parts.ts'
import { partsOfPage } from './taxii-page.ts'

yieldProcessors()
/** Reads a list, a part whenever one is asked for. */
const source: ListSource = workerData
const parts: AsyncIterator<ListPart> | Iterator<ListPart> =
  'path' in source ? readIndicators(createReadStream(source.path))[Symbol.asyncIterator]() : partsOfPage(source.page)

async function next(): Promise<ListReply> {
  try {
    const { done, value } = await parts.next()
    return done === true ? { isDone: true } : { part: value }
  } catch (error) {
    if (!(error instanceof UnreadableList)) throw error
    return { unreadable: error.message }
  }
}
parentPort?.on('message', async () => parentPort?.postMessage(await next()))
