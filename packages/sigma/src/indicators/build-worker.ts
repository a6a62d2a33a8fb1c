import { parentPort } from 'node:worker_threads'
import { IndicatorSetBuilder } from './set.ts'

// What buildIndicatorsApart sends: keys, a line each; at the end null.
const builder = new IndicatorSetBuilder()
parentPort?.on('message', (keys: string | null) => {
  if (keys === null) {
    parentPort?.postMessage(builder.finish().memory)
    parentPort?.close()
    return
  }
  for (let at = 0; at < keys.length; ) {
    const end = keys.indexOf('\n', at)
    const to = end < 0 ? keys.length : end
    if (to > at) builder.add(keys.slice(at, to))
    at = to + 1
  }
})
