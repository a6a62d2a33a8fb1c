import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { and, eq, isNotNull, isNull, lt, sql } from 'drizzle-orm'
import { z } from 'zod'
import { addSeconds, type Instant } from './clock.ts'
import type { Database, Reader, Tx } from './database.ts'
import type { ReceivedFile } from './files.ts'
import { newId } from './ids.ts'
import { defineJob, housekeepingLane } from './jobs/lanes.ts'
import type { JobRunner } from './jobs/runner.ts'
import { schedule } from './jobs/schedule.ts'
import { AppProblem } from './problems.ts'
import { sealedColumn, sealFor, unsealRow } from './sealed-columns.ts'
import type { Secrets } from './secrets.ts'
import { readSetting, saveSetting } from './settings.ts'
import { idempotencyKeys } from './tables.ts'

/** The answer to a repeated request is kept for so long. */
const keptSeconds = 86_400
/** A workflow that has not finished by then was cut off: the request may be sent again. */
const workflowSeconds = 300
const purgeJob = defineJob({ kind: 'idempotency.purge', lane: housekeepingLane, data: z.object({}) })

/** One request that may come twice. */
export interface Repeatable {
  /** Digest of who calls which route with which key. */
  readonly id: string
  /** Digest of what was asked: parameters, body and files. */
  readonly request: string
}

/** What a handler gave back; the flag says that it was an earlier run of it. */
export interface Once {
  readonly result: unknown
  readonly isReplayed: boolean
}

const sealedReplies = sealedColumn(idempotencyKeys.id, idempotencyKeys.reply, 'idempotency_keys.reply')
const replyDamaged =
  'The first request with this Idempotency-Key was carried out, but the stored answer cannot be read. See what it did before you send it again with a new key.'

const withdrawn =
  'The first request with this Idempotency-Key was carried out, but who may see what has changed since then, so its answer is not repeated. See what it did before you send it again with a new key.'

/** A key that a request has claimed, and when. */
interface Claim {
  readonly id: string
  readonly at: Instant
  /** That of the answers at this time: what the request reads may be withdrawn from then on. */
  readonly generation: string
}

/** An answer as it is kept. */
const Kept = z.object({ generation: z.string(), result: z.unknown() })

const generationSetting = 'idempotency.generation'
const readGeneration = async (reader: Reader) => (await readSetting(reader, generationSetting, z.string())) ?? ''
/** Transactions that have begun a generation: their own answer is of it. */
const beginners = new WeakMap<Tx, string>()

/**
 * Answers that were kept until now are repeated to nobody. Called in each transaction by which somebody may see less than before: an answer of then would tell
 * what is hidden now.
 */
export async function withdrawAnswers(tx: Tx): Promise<void> {
  const generation = newId()
  await saveSetting(tx, generationSetting, generation)
  beginners.set(tx, generation)
}

/** Deletes the answers that were kept until now, and not only their repetition: one may hold what is being erased. Their keys stay used. */
export async function eraseAnswers(tx: Tx): Promise<void> {
  await withdrawAnswers(tx)
  await tx.db.update(idempotencyKeys).set({ reply: '' }).where(isNotNull(idempotencyKeys.reply))
}

/** @throws AppProblem invalid for a key that is no key */
export function readKey(header: string | readonly string[] | undefined): string | undefined {
  if (header === undefined) return undefined
  if (typeof header !== 'string' || !/^[\x21-\x7e]{1,200}$/.test(header))
    throw new AppProblem('invalid', 'Idempotency-Key: must be 1 to 200 visible ASCII characters, such as a UUID.', [
      { path: 'Idempotency-Key', message: 'must be 1 to 200 visible ASCII characters, such as a UUID' },
    ])
  return header
}

/**
 * @param caller undefined where nobody is known: such callers share no keys, so that none can use up or read what another asked
 * @param route method and path with its placeholders
 */
export async function describeRequest(
  key: string,
  caller: string | undefined,
  route: string,
  asked: { readonly params: unknown; readonly query: unknown; readonly body: unknown; readonly files: readonly ReceivedFile[] },
): Promise<Repeatable> {
  const digest = (parts: readonly unknown[]) => createHash('sha256').update(JSON.stringify(parts)).digest('hex')
  const files: string[] = []
  for (const { name, path } of asked.files) {
    const hash = createHash('sha256')
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
    files.push(name, hash.digest('hex'))
  }
  const request = digest([asked.params ?? null, asked.query ?? null, asked.body ?? null, files])
  return { id: digest(caller === undefined ? [null, route, key, request] : [caller, route, key]), request }
}

/**
 * Runs requests that carry an `Idempotency-Key` once. Answers are kept sealed, as some hold a secret that is shown once.
 */
export class Idempotency {
  readonly #secrets: Secrets

  constructor(secrets: Secrets) {
    this.#secrets = secrets
  }

  /**
   * A command: the key is claimed, the work done and its answer kept in one transaction. One that comes meanwhile waits for that transaction.
   * @param isKept asked after the work: whether its answer may be kept
   */
  async command(tx: Tx, request: Repeatable, work: () => Promise<unknown>, isKept: () => boolean): Promise<Once> {
    const claim = await this.#claim(tx, request, 0)
    if ('isReplayed' in claim) return claim
    const result = await work()
    if (isKept()) await this.#keep(tx, claim, result)
    else await this.#forget(tx, claim)
    return { result, isReplayed: false }
  }

  /**
   * A workflow of several transactions: the key is claimed in one, the answer kept in another. One that comes meanwhile is told to come again; where the
   * server was killed in between, the outcome is not known, and after some minutes the request is run again.
   */
  async workflow(database: Database, request: Repeatable, work: () => Promise<unknown>, isKept: (result: unknown) => boolean): Promise<Once> {
    const claim = await database.transaction(tx => this.#claim(tx, request, workflowSeconds))
    if ('isReplayed' in claim) return claim
    const forget = () => database.transaction(tx => this.#forget(tx, claim))
    let result: unknown
    try {
      result = await work()
    } catch (error) {
      // Where the database is away its claim runs out by itself.
      await forget().catch(() => undefined)
      throw error
    }
    if (!isKept(result)) await forget()
    else await database.transaction(tx => this.#keep(tx, claim, result))
    return { result, isReplayed: false }
  }

  /** @returns the answer of the request that had the key before, or our claim */
  async #claim(tx: Tx, { id, request }: Repeatable, unfinishedSeconds: number): Promise<Once | Claim> {
    const isOver = sql`${idempotencyKeys.createdAt} <= ${addSeconds(tx.now, -keptSeconds)}
      or (${idempotencyKeys.reply} is null and ${idempotencyKeys.createdAt} <= ${addSeconds(tx.now, -unfinishedSeconds)})`
    const claimed = await tx.db
      .insert(idempotencyKeys)
      .values({ id, request, reply: null, createdAt: tx.now })
      .onConflictDoUpdate({ target: idempotencyKeys.id, set: { request, reply: null, createdAt: tx.now }, setWhere: isOver })
      .returning({ id: idempotencyKeys.id })
    const generation = await readGeneration(tx)
    if (claimed.length > 0) return { id, at: tx.now, generation }
    const [earlier] = await tx.db.select().from(idempotencyKeys).where(eq(idempotencyKeys.id, id))
    if (earlier === undefined || earlier.reply === null) throw new StillRunning()
    if (earlier.request !== request)
      throw new AppProblem('key-reused', 'This Idempotency-Key was used for another request within the last 24 hours. Use a new key for each request.')
    if (earlier.reply === '') throw new AppProblem('conflict', withdrawn)
    const reply = unsealRow(tx, this.#secrets, sealedReplies, { id, sealed: earlier.reply }, replyDamaged)
    const kept = Kept.safeParse(JSON.parse(reply))
    if (!kept.success || kept.data.generation !== generation) throw new AppProblem('conflict', withdrawn)
    return { result: kept.data.result, isReplayed: true }
  }

  async #keep(tx: Tx, claim: Claim, result: unknown): Promise<void> {
    const kept: z.input<typeof Kept> = { generation: beginners.get(tx) ?? claim.generation, result: result ?? null }
    await tx.db
      .update(idempotencyKeys)
      .set({ reply: sealFor(this.#secrets, sealedReplies, JSON.stringify(kept), claim.id) })
      .where(this.#isOurs(claim))
  }

  async #forget(tx: Tx, claim: Claim): Promise<void> {
    await tx.db.delete(idempotencyKeys).where(this.#isOurs(claim))
  }

  /** A run that took too long has lost its key to a later one, and leaves that alone. */
  #isOurs({ id, at }: Claim) {
    return and(eq(idempotencyKeys.id, id), eq(idempotencyKeys.createdAt, at), isNull(idempotencyKeys.reply))
  }
}

/** The first request with this key has not been answered yet. */
class StillRunning extends AppProblem {
  constructor() {
    super('conflict', 'The first request with this Idempotency-Key is still running. Try again in a few seconds.')
  }
  override readonly retryAfterSeconds = 5
}

/** Removes keys that are no longer kept, once a day. */
export function registerPurge(jobs: JobRunner): void {
  jobs.register(purgeJob, {
    async run(tx) {
      await tx.db.delete(idempotencyKeys).where(lt(idempotencyKeys.createdAt, addSeconds(tx.now, -keptSeconds)))
      await schedulePurge(tx)
    },
  })
  jobs.keep(purgeJob, schedulePurge)
}

function schedulePurge(tx: Tx): Promise<void> {
  return schedule(tx, { kind: purgeJob, key: purgeJob.kind, runAt: addSeconds(tx.now, keptSeconds), data: {} })
}
