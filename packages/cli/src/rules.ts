import { readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Engine, EventView, type RuleFile, readRules } from '@tocsin/sigma'
import { ruleFilesOf } from './detect.ts'
import { CliProblem, type Output, printable } from './output.ts'

/** Reports errors in rule files. Exit code 1 when there are some. */
export async function rulesCheck(output: Output, paths: readonly string[]): Promise<void> {
  const files = await ruleFilesOf(paths)
  if (files.length === 0) throw new CliProblem(`No rule files (.yml) found at ${paths.join(', ')}.`, 2)
  const { rules, correlations, filters, refused } = readRules(files)
  const good = `${rules.length} rules, ${correlations.length} correlations and ${filters.length} filters are valid`
  output.say(
    [
      ...refused.map(({ file, line, reason }) => printable(`${file}:${line}: ${reason}`)),
      refused.length === 0 ? `${good}.` : `${good}, ${refused.length} are refused.`,
    ],
    { rules: rules.length, correlations: correlations.length, filters: filters.length, refused },
  )
  if (refused.length > 0) process.exitCode = 1
}

interface SampleResult {
  readonly rule: string
  readonly sample: string
  readonly event: number
  readonly expected: boolean
  readonly matched: boolean
}

/**
 * Runs the samples next to rules: `rule.yml` matches every event of `rule.positive.ndjson` (or .json) and none of
 * `rule.negative.ndjson`. Exit code 1 when one fails.
 */
export async function rulesTest(output: Output, path: string): Promise<void> {
  const files = await ruleFilesOf([path])
  const isFolder = (await stat(path)).isDirectory()
  const { rules, refused } = readRules(files)
  const engine = Engine.compile({ rules, correlations: [], filters: [], refused })
  const results: SampleResult[] = []
  const without: string[] = []
  for (const file of files) {
    const place = isFolder ? join(path, file.name) : join(dirname(path), file.name.split('/').at(-1) ?? '')
    const found = await samplesOf(place, file, engine)
    if (found.length === 0) without.push(file.name)
    results.push(...found)
  }
  const failed = results.filter(({ expected, matched }) => expected !== matched)
  output.say(
    [
      ...refused.map(({ file, line, reason }) => printable(`${file}:${line}: ${reason}`)),
      ...failed.map(({ rule, sample, event, expected }) =>
        printable(`${sample}: event ${event} ${expected ? 'should match but does not match' : 'should not match but matches'} ${rule}`),
      ),
      `${results.length - failed.length} of ${results.length} samples passed. ${without.length} rule files have no samples.`,
    ],
    { samples: results.length, failed, refused, without },
  )
  if (failed.length > 0 || refused.length > 0) process.exitCode = 1
}

async function samplesOf(place: string, file: RuleFile, engine: Engine): Promise<SampleResult[]> {
  const stem = place.replace(/\.ya?ml$/i, '')
  const results: SampleResult[] = []
  for (const [kind, expected] of [
    ['positive', true],
    ['negative', false],
  ] as const)
    for (const ending of ['ndjson', 'json']) {
      const sample = `${stem}.${kind}.${ending}`
      const text = await readFile(sample, 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined
        throw new CliProblem(`${sample} cannot be read (${error.code}).`, 2)
      })
      if (text === undefined) continue
      for (const [i, event] of eventsIn(text, sample).entries())
        for (const rule of engine.rules.filter(candidate => candidate.file === file.name)) {
          const matched = engine.matchAll(event).some(match => match.rule.id === rule.id)
          results.push({ rule: rule.title, sample, event: i + 1, expected, matched })
        }
    }
  return results
}

function eventsIn(text: string, sample: string): EventView[] {
  try {
    const isList = text.trimStart().startsWith('[')
    const list: unknown = isList ? JSON.parse(text) : undefined
    const lines = Array.isArray(list) ? list.map(event => JSON.stringify(event)) : text.split('\n').filter(line => line.trim() !== '')
    return lines.map(line => new EventView(line))
  } catch (error) {
    throw new CliProblem(`${sample} is not valid JSON: ${error instanceof Error ? error.message : String(error)}`, 2)
  }
}
