import { open } from 'node:fs/promises'

/**
 * Appends a signed checkpoint to a file, unless it ends with it; it is on the disk when this resolves. The folder must be there: where a disk is not
 * mounted, nothing is written.
 * @param before a signed note that is to stand before it
 */
export async function appendCheckpoint(path: string, checkpoint: string, before?: string): Promise<void> {
  const file = await open(path, 'a+', 0o600)
  try {
    const end = Buffer.alloc(Buffer.byteLength(checkpoint))
    const { size } = await file.stat()
    await file.read(end, 0, end.length, Math.max(0, size - end.length))
    if (end.toString() === checkpoint) return
    // The line feed ends what a crash may have left half written.
    await file.appendFile(`${before === undefined ? '' : `\n${before}`}\n${checkpoint}`)
    await file.sync()
  } finally {
    await file.close()
  }
}
