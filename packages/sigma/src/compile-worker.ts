import { parentPort, workerData } from 'node:worker_threads'
import type { Placeholders } from './detection.ts'
import { Engine, type EngineOptions } from './engine.ts'
import { type RuleFile, readRules } from './ruleset.ts'

// What compileApart gives.
const { files, options } = workerData as { files: readonly RuleFile[]; options: EngineOptions & { placeholders?: Placeholders } }
const { placeholders = {}, ...rest } = options
const saved = Engine.compile(readRules(files, placeholders), rest).save()
parentPort?.postMessage(saved, [saved.buffer])
