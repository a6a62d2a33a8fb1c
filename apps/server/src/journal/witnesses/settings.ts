import { createHash } from 'node:crypto'
import { isAbsolute } from 'node:path'
import { type Config, settingsPart } from '../../kernel/config.ts'
import { addressList, type Receiver, receiverOf, webhookSecret, webhookSecretProblem } from '../../kernel/receiver-address.ts'
import { postSigned } from '../../kernel/signed-webhook.ts'
import { formatSyslog, sendSyslog } from '../../kernel/syslog-sender.ts'
import { appendCheckpoint } from './file.ts'
import { commitCheckpoint } from './git.ts'
import type { Witness } from './witness.ts'

type Place = Receiver | { readonly kind: 'file'; readonly path: string } | { readonly kind: 'git'; readonly path: string; readonly hasPush: boolean }

/** What takes a new line for each is spared more than what is only told. */
const restMs = { file: 60_000, git: 60_000, syslog: 10_000, webhook: 10_000 } as const
/** RFC 5424: log audit, notice. */
const facility = 13
const severity = 5

/** The place that an address of the list means; undefined for one that means none. */
function placeOf(address: string): Place | undefined {
  const [, scheme = '', rest = ''] = /^([a-z+]+):(.*)$/.exec(address) ?? []
  if (scheme !== 'file' && scheme !== 'git' && scheme !== 'git+push') return receiverOf(address)
  const path = rest.replace(/^\/\/(?=\/)/, '')
  if (!isAbsolute(path) || path.startsWith('//')) return undefined
  return scheme === 'file' ? { kind: 'file', path } : { kind: 'git', path, hasPush: scheme === 'git+push' }
}

const addresses = addressList(
  { many: 'witnesses', one: 'witness' },
  'file:/path, git:/folder, git+push:/folder, syslog+tls://host:port, syslog+tcp://host:port, syslog+udp://host:port, or https://…',
  address => placeOf(address) !== undefined,
)

/** Who is given the checkpoints of the audit log. */
export const witnessSettings = settingsPart(
  {
    TOCSIN_WITNESSES: addresses.default([]).describe('Places that are given the checkpoints of the audit log, separated by commas'),
    TOCSIN_WITNESS_SECRET: webhookSecret.optional().describe('Secret that signs webhooks to witnesses'),
  },
  { TOCSIN_WITNESSES: 'value', TOCSIN_WITNESS_SECRET: 'is-set' },
  values => {
    const hasWebhook = values.TOCSIN_WITNESSES.some(address => placeOf(address)?.kind === 'webhook')
    return webhookSecretProblem({ list: 'TOCSIN_WITNESSES', secret: 'TOCSIN_WITNESS_SECRET' }, hasWebhook, values.TOCSIN_WITNESS_SECRET !== undefined)
  },
)

/** By what checkpoints are believed. */
interface Identity {
  /** The verifier key of the log. */
  readonly key: string
  /** The statements by which each earlier key names the next: who knows only an earlier one believes no checkpoint without them. */
  readonly successions: readonly string[]
}

/** Statements that are sent with each checkpoint. */
const maxSuccessions = 20

/** The witnesses that the configuration names. */
export function openWitnesses(config: Config, { key, successions = [] }: Partial<Identity> = {}): Witness[] {
  const { TOCSIN_WITNESSES: given, TOCSIN_WITNESS_SECRET: secret = '' } = config.of(witnessSettings)
  const places = given.flatMap(address => placeOf(address) ?? [])
  return places.map((place, at) => {
    // What is kept line by line has it once, before the first checkpoint of this process.
    let untold = successions.at(-1)
    const before = places.slice(0, at).filter(({ kind }) => kind === place.kind).length
    return {
      name: `the witness ${place.kind}${before === 0 ? '' : ` ${before + 1}`}`,
      restMs: restMs[place.kind],
      witness: async (checkpoint, signal) => {
        await give(place, secret, { checkpoint, key, successions, untold }, signal)
        untold = undefined
      },
    }
  })
}

interface Given {
  readonly checkpoint: string
  readonly key: string | undefined
  readonly successions: readonly string[]
  /** The latest, until the place has it. */
  readonly untold: string | undefined
}

async function give(place: Place, secret: string, { checkpoint, key, successions, untold }: Given, signal: AbortSignal): Promise<void> {
  if (place.kind === 'file') return appendCheckpoint(place.path, checkpoint, untold)
  if (place.kind === 'git') return commitCheckpoint(place.path, place.hasPush, checkpoint, signal, untold)
  const now = Date.now()
  if (place.kind === 'syslog') {
    const text = JSON.stringify({ checkpoint, succession: successions.at(-1) })
    return sendSyslog(place.receiver, [formatSyslog({ facility, severity, at: new Date(now).toISOString(), kind: 'checkpoint', text })], signal)
  }
  const id = `checkpoint_${createHash('sha256').update(checkpoint).digest('hex').slice(0, 32)}`
  // Those that the operator has configured may be inside.
  await postSigned({
    url: place.url,
    id,
    sentAt: now,
    secret,
    body: JSON.stringify({ type: 'checkpoint', checkpoint, key, successions: successions.slice(-maxSuccessions) }),
    reach: 'anywhere',
    signal,
  })
}
