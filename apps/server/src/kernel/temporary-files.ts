import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What a folder is for: an upload while its request lasts, a file while the scanner looks at it. */
type Purpose = 'upload' | 'scan'

const ownName = /^tocsin-(?:upload|scan)-\w{6}$/
/** Neither an upload nor a scan takes nearly as long: what is older was left behind. */
const leftAfterMs = 3_600_000

/** A folder in the temporary folder, for this user alone. Whoever makes it removes it. */
export const makeTemporaryFolder = (purpose: Purpose): Promise<string> => mkdtemp(join(tmpdir(), `tocsin-${purpose}-`))

/** Removes the folders of processes that were killed, whichever those were: what strangers sent lies in them as it came. */
export async function removeLeftFolders(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!ownName.test(name)) continue
    const path = join(tmpdir(), name)
    const found = await lstat(path).catch(() => undefined)
    // One of another user is not ours, nor anything that is put there under such a name.
    if (!found?.isDirectory() || found.uid !== (process.getuid?.() ?? found.uid) || found.mtimeMs > Date.now() - leftAfterMs) continue
    await rm(path, { recursive: true, force: true })
  }
}
