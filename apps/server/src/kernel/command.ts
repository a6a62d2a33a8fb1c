import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

/** What a command answers or complains of is read up to here. */
const maxText = 10_000
/** What does not end when it is asked to is killed. */
const killMs = 1_000
/** A daemon that it has started may keep its output open for as long as that lives: once the command has ended, no more is read after so long. */
const outputMs = 500

interface Command {
  readonly name: string
  readonly args: readonly string[]
  /** All of its environment: nothing of this program's own is passed on. */
  readonly env: NodeJS.ProcessEnv
  readonly folder: string
}

/**
 * Runs another program in a process group of its own, so that helpers end with it: at the deadline, and where they hold its output open.
 * @returns its exit code, null where a signal ended it, and the beginning of what it wrote
 * @throws Error where it cannot be started; the signal's reason
 */
export async function runCommand(
  { name, args, env, folder }: Command,
  signal: AbortSignal,
): Promise<{ code: number | null; answer: string; complaint: string }> {
  signal.throwIfAborted()
  const child = spawn(name, [...args], { cwd: folder, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const [answer, complaint] = [{ text: '' }, { text: '' }]
  for (const [stream, kept] of [[child.stdout, answer] as const, [child.stderr, complaint] as const])
    stream.on('data', chunk => {
      kept.text = (kept.text + String(chunk)).slice(0, maxText)
    })
  const end = () => {
    const { pid } = child
    if (pid === undefined) return
    kill(pid, 'SIGTERM')
    setTimeout(() => kill(pid, 'SIGKILL'), killMs).unref()
  }
  signal.addEventListener('abort', end, { once: true })
  const closed = new Promise<boolean>(resolve => child.once('close', () => resolve(true)))
  try {
    const [code] = await once(child, 'exit')
    if (!(await Promise.race([closed, sleep(outputMs, false, { ref: false })]))) end()
    signal.throwIfAborted()
    return { code, answer: answer.text, complaint: complaint.text }
  } finally {
    signal.removeEventListener('abort', end)
    child.stdout.destroy()
    child.stderr.destroy()
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
