import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { appendCheckpoint } from './file.ts'
import { WitnessFailure } from './witness.ts'

const run = promisify(execFile)
const fileName = 'checkpoints.log'

/** Nothing of this program's environment but what git and ssh need to be found and to find the keys of the user; they ask nobody. */
const environment = () => ({
  PATH: process.env.PATH,
  HOME: process.env.HOME,
  LC_ALL: 'C',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
  GIT_SSH_COMMAND: 'ssh -o BatchMode=yes',
})
const settings = [
  'user.name=Tocsin',
  'user.email=tocsin@localhost',
  'commit.gpgSign=false',
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'gc.autoDetach=false',
]

/** Appends a checkpoint to `checkpoints.log` in a git repository, commits that file alone, and pushes the branch to where it goes. */
export async function commitCheckpoint(folder: string, hasPush: boolean, checkpoint: string, signal: AbortSignal): Promise<void> {
  const git = async (...given: readonly string[]) => {
    const options = { cwd: folder, env: environment(), signal, maxBuffer: 1_000_000 }
    try {
      return (await run('git', [...settings.flatMap(setting => ['-c', setting]), ...given], options)).stdout
    } catch (error) {
      signal.throwIfAborted()
      const { code } = error as { code?: unknown }
      throw typeof code === 'number' ? new WitnessFailure(`git ${given[0]} ended with ${code}`, { cause: error }) : error
    }
  }
  // In a folder that is no repository, git would look for one above it.
  if ((await git('rev-parse', '--show-prefix')).trim() !== '') throw new WitnessFailure('the folder is not the top of a git repository')
  await appendCheckpoint(join(folder, fileName), checkpoint)
  await git('add', '--', fileName)
  if ((await git('status', '--porcelain', '--', fileName)) !== '')
    await git('commit', '--quiet', '--message', `Checkpoint of ${checkpoint.split('\n')[1]} entries`, '--', fileName)
  if (hasPush) await git('push', '--quiet')
}
