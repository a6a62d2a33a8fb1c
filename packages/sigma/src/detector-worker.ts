import { parentPort, workerData } from 'node:worker_threads'
import { ChunkMatcher } from './detector.ts'
import { Engine } from './engine.ts'
import type { LogSource } from './rule.ts'

// What MatcherPool gives.
const { saved, logsources, isLean } = workerData as { saved: Uint8Array; logsources: readonly (LogSource | undefined)[]; isLean: boolean }
const engine = Engine.load(saved)
if (engine === undefined) throw new TypeError('the engine was saved by another version')
const matcher = new ChunkMatcher(engine, ...logsources)
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
