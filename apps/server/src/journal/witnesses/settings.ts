import { createHash } from 'node:crypto'
import { isAbsolute } from 'node:path'
import { z } from 'zod'
import { type Config, settingsPart } from '../../kernel/config.ts'
import { postSigned } from '../../kernel/signed-webhook.ts'
import { formatSyslog, type SyslogReceiver, sendSyslog } from '../../kernel/syslog-sender.ts'
import { appendCheckpoint } from './file.ts'
import { commitCheckpoint } from './git.ts'
import type { Witness } from './witness.ts'

type Place =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'git'; readonly path: string; readonly hasPush: boolean }
  | { readonly kind: 'syslog'; readonly receiver: SyslogReceiver }
  | { readonly kind: 'webhook'; readonly url: string }

const transports = ['udp', 'tcp', 'tls'] as const
const maxWitnesses = 10
/** What takes a new line for each is spared more than what is only told. */
const restMs = { file: 60_000, git: 60_000, syslog: 10_000, webhook: 10_000 } as const
/** RFC 5424: log audit, notice. */
const facility = 13
const severity = 5

/** The place that an address of the list means; undefined for one that means none. */
function placeOf(address: string): Place | undefined {
  const [, scheme = '', rest = ''] = /^([a-z+]+):(.*)$/.exec(address) ?? []
  if (scheme === 'file' || scheme === 'git' || scheme === 'git+push') {
    const path = rest.replace(/^\/\/(?=\/)/, '')
    if (!isAbsolute(path) || path.startsWith('//')) return undefined
    return scheme === 'file' ? { kind: 'file', path } : { kind: 'git', path, hasPush: scheme === 'git+push' }
  }
  if (!URL.canParse(address)) return undefined
  const url = new URL(address)
  if (url.username !== '' || url.password !== '' || url.hash !== '') return undefined
  const transport = transports.find(one => scheme === `syslog+${one}`)
  if (transport !== undefined) {
    const isBare = /^\/?$/.test(url.pathname) && url.search === ''
    return isBare && url.hostname !== '' && Number(url.port) > 0
      ? { kind: 'syslog', receiver: { transport, host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port) } }
      : undefined
  }
  const isLocal = ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname)
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLocal) ? { kind: 'webhook', url: url.href } : undefined
}

const addresses = z
  .union([z.string(), z.array(z.string())])
  .transform(given => (typeof given === 'string' ? given.split(/[\s,]+/).filter(address => address !== '') : given))
  .superRefine((given, context) => {
    const refuse = (message: string) => context.addIssue({ code: 'custom', message })
    const wrong = given.findIndex(address => placeOf(address) === undefined)
    if (wrong >= 0)
      refuse(
        `must be a list of witnesses, but number ${wrong + 1} is none: file:/path, git:/folder, git+push:/folder, syslog+tls://host:port, syslog+tcp://host:port, syslog+udp://host:port, or https://…, without a password`,
      )
    else if (given.length > maxWitnesses) refuse(`must name at most ${maxWitnesses} witnesses`)
    else if (new Set(given).size < given.length) refuse('must name each witness once')
  })

/** Who is given the checkpoints of the audit log. */
export const witnessSettings = settingsPart(
  {
    TOCSIN_WITNESSES: addresses.default([]).describe('Places that are given the checkpoints of the audit log, separated by commas'),
    TOCSIN_WITNESS_SECRET: z
      .string()
      .transform(text => text.replace(/^whsec_/, ''))
      .refine(text => /^[A-Za-z0-9+/]+={0,2}$/.test(text) && Buffer.from(text, 'base64').length >= 24, 'must be whsec_ and at least 24 random bytes in base64')
      .optional()
      .describe('Secret that signs webhooks to witnesses'),
  },
  { TOCSIN_WITNESSES: 'value', TOCSIN_WITNESS_SECRET: 'is-set' },
  values =>
    values.TOCSIN_WITNESS_SECRET === undefined && values.TOCSIN_WITNESSES.some(address => placeOf(address)?.kind === 'webhook')
      ? 'TOCSIN_WITNESS_SECRET is required, because TOCSIN_WITNESSES names a webhook, which is signed.'
      : undefined,
)

/** The witnesses that the configuration names. */
export function openWitnesses(config: Config): Witness[] {
  const { TOCSIN_WITNESSES: given, TOCSIN_WITNESS_SECRET: secret = '' } = config.of(witnessSettings)
  const places = given.flatMap(address => placeOf(address) ?? [])
  return places.map((place, at) => {
    const before = places.slice(0, at).filter(({ kind }) => kind === place.kind).length
    return {
      name: `the witness ${place.kind}${before === 0 ? '' : ` ${before + 1}`}`,
      restMs: restMs[place.kind],
      witness: (checkpoint, signal) => give(place, secret, checkpoint, signal),
    }
  })
}

async function give(place: Place, secret: string, checkpoint: string, signal: AbortSignal): Promise<void> {
  if (place.kind === 'file') return appendCheckpoint(place.path, checkpoint)
  if (place.kind === 'git') return commitCheckpoint(place.path, place.hasPush, checkpoint, signal)
  const now = Date.now()
  if (place.kind === 'syslog') {
    const text = JSON.stringify({ checkpoint })
    return sendSyslog(place.receiver, [formatSyslog({ facility, severity, at: new Date(now).toISOString(), kind: 'checkpoint', text })], signal)
  }
  const id = `checkpoint_${createHash('sha256').update(checkpoint).digest('hex').slice(0, 32)}`
  // Those that the operator has configured may be inside.
  await postSigned({ url: place.url, id, sentAt: now, secret, body: JSON.stringify({ type: 'checkpoint', checkpoint }), reach: 'anywhere', signal })
}
