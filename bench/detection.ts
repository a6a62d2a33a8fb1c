import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { appendFileSync, existsSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { gunzipSync } from 'node:zlib'
import { ChunkMatcher, Engine, IndicatorSetBuilder, type Rule, type RuleSet, readRules } from '@tocsin/sigma'
import { readRuleFiles } from '@tocsin/sigma/files'

/**
 * `npm run bench -- detection`: the public Sigma rules on recorded Windows events, against bare JSON.parse of the same lines, alternating
 * in one run. Reading, splitting and matching count; so does the first batch.
 */
const shared = fileURLToPath(new URL('../../shared/sigma/', import.meta.url))
const rounds = 5
const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
const cli = fileURLToPath(new URL('../packages/cli/src/main.ts', import.meta.url))
const archive = join(shared, 'sigmahq-rules.tar.gz')

if (!existsSync(archive)) {
  process.stderr.write('The public rules and events are not beside the project: there is nothing to measure.\n')
  process.exit(2)
}

const folder = mkdtempSync(join(tmpdir(), 'tocsin-bench-'))
const file = join(folder, 'events.ndjson')
const data = gunzipSync(readFileSync(join(shared, 'events-windows.ndjson.gz')))
writeFileSync(file, data)
const lines = data.toString('utf8').trimEnd().split('\n')
const events = lines.length

// Two threads are worth their start on a longer file: the same events four times.
const times = 4
const longFile = join(folder, 'events4.ndjson')
for (let time = 0; time < times; time++) appendFileSync(longFile, data)

/** Seconds of what a program of its own says of itself. */
function detect(threads: number, input = file): { seconds: number; matches: number } {
  const done = spawnSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', cli, 'detect', '--rules', archive, '--count', '--threads', String(threads), input],
    {
      encoding: 'utf8',
      env: { ...process.env, XDG_CACHE_HOME: join(folder, 'cache') },
    },
  )
  if (done.status !== 0) throw new Error(done.stderr)
  return JSON.parse(done.stdout) as { seconds: number; matches: number }
}

/** Bare JSON.parse on threads, each with lines of its own: how far this machine gets with a second core. */
async function parseOnThreads(threads: number): Promise<number> {
  const source = `
    const { parentPort, workerData } = require('node:worker_threads')
    const lines = require('node:fs').readFileSync(workerData, 'utf8').trimEnd().split('\\n')
    parentPort.on('message', () => { for (let i = 0; i < ${times / 2}; i++) for (const line of lines) JSON.parse(line); parentPort.postMessage('done') })
    parentPort.postMessage('ready')`
  const workers = Array.from({ length: threads }, () => new Worker(source, { eval: true, workerData: file }))
  await Promise.all(workers.map(worker => once(worker, 'message')))
  const started = performance.now()
  for (const worker of workers) worker.postMessage('go')
  await Promise.all(workers.map(worker => once(worker, 'message')))
  const seconds = (performance.now() - started) / 1_000
  await Promise.all(workers.map(worker => worker.terminate()))
  // Each thread has parsed the events so often.
  return seconds / ((threads * times) / 2)
}

function parseSeconds(): number {
  const started = performance.now()
  for (const line of lines) JSON.parse(line)
  return (performance.now() - started) / 1_000
}

/** Made-up indicators of every kind: none of them is in the events. */
function indicator(i: number): string {
  const digest = createHash('sha256').update(String(i)).digest('hex')
  if (i % 4 === 0) return digest
  if (i % 4 === 1) return [20 + (i % 180), Number.parseInt(digest.slice(0, 2), 16), i % 251, Number.parseInt(digest.slice(2, 4), 16)].join('.')
  return i % 4 === 2 ? `x${digest.slice(0, 12)}.example${i % 50}.net` : `http://${digest.slice(0, 10)}.example.org/${digest.slice(20, 34)}`
}

/** Reads the file in pieces and matches them. */
function matchSeconds(matcher: ChunkMatcher): number {
  const started = performance.now()
  const descriptor = openSync(file, 'r')
  const buffer = Buffer.alloc(1 << 18)
  for (let bytes = readSync(descriptor, buffer); bytes > 0; bytes = readSync(descriptor, buffer)) matcher.push(buffer.subarray(0, bytes))
  matcher.end()
  return (performance.now() - started) / 1_000
}

/** Compiling, loading and memory, in a process that does nothing else. */
function inItsOwn(what: string): Record<string, number> {
  const program = `
    import { readFileSync, openSync, readSync, writeFileSync } from 'node:fs'
    import { ChunkMatcher, Engine, readRules } from '@tocsin/sigma'
    import { readRuleFiles } from '@tocsin/sigma/files'
    const out = {}
    // The most that getrusage tells is, after a fork, that of the parent.
    const peak = () => Number(/VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) / 1024
    const lap = (name, work) => { const from = performance.now(); const made = work(); out[name] = (performance.now() - from) / 1000; return made }
    ${what}
    process.stdout.write(JSON.stringify(out))`
  const path = join(fileURLToPath(new URL('.', import.meta.url)), `.own-${process.pid}.mjs`)
  writeFileSync(path, program)
  try {
    const done = spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', path], { encoding: 'utf8' })
    if (done.status !== 0) throw new Error(done.stderr)
    return JSON.parse(done.stdout) as Record<string, number>
  } finally {
    rmSync(path)
  }
}

detect(1)
const parse: number[] = []
const one: number[] = []
const long: number[] = []
const two: number[] = []
const parseOne: number[] = []
const parseTwo: number[] = []
const steady: number[] = []
const withIndicators: number[] = []
const set = readRules(await readRuleFiles(archive))
const whole = Engine.compile(set)
const matcher = new ChunkMatcher(whole)
const maxIndicators = 1_000_000
const indicators = new IndicatorSetBuilder()
for (let i = 0; i < maxIndicators; i++) indicators.add(indicator(i))
const indicatorSet = indicators.finish()
const indicating = new ChunkMatcher(whole, indicatorSet)
for (let round = 0; round < rounds; round++) {
  parse.push(parseSeconds())
  one.push(detect(1).seconds)
  parse.push(parseSeconds())
  long.push(detect(1, longFile).seconds / times)
  two.push(detect(2, longFile).seconds / times)
  parseOne.push(await parseOnThreads(1))
  parseTwo.push(await parseOnThreads(2))
  for (let turn = 0; turn < 3; turn++) {
    steady.push(matchSeconds(matcher))
    withIndicators.push(matchSeconds(indicating))
  }
}
const saved = join(folder, 'saved.bin')
const own = inItsOwn(`
    const files = await readRuleFiles(${JSON.stringify(archive)})
    const set = lap('read', () => readRules(files))
    const engine = lap('compile', () => Engine.compile(set))
    writeFileSync(${JSON.stringify(saved)}, engine.save())`)
const fresh = inItsOwn(`
    const { compileCached } = await import('@tocsin/sigma/files')
    const files = await readRuleFiles(${JSON.stringify(archive)})
    const engine = await compileCached(files, {}, ${JSON.stringify(join(folder, 'empty'))})
    const matcher = new ChunkMatcher(engine)
    matcher.isLean = true
    const descriptor = openSync(${JSON.stringify(file)}, 'r')
    matcher.pull(into => readSync(descriptor, into))
    out.megabytes = peak()`)
const load = inItsOwn(`
    const engine = lap('load', () => Engine.load(readFileSync(${JSON.stringify(saved)})))
    const matcher = lap('matcher', () => new ChunkMatcher(engine))
    const descriptor = openSync(${JSON.stringify(file)}, 'r')
    matcher.isLean = true
    matcher.pull(into => readSync(descriptor, into))
    out.megabytes = peak()`)

const bare = median(parse)
const rate = (seconds: number) => Math.round(events / seconds).toLocaleString('en')
const row = (what: string, seconds: number) => `| ${what} | ${rate(seconds)} | ${(bare / seconds).toFixed(2)} |`
const first = [
  '| what | events/s | ratio to bare `JSON.parse` |',
  '| --- | --- | --- |',
  row('bare `JSON.parse` of the lines, already split, one thread', bare),
  row(`\`npx tocsin detect\`, ${set.rules.length} rules, one thread: a fresh process, first batch and reading included`, median(one)),
  row('the same on the file four times over', median(long)),
  row('`npx tocsin detect --threads 2` on that', median(two)),
  row('the same engine when warm, one thread, reading included', median(steady)),
  row(`the same with ${indicatorSet.size.toLocaleString('en')} indicators in the same pass`, median(withIndicators)),
].join('\n')

/** So many rules: those there are, and copies of them with other literals. */
function rulesOf(count: number): RuleSet {
  const rules: Rule[] = []
  for (let copy = 0; rules.length < count; copy++)
    for (const [i, rule] of set.rules.entries()) {
      if (rules.length >= count) break
      // A hundred rules are taken from everywhere, not from the first folder.
      if (copy === 0 && count < set.rules.length && i % Math.floor(set.rules.length / count) !== 0) continue
      rules.push(copy === 0 ? rule : changed(rule, copy))
    }
  return { rules, correlations: [], filters: [], refused: [] }
}

/** A copy with other literals in what it looks for. Its filters stay: a copy that excludes nothing any more would fire on everything. */
function changed(rule: Rule, copy: number): Rule {
  const other = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(other)
    if (typeof value !== 'object' || value === null || ('op' in value && value.op === 'not')) return value
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, key === 'pattern' && Array.isArray(inner) ? inner.map(literal) : other(inner)]))
  }
  const literal = (part: unknown) =>
    typeof part === 'string' && part.length > 2 && !/^\d+$/.test(part) ? `${part.slice(0, -1)}${copy}${part.slice(-1)}` : part
  // The shape is kept: only texts within patterns differ.
  return { ...rule, id: `${rule.id}-${copy}`, expression: other(rule.expression) as Rule['expression'] }
}

const grown = [100, 1_000, 3_700, 10_000].map(count => {
  const compiled = performance.now()
  const engine = Engine.compile(rulesOf(count))
  const compileSeconds = (performance.now() - compiled) / 1_000
  return { count, compileSeconds, matcher: new ChunkMatcher(engine), seconds: [] as number[], beside: [] as number[] }
})
// Alternating: a neighbor on the machine slows all of them, not one.
for (let round = 0; round < rounds * 2; round++)
  for (const one of grown) {
    one.beside.push(parseSeconds())
    one.seconds.push(matchSeconds(one.matcher))
  }
const growth = grown.map(({ count, compileSeconds, seconds, beside }) => {
  const row = [count.toLocaleString('en'), rate(median(seconds)), (median(beside) / median(seconds)).toFixed(2), `${compileSeconds.toFixed(2)} s`]
  return `| ${row.join(' | ')} |`
})

const machine = `${cpus().length} cores (${cpus()[0]?.model.trim() ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`
const text = `# Detection: last results

${new Date().toISOString().slice(0, 10)}, ${machine}. ${events.toLocaleString('en')} recorded Windows events of 2.8 kB on average; medians of ${rounds} rounds, alternating. \`npm run bench -- detection\` writes this file.

${first}

A second thread makes it ${(median(long) / median(two)).toFixed(2)} times as fast; on bare \`JSON.parse\`, with lines of its own for each thread, a second one brings ${(median(parseOne) / median(parseTwo)).toFixed(2)} on this machine.

Reading ${set.rules.length + set.refused.length} rules took ${(own.read ?? 0).toFixed(2)} s and compiling them ${(own.compile ?? 0).toFixed(2)} s; loading them compiled ${(load.load ?? 0).toFixed(2)} s and making ready to match ${(load.matcher ?? 0).toFixed(2)} s. A process that loads them compiled and matches the file needs ${Math.round(load.megabytes ?? 0)} MB at the most, one that compiles them first ${Math.round(fresh.megabytes ?? 0)} MB.

| rules | events/s, warm, one thread | ratio to bare \`JSON.parse\` beside | compile |
| --- | --- | --- | --- |
${growth.join('\n')}
`
writeFileSync(new URL('./detection.md', import.meta.url), text)
rmSync(folder, { recursive: true })
process.stdout.write(text)
