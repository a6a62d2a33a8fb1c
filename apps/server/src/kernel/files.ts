import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { and, asc, eq } from 'drizzle-orm'
import type { Reader, Tx } from './database.ts'
import { newId } from './ids.ts'
import { fileChunks, files } from './tables.ts'
import { storable } from './text.ts'

const chunkBytes = 1_048_576

/** A file that was received whole and lies on disk for the time of the request. */
export interface ReceivedFile {
  readonly name: string
  readonly mediaType: string
  readonly path: string
}

/** Keeps a received file in the database, in chunks, so that one backup holds everything. */
export async function keepFile(tx: Tx, received: ReceivedFile): Promise<{ id: string; name: string; sizeBytes: number; sha256: string }> {
  const id = newId()
  const name = storable(received.name.replace(/[\p{Cc}/\\]/gu, '_'), 200) || 'file'
  const digest = createHash('sha256')
  await tx.db.insert(files).values({ id, name, mediaType: received.mediaType.slice(0, 100), sizeBytes: 0, sha256: '', createdAt: tx.now })
  const handle = await open(received.path)
  let sizeBytes = 0
  try {
    for (let position = 0; ; position += 1) {
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(chunkBytes), 0, chunkBytes, sizeBytes)
      if (bytesRead === 0) break
      const content = buffer.subarray(0, bytesRead)
      digest.update(content)
      sizeBytes += bytesRead
      await tx.db.insert(fileChunks).values({ fileId: id, position, content })
    }
  } finally {
    await handle.close()
  }
  const sha256 = digest.digest('hex')
  await tx.db.update(files).set({ sizeBytes, sha256 }).where(eq(files.id, id))
  return { id, name, sizeBytes, sha256 }
}

/** A kept file and its content, read chunk by chunk as it is sent. */
export async function readFile(reader: Reader, id: string): Promise<{ name: string; sizeBytes: number; content: Readable } | undefined> {
  const [file] = await reader.db.select().from(files).where(eq(files.id, id))
  if (!file) return undefined
  async function* chunks() {
    for (let position = 0; ; position += 1) {
      const [chunk] = await reader.db
        .select()
        .from(fileChunks)
        .where(and(eq(fileChunks.fileId, id), eq(fileChunks.position, position)))
        .orderBy(asc(fileChunks.position))
      if (!chunk) return
      yield chunk.content
    }
  }
  return { name: file.name, sizeBytes: file.sizeBytes, content: Readable.from(chunks()) }
}
