import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { readRuleFiles } from '../src/files.ts'
import type { RuleFile } from '../src/index.ts'

const folder = fileURLToPath(new URL('../../../../shared/sigma/', import.meta.url))

/** Why tests on the public rule set are skipped, or undefined where it is there. */
export const isMissing = !existsSync(folder)

export const sharedPath = (name: string): string => `${folder}${name}`
export const sharedText = (name: string): string => readFileSync(sharedPath(name), 'utf8')
export const sharedJson = (name: string): unknown => JSON.parse(sharedText(name))
export const windowsEvents = (): Buffer => gunzipSync(readFileSync(sharedPath('events-windows.ndjson.gz')))
export const publicRules = (): Promise<RuleFile[]> => readRuleFiles(sharedPath('sigmahq-rules.tar.gz'))

/** What time limits are multiplied by on a busy machine; vitest.config.ts sets it. */
export const patience = Number(process.env.TEST_PATIENCE ?? 2)
