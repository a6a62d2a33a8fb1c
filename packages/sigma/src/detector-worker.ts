import { parentPort, workerData } from 'node:worker_threads'
import { ChunkMatcher, type DetectorData } from './detector.ts'
import { Engine } from './engine.ts'
import { IndicatorSet } from './indicators/set.ts'
import type { LogSource } from './rule.ts'

// What MatcherPool gives.
const { saved, isLean, indicators } = workerData as DetectorData
const engine = Engine.load(saved)
if (engine === undefined) throw new TypeError('the engine was saved by another version')
const matcher = new ChunkMatcher(engine, indicators === undefined ? undefined : new IndicatorSet(indicators))
matcher.isLean = isLean
parentPort?.on('message', ({ chunk, logsource }: { chunk: Uint8Array<ArrayBuffer>; logsource: LogSource | undefined }) => {
  let reply: { result: ReturnType<ChunkMatcher['match']> } | { failure: string }
  try {
    reply = { result: matcher.match(chunk, logsource) }
  } catch (error) {
    reply = { failure: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
  // The memory goes back, to be used again.
  parentPort?.postMessage({ ...reply, chunk }, [chunk.buffer])
})
