import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Gauge } from 'prom-client'
import type { Finding } from '../kernel/finding.ts'
import { sourceNamesOf } from '../kernel/secret-sources.ts'
import type { Log, Metrics } from '../kernel/telemetry.ts'
import { FromPager, type ToPager } from './pager-messages.ts'

const entry = fileURLToPath(new URL('./pager-process.ts', import.meta.url))
/** One that ended after it had run is started again after so long; one that cannot start at growing distances. */
const firstRestartMs = 200
const maxRestartMs = 30_000
const pingMs = 1_500
/** One that has answered nothing to so many pings is said to be down. */
const maxQuiet = 2
/** One that has answered nothing to so many is ended: it hangs. */
const maxMissed = 9
const metricsMs = 1_000
const stopMs = 10_000

/**
 * Keeps a pager running as a process of its own: started again when it ends, ended when it hangs. It has a channel to this process and ends with it,
 * however this process ends.
 */
export class PagerSupervisor {
  readonly #log: Log
  readonly #up: Gauge
  #env: NodeJS.ProcessEnv = {}
  #child: ChildProcess | undefined
  #timer: NodeJS.Timeout | undefined
  #pinging: NodeJS.Timeout | undefined
  #restartMs = firstRestartMs
  #missed = 0
  #isStopped = false
  #isReady = false
  #asked = 0
  readonly #answers = new Map<number, (text: string) => void>()

  constructor(log: Log, metrics: Metrics) {
    this.#log = log
    this.#up = new Gauge({ name: 'tocsin_pager_up', help: '1 while the pager process is up and responding', registers: [metrics.registry] })
    metrics.addProcess(() => this.#metrics())
  }

  /** The process that runs now. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Why nobody is paged now; undefined while it runs. */
  health(): Finding | undefined {
    if (!this.#isReady) return { severity: 'degraded', detail: 'The pager process is starting. Pages are delivered once it is up.' }
    if (this.#missed > maxQuiet) return { severity: 'degraded', detail: 'The pager process does not respond. It is restarted if that lasts.' }
    return undefined
  }

  /** @param env variables instead of those of this process, wherever that has their values from */
  start(env: NodeJS.ProcessEnv): void {
    const sources = new Set(Object.keys(env).flatMap(sourceNamesOf))
    this.#env = { ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !sources.has(name))), ...env }
    this.#begin()
    this.#pinging = setInterval(() => this.#ping(), pingMs)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    clearInterval(this.#pinging)
    const child = this.#child
    if (child === undefined) return
    const ended = new Promise(resolve => child.once('exit', resolve))
    child.kill('SIGTERM')
    const hard = setTimeout(() => child.kill('SIGKILL'), stopMs)
    await ended
    clearTimeout(hard)
  }

  #begin(): void {
    let problem: string | undefined
    const child = fork(entry, [], {
      env: this.#env,
      // It is to be small: without the limit V8 keeps 130 MB of what loading the program left.
      execArgv: ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=4'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.#child = child
    this.#missed = 0
    child.on('message', message => {
      this.#missed = 0
      const said = FromPager.parse(message)
      if (said.kind === 'ready') {
        this.#restartMs = firstRestartMs
        this.#isReady = true
        this.#up.set(1)
      } else if (said.kind === 'metrics') this.#answers.get(said.id)?.(said.text)
      else if (said.kind === 'problem') problem = said.sentence
    })
    const gone = (reason: string) => {
      if (this.#child !== child) return
      this.#child = undefined
      this.#isReady = false
      this.#up.set(0)
      if (this.#isStopped) return
      this.#log.error({ reason, againInMs: this.#restartMs }, 'the pager exited; restarting it')
      this.#timer = setTimeout(() => this.#begin(), this.#restartMs)
      this.#restartMs = Math.min(maxRestartMs, this.#restartMs * 2)
    }
    child.once('error', error => gone(error.message))
    child.once('exit', (code, signal) => gone(problem ?? (signal === null ? `exited with code ${code}` : `killed by ${signal}`)))
  }

  #ping(): void {
    const child = this.#child
    if (child === undefined) return
    // Counted in ticks of this process's own loop: while that was busy itself, no answer could be received.
    this.#missed += 1
    if (this.#missed > maxQuiet) this.#up.set(0)
    if (this.#missed > maxMissed) {
      this.#log.error('the pager does not respond; killing it')
      child.kill('SIGKILL')
    } else this.#say(child, { kind: 'ping' })
  }

  #say(child: ChildProcess, message: ToPager): void {
    // One that has just ended receives nothing more; its exit is reported.
    child.send(message, error => error && this.#log.debug({ err: error }, 'could not send a message to the pager'))
  }

  /** What it counts, as text for Prometheus; empty where it does not answer in time. */
  async #metrics(): Promise<string> {
    const child = this.#child
    if (child === undefined) return ''
    this.#asked += 1
    const id = this.#asked
    try {
      return await new Promise(resolve => {
        const timer = setTimeout(() => resolve(''), metricsMs)
        this.#answers.set(id, text => {
          clearTimeout(timer)
          resolve(text)
        })
        this.#say(child, { kind: 'metrics', id })
      })
    } finally {
      this.#answers.delete(id)
    }
  }
}
