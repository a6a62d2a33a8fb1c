import { existsSync, readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { z } from 'zod'
import { ConfigProblem } from './config-problem.ts'
import { isLoopback } from './network.ts'
import { readSecretSource, sourceNamesOf } from './secret-sources.ts'

/** What of a setting the journal keeps: its value; the host of an address that may hold a password; of a secret only that it is set; nothing of what each server has for itself. */
type Kept = 'value' | 'host' | 'is-set' | 'nothing'

/** The settings of one part of the program: each is an environment variable, and a key of the file. */
export interface SettingsPart<Shape extends z.ZodRawShape = z.ZodRawShape> {
  readonly schema: z.ZodObject<Shape>
  readonly kept: Readonly<Record<keyof Shape & string, Kept>>
  /** What is wrong with them together, as a sentence. */
  problemOf(values: z.output<z.ZodObject<Shape>>): string | undefined
}

/** Declares the settings of a part. Every module hands in its own (`app/config.ts`), and reads them with {@link Config.of}. */
export function settingsPart<Shape extends z.ZodRawShape>(
  shape: Shape,
  kept: Readonly<Record<keyof Shape & string, Kept>>,
  problemOf: (values: z.output<z.ZodObject<Shape>>) => string | undefined = () => undefined,
): SettingsPart<Shape> {
  return { schema: z.object(shape), kept, problemOf }
}

/** For settings of which one without the others would be ignored without a word: what is wrong where some are set and some are not. */
export const allOrNone =
  <Name extends string>(...names: readonly Name[]) =>
  (values: { readonly [name in Name]?: unknown }): string | undefined => {
    const missing = names.filter(name => values[name] === undefined).length
    if (missing === 0 || missing === names.length) return undefined
    const [all, none] = names.length === 2 ? ['both', 'neither'] : ['all of', 'none']
    return `Set ${all} ${names.slice(0, -1).join(', ')} and ${names.at(-1)}, or ${none}.`
  }

export const port = z.coerce
  .number({ message: 'must be a number' })
  .int('must be a whole number')
  .min(0, 'must be between 0 and 65535')
  .max(65_535, 'must be between 0 and 65535')
export const yesNo = z.union([z.boolean(), z.enum(['true', 'false', 'yes', 'no', '1', '0']).transform(text => ['true', 'yes', '1'].includes(text))], {
  message: 'must be true or false',
})
export const isOrigin = (text: string) => /^https?:\/\/[^\s/?#]+$/.test(text) && URL.canParse(text)

/**
 * True for a URL with one of these schemes that means what was meant: a # or / in a password begins a fragment or a path unless it is percent-encoded.
 */
export function isServerUrl(text: string, schemes: readonly string[]): boolean {
  if (!URL.canParse(text) || !/^\S*$/.test(text)) return false
  const { protocol, pathname, hash, username, password, hostname } = new URL(text)
  const isWhole = text.startsWith(`${protocol}//`) && hash === '' && !pathname.includes('@')
  return schemes.includes(protocol) && isWhole && [username, password, hostname].every(isDecodable)
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

function isNetwork(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/')
  const version = isIP(address)
  if (version === 0 || more.length > 0) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) >= 1 && Number(bits) <= (version === 4 ? 32 : 128))
}

/** `true`, as it was before networks could be named, means what no stranger can send from. */
const proxies = z
  .union([z.boolean(), z.string()])
  .transform(given => {
    const text = String(given)
    if (['false', 'no', '0'].includes(text)) return []
    return ['true', 'yes', '1'].includes(text) ? ['loopback', 'linklocal', 'uniquelocal'] : text.split(',').map(network => network.trim())
  })
  .refine(networks => networks.every(network => ['loopback', 'linklocal', 'uniquelocal'].includes(network) || isNetwork(network)), {
    message: 'must be networks such as 10.0.0.0/8,192.0.2.10, or true for those that are loopback or private',
  })

const isHostPattern = (entry: string) => isNetwork(entry) || /^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*$/.test(entry)

const outboundHosts = z
  .string()
  .transform(text => text.split(',').map(entry => entry.trim().toLowerCase()))
  .refine(entries => entries.every(isHostPattern), 'must be hosts and networks such as hooks.example.org,*.example.com,10.0.0.0/8')

/** True where the driver connects to a socket, or by the loopback interface. Where the URL names no host, it takes that of `PGHOST`. */
function isOnThisMachine(url: URL): boolean {
  const host = url.searchParams.getAll('host').at(-1) || decodeURIComponent(url.hostname) || (process.env.PGHOST ?? '')
  return host === '' || host.startsWith('/') || isLoopback(host)
}

/** The driver takes the last of several, and an empty one as none. */
const hasSslMode = (url: URL) => (url.searchParams.getAll('sslmode').at(-1) ?? '') !== ''

const databaseUrl = z
  .string()
  .refine(text => /^postgres(ql)?:\/\//.test(text), { message: 'must start with postgres://', abort: true })
  .refine(text => isServerUrl(text, ['postgres:', 'postgresql:']), {
    message: 'must be a URL such as postgres://user:password@host:5432/tocsin; write special characters in the password percent-encoded',
    abort: true,
  })
  .refine(
    // Without one, the driver would send everything in the clear.
    text => isOnThisMachine(new URL(text)) || hasSslMode(new URL(text)),
    'must name an sslmode, because its host is another machine: add ?sslmode=verify-full, with &sslrootcert=/path/ca.pem for a CA of your own, or ?sslmode=disable in a network that you trust',
  )
  .refine(text => {
    const { searchParams } = new URL(text)
    return searchParams.has('sslcert') === searchParams.has('sslkey')
  }, 'must name both sslcert and sslkey, or neither')

/** The settings of the kernel. */
export const kernelSettings = settingsPart(
  {
    TOCSIN_DATA: z.string().min(1, 'must not be empty').default('./data').describe('Folder for the embedded database and the master key'),
    TOCSIN_HOST: z.string().min(1, 'must not be empty').default('127.0.0.1').describe('Address to listen on'),
    PORT: port.default(8080).describe('Port of web and API'),
    TOCSIN_PUBLIC_URL: z
      .string()
      .transform(text => text.replace(/\/$/, ''))
      .refine(isOrigin, 'must be an origin such as https://tocsin.example')
      .optional()
      .describe('Public origin of the web app, used for links in messages'),
    TOCSIN_SECRET: z.string().min(32, 'must have at least 32 characters').optional().describe('Master key; if not set, one is generated in the data folder'),
    TOCSIN_SECRET_OLD: z
      .string()
      .min(32, 'must have at least 32 characters')
      .optional()
      .describe('Master key that TOCSIN_SECRET replaces, for tocsin key rotate alone'),
    DATABASE_URL: databaseUrl.optional().describe('External PostgreSQL 15 or newer; if not set, an embedded one runs in the data folder'),
    DATABASE_OWNER_URL: databaseUrl
      .optional()
      .describe('The owner of its tables, for migrations; the user of DATABASE_URL then needs no rights over the schema and gets none over the audit log'),
    TOCSIN_ALLOW_PRIVATE_WEBHOOKS: yesNo.default(false).describe('Allow webhooks to private addresses'),
    TOCSIN_OUTBOUND_HOSTS: outboundHosts
      .optional()
      .describe(
        'Hosts, such as hooks.example.org or *.example.org, addresses and networks that webhooks and feeds may be sent to and pulled from, separated by commas; all if not set',
      ),
    TOCSIN_TRUST_PROXY: proxies.default([]).describe('Networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are trusted, separated by commas'),
    TOCSIN_SECURITY_CONTACT: z
      .string()
      .refine(
        text => /^(mailto:[^\s@]+@[^\s@]+|https:\/\/\S+)$/.test(text) && URL.canParse(text),
        'must be a URL such as mailto:security@example.com or https://example.com/security',
      )
      .optional()
      .describe('Where strangers report a vulnerability of this server, told at /.well-known/security.txt'),
    TOCSIN_LOG_LEVEL: z
      .enum(['debug', 'info', 'warn', 'error', 'silent'], { message: 'must be one of debug, info, warn, error, silent' })
      .default('info')
      .describe('Minimum log level'),
  },
  {
    TOCSIN_DATA: 'nothing',
    TOCSIN_HOST: 'value',
    PORT: 'value',
    TOCSIN_PUBLIC_URL: 'value',
    TOCSIN_SECRET: 'is-set',
    TOCSIN_SECRET_OLD: 'is-set',
    DATABASE_URL: 'host',
    DATABASE_OWNER_URL: 'host',
    TOCSIN_ALLOW_PRIVATE_WEBHOOKS: 'value',
    TOCSIN_OUTBOUND_HOSTS: 'value',
    TOCSIN_TRUST_PROXY: 'value',
    TOCSIN_SECURITY_CONTACT: 'value',
    TOCSIN_LOG_LEVEL: 'value',
  },
  // Otherwise a lost or mistyped DATABASE_URL would start a new, empty installation.
  ({ DATABASE_URL: url, DATABASE_OWNER_URL: owner }) =>
    owner !== undefined && url === undefined ? 'DATABASE_OWNER_URL is set without DATABASE_URL. Set both, or neither for the embedded database.' : undefined,
)
type KernelSettings = z.output<typeof kernelSettings.schema>

type KeptSetting = string | number | boolean | string[] | null

const KeptValue = z.union([z.string(), z.number(), z.boolean(), z.array(z.string())])

function keep(how: Kept | undefined, value: unknown): KeptSetting {
  if (value === undefined) return null
  if (how === 'is-set') return '(set)'
  return how === 'host' ? new URL(String(value)).host : KeptValue.parse(value)
}

export interface Config {
  /** The settings of a part. */
  of<Shape extends z.ZodRawShape>(part: SettingsPart<Shape>): z.output<z.ZodObject<Shape>>
  /** Every setting by its name, as the journal may keep it. */
  readonly kept: Readonly<Record<string, KeptSetting>>
  readonly dataFolder: string
  readonly host: string
  readonly port: number
  readonly publicUrl: string | undefined
  readonly secret: string | undefined
  /** The master key that `secret` replaces. */
  readonly oldSecret: string | undefined
  readonly databaseUrl: string | undefined
  readonly databaseOwnerUrl: string | undefined
  readonly mayReachPrivateWebhooks: boolean
  /** Where webhooks and feeds may lead; undefined for everywhere. */
  readonly outboundHosts: readonly string[] | undefined
  /** Networks of proxies, as proxy-addr reads them. */
  readonly trustedProxies: readonly string[]
  /** Where to report a vulnerability of this server, as a URL. */
  readonly securityContact: string | undefined
  readonly logLevel: KernelSettings['TOCSIN_LOG_LEVEL']
}

/**
 * Reads the configuration: environment over file (`TOCSIN_CONFIG`, JSON) over defaults. The value of a secret `X` may be in a file that `X_FILE` names in the
 * environment, or be printed by the command `X_COMMAND`.
 * @param parts those of the modules, beside the kernel's own
 * @throws ConfigProblem for a wrong value or an unknown name, in the file or (where it begins with TOCSIN_) in the environment.
 */
export function readSettings(environment: Readonly<Record<string, string | undefined>>, parts: readonly SettingsPart[]): Config {
  const all: readonly SettingsPart[] = [kernelSettings, ...parts]
  const names = all.flatMap(part => Object.keys(part.schema.shape))
  const secretNames = all.flatMap(part => Object.keys(part.kept).filter(name => part.kept[name] === 'is-set' || part.kept[name] === 'host'))
  const sourceNames = secretNames.flatMap(sourceNamesOf)
  assertNoTypo(environment, names, sourceNames)
  const env = withoutEnds(environment, [...names, ...sourceNames, ...otherNames])
  const path = env.TOCSIN_CONFIG
  const file = path ? withoutEnds(readFile(path), names) : {}
  const unknown = Object.keys(file).find(name => !names.includes(name))
  if (unknown !== undefined) throw new ConfigProblem(`${path}: "${unknown}" is not a setting; the settings are ${names.join(', ')}.`)
  const given = (name: string) => {
    const sourced = secretNames.includes(name) ? readSecretSource(env, name, secretNames) : undefined
    return sourced ?? (env[name] !== undefined && env[name] !== '' ? env[name] : file[name])
  }
  const values = new Map<SettingsPart, Readonly<Record<string, unknown>>>(all.map(part => [part, readPart(part, given)]))
  const config: Pick<Config, 'of'> = {
    of<Shape extends z.ZodRawShape>(part: SettingsPart<Shape>) {
      // The values were parsed by the schema of the same part.
      const found = values.get(part) as z.output<z.ZodObject<Shape>> | undefined
      if (!found) throw new Error('a part of the program whose settings were not read: app/config.ts lists them')
      return found
    },
  }
  const s = config.of(kernelSettings)
  return {
    ...config,
    kept: Object.fromEntries(
      [...values].flatMap(([part, own]) =>
        Object.keys(part.schema.shape).flatMap(name => (part.kept[name] === 'nothing' ? [] : [[name, keep(part.kept[name], own[name])] as const])),
      ),
    ),
    dataFolder: resolve(s.TOCSIN_DATA),
    host: s.TOCSIN_HOST,
    port: s.PORT,
    publicUrl: s.TOCSIN_PUBLIC_URL,
    secret: s.TOCSIN_SECRET,
    oldSecret: s.TOCSIN_SECRET_OLD,
    databaseUrl: s.DATABASE_URL,
    databaseOwnerUrl: s.DATABASE_OWNER_URL,
    mayReachPrivateWebhooks: s.TOCSIN_ALLOW_PRIVATE_WEBHOOKS,
    outboundHosts: s.TOCSIN_OUTBOUND_HOSTS,
    trustedProxies: s.TOCSIN_TRUST_PROXY,
    securityContact: s.TOCSIN_SECURITY_CONTACT,
    logLevel: s.TOCSIN_LOG_LEVEL,
  }
}

/** Of these the white space at the ends stays: another master key would not be the one that the data was encrypted with. */
const asWritten = ['TOCSIN_SECRET', 'TOCSIN_SECRET_OLD']

/** A file with the line ends of Windows leaves a carriage return in each value, and a value from `echo` a line feed: no setting means one. */
function withoutEnds<Value>(given: Readonly<Record<string, Value>>, names: readonly string[]): Record<string, Value | string> {
  const isCut = (name: string) => names.includes(name) && !asWritten.includes(name)
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, typeof value === 'string' && isCut(name) ? value.trim() : value]))
}

function readPart(part: SettingsPart, given: (name: string) => unknown): Readonly<Record<string, unknown>> {
  const parsed = part.schema.safeParse(Object.fromEntries(Object.keys(part.schema.shape).map(name => [name, given(name)])))
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new ConfigProblem(`${String(issue?.path[0])} ${issue?.message}.`)
  }
  const problem = part.problemOf(parsed.data)
  if (problem !== undefined) throw new ConfigProblem(problem)
  return parsed.data
}

/** What else may be set in the same shell: the file of settings, and what the command line calls. */
const otherNames = ['TOCSIN_CONFIG', 'TOCSIN_URL', 'TOCSIN_API_KEY']

/** A setting that is mistyped would be ignored without a word. Names without our prefix may be anybody's. */
function assertNoTypo(env: Readonly<Record<string, string | undefined>>, names: readonly string[], sourceNames: readonly string[]): void {
  const known = [...names, ...otherNames]
  const unknown = Object.keys(env).find(name => name.startsWith('TOCSIN_') && !known.includes(name) && !sourceNames.includes(name))
  if (unknown === undefined) return
  const [nearest] = [...known, ...sourceNames].map(name => ({ name, distance: editDistance(unknown, name) })).sort((a, b) => a.distance - b.distance)
  const hint = nearest !== undefined && nearest.distance <= 3 ? `did you mean ${nearest.name}?` : `the settings are ${known.join(', ')}.`
  throw new ConfigProblem(`${unknown} is not a setting: ${hint}`)
}

/** Letters to add, remove or change to make one word the other (Levenshtein). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (const [i, character] of [...a].entries()) {
    const next = [i + 1]
    for (const [j, other] of [...b].entries()) next.push(Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (character === other ? 0 : 1)))
    row = next
  }
  return row[b.length] ?? 0
}

function readFile(path: string): Record<string, unknown> {
  if (!existsSync(path)) throw new ConfigProblem(`TOCSIN_CONFIG names the file ${path}, which does not exist.`)
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(readFileSync(path, 'utf8').replace(/^\u{feff}/u, '')))
  } catch (error) {
    throw new ConfigProblem(`${path} is not a JSON object: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}.`)
  }
}
