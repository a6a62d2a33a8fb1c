import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { FastifyRequest } from 'fastify'
import type { Reader } from './database.ts'
import type { DiskGuard } from './disk.ts'
import type { ReceivedFile } from './files.ts'
import { networkOf } from './network.ts'
import { Pace } from './pace.ts'
import { AppProblem } from './problems.ts'
import { makeTemporaryFolder } from './temporary-files.ts'

/** What the fields of a form with files may take of its body; the rest is files. */
const maxFieldsBytes = 131_072

const receiving = new Pace(64 * 1_048_576)

async function* paced(pieces: AsyncIterable<Buffer>, sender: string): AsyncGenerator<Buffer> {
  for await (const piece of pieces) {
    await receiving.pass(piece.length, sender)
    yield piece
  }
}

/** What refuses a form with files before it fills the temporary folder. Each throws an AppProblem. */
export interface UploadChecks {
  /** Before anything of the body is read. `bytes`: what the request says that its files can have at most; 0 where it does not say. */
  readonly beforeBody: (reader: Reader, upload: { readonly ip: string; readonly bytes: number }) => Promise<void>
  /** Before the first file is: the fields that came before it. */
  readonly beforeFiles: (fields: Readonly<Record<string, string>>) => void
}

/** A form that was received whole. Its files lie in a temporary folder until they are removed. */
export interface ReceivedForm {
  readonly fields: Readonly<Record<string, string>>
  readonly files: readonly ReceivedFile[]
  readonly remove: () => Promise<void>
}

/**
 * Receives a form with files into a temporary folder.
 * @param fileBytes the most that one file may have
 * @throws AppProblem unsupported-type for what is no form, too-large for a file, unavailable where the disk has no room, and as the checks do
 */
export async function receiveForm(
  request: FastifyRequest,
  {
    reader,
    disk,
    fileBytes,
    checks,
  }: { readonly reader: Reader; readonly disk: DiskGuard; readonly fileBytes: number; readonly checks: UploadChecks | undefined },
): Promise<ReceivedForm> {
  if (!request.isMultipart()) throw new AppProblem('unsupported-type', 'Send the form as multipart/form-data.')
  const bytes = Math.max(0, (Number(request.headers['content-length']) || 0) - maxFieldsBytes)
  await checks?.beforeBody(reader, { ip: request.ip, bytes })
  const folder = await makeTemporaryFolder('upload')
  const remove = () => rm(folder, { recursive: true, force: true })
  const sender = networkOf(request.ip)
  const fields: Record<string, string> = {}
  const files: ReceivedFile[] = []
  try {
    for await (const part of request.parts({ limits: { fileSize: fileBytes } })) {
      if (part.type === 'field') {
        if (typeof part.value === 'string') fields[part.fieldname] = part.value
        continue
      }
      if (files.length === 0) checks?.beforeFiles(fields)
      if (part.filename) await disk.assertRoom()
      const path = join(folder, String(files.length))
      await pipeline(part.file, pieces => paced(pieces, sender), createWriteStream(path, { mode: 0o600 }))
      if (part.file.truncated) throw new AppProblem('too-large', `The file ${part.filename} is larger than ${fileBytes / 1_048_576} MB.`)
      // A file field left empty in a form comes as a nameless file.
      if (part.filename) files.push({ name: part.filename, mediaType: part.mimetype, path })
    }
    return { fields, files, remove }
  } catch (error) {
    await remove()
    throw error
  }
}
