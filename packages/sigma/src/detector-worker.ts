import { parentPort, workerData } from 'node:worker_threads'
import { type Assignment, ChunkMatcher, type DetectorData } from './detector.ts'
import { Engine } from './engine.ts'
import { IndicatorSet } from './indicators/set.ts'
import type { LogSource } from './rule.ts'

// What MatcherPool gives.
const { saved, isLean, indicators } = workerData as DetectorData
const engine = Engine.load(saved)
if (engine === undefined) throw new TypeError('the engine was saved by another version')
const matcher = new ChunkMatcher(engine, indicators === undefined ? undefined : new IndicatorSet(indicators))
matcher.isLean = isLean
parentPort?.on('message', ({ assignment, logsource }: { assignment: Assignment; logsource: LogSource | undefined }) => {
  // What throws ends the thread: a matcher that was left in the middle of a chunk must not go on.
  const result = 'chunk' in assignment ? matcher.match(assignment.chunk, logsource) : matcher.matchRange(assignment.range, logsource)
  // The memory goes back, to be used again.
  if ('chunk' in assignment) parentPort?.postMessage({ result, chunk: assignment.chunk }, [assignment.chunk.buffer])
  else parentPort?.postMessage({ result })
})
