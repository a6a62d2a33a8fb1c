// The one door of every npm script: it sees to it that packages are installed and pages built, and then runs the command on the
// Node that Tocsin pins, whatever Node the machine has. Plain JavaScript, because it runs before anything is installed.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const bin = name => join(root, 'node_modules', '.bin', name)
const script = (...parts) => join(root, 'node_modules', ...parts)
const [command = 'serve', ...args] = process.argv.slice(2)

if (Number(process.versions.node.split('.')[0]) < 20) end(`Tocsin needs Node 20 or newer to start; this is ${process.version}.`, 2)

function end(sentence, code) {
  process.stderr.write(`${sentence}\n`)
  process.exit(code)
}

/** Refuses arguments that the command would ignore. The others are refused by the programs that take them. */
function checkArguments() {
  const given = args.filter(arg => arg !== '--')
  if (!Object.hasOwn(commands, command)) end(`There is no command ${command}: ${Object.keys(commands).join(', ')}.`, 2)
  if ((command === 'check' || command === 'audit') && given.length > 0) end(`The command ${command} takes no arguments: ${given.join(' ')}.`, 2)
  if (command === 'bench' && (given.length > 1 || !['api', 'detection', 'hostile', 'paging', undefined].includes(given[0])))
    end('The command bench takes one measurement: api, detection, hostile, paging, or none for the server as a whole.', 2)
  if (command === 'sbom' && given.length > 1) end('The command sbom takes the file to write: npm run sbom -- sbom.cdx.json.', 2)
  if (command === 'fuzz' && (given.length > 2 || given.some(arg => !/^[1-9]\d{0,8}$/.test(arg))))
    end('The command fuzz takes how many inputs to send, and a seed, as whole numbers: npm run fuzz -- 1000000 7.', 2)
}

/** The measurement that was asked for; without one that of the server as a whole. */
const benchmark = () => join(root, 'bench', `${args.find(arg => arg !== '--') ?? 'run'}.ts`)

/** Vite takes these for parts of an address, wherever they stand in the path of a file. */
function checkPath() {
  const [character] = /[#?]/.exec(root) ?? []
  if (character !== undefined) end(`The pages cannot be built in ${root}: the path contains ${character}. Move Tocsin to a folder without it.`, 2)
}

/** Installs from the lockfile when that is another one than was installed last. */
function install() {
  const stamp = join(root, 'node_modules', '.installed')
  const digest = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return
  process.stderr.write('Installing packages from the lockfile…\n')
  // Not `npm ci`: it refuses a lockfile in which a registry lacks an optional package of another platform. This installs the same
  // versions by the same hashes, and writes neither package.json nor the lockfile.
  const done = spawnSync('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  })
  if (done.status !== 0) end('The packages could not be installed: see above.', 1)
  writeFileSync(stamp, digest)
}

/** The newest change in a folder of sources. */
function newest(folder) {
  return Math.max(
    0,
    ...readdirSync(folder, { withFileTypes: true, recursive: true })
      .filter(entry => entry.isFile() && !/node_modules|[/\\]dist/.test(entry.parentPath ?? entry.path))
      .map(entry => statSync(join(entry.parentPath ?? entry.path, entry.name)).mtimeMs),
  )
}

/** Builds the pages when their sources have changed. */
function build() {
  const web = join(root, 'apps', 'web')
  const stamp = join(web, 'dist', '.built')
  const changed = Math.max(newest(web), ...['api', 'events', 'filter', 'oncall'].map(name => newest(join(root, 'packages', name, 'src'))))
  if (existsSync(stamp) && Number(readFileSync(stamp, 'utf8')) === changed) return
  process.stderr.write('Building the pages…\n')
  const done = spawnSync(node(), [script('vite', 'bin', 'vite.js'), 'build', '--logLevel', 'warn'], { cwd: web, stdio: ['ignore', 'ignore', 'inherit'] })
  if (done.status !== 0) end('The pages could not be built: see above.', 1)
  mkdirSync(dirname(stamp), { recursive: true })
  writeFileSync(stamp, String(changed))
}

/** The pinned Node; where none comes for this platform, the machine's own if it is new enough. */
function node() {
  if (existsSync(bin('node'))) return bin('node')
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath
  return end(`No Node 24 comes for ${process.platform}-${process.arch}: install Node 24 or newer.`, 2)
}

/** Runs a program to its end, passing signals on. It is told by its channel when this launcher dies. */
function run(file, runArgs, options = {}) {
  return new Promise(resolve => {
    const child = spawn(node(), ['--disable-warning=ExperimentalWarning', file, ...runArgs], {
      cwd: root,
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
      // Names are looked up, and passwords hashed, on a pool of threads, half of which may wait for a name server that hangs.
      env: { UV_THREADPOOL_SIZE: '32', ...process.env, PATH: `${join(root, 'node_modules', '.bin')}:${process.env.PATH}` },
      ...options,
    })
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
    const pass = signals.map(signal => [signal, () => child.kill(signal)])
    for (const [signal, handler] of pass) process.on(signal, handler)
    const watch = watchParent(() => child.kill('SIGTERM'))
    child.on('exit', (code, signal) => {
      clearInterval(watch)
      for (const [name, handler] of pass) process.off(name, handler)
      resolve(signal ? 1 : (code ?? 1))
    })
  })
}

/** npm does not pass on its own death: when it is gone, the server that it started stops too. */
function watchParent(gone) {
  const parent = process.ppid
  if (process.env.npm_lifecycle_event === undefined) return undefined
  return setInterval(() => {
    if (process.ppid !== parent) gone()
  }, 1_000)
}

async function check() {
  const steps = [
    ['format and lint', script('@biomejs', 'biome', 'bin', 'biome'), ['check', '.']],
    ['types', script('typescript', 'bin', 'tsc'), ['-p', 'tsconfig.json']],
    ['types of the pages', script('typescript', 'bin', 'tsc'), ['-p', 'apps/web/tsconfig.json']],
    ['module rules', script('dependency-cruiser', 'bin', 'dependency-cruise.mjs'), ['--config', '.dependency-cruiser.mjs', 'apps', 'packages']],
    ['dead code', script('knip', 'bin', 'knip.js'), ['--no-progress']],
    ['words', join(root, 'scripts', 'words.ts'), []],
    ['roles in the docs', join(root, 'scripts', 'roles.ts'), ['--check']],
    ['types of entries in the docs', join(root, 'scripts', 'events.ts'), ['--check']],
    ['filter fields in the docs', join(root, 'scripts', 'filter-fields.ts'), ['--check']],
    ['schema of files in the docs', join(root, 'scripts', 'organization-schema.ts'), ['--check']],
    ['regular expressions', join(root, 'scripts', 'regexes.ts'), []],
  ]
  let worst = 0
  for (const [name, file, stepArgs] of steps) {
    const started = Date.now()
    const code = await run(file, stepArgs)
    process.stdout.write(`${code === 0 ? 'passed' : 'FAILED'}: ${name} (${((Date.now() - started) / 1_000).toFixed(1)} s)\n`)
    if (code !== 0) worst = 1
  }
  return worst
}

/** The test of the OpenAPI document with as many inputs as are asked for; prints what was answered. */
function fuzz() {
  const [inputs = '1000000', seed = String(Date.now() % 1_000_000)] = args.filter(arg => arg !== '--')
  Object.assign(process.env, { FUZZ_INPUTS: inputs, FUZZ_SEED: seed })
  return run(script('vitest', 'vitest.mjs'), ['run', 'apps/server/test/fuzz.test.ts'])
}

/** Writes what runs in production, with licenses and hashes, as a CycloneDX document: to a file of this name, or `sbom.cdx.json`. */
function sbom() {
  const [file = 'sbom.cdx.json'] = args.filter(arg => arg !== '--')
  const made = spawnSync('npm', ['sbom', '--sbom-format', 'cyclonedx', '--sbom-type', 'application', '--package-lock-only'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 64 * 1_048_576,
    shell: process.platform === 'win32',
  })
  if (made.status !== 0) end('The bill of materials could not be made: see above.', 1)
  const bom = JSON.parse(made.stdout)
  // Not by `--omit dev`, nor by what npm marks as development: both leave out what production and development depend on.
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  const entries = Object.entries(packages).filter(([path, entry]) => path.includes('node_modules/') && entry.dev !== true)
  const running = new Set(
    entries.map(([path, { link, resolved, version }]) => `${path.split('node_modules/').at(-1)}@${link ? packages[resolved].version : version}`),
  )
  const components = bom.components.filter(component => running.has(component['bom-ref']))
  const refs = new Set([bom.metadata.component, ...components].map(component => component['bom-ref']))
  const dependencies = bom.dependencies
    .filter(({ ref }) => refs.has(ref))
    .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter(other => refs.has(other)) }))
  // npm names the whole by the folder that it lies in.
  const metadata = { ...bom.metadata, component: { ...bom.metadata.component, name: 'tocsin' } }
  writeFileSync(resolve(root, file), `${JSON.stringify({ ...bom, metadata, components, dependencies }, null, 2)}\n`)
  process.stdout.write(`${components.length} components in ${file}\n`)
  return 0
}

/** Asks the registry for known vulnerabilities of all parts, and which parts are behind. It ends with 1 where there is a vulnerability, or no answer. */
function audit() {
  const npm = (...given) => spawnSync('npm', given, { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' }).status ?? 1
  const found = npm('audit', '--package-lock-only')
  npm('outdated')
  return found
}

const cli = join(root, 'packages', 'cli', 'src', 'main.ts')
const commands = {
  serve: () => run(cli, ['serve', ...args]),
  demo: () => run(cli, ['demo', ...args]),
  test: () => run(script('vitest', 'vitest.mjs'), ['run', ...args]),
  check,
  bench: () => run(benchmark(), []),
  seed: () =>
    run(
      join(root, 'scripts', 'seed.ts'),
      args.filter(arg => arg !== '--'),
    ),
  fuzz,
  sbom,
  audit,
  screenshots: () => run(script('vitest', 'vitest.mjs'), ['run', '--config', 'scripts/screenshots.config.ts', ...args]),
}
checkArguments()
const needsPages = !['check', 'sbom', 'audit', 'seed'].includes(command)
if (needsPages) checkPath()
install()
if (needsPages) build()
process.exit(await commands[command]())
