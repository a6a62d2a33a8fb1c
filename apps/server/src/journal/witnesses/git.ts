import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
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

/** What git answers or complains of is read up to here. */
const maxText = 10_000
/** What does not end when it is asked to is killed. */
const killMs = 1_000

/** Runs git in a process group of its own, so that at the deadline its helpers end with it. @throws WitnessFailure when it fails; the signal's reason */
async function git(folder: string, given: readonly string[], signal: AbortSignal): Promise<string> {
  signal.throwIfAborted()
  const child = spawn('git', [...settings.flatMap(setting => ['-c', setting]), ...given], {
    ...{ cwd: folder, env: environment(), detached: true },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const texts = [child.stdout, child.stderr].map(stream => {
    const kept = { text: '' }
    stream.on('data', chunk => {
      kept.text = (kept.text + String(chunk)).slice(0, maxText)
    })
    return kept
  })
  const end = () => {
    const { pid } = child
    if (pid === undefined) return
    kill(pid, 'SIGTERM')
    setTimeout(() => kill(pid, 'SIGKILL'), killMs).unref()
  }
  signal.addEventListener('abort', end, { once: true })
  try {
    const [code] = await once(child, 'close')
    signal.throwIfAborted()
    const [answer, complaint] = texts
    if (code !== 0) throw new WitnessFailure(`git ${given[0]} ended with ${code}`, { cause: new Error(complaint?.text) })
    return answer?.text ?? ''
  } finally {
    signal.removeEventListener('abort', end)
  }
}

/** Ends a process group, if there is still one. */
function kill(group: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(-group, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Appends a checkpoint to `checkpoints.log` in a git repository, commits that file alone, and pushes the branch to where it goes. */
export async function commitCheckpoint(folder: string, hasPush: boolean, checkpoint: string, signal: AbortSignal): Promise<void> {
  const run = (...given: readonly string[]) => git(folder, given, signal)
  // In a folder that is no repository, git would look for one above it.
  if ((await run('rev-parse', '--show-prefix')).trim() !== '') throw new WitnessFailure('the folder is not the top of a git repository')
  await appendCheckpoint(join(folder, fileName), checkpoint)
  await run('add', '--', fileName)
  if ((await run('status', '--porcelain', '--', fileName)) !== '')
    await run('commit', '--quiet', '--message', `Checkpoint of ${checkpoint.split('\n')[1]} entries`, '--', fileName)
  if (hasPush) await run('push', '--quiet')
}
