import { type Checkpoint, logKeys, NotGenuine, openCheckpoint } from '@tocsin/merkle'
import { sql } from 'drizzle-orm'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { AppContext } from '../../access/index.ts'
import { record, system } from '../../journal/index.ts'
import { addMinutes } from '../../kernel/clock.ts'
import { holdLock, type Tx, transactionRetried } from '../../kernel/database.ts'
import { readForeignJson } from '../../kernel/foreign-body.ts'
import { AppProblem, conflict, notFound } from '../../kernel/problems.ts'
import { readSetting, saveSetting } from '../../kernel/settings.ts'
import { openSigned } from '../../kernel/signed-webhook.ts'
import { witnessIntakeSettings } from './settings.ts'

const maxBytes = 32_768
const limits = { bodyLimit: maxBytes, config: { rateLimit: { max: 600, timeWindow: 60_000 } } }
/** Logs of other installations. */
const maxLogs = 50
/** The newest checkpoint is kept in any case. Two installations that witness one another would otherwise go on for ever, an entry for each entry of the other. */
const minutesBetweenEntries = 60

const Sent = z.strictObject({
  type: z.literal('checkpoint'),
  checkpoint: z.string().max(4_000),
  /** The verifier key of the log. */
  key: z.string().max(300),
  /** By which each key of the log has named the next. */
  successions: z.array(z.string().max(4_000)).max(20).default([]),
})

const Reason = z.enum(['fewer entries', 'other entries', 'another key'])
type Reason = z.output<typeof Reason>

/** What is known of a log: its newest checkpoint, which the key has signed that was known first, or that it has named. */
const Known = z.object({
  key: z.string(),
  checkpoint: z.string(),
  size: z.number(),
  /** Base64. */
  root: z.string(),
  /** By the clock of the sender, in seconds. */
  sentAt: z.number(),
  recordedAt: z.string(),
  /** Each reason by itself: who sends what is refused for one hides no other. */
  refusedAt: z.partialRecord(Reason, z.string()),
})
type Known = z.output<typeof Known>

/** Takes the checkpoints of other installations, as their witness: a log that was rewritten, or lost entries, is told by this one. */
export function mountWitness(http: FastifyInstance, context: AppContext): void {
  const { TOCSIN_WITNESS_INTAKE_SECRET: secret } = context.config.of(witnessIntakeSettings)
  void http.register(async inner => {
    inner.removeAllContentTypeParsers()
    // As text, because signatures are made over it.
    inner.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => done(null, body))
    inner.post('/hooks/witness', limits, async (request, reply) => {
      if (secret === undefined) throw notFound('witness: TOCSIN_WITNESS_INTAKE_SECRET is not set')
      const body = String(request.body ?? '')
      const sentAt = openSigned(secret, request.headers, body, Date.parse(context.clock.now()))
      if (sentAt === undefined) throw new AppProblem('forbidden', 'This request is not signed with TOCSIN_WITNESS_INTAKE_SECRET.')
      const sent = Sent.safeParse(readForeignJson(Buffer.from(body)))
      if (!sent.success) throw new AppProblem('invalid', 'The body is not a checkpoint of another Tocsin.')
      // What was found is on record and pages also where the request is refused.
      const refusal = await transactionRetried(context.database, tx => take(tx, context, sent.data, sentAt))
      if (refusal !== undefined) throw refusal
      return reply.code(204).send()
    })
  })
}

const settingOf = (origin: string) => `witness.${origin}`

/** @returns why the checkpoint is refused */
async function take(tx: Tx, context: AppContext, sent: z.output<typeof Sent>, sentAt: number): Promise<AppProblem | undefined> {
  const [origin = ''] = sent.checkpoint.split('\n', 1)
  await holdLock(tx, 'witnessing')
  const known = await readSetting(tx, settingOf(origin), Known)
  if (known === undefined) return welcome(tx, sent, sentAt)
  const keys = keysOf(sent)
  const opened = keys?.some(({ key }) => key === known.key) ? open(sent.checkpoint, keys) : undefined
  if (opened === undefined) return refuse(tx, context, origin, 'another key', sent.checkpoint, known)
  if (opened.size < known.size) {
    // One that was overtaken on its way says nothing.
    if (sentAt < known.sentAt) return undefined
    return refuse(tx, context, origin, 'fewer entries', sent.checkpoint, known)
  }
  if (opened.size > known.size) {
    await keep(tx, opened, sent, { ...known, sentAt })
    return undefined
  }
  return rootOf(opened) === known.root ? undefined : refuse(tx, context, origin, 'other entries', sent.checkpoint, known)
}

const rootOf = ({ root }: Checkpoint) => Buffer.from(root).toString('base64')
const open = (checkpoint: string, keys: Parameters<typeof openCheckpoint>[1]) => genuine(() => openCheckpoint(checkpoint, keys))
/** The keys of a log: the one that signs, and the one that has named it. */
const keysOf = ({ key, successions }: z.output<typeof Sent>) => genuine(() => logKeys(key, successions))

function genuine<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    if (error instanceof NotGenuine) return undefined
    throw error
  }
}

/** The key of a log that was not known before is believed: the secret says that its installation is one of ours. */
async function welcome(tx: Tx, sent: z.output<typeof Sent>, sentAt: number): Promise<AppProblem | undefined> {
  const opened = open(sent.checkpoint, keysOf(sent) ?? sent.key)
  if (opened === undefined) return new AppProblem('invalid', 'checkpoint: must be signed by key.', [{ path: 'checkpoint', message: 'must be signed by key' }])
  const { rows } = await tx.db.execute<{ n: number }>(sql`select count(*)::int as n from settings where name like 'witness.%'`)
  if ((rows[0]?.n ?? 0) >= maxLogs) return conflict(`This server is the witness of ${maxLogs} audit logs, and takes no more.`)
  await keep(tx, opened, sent, { sentAt, refusedAt: {} })
  return undefined
}

/** Keeps the newest checkpoint; on record where the log or its key is new, and otherwise not more often than now and then. */
async function keep(
  tx: Tx,
  opened: Checkpoint,
  { checkpoint, key }: z.output<typeof Sent>,
  known: Pick<Known, 'sentAt' | 'refusedAt'> & Partial<Known>,
): Promise<void> {
  const { origin, size } = opened
  const { sentAt, refusedAt, recordedAt } = known
  const isDue = recordedAt === undefined || known.key !== key || recordedAt <= addMinutes(tx.now, -minutesBetweenEntries)
  const next: Known = { key, checkpoint, size, root: rootOf(opened), sentAt, refusedAt, recordedAt: isDue ? tx.now : recordedAt }
  await saveSetting(tx, settingOf(origin), next)
  if (isDue)
    await record(tx, {
      ...{ actor: system, type: 'journal.checkpoint-received', subject: { kind: 'journal', id: origin } },
      data: { origin, size, checkpoint, key },
    })
}

const meaning: Readonly<Record<Reason, string>> = {
  'fewer entries': 'has fewer entries than before: it lost some, or was restored from a backup',
  'other entries': 'has other entries than before: it was rewritten',
  'another key': 'was signed by a key that the one known here has not named: somebody else has signed it, or it was begun anew under the same name',
}

async function refuse(tx: Tx, context: AppContext, origin: string, reason: Reason, checkpoint: string, known: Known): Promise<AppProblem> {
  const { refusedAt, checkpoint: before, size } = known
  const last = refusedAt[reason]
  if (last === undefined || last <= addMinutes(tx.now, -minutesBetweenEntries)) {
    await saveSetting(tx, settingOf(origin), { ...known, refusedAt: { ...refusedAt, [reason]: tx.now } } satisfies Known)
    await record(tx, {
      ...{ actor: system, type: 'journal.checkpoint-refused', subject: { kind: 'journal', id: origin } },
      data: { origin, reason, checkpoint, before },
    })
    await context.alarms.raise(tx, {
      // A page that somebody acknowledged is about this contradiction, and holds back none of a later one.
      key: `witness:${origin}:${reason}:${size}`,
      title: 'The audit log of another Tocsin contradicts its earlier checkpoint',
      summary: `A checkpoint of the audit log ${origin}, which this Tocsin is a witness of, ${meaning[reason]}. Both are in the audit log here, in the entry journal.checkpoint-refused. Ask who runs that installation, and if they cannot explain it, treat it as compromised.`,
    })
  }
  return conflict(`The checkpoint was refused: its log ${meaning[reason]}.`)
}
