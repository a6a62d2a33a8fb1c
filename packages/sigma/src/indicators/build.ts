import { Worker } from 'node:worker_threads'
import { IndicatorSet } from './set.ts'

/**
 * Makes a set on a thread of its own: a million take a second, in which this one has other things to do.
 * @param blocks keys as `parseIndicator` writes them, a line each
 */
export async function buildIndicatorsApart(blocks: AsyncIterable<string>): Promise<IndicatorSet> {
  const worker = new Worker(new URL('./build-worker.ts', import.meta.url))
  try {
    const built = new Promise<SharedArrayBuffer>((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
      worker.once('exit', () => reject(new Error('the thread that builds the indicator set exited')))
    })
    built.catch(() => undefined)
    for await (const block of blocks) worker.postMessage(block)
    worker.postMessage(null)
    return new IndicatorSet(await built)
  } finally {
    await worker.terminate()
  }
}
