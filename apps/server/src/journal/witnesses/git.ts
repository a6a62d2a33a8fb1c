import { join } from 'node:path'
import { runCommand } from '../../kernel/command.ts'
import { appendCheckpoint } from './file.ts'
import { WitnessFailure } from './witness.ts'

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

/** @throws WitnessFailure when git fails; the signal's reason */
async function git(folder: string, given: readonly string[], signal: AbortSignal): Promise<string> {
  const args = [...settings.flatMap(setting => ['-c', setting]), ...given]
  const { code, answer, complaint } = await runCommand({ name: 'git', args, env: environment(), folder }, signal)
  if (code !== 0) throw new WitnessFailure(`git ${given[0]} ended with ${code}`, { cause: new Error(complaint) })
  return answer
}

/**
 * Appends a checkpoint to `checkpoints.log` in a git repository, commits that file alone, and pushes the branch to where it goes.
 * @param before as {@link appendCheckpoint}
 */
export async function commitCheckpoint(folder: string, hasPush: boolean, checkpoint: string, signal: AbortSignal, before?: string): Promise<void> {
  const run = (...given: readonly string[]) => git(folder, given, signal)
  // In a folder that is no repository, git would look for one above it.
  if ((await run('rev-parse', '--show-prefix')).trim() !== '') throw new WitnessFailure('the folder is not the top of a git repository')
  await appendCheckpoint(join(folder, fileName), checkpoint, before)
  await run('add', '--', fileName)
  if ((await run('status', '--porcelain', '--', fileName)) !== '')
    await run('commit', '--quiet', '--message', `Checkpoint of ${checkpoint.split('\n')[1]} entries`, '--', fileName)
  if (hasPush) await run('push', '--quiet')
}
