import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { and, asc, eq, isNull, ne, or } from 'drizzle-orm'
import { z } from 'zod'
import { addSeconds } from './clock.ts'
import type { Reader, Tx } from './database.ts'
import { newId } from './ids.ts'
import { defineJob, housekeepingLane } from './jobs/lanes.ts'
import type { JobRunner } from './jobs/runner.ts'
import { schedule } from './jobs/schedule.ts'
import { Pace } from './pace.ts'
import { SealedValueDamaged, sealedColumn, sealFor, unsealRow } from './sealed-columns.ts'
import type { Secrets } from './secrets.ts'
import { fileChunks, files } from './tables.ts'
import { storable } from './text.ts'

/*
 * Content is encrypted with AES-256-GCM under a random key of its own, chunk by chunk. The nonce of a chunk is its position, so that none is moved; the key
 * is sealed together with size and digest, so that none is left out, and belongs to the file.
 */

const chunkBytes = 1_048_576
/** Files are stored no faster than this, all together: each transaction of others waits at its end for what was written before it. */
const storing = new Pace(16 * chunkBytes)
const tagBytes = 16

/** A file that was received whole and lies on disk for the time of the request. */
export interface ReceivedFile {
  readonly name: string
  readonly mediaType: string
  readonly path: string
}

/** What is sealed in the row of a file. */
const Envelope = z.object({ key: z.base64(), sizeBytes: z.int(), sha256: z.string() })

const fileKeys = sealedColumn(files.id, files.key, 'files.key')

const seal = (secrets: Secrets, id: string, key: Buffer, { sizeBytes, sha256 }: { sizeBytes: number; sha256: string }) =>
  sealFor(secrets, fileKeys, JSON.stringify({ key: key.toString('base64'), sizeBytes, sha256 }), id)

function nonceOf(position: number): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUInt32BE(position, 8)
  return nonce
}

function encrypt(key: Buffer, position: number, content: Buffer): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonceOf(position))
  return Buffer.concat([cipher.update(content), cipher.final(), cipher.getAuthTag()])
}

/** @throws Error when it is not what was encrypted at this position */
function decrypt(key: Buffer, position: number, encrypted: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(position), { authTagLength: tagBytes })
  decipher.setAuthTag(encrypted.subarray(-tagBytes))
  return Buffer.concat([decipher.update(encrypted.subarray(0, -tagBytes)), decipher.final()])
}

/** Keeps a received file in the database, encrypted in chunks, so that one backup holds everything. */
export async function keepFile(tx: Tx, secrets: Secrets, received: ReceivedFile): Promise<{ id: string; name: string; sizeBytes: number; sha256: string }> {
  const id = newId()
  const name = storable(received.name.replace(/[\p{Cc}/\\]/gu, '_'), 200) || 'file'
  const key = randomBytes(32)
  const digest = createHash('sha256')
  await tx.db.insert(files).values({ id, name, mediaType: received.mediaType.slice(0, 100), sizeBytes: 0, sha256: '', createdAt: tx.now })
  const handle = await open(received.path)
  const chunk = Buffer.alloc(chunkBytes)
  let sizeBytes = 0
  try {
    for (let position = 0; ; position += 1) {
      const { bytesRead } = await handle.read(chunk, 0, chunkBytes, sizeBytes)
      if (bytesRead === 0) break
      const content = chunk.subarray(0, bytesRead)
      digest.update(content)
      sizeBytes += bytesRead
      await storing.pass(bytesRead, id)
      await tx.db.insert(fileChunks).values({ fileId: id, position, content: encrypt(key, position, content) })
    }
  } finally {
    await handle.close()
  }
  const sha256 = digest.digest('hex')
  await tx.db
    .update(files)
    .set({ sizeBytes, sha256, key: seal(secrets, id, key, { sizeBytes, sha256 }) })
    .where(eq(files.id, id))
  return { id, name, sizeBytes, sha256 }
}

/** What is known of the content of a file: by its sealed envelope, or by its row where it is not encrypted yet. */
interface Content {
  readonly id: string
  readonly key: Buffer | undefined
  readonly sizeBytes: number
  readonly sha256: string
}

const damaged = 'This file cannot be read: its stored content is damaged, or was changed in the database. The administrators are told.'

/**
 * A kept file and its content, read chunk by chunk as it is sent. All of it is checked before: a damaged one is never given out in part.
 * @throws SealedValueDamaged for one that is not as it was received, which pages the administrators
 */
export async function readFile(reader: Reader, secrets: Secrets, id: string): Promise<{ name: string; sizeBytes: number; content: Readable } | undefined> {
  const [file] = await reader.db.select().from(files).where(eq(files.id, id))
  if (!file) return undefined
  const content = contentOf(reader, secrets, file)
  if (!(await isWhole(reader, content))) {
    noteDamage(reader, secrets, id)
    throw new SealedValueDamaged(damaged)
  }
  return { name: file.name, sizeBytes: content.sizeBytes, content: Readable.from(chunksOf(reader, content)) }
}

function contentOf(reader: Reader, secrets: Secrets, { id, key, sizeBytes, sha256 }: typeof files.$inferSelect): Content {
  if (key === null) return { id, key: undefined, sizeBytes, sha256 }
  const sealed = Envelope.parse(JSON.parse(unsealRow(reader, secrets, fileKeys, { id, sealed: key }, damaged)))
  return { ...sealed, id, key: Buffer.from(sealed.key, 'base64') }
}

/** @throws Error where a chunk is missing, or is not the one that was stored there */
async function* chunksOf({ db }: Pick<Reader, 'db'>, { id, key, sizeBytes }: Content): AsyncGenerator<Buffer> {
  for (let position = 0; position * chunkBytes < sizeBytes; position += 1) {
    const [chunk] = await db
      .select()
      .from(fileChunks)
      .where(and(eq(fileChunks.fileId, id), eq(fileChunks.position, position)))
    const content = chunk && (key === undefined ? chunk.content : decrypt(key, position, chunk.content))
    if (content?.length !== Math.min(chunkBytes, sizeBytes - position * chunkBytes)) throw new Error(`chunk ${position} of file ${id} is not as it was stored`)
    yield content
  }
}

async function isWhole(reader: Pick<Reader, 'db'>, content: Content): Promise<boolean> {
  const digest = createHash('sha256')
  try {
    for await (const chunk of chunksOf(reader, content)) digest.update(chunk)
  } catch {
    return false
  }
  return digest.digest('hex') === content.sha256
}

function noteDamage(reader: Reader, secrets: Secrets, id: string): void {
  reader.unreadable.note({ table: 'files', id, column: 'content', isLeftOut: false, isSealed: true }, async db => {
    try {
      await readFile({ ...reader, db }, secrets, id)
    } catch (error) {
      if (!(error instanceof SealedValueDamaged)) throw error
    }
  })
}

const encryptJob = defineJob({ kind: 'files.encrypt', lane: housekeepingLane, data: z.object({}) })
/** Where none is left, it is looked for another one after so long: an earlier version may still run beside this one. */
const restSeconds = 86_400

/** Encrypts what earlier versions have kept as it was, one file at a time. */
export function registerFileEncryption(jobs: JobRunner, secrets: Secrets): void {
  const scheduleNext = (tx: Tx, restSeconds: number) =>
    schedule(tx, { kind: encryptJob, key: encryptJob.kind, runAt: addSeconds(tx.now, restSeconds), data: {} })
  jobs.register(encryptJob, { run: async tx => scheduleNext(tx, (await encryptNext(tx, secrets)) ? 0 : restSeconds) })
  jobs.keep(encryptJob, tx => scheduleNext(tx, 0))
}

/** @returns false where no file is left */
async function encryptNext(tx: Tx, secrets: Secrets): Promise<boolean> {
  const [file] = await tx.db
    .select()
    .from(files)
    .where(and(isNull(files.key), or(isNull(files.scan), ne(files.scan, 'removed'))))
    .orderBy(asc(files.id))
    .limit(1)
    .for('update')
  if (file === undefined) return false
  const key = randomBytes(32)
  const positions = await tx.db.select({ position: fileChunks.position }).from(fileChunks).where(eq(fileChunks.fileId, file.id))
  for (const { position } of positions) {
    const here = and(eq(fileChunks.fileId, file.id), eq(fileChunks.position, position))
    const [chunk] = await tx.db.select().from(fileChunks).where(here)
    if (chunk)
      await tx.db
        .update(fileChunks)
        .set({ content: encrypt(key, position, chunk.content) })
        .where(here)
  }
  await tx.db
    .update(files)
    .set({ key: seal(secrets, file.id, key, file) })
    .where(eq(files.id, file.id))
  return true
}
