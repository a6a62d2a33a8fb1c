import { existsSync, readFileSync } from 'node:fs'
import { delimiter, isAbsolute, resolve } from 'node:path'
import { z } from 'zod'

/** A wrong configuration, told in one sentence that names the value. The process ends with exit code 2. */
export class ConfigProblem extends Error {
  override readonly name = 'ConfigProblem'
}

const port = z.coerce
  .number({ message: 'must be a number' })
  .int('must be a whole number')
  .min(0, 'must be between 0 and 65535')
  .max(65_535, 'must be between 0 and 65535')
const yesNo = z.union([
  z.boolean(),
  z.enum(['true', 'false', 'yes', 'no', '1', '0'], { message: 'must be true or false' }).transform(text => ['true', 'yes', '1'].includes(text)),
])
const web = (text: string) => /^https?:\/\/[^/]+$/.test(text)

/** Every setting, its environment variable, its default. In the file the same names stand as keys. */
export const settingsSchema = z.object({
  TOCSIN_DATA: z.string().min(1, 'must not be empty').default('./data').describe('Folder for the embedded database and the master key'),
  TOCSIN_HOST: z.string().min(1, 'must not be empty').default('127.0.0.1').describe('Address to listen on'),
  PORT: port.default(8080).describe('Port of web and API'),
  TOCSIN_PUBLIC_URL: z
    .string()
    .transform(text => text.replace(/\/$/, ''))
    .refine(web, 'must be an origin such as https://tocsin.example')
    .optional()
    .describe('Public origin of the web app, used for links in messages'),
  TOCSIN_SECRET: z.string().min(32, 'must have at least 32 characters').optional().describe('Master key; if not set, one is generated in the data folder'),
  DATABASE_URL: z
    .string()
    .refine(text => /^postgres(ql)?:\/\//.test(text), 'must start with postgres://')
    .optional()
    .describe('External PostgreSQL 15 or newer; if not set, an embedded one runs in the data folder'),
  SMTP_URL: z
    .string()
    .refine(text => /^smtps?:\/\/[^/]+/.test(text), 'must be a URL such as smtp://user:password@mail.example:587')
    .optional()
    .describe('Mail server; if not set, messages are held in the message log'),
  MAIL_FROM: z
    .string()
    .regex(/^[^<>\r\n]*<?[^<>@\s]+@[^<>@\s]+>?$/, 'must be a URL such as Tocsin <tocsin@example.org>')
    .default('Tocsin <tocsin@localhost>')
    .describe('From address of emails'),
  TOCSIN_MAIL_IN_DOMAIN: z
    .string()
    .toLowerCase()
    .regex(/^[a-z0-9-]+(\.[a-z0-9-]+)*$/, 'must be a domain such as reply.tocsin.example')
    .optional()
    .describe('Domain of reply addresses; its mail must be routed to TOCSIN_MAIL_IN_PORT'),
  TOCSIN_MAIL_IN_PORT: port.optional().describe('Port for incoming mail (SMTP) with replies; disabled if not set'),
  TWILIO_ACCOUNT_SID: z.string().min(1, 'must not be empty').optional().describe('Twilio account for SMS and calls'),
  TWILIO_AUTH_TOKEN: z.string().min(1, 'must not be empty').optional().describe('Twilio auth token; also verifies callbacks from Twilio'),
  TWILIO_FROM: z
    .string()
    .regex(/^\+[1-9]\d{6,14}$/, 'must be a phone number such as +15005550006')
    .optional()
    .describe('Phone number that sends SMS and calls'),
  TWILIO_API_URL: z.string().refine(web, 'must be an origin such as https://api.twilio.com').default('https://api.twilio.com').describe('API URL'),
  SLACK_BOT_TOKEN: z.string().min(1, 'must not be empty').optional().describe('Bot token of a Slack app with the scope chat:write'),
  SLACK_SIGNING_SECRET: z.string().min(1, 'must not be empty').optional().describe('Signing secret of the Slack app; verifies requests from Slack'),
  SLACK_API_URL: z
    .string()
    .regex(/^https?:\/\/[^?#]+[^/]$/, 'must be a URL such as https://slack.com/api')
    .default('https://slack.com/api')
    .describe('API URL'),
  TEAMS_APP_ID: z.string().min(1, 'must not be empty').optional().describe('Application (client) ID of a bot for Microsoft Teams'),
  TEAMS_APP_PASSWORD: z.string().min(1, 'must not be empty').optional().describe('Client secret of the bot'),
  TEAMS_TENANT_ID: z.string().min(1, 'must not be empty').optional().describe('Directory (tenant) ID; requests from other tenants are rejected'),
  TEAMS_LOGIN_URL: z
    .string()
    .refine(web, 'must be an origin such as https://login.microsoftonline.com')
    .default('https://login.microsoftonline.com')
    .describe('URL that issues tokens to the bot'),
  TEAMS_KEYS_URL: z
    .url({ message: 'must be a URL such as https://login.botframework.com/v1/.well-known/keys' })
    .default('https://login.botframework.com/v1/.well-known/keys')
    .describe('URL of the keys that verify requests from Teams'),
  TOCSIN_HEARTBEAT_URL: z
    .string()
    .refine(text => /^https?:\/\/[^/]+/.test(text), 'must be a URL such as https://monitor.example/heartbeat/abc')
    .optional()
    .describe('URL called every minute while everything is on time; point it at an external heartbeat monitor'),
  TOCSIN_ALLOW_PRIVATE_WEBHOOKS: yesNo.default(false).describe('Allow webhooks to private addresses'),
  TOCSIN_ALLOW_PRIVATE_FEEDS: yesNo.default(false).describe('Allow pulling indicator lists from private addresses'),
  TOCSIN_FOLLOW_FOLDERS: z
    .string()
    .transform(text => text.split(delimiter).filter(folder => folder !== ''))
    .refine(folders => folders.every(isAbsolute), `must be absolute paths of folders, separated by ${delimiter}`)
    .default([])
    .describe('Folders whose log files may be followed by log sources; none if not set'),
  TOCSIN_SYSLOG_UDP: port.optional().describe('Port for syslog over UDP; disabled if not set'),
  TOCSIN_SYSLOG_TCP: port.optional().describe('Port for syslog over TCP; disabled if not set'),
  TOCSIN_SYSLOG_TLS: port.optional().describe('Port for syslog over TLS; disabled if not set'),
  TOCSIN_SYSLOG_TLS_CERT: z.string().min(1, 'must not be empty').optional().describe('Certificate file for syslog over TLS (PEM)'),
  TOCSIN_SYSLOG_TLS_KEY: z.string().min(1, 'must not be empty').optional().describe('Key file for syslog over TLS (PEM)'),
  TOCSIN_TRUST_PROXY: yesNo.default(false).describe('Trust X-Forwarded-For and X-Forwarded-Proto; only behind a proxy that sets them'),
  TOCSIN_LOG_LEVEL: z
    .enum(['debug', 'info', 'warn', 'error', 'silent'], { message: 'must be one of debug, info, warn, error, silent' })
    .default('info')
    .describe('Minimum log level'),
})
type Settings = z.output<typeof settingsSchema>

export interface Config {
  readonly dataFolder: string
  readonly host: string
  readonly port: number
  readonly publicUrl: string | undefined
  readonly secret: string | undefined
  readonly databaseUrl: string | undefined
  readonly smtpUrl: string | undefined
  readonly mailFrom: string
  /** Replies to pages: where their mail is received. */
  readonly mailIn: { readonly port: number | undefined; readonly domain: string | undefined }
  readonly heartbeatUrl: string | undefined
  readonly twilio: {
    readonly accountSid: string | undefined
    readonly authToken: string | undefined
    readonly from: string | undefined
    readonly apiUrl: string
  }
  readonly slack: { readonly token: string | undefined; readonly signingSecret: string | undefined; readonly apiUrl: string }
  /** Microsoft Teams: a bot of one directory; undefined without one. */
  readonly teams:
    | { readonly appId: string; readonly appPassword: string; readonly tenantId: string; readonly loginUrl: string; readonly keysUrl: string }
    | undefined
  readonly mayReachPrivateWebhooks: boolean
  readonly mayReachPrivateFeeds: boolean
  /** Folders whose files may be followed. */
  readonly followFolders: readonly string[]
  readonly isProxyTrusted: boolean
  readonly syslog: {
    readonly udp: number | undefined
    readonly tcp: number | undefined
    readonly tls: number | undefined
    readonly certificateFile: string | undefined
    readonly keyFile: string | undefined
  }
  readonly logLevel: Settings['TOCSIN_LOG_LEVEL']
}

/**
 * Reads the configuration: environment over file (`TOCSIN_CONFIG`, JSON) over defaults.
 * @throws ConfigProblem for a wrong value or an unknown name, in the file or (where it begins with TOCSIN_) in the environment.
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  assertNoTypo(env)
  const path = env.TOCSIN_CONFIG
  const file = path ? readFile(path) : {}
  const unknown = Object.keys(file).find(name => !(name in settingsSchema.shape))
  if (unknown !== undefined)
    throw new ConfigProblem(`${path}: "${unknown}" is not a setting; the settings are ${Object.keys(settingsSchema.shape).join(', ')}.`)
  const given = Object.fromEntries(Object.keys(settingsSchema.shape).map(name => [name, env[name] !== undefined && env[name] !== '' ? env[name] : file[name]]))
  const parsed = settingsSchema.safeParse(given)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new ConfigProblem(`${String(issue?.path[0])} ${issue?.message}.`)
  }
  const s = parsed.data
  if ((s.TOCSIN_MAIL_IN_PORT === undefined) !== (s.TOCSIN_MAIL_IN_DOMAIN === undefined))
    throw new ConfigProblem('Set both TOCSIN_MAIL_IN_PORT and TOCSIN_MAIL_IN_DOMAIN, or neither.')
  return {
    dataFolder: resolve(s.TOCSIN_DATA),
    host: s.TOCSIN_HOST,
    port: s.PORT,
    publicUrl: s.TOCSIN_PUBLIC_URL,
    secret: s.TOCSIN_SECRET,
    databaseUrl: s.DATABASE_URL,
    smtpUrl: s.SMTP_URL,
    mailFrom: s.MAIL_FROM,
    mailIn: { port: s.TOCSIN_MAIL_IN_PORT, domain: s.TOCSIN_MAIL_IN_DOMAIN },
    heartbeatUrl: s.TOCSIN_HEARTBEAT_URL,
    twilio: { accountSid: s.TWILIO_ACCOUNT_SID, authToken: s.TWILIO_AUTH_TOKEN, from: s.TWILIO_FROM, apiUrl: s.TWILIO_API_URL },
    slack: { token: s.SLACK_BOT_TOKEN, signingSecret: s.SLACK_SIGNING_SECRET, apiUrl: s.SLACK_API_URL },
    teams: teamsOf(s),
    mayReachPrivateWebhooks: s.TOCSIN_ALLOW_PRIVATE_WEBHOOKS,
    mayReachPrivateFeeds: s.TOCSIN_ALLOW_PRIVATE_FEEDS,
    followFolders: s.TOCSIN_FOLLOW_FOLDERS.map(folder => resolve(folder)),
    isProxyTrusted: s.TOCSIN_TRUST_PROXY,
    syslog: {
      udp: s.TOCSIN_SYSLOG_UDP,
      tcp: s.TOCSIN_SYSLOG_TCP,
      tls: s.TOCSIN_SYSLOG_TLS,
      certificateFile: s.TOCSIN_SYSLOG_TLS_CERT,
      keyFile: s.TOCSIN_SYSLOG_TLS_KEY,
    },
    logLevel: s.TOCSIN_LOG_LEVEL,
  }
}

/** What else may be set in the same shell: the file of settings, and what the command line calls. */
const otherNames = ['TOCSIN_CONFIG', 'TOCSIN_URL', 'TOCSIN_API_KEY']

/** A setting that is mistyped would be ignored without a word. Names without our prefix may be anybody's. */
function assertNoTypo(env: Readonly<Record<string, string | undefined>>): void {
  const known = [...Object.keys(settingsSchema.shape), ...otherNames]
  const unknown = Object.keys(env).find(name => name.startsWith('TOCSIN_') && !known.includes(name))
  if (unknown === undefined) return
  const [nearest] = known.map(name => ({ name, distance: editDistance(unknown, name) })).sort((a, b) => a.distance - b.distance)
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

function teamsOf(s: Settings): Config['teams'] {
  const { TEAMS_APP_ID: appId, TEAMS_APP_PASSWORD: appPassword, TEAMS_TENANT_ID: tenantId } = s
  if (appId === undefined && appPassword === undefined && tenantId === undefined) return undefined
  if (appId === undefined || appPassword === undefined || tenantId === undefined)
    throw new ConfigProblem('Set all of TEAMS_APP_ID, TEAMS_APP_PASSWORD and TEAMS_TENANT_ID, or none.')
  return { appId, appPassword, tenantId, loginUrl: s.TEAMS_LOGIN_URL, keysUrl: s.TEAMS_KEYS_URL }
}

function readFile(path: string): Record<string, unknown> {
  if (!existsSync(path)) throw new ConfigProblem(`TOCSIN_CONFIG names the file ${path}, which does not exist.`)
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch (error) {
    throw new ConfigProblem(`${path} is not a JSON object: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}.`)
  }
}
