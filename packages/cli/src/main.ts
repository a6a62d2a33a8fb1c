import { rotationTypes } from '@tocsin/oncall'
import { Argument, Command, InvalidArgumentError, Option } from 'commander'
import { alertSend } from './alert-send.ts'
import type { DetectOptions } from './detect.ts'
import { type Importer, importers } from './import/tools.ts'
import { incidentList, incidentShow } from './incidents.ts'
import { journalVerify } from './journal-verify.ts'
import type { HandoffOptions } from './oncall.ts'
import { CliProblem, type Output, outputOf } from './output.ts'

// Who reads no further (`| head`) has what they wanted.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

const program = new Command('tocsin').description('Security incident management: the server, and a client of its API').version('0.1.0').showHelpAfterError()
program.option('--json', 'answer with JSON')
program.addOption(new Option('--url <origin>', 'where Tocsin is').env('TOCSIN_URL').default('http://localhost:8080'))
program.addOption(new Option('--key <key>', 'API key').env('TOCSIN_API_KEY'))

/** Runs a command: what it throws is one sentence on standard error (or JSON), and its exit code. */
async function run(work: (output: Output, api: { origin: string; apiKey: string | undefined }) => Promise<void>): Promise<void> {
  const { json, url, key } = program.opts<{ json?: boolean; url: string; key?: string }>()
  const output = outputOf(json === true)
  try {
    await work(output, { origin: url.replace(/\/$/, ''), apiKey: key })
  } catch (error) {
    output.problem(error)
    process.exitCode = error instanceof CliProblem ? error.exitCode : 1
  }
}

for (const [name, description, withDemo] of [
  ['serve', 'run the server', false],
  ['demo', 'run the server with the demo organization and one attack on it', true],
] as const)
  program
    .command(name)
    .description(description)
    .option('--port <port>', 'port of web and API')
    .addOption(
      new Option('--role <role>', 'what this process does: all, web without paging, or paging only; without it: web, with a pager beside it').choices([
        'all',
        'web',
        'paging',
      ] as const),
    )
    .action(async ({ port, role }: { port?: string; role?: 'all' | 'web' | 'paging' }) => {
      // Loaded only here: the other commands need no server.
      const { serve } = await import('@tocsin/server')
      await serve({ port, role, withDemo, isJson: program.opts<{ json?: boolean }>().json === true })
    })

const journal = program.command('journal').description('the record')
journal
  .command('verify')
  .argument('<file>', 'an exported journal or incident')
  .option('--trusted-key <key>', 'the key of the log as you know it from elsewhere')
  .description('check an export against its signed checkpoint')
  .action((file: string, options: { trustedKey?: string }) => run(output => journalVerify(output, file, options.trustedKey)))

const deadLetters = () => import('./dead-letters.ts')
journal
  .command('dead-letters')
  .option('--all', 'replayed and discarded ones too')
  .description('entries that a reader of the journal has set aside')
  .action((options: { all?: boolean }) => run(async (output, api) => (await deadLetters()).deadLetterList(output, api, options.all === true)))
journal
  .command('replay')
  .argument('[id]', 'of a dead letter; without it all that are open, the oldest first')
  .description('have the reader take in what it has set aside')
  .action((id: string | undefined) => run(async (output, api) => (await deadLetters()).deadLetterReplay(output, api, id)))
journal
  .command('discard')
  .argument('<id>', 'of a dead letter')
  .requiredOption('--reason <text>', 'why; kept in the journal')
  .description('give a dead letter up for good')
  .action((id: string, { reason }: { reason: string }) => run(async (output, api) => (await deadLetters()).deadLetterDiscard(output, api, id, reason)))

const alert = program.command('alert').description('alerts')
alert
  .command('send')
  .description('send one alert')
  .requiredOption('--title <title>', 'what happened')
  .addOption(new Option('--severity <severity>', 'how bad it is').choices(['info', 'low', 'medium', 'high', 'critical']).default('medium'))
  .option('--service <name>', 'a service of the catalog')
  .option('--dedup-key <key>', 'alerts with the same key are one while it is open')
  .option('--source <name>', 'who says so', 'command line')
  .option('--description <text>', 'more about it')
  .action((options: Parameters<typeof alertSend>[2]) => run((output, api) => alertSend(output, api, options)))

const page = program.command('page').description('pages: what people were paged about')
const pages = () => import('./pages.ts')
page
  .command('list')
  .description('the latest, those that wait for an answer first')
  .option('--mine', 'those that went to you')
  .action((options: { mine?: boolean }) => run(async (output, api) => (await pages()).pageList(output, api, options.mine === true)))
page
  .command('show')
  .argument('<id>', 'its id, or the end of it')
  .description('its whole story')
  .action((id: string) => run(async (output, api) => (await pages()).pageShow(output, api, id)))
page
  .command('acknowledge')
  .alias('ack')
  .argument('<id>', 'its id, or the end of it')
  .description('take it up: it climbs no further')
  .action((id: string) => run(async (output, api) => (await pages()).pageAction(output, api, id, { kind: 'acknowledge' })))
page
  .command('decline')
  .argument('<id>', 'its id, or the end of it')
  .option('--to <email>', 'who is to take it; without it the next step is paged')
  .option('--reason <text>', 'why')
  .description('say that you cannot take it')
  .action((id: string, { to, reason }: { to?: string; reason?: string }) =>
    run(async (output, api) =>
      (await pages()).pageAction(output, api, id, { kind: 'decline', people: to === undefined ? [] : [to], ...(reason === undefined ? {} : { reason }) }),
    ),
  )
page
  .command('escalate')
  .argument('<id>', 'its id, or the end of it')
  .description('go on to the next step now')
  .action((id: string) => run(async (output, api) => (await pages()).pageAction(output, api, id, { kind: 'escalate' })))
page
  .command('add')
  .argument('<id>', 'its id, or the end of it')
  .argument('<email...>', 'whom to page about the same')
  .description('add responders')
  .action((id: string, people: string[]) => run(async (output, api) => (await pages()).pageAction(output, api, id, { kind: 'add', people })))
page
  .command('snooze')
  .argument('<id>', 'its id, or the end of it')
  .option('--minutes <n>', 'for so long', shiftLength, 30)
  .description('let a page that somebody took up rest; it climbs again afterwards')
  .action((id: string, { minutes }: { minutes: number }) =>
    run(async (output, api) => (await pages()).pageAction(output, api, id, { kind: 'snooze', minutes })),
  )

const incident = program.command('incident').description('incidents')
incident
  .command('list')
  .description('the open incidents')
  .option('--all', 'closed ones too')
  .action((options: { all?: boolean }) => run((output, api) => incidentList(output, api, options.all === true)))
incident
  .command('show')
  .argument('<incident>', 'its number or id')
  .description('one incident with its timeline')
  .action((which: string) => run((output, api) => incidentShow(output, api, which)))

const list = (value: string, before: readonly string[]) => [...before, value]

function wholeNumber(value: string): number {
  const number = Number(value)
  if (!/^\d+$/.test(value) || number < 1 || number > 64) throw new InvalidArgumentError('It must be a whole number from 1 to 64.')
  return number
}

function shiftLength(value: string): number {
  if (!/^[1-9]\d{0,2}$/.test(value)) throw new InvalidArgumentError('It must be a whole number from 1 to 999.')
  return Number(value)
}

function logSource(value: string): Record<string, string> {
  const parts = value.split(',').map(part => part.split('='))
  if (parts.some(([key = '', text = '', ...rest]) => !['category', 'product', 'service'].includes(key) || text === '' || rest.length > 0))
    throw new InvalidArgumentError('It is written product=linux,service=sshd, with category, product and service as its parts.')
  return Object.fromEntries(parts)
}

program
  .command('detect')
  .description('match a file of events (JSON, a line each; may be compressed) against Sigma rules, offline')
  .argument('<file>', 'the events, or - for standard input')
  .option('--rules <path>', 'a rule file, a folder or a .tar.gz; may stand several times', list, [])
  .option('--indicators <path>', 'a list of indicators of compromise (CSV, a line each, or a STIX 2.1 bundle); may stand several times', list, [])
  .option('--placeholders <file>', 'JSON: what placeholders of rules stand for, as {"Admins":["adm-*"]}')
  .option('--mapping <file>', 'JSON: where fields stand in these events, as {"DestinationIp":["myapp.client.ip"]}')
  .option('--threads <n>', 'worker threads', wholeNumber, 1)
  .option('--count', 'count instead of listing')
  .option('--logsource <parts>', 'what every event is, as product=linux,service=sshd; without it events say it themselves', logSource)
  .action((file: string, options: Omit<DetectOptions, 'count'> & { count?: boolean }) =>
    run(async () => {
      const { detect } = await import('./detect.ts')
      if (options.rules.length === 0 && options.indicators.length === 0) throw new CliProblem('--rules is missing: a rule file, a folder or a .tar.gz.', 2)
      await detect(file, { ...options, count: options.count === true })
    }),
  )

const rules = program.command('rules').description('Sigma rules')
rules
  .command('check')
  .argument('<path...>', 'rule files, folders or archives')
  .description('say of each rule file what is wrong with it')
  .action((paths: string[]) => run(async output => (await import('./rules.ts')).rulesCheck(output, paths)))
rules
  .command('import')
  .argument('<path>', 'a rule file, a folder, a git checkout or an archive')
  .option('--disabled', 'new rules are not in force yet')
  .description('import rules into a server; what is there and differs is changed')
  .action((path: string, options: { disabled?: boolean }) =>
    run(async (output, api) => (await import('./rules-import.ts')).rulesImport(output, api, path, options.disabled !== true)),
  )
rules
  .command('test')
  .argument('<path>', 'a folder of rules, or one rule file')
  .description('run the events that stand beside rules: name.positive.ndjson, name.negative.ndjson')
  .action((path: string) => run(async output => (await import('./rules.ts')).rulesTest(output, path)))

const oncall = program.command('oncall').description('who is on call, from files, without a server')
oncall
  .command('handoffs')
  .description('the instants at which turns of a rotation change, as JSON')
  .addOption(new Option('--type <type>', 'what a turn is counted in').choices(rotationTypes).makeOptionMandatory())
  .option('--every <n>', 'so many of them a turn', shiftLength, 1)
  .requiredOption('--start <wall time>', 'the first handoff on the wall clock, as 2026-03-23T09:00')
  .requiredOption('--zone <zone>', 'the time zone of the clock')
  .requiredOption('--from <instant>', 'from this instant on')
  .requiredOption('--until <instant>', 'until before this instant')
  .action((options: HandoffOptions) => run(async () => (await import('./oncall.ts')).oncallHandoffs(options)))
oncall
  .command('who')
  .description('who is on call in a schedule at an instant, as JSON')
  .requiredOption('-f, --file <file>', 'a YAML file of schedules')
  .requiredOption('--schedule <name>', 'one of them')
  .requiredOption('--at <instant>', 'when')
  .action((options: { file: string; schedule: string; at: string }) => run(async () => (await import('./oncall.ts')).oncallWho(options)))
/** A command that looks at a period of a file. */
const ofPeriod = (name: string, description: string) =>
  oncall
    .command(name)
    .description(description)
    .requiredOption('-f, --file <file>', 'a YAML file of schedules')
    .requiredOption('--from <instant>', 'from this instant on')
    .requiredOption('--until <instant>', 'until this instant')
ofPeriod('shifts', 'the shifts of a schedule, gaps included, as JSON')
  .requiredOption('--schedule <name>', 'one of them')
  .action((options: { file: string; schedule: string; from: string; until: string }) => run(async () => (await import('./oncall.ts')).oncallShifts(options)))
ofPeriod('fairness', 'hours, nights, weekends and holidays of each person in a schedule, as JSON')
  .requiredOption('--schedule <name>', 'one of them')
  .action((options: { file: string; schedule: string; from: string; until: string }) => run(async () => (await import('./oncall.ts')).oncallFairness(options)))
ofPeriod('coverage', 'gaps, people in two depths at once and stretches that are too long, as JSON; exit code 1 when there are some').action(
  (options: { file: string; from: string; until: string }) => run(async () => (await import('./oncall.ts')).oncallCoverage(options)),
)

const apply = program
  .command('apply')
  .description('bring teams, people, schedules, policies and services to what files say: shows first what would change')
  .requiredOption('-f, --file <path>', 'a folder of YAML files, or one')
  .option('--plan', 'only show what would change')
  .option('--yes', 'do not ask')
  .action((options: { file: string; plan?: boolean; yes?: boolean }) =>
    run(async (output, api) => (await import('./organization.ts')).applyFiles(output, api, options.file, options)),
  )
program
  .command('export')
  .description('teams, people, schedules, policies and services as YAML, as apply takes them')
  .option('-o, --out <folder>', 'a file for each kind there; without it all to standard output')
  .action((options: { out?: string }) => run(async (output, api) => (await import('./organization.ts')).exportFiles(output, api, options.out)))
program
  .command('schema')
  .description('the JSON Schema of the files that apply takes, for editors')
  .action(() => run(async () => (await import('./organization.ts')).printSchema()))
const importing = program
  .command('import')
  .description('make files of what another pager exported (JSON of its API), and say what could not be carried over')
  .addArgument(new Argument('<tool>', 'which one').choices(importers))
  .argument('<export...>', 'its answers, one file or several')
  .option('-o, --out <folder>', 'a file for each kind there; without it all to standard output')
  .option('--at <instant>', 'when it was exported, where that decides whose turn it is; now without it')
  .action((tool: Importer, paths: string[], options: { out?: string; at?: string }) =>
    run(async output => (await import('./import/index.ts')).importFrom(output, tool, paths, options)),
  )

// A command line that is wrong is told in one sentence, with a code of its own.
const offline = [program.commands.find(command => command.name() === 'detect'), rules, ...rules.commands, oncall, ...oncall.commands, apply, importing]
for (const command of offline) command?.showHelpAfterError(false).exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))

await program.parseAsync()
