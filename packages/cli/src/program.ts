import { ProblemError, SnoozeMinutes, validate, version } from '@tocsin/api'
import { rotationTypes } from '@tocsin/oncall'
import { Argument, Command, InvalidArgumentError, Option } from 'commander'
import { alertSend } from './alert-send.ts'
import type { DetectOptions } from './detect.ts'
import { alertList, listCsv, search, showFields } from './finding.ts'
import { type Importer, importers } from './import/tools.ts'
import { incidentList, incidentShow } from './incidents.ts'
import { journalVerify } from './journal-verify.ts'
import type { HandoffOptions } from './oncall.ts'
import { CliProblem, type Output, outputOf } from './output.ts'

/** The command line. A wrong one is one sentence, with an exit code of its own in every command: what is set here is set for those that follow. */
export const program = new Command('tocsin')
  .description('Security incident management: the server, and a client for its API')
  .version(version)
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : usageExitCode))
program.option('--json', 'output JSON')
program.addOption(new Option('--url <origin>', 'URL of the Tocsin server').env('TOCSIN_URL').default('http://localhost:8080'))
program.addOption(new Option('--key <key>', 'API key').env('TOCSIN_API_KEY'))

/** Of a command line that cannot be understood, and of what it names that is not there. */
const usageExitCode = 2

function originOf(url: string): string {
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    throw new CliProblem('--url (or TOCSIN_URL) must be a URL such as https://tocsin.example.', usageExitCode)
  return url.replace(/\/$/, '')
}

/** Runs a command: what it throws is one sentence on standard error (or JSON), and its exit code. */
async function run(work: (output: Output, api: { origin: string; apiKey: string | undefined }) => Promise<void>): Promise<void> {
  const { json, url, key } = program.opts<{ json?: boolean; url: string; key?: string }>()
  const output = outputOf(json === true)
  try {
    const api = {
      // Asked for by the commands that call the server.
      get origin() {
        return originOf(url)
      },
      apiKey: key,
    }
    await work(output, api)
  } catch (error) {
    const isKeyMissing = key === undefined && error instanceof ProblemError && error.problem.status === 401
    output.problem(
      isKeyMissing ? new CliProblem('An API key is required. Set TOCSIN_API_KEY, or use --key. Keys are created under Settings → Service accounts.') : error,
    )
    process.exitCode = error instanceof CliProblem ? error.exitCode : 1
  }
}

for (const [name, description, withDemo] of [
  ['serve', 'run the server', false],
  ['demo', 'run the server with a demo organization and a simulated attack', true],
] as const)
  program
    .command(name)
    .description(description)
    .option('--port <port>', 'port for the web app and the API')
    .addOption(
      new Option(
        '--role <role>',
        'what this process runs: everything, web without paging, or paging only (default: web, with a separate pager process)',
      ).choices(['all', 'web', 'paging'] as const),
    )
    .option('--accept-restored-audit-log', 'continue the audit log of a database restored from an older backup; this is kept in the audit log')
    .option('--recover-administrator <email>', 'print a link with which this administrator, who cannot sign in, sets a new password and second factor')
    .action(async (options: { port?: string; role?: 'all' | 'web' | 'paging'; acceptRestoredAuditLog?: boolean; recoverAdministrator?: string }) => {
      const { port, role, acceptRestoredAuditLog, recoverAdministrator } = options
      // Loaded only here: the other commands need no server.
      const { serve } = await import('@tocsin/server')
      const isJson = program.opts<{ json?: boolean }>().json === true
      await serve({ port, role, withDemo, isJson, acceptsRestoredLog: acceptRestoredAuditLog, recoverAdministrator })
    })

program
  .command('key')
  .description('the master key')
  .command('rotate')
  .description('replace the master key, while no server runs (TOCSIN_SECRET is the new one and TOCSIN_SECRET_OLD the earlier one, where they are set)')
  .action(async () => {
    const { rotateKey } = await import('@tocsin/server')
    await rotateKey(program.opts<{ json?: boolean }>().json === true)
  })

const journal = program.command('journal').description('the audit log')
journal
  .command('verify')
  .argument('<file>', 'an exported audit log or incident')
  .option('--trusted-key <key>', 'the public key of the log, obtained from a source you trust')
  .option('--since <file>', 'an older export, or a file with a checkpoint, that the exported audit log must extend')
  .description('verify an export against its signed checkpoint')
  .action((file: string, options: { trustedKey?: string; since?: string }) => run(output => journalVerify(output, file, options)))

const deadLetters = () => import('./dead-letters.ts')
journal
  .command('dead-letters')
  .option('--all', 'include replayed and discarded dead letters')
  .description('list audit log entries that a reader failed to process')
  .action((options: { all?: boolean }) => run(async (output, api) => (await deadLetters()).deadLetterList(output, api, options.all === true)))
journal
  .command('replay')
  .argument('[id]', 'ID of a dead letter (default: all open dead letters, oldest first)')
  .description('process dead letters again')
  .action((id: string | undefined) => run(async (output, api) => (await deadLetters()).deadLetterReplay(output, api, id)))
journal
  .command('discard')
  .argument('<id>', 'ID of a dead letter')
  .requiredOption('--reason <text>', 'reason, kept in the audit log')
  .description('discard a dead letter permanently')
  .action((id: string, { reason }: { reason: string }) => run(async (output, api) => (await deadLetters()).deadLetterDiscard(output, api, id, reason)))

program
  .command('search')
  .argument('<words...>', 'text to search for, or a number such as INC-1')
  .description('search alerts, incidents, people, services, customers, teams and rules')
  .action((words: string[]) => run((output, api) => search(output, api, words)))

const filterOption = () => new Option('--filter <filter>', 'filter such as "severity:high host:db-*"; "help" prints the fields').default('')
const alert = program.command('alert').alias('alerts').description('list and send alerts')
alert
  .command('list')
  .description('list the alerts in the triage queue')
  .addOption(filterOption())
  .addOption(new Option('--view <view>', 'which alerts').choices(['triage', 'all']).default('triage'))
  .addOption(new Option('--sort <order>', 'order of the list').choices(['severity', 'newest', 'oldest', 'lastSeen', 'count']))
  .option('--csv', 'write CSV, newest first')
  .action(({ csv, ...options }: Parameters<typeof alertList>[2] & { csv?: boolean }) =>
    run(async (output, api) => {
      if (options.filter === 'help') showFields(output, 'alerts')
      else if (csv === true) await listCsv(api, 'alertsCsv', options)
      else await alertList(output, api, options)
    }),
  )
alert
  .command('send')
  .description('send an alert')
  .requiredOption('--title <title>', 'title of the alert')
  .addOption(new Option('--severity <severity>', 'severity of the alert').choices(['info', 'low', 'medium', 'high', 'critical']).default('medium'))
  .option('--service <name>', 'a service in the catalog')
  .option('--dedup-key <key>', 'deduplication key: repeated alerts with the same key are grouped while the alert is open')
  .option('--source <name>', 'source of the alert', 'command line')
  .option('--description <text>', 'description of the alert')
  .action((options: Parameters<typeof alertSend>[2]) => run((output, api) => alertSend(output, api, options)))

const page = program.command('page').description('list pages and respond to them')
const pages = () => import('./pages.ts')
page
  .command('list')
  .description('list pages, unacknowledged ones first')
  .option('--mine', 'only pages sent to you')
  .action((options: { mine?: boolean }) => run(async (output, api) => (await pages()).pageList(output, api, options.mine === true)))
page
  .command('show')
  .argument('<id>', 'ID of the page, or the end of it')
  .description('show a page with its timeline')
  .action((id: string) => run(async (output, api) => (await pages()).pageShow(output, api, id)))
page
  .command('acknowledge')
  .alias('ack')
  .argument('<id>', 'ID of the page, or the end of it')
  .description('acknowledge a page and stop its escalation')
  .action((id: string) => run(async (output, api) => (await pages()).pageAction(output, api, id, { kind: 'acknowledge' })))
page
  .command('decline')
  .argument('<id>', 'ID of the page, or the end of it')
  .option('--to <email>', 'person to reassign the page to (default: escalate to the next level)')
  .option('--reason <text>', 'reason')
  .description('decline a page, or reassign it')
  .action((id: string, { to, reason }: { to?: string; reason?: string }) =>
    run(async (output, api) =>
      (await pages()).pageAction(output, api, id, { kind: 'decline', people: to === undefined ? [] : [to], ...(reason === undefined ? {} : { reason }) }),
    ),
  )
page
  .command('escalate')
  .argument('<id>', 'ID of the page, or the end of it')
  .description('escalate a page to the next level now')
  .action((id: string) => run(async (output, api) => (await pages()).pageAction(output, api, id, { kind: 'escalate' })))
page
  .command('add')
  .argument('<id>', 'ID of the page, or the end of it')
  .argument('<email...>', 'people to page')
  .description('add responders')
  .action((id: string, people: string[]) => run(async (output, api) => (await pages()).pageAction(output, api, id, { kind: 'add', people })))
page
  .command('snooze')
  .argument('<id>', 'ID of the page, or the end of it')
  .option('--minutes <n>', 'duration of the snooze, from 5 to 1440', snoozeMinutes, 30)
  .description('snooze an acknowledged page; afterwards it escalates again')
  .action((id: string, { minutes }: { minutes: number }) =>
    run(async (output, api) => (await pages()).pageAction(output, api, id, { kind: 'snooze', minutes })),
  )

const incident = program.command('incident').alias('incidents').description('list and show incidents')
incident
  .command('list')
  .description('list open incidents')
  .option('--all', 'include closed incidents')
  .addOption(filterOption())
  .option('--csv', 'write CSV, newest first')
  .action(({ all, filter, csv }: { all?: boolean; filter: string; csv?: boolean }) =>
    run(async (output, api) => {
      if (filter === 'help') showFields(output, 'incidents')
      else if (csv === true) await listCsv(api, 'incidentsCsv', { filter, view: all === true ? 'all' : 'open' })
      else await incidentList(output, api, all === true, filter)
    }),
  )
incident
  .command('show')
  .argument('<incident>', 'number or ID of the incident')
  .description('show an incident with its timeline')
  .action((which: string) => run((output, api) => incidentShow(output, api, which)))

const list = (value: string, before: readonly string[]) => [...before, value]

function wholeNumber(value: string): number {
  const number = Number(value)
  if (!/^\d+$/.test(value) || number < 1 || number > 64) throw new InvalidArgumentError('Must be a whole number from 1 to 64.')
  return number
}

function snoozeMinutes(value: string): number {
  const parsed = validate(SnoozeMinutes, value.trim() === '' ? value : Number(value))
  if ('data' in parsed) return parsed.data
  throw new InvalidArgumentError(`It ${parsed.errors[0]?.message}.`)
}

function upTo999(value: string): number {
  if (!/^[1-9]\d{0,2}$/.test(value)) throw new InvalidArgumentError('Must be a whole number from 1 to 999.')
  return Number(value)
}

function logSource(value: string): Record<string, string> {
  const parts = value.split(',').map(part => part.split('='))
  if (parts.some(([key = '', text = '', ...rest]) => !['category', 'product', 'service'].includes(key) || text === '' || rest.length > 0))
    throw new InvalidArgumentError('Must be a list such as product=linux,service=sshd. Allowed parts are category, product and service.')
  return Object.fromEntries(parts)
}

program
  .command('detect')
  .description('match a file of events (JSON lines, may be compressed) against Sigma rules, offline')
  .argument('<file>', 'file of events, or - for standard input')
  .option('--rules <path>', 'a rule file, a folder or a .tar.gz (repeatable)', list, [])
  .option('--indicators <path>', 'a list of indicators of compromise: CSV, one per line, or a STIX 2.1 bundle (repeatable)', list, [])
  .option('--placeholders <file>', 'JSON file with the values of rule placeholders, such as {"Admins":["adm-*"]}')
  .option('--mapping <file>', 'JSON file with the field mapping of the events, such as {"DestinationIp":["myapp.client.ip"]}')
  .option('--threads <n>', 'number of worker threads', wholeNumber, 1)
  .option('--count', 'print counts instead of matches')
  .option('--logsource <parts>', 'log source of all events, such as product=linux,service=sshd (default: detected for each event)', logSource)
  .action((file: string, options: Omit<DetectOptions, 'count'> & { count?: boolean }) =>
    run(async () => {
      const { detect } = await import('./detect.ts')
      if (options.rules.length === 0 && options.indicators.length === 0) throw new CliProblem('--rules is required: a rule file, a folder or a .tar.gz.', 2)
      await detect(file, { ...options, count: options.count === true })
    }),
  )

const rules = program.command('rules').description('check, import and test Sigma rules')
rules
  .command('check')
  .argument('<path...>', 'rule files, folders or archives')
  .description('report errors in rule files')
  .action((paths: string[]) => run(async output => (await import('./rules.ts')).rulesCheck(output, paths)))
rules
  .command('import')
  .argument('<path>', 'a rule file, a folder, a git checkout or an archive')
  .option('--disabled', 'import new rules as disabled')
  .description('import rules into a server and update existing ones')
  .action((path: string, options: { disabled?: boolean }) =>
    run(async (output, api) => (await import('./rules-import.ts')).rulesImport(output, api, path, options.disabled !== true)),
  )
rules
  .command('test')
  .argument('<path>', 'a folder of rules, or one rule file')
  .description('test rules with the events next to them: name.positive.ndjson, name.negative.ndjson')
  .action((path: string) => run(async output => (await import('./rules.ts')).rulesTest(output, path)))

const oncall = program.command('oncall').description('calculate who is on call from files, without a server')
oncall
  .command('handoffs')
  .description('print the handoff times of a rotation as JSON')
  .addOption(new Option('--type <type>', 'unit of the shift length').choices(rotationTypes).makeOptionMandatory())
  .option('--every <n>', 'shift length in that unit', upTo999, 1)
  .requiredOption('--start <wall time>', 'local time of the first handoff, such as 2026-03-23T09:00')
  .requiredOption('--zone <zone>', 'time zone of the rotation')
  .requiredOption('--from <instant>', 'start of the period')
  .requiredOption('--until <instant>', 'end of the period (exclusive)')
  .action((options: HandoffOptions) => run(async () => (await import('./oncall.ts')).oncallHandoffs(options)))
oncall
  .command('who')
  .description('print who is on call in a schedule at a time, as JSON')
  .requiredOption('-f, --file <file>', 'a YAML file of schedules')
  .requiredOption('--schedule <name>', 'name of a schedule in the file')
  .requiredOption('--at <instant>', 'the time')
  .action((options: { file: string; schedule: string; at: string }) => run(async () => (await import('./oncall.ts')).oncallWho(options)))
/** A command that looks at a period of a file. */
const ofPeriod = (name: string, description: string) =>
  oncall
    .command(name)
    .description(description)
    .requiredOption('-f, --file <file>', 'a YAML file of schedules')
    .requiredOption('--from <instant>', 'start of the period')
    .requiredOption('--until <instant>', 'end of the period (exclusive)')
ofPeriod('shifts', 'print the shifts of a schedule, gaps included, as JSON')
  .requiredOption('--schedule <name>', 'name of a schedule in the file')
  .action((options: { file: string; schedule: string; from: string; until: string }) => run(async () => (await import('./oncall.ts')).oncallShifts(options)))
ofPeriod('fairness', 'print the hours, nights, weekends and holidays of each person in a schedule, as JSON')
  .requiredOption('--schedule <name>', 'name of a schedule in the file')
  .action((options: { file: string; schedule: string; from: string; until: string }) => run(async () => (await import('./oncall.ts')).oncallFairness(options)))
ofPeriod('coverage', 'print coverage gaps, people in two tiers at once and shifts that are too long, as JSON; exits with 1 if there are any').action(
  (options: { file: string; from: string; until: string }) => run(async () => (await import('./oncall.ts')).oncallCoverage(options)),
)

program
  .command('apply')
  .description('apply teams, people, schedules, policies and services from files, after showing what would change')
  .requiredOption('-f, --file <path>', 'a YAML file, or a folder of YAML files')
  .option('--plan', 'only show what would change')
  .option('--yes', 'skip the confirmation')
  .action((options: { file: string; plan?: boolean; yes?: boolean }) =>
    run(async (output, api) => (await import('./organization.ts')).applyFiles(output, api, options.file, options)),
  )
program
  .command('export')
  .description('export teams, people, schedules, policies and services as YAML for apply')
  .option('-o, --out <folder>', 'write one file per kind to this folder (default: standard output)')
  .action((options: { out?: string }) => run(async (output, api) => (await import('./organization.ts')).exportFiles(output, api, options.out)))
program
  .command('schema')
  .description('print the JSON Schema of the files for apply')
  .action(() => run(async () => (await import('./organization.ts')).printSchema()))
program
  .command('import')
  .description('convert exports of another tool (JSON of its API) to files for apply, and list what could not be converted')
  .addArgument(new Argument('<tool>', 'the tool').choices(importers))
  .argument('<export...>', 'one or more files with API responses of the tool')
  .option('-o, --out <folder>', 'write one file per kind to this folder (default: standard output)')
  .option('--at <instant>', 'time of the export, used to determine who was on call (default: now)')
  .action((tool: Importer, paths: string[], options: { out?: string; at?: string }) =>
    run(async output => (await import('./import/index.ts')).importFrom(output, tool, paths, options)),
  )
