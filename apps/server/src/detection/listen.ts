import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { createServer as createTlsServer } from 'node:tls'
import type { AppContext } from '../access/index.ts'
import { ConfigProblem } from '../kernel/config-problem.ts'
import { isUnavailable } from '../kernel/database.ts'
import type { Finding } from '../kernel/finding.ts'
import { networkOf } from '../kernel/network.ts'
import { ServerCertificate } from '../kernel/server-certificate.ts'
import { defineCounter } from '../kernel/telemetry.ts'
import { type EventIntake, TooMuch } from './intake.ts'
import { pack } from './pack.ts'
import { sourceSettings } from './source-settings.ts'
import type { KnownSources, LogSourceRow } from './sources.ts'
import { frames, lineOf, parseSyslog } from './syslog.ts'
import type { LogSourceParts } from './tables.ts'

const flushMs = 200
const flushBytes = 512 * 1_024
const maxMessageBytes = 256 * 1_024

/** What connections may be. */
interface Limits {
  /** Of one listener. */
  readonly connections: number
  /** Of one address: a sender needs one, a relay some. */
  readonly connectionsOfAddress: number
  /** A connection that says nothing is ended; one that has not sent a whole message yet sooner. */
  readonly idleMs: number
  readonly firstMessageMs: number
}
const usualLimits: Limits = { connections: 1_000, connectionsOfAddress: 50, idleMs: 600_000, firstMessageMs: 30_000 }

const retryMs = 500
/** What is received and not yet stored. Beyond it TCP is not read on, and a datagram, which cannot be told to wait, is lost and counted. */
const maxHeldBytes = 32 * 1_048_576
/** What a message takes beside its text. */
const messageBytes = 200

const lostMessages = defineCounter({
  name: 'tocsin_syslog_messages_lost_total',
  help: 'Syslog messages that were received and lost: too many while events could not be stored, or the server ended',
  labelNames: [],
})

const refusedHandshakes = defineCounter({
  name: 'tocsin_syslog_tls_refused_total',
  help: 'Connections for syslog over TLS that came to nothing, such as those of clients without the certificate that is asked for',
  labelNames: [],
})

interface Waiting {
  readonly source: LogSourceRow
  readonly logsource: LogSourceParts
  lines: string[]
  bytes: number
}

/**
 * Listens for syslog over UDP, TCP and TLS. Syslog has no keys: a source is known by the address that it sends from. Syslog has no
 * acknowledgement either: what was read but not yet written when the server dies is lost, at most a fifth of a second. While the
 * database is away, what was read is held and tried again; a TCP connection is not read while too much waits.
 */
export class SyslogListeners {
  readonly #context: AppContext
  readonly #sources: KnownSources
  readonly #intake: EventIntake
  readonly #limits: Limits
  readonly #lost: ReturnType<typeof lostMessages>
  readonly #refused: ReturnType<typeof refusedHandshakes>
  #certificate: ServerCertificate | undefined
  readonly #waiting = new Map<string, Waiting>()
  readonly #connections = new Set<Socket>()
  #servers: (Server | UdpSocket)[] = []
  #timer: NodeJS.Timeout | undefined
  #flushing: Promise<void> | undefined
  /** Set while what was read cannot be stored: the next attempt. */
  #retry: Promise<void> | undefined
  #heldBytes = 0
  readonly #takes = new Set<Promise<boolean>>()
  #isStopped = false
  /** Ports that are listened on, for tests, which leave the choice to the system. */
  readonly ports: { udp?: number; tcp?: number; tls?: number } = {}

  constructor(context: AppContext, sources: KnownSources, intake: EventIntake, limits = usualLimits) {
    this.#context = context
    this.#sources = sources
    this.#intake = intake
    this.#limits = limits
    this.#lost = lostMessages(context.metrics)
    this.#refused = refusedHandshakes(context.metrics)
  }

  async start(): Promise<void> {
    const { host } = this.#context.config
    const { TOCSIN_SYSLOG_UDP: udp, TOCSIN_SYSLOG_TCP: tcp, TOCSIN_SYSLOG_TLS: tls, ...files } = this.#context.config.of(sourceSettings)
    if (udp !== undefined) this.ports.udp = await this.#listenUdp(udp, host)
    if (tcp !== undefined)
      this.ports.tcp = await this.#listenTcp(
        createServer(socket => this.#serve(socket)),
        tcp,
        host,
      )
    if (tls !== undefined) {
      const { TOCSIN_SYSLOG_TLS_CERT: cert, TOCSIN_SYSLOG_TLS_KEY: key, TOCSIN_SYSLOG_TLS_CLIENT_CA: clientCa } = files
      if (cert === undefined || key === undefined) throw new Error('a listener for TLS has a certificate: its settings say so')
      const certificate = new ServerCertificate(
        {
          ...{ cert: ['TOCSIN_SYSLOG_TLS_CERT', cert], key: ['TOCSIN_SYSLOG_TLS_KEY', key] },
          clientCa: clientCa === undefined ? undefined : ['TOCSIN_SYSLOG_TLS_CLIENT_CA', clientCa],
        },
        this.#context,
      )
      this.#certificate = certificate
      const server = createTlsServer(certificate.options, socket => this.#serve(socket))
      certificate.follow(server)
      server.on('tlsClientError', () => this.#refused.inc())
      this.ports.tls = await this.#listenTcp(server, tls, host)
    }
  }

  async health(): Promise<Finding | undefined> {
    return this.#certificate?.health()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    this.#certificate?.stop()
    for (const socket of this.#connections) socket.destroy()
    await Promise.all(this.#servers.map(server => new Promise<void>(resolve => server.close(() => resolve()))))
    await Promise.all(this.#takes)
    await this.#flushing
    await this.#flush()
    this.#lose([...this.#waiting.values()].reduce((sum, { lines }) => sum + lines.length, 0))
  }

  async #listenUdp(port: number, host: string): Promise<number> {
    const socket = createSocket({ type: host.includes(':') ? 'udp6' : 'udp4', recvBufferSize: 8 << 20 })
    this.#servers.push(socket)
    socket.on('message', (message, from) => {
      if (this.#heldBytes > maxHeldBytes) this.#lose(1)
      else void this.#take([message], from.address)
    })
    await new Promise<void>((resolve, reject) => {
      socket.once('error', error => reject(taken(error, port)))
      socket.bind(port, host, resolve)
    })
    socket.on('error', error => this.#context.log.error({ err: error }, 'syslog socket failed'))
    return socket.address().port
  }

  async #listenTcp(server: Server, port: number, host: string): Promise<number> {
    server.maxConnections = this.#limits.connections
    this.#servers.push(server)
    await new Promise<void>((resolve, reject) => {
      server.once('error', error => reject(taken(error, port)))
      server.listen(port, host, resolve)
    })
    server.on('error', error => this.#context.log.error({ err: error }, 'syslog server failed'))
    return (server.address() as AddressInfo).port
  }

  #serve(socket: Socket): void {
    const { connectionsOfAddress, firstMessageMs, idleMs } = this.#limits
    const from = socket.remoteAddress ?? ''
    const others = [...this.#connections].filter(({ remoteAddress }) => networkOf(remoteAddress ?? '') === networkOf(from))
    if (others.length >= connectionsOfAddress) return void socket.destroy()
    this.#connections.add(socket)
    let held: Buffer = Buffer.alloc(0)
    socket.setTimeout(firstMessageMs, () => socket.destroy())
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      this.#connections.delete(socket)
      // The last message may lack its end.
      if (held.length > 0) void this.#take([held], from)
    })
    socket.on('data', chunk => {
      const { messages, rest } = frames(Buffer.concat([held, chunk]))
      held = rest.length > maxMessageBytes ? Buffer.alloc(0) : rest
      socket.pause()
      if (messages.length > 0) socket.setTimeout(idleMs)
      const isTooLong = rest.length > maxMessageBytes
      this.#take(isTooLong ? [...messages, rest] : messages, from)
        .then(isKnown => (isKnown ? this.#room() : void socket.destroy()))
        .finally(() => socket.resume())
    })
  }

  /** Waits while too much waits: the sender's TCP then waits, too. */
  async #room(): Promise<void> {
    while ((this.#intake.isFull || this.#heldBytes > maxHeldBytes) && !this.#isStopped) await sleep(retryMs)
  }

  /** @returns false for an address that is no source's */
  #take(messages: readonly Buffer[], address: string): Promise<boolean> {
    const take = this.#read(messages, address).finally(() => this.#takes.delete(take))
    this.#takes.add(take)
    return take
  }

  async #read(messages: readonly Buffer[], address: string): Promise<boolean> {
    const bytes = messages.reduce((sum, { length }) => sum + length + messageBytes, 0)
    this.#heldBytes += bytes
    const source = await this.#sender(address)
    this.#heldBytes -= bytes
    // Who is not known is not listened to: anybody can send a datagram.
    if (source === 'unknown') return false
    if (source === 'stopped') {
      this.#lose(messages.length)
      return true
    }
    const receivedAt = this.#context.clock.now()
    for (const message of messages) {
      const text = withoutEnd(message.subarray(0, maxMessageBytes)).toString('utf8')
      if (text === '') continue
      const { line, logsource } = lineOf(text, line => parseSyslog(line, receivedAt))
      this.#hold(source, logsource, line)
    }
    return true
  }

  /** The source of an address. While it cannot be looked up, the message waits. */
  async #sender(address: string): Promise<LogSourceRow | 'unknown' | 'stopped'> {
    for (;;)
      try {
        return (await this.#sources.bySender(address)) ?? 'unknown'
      } catch (error) {
        if (this.#isStopped) return 'stopped'
        await this.#later(error)
      }
  }

  /** Waits for the next attempt, which is one for all that waits. */
  #later(error: unknown): Promise<void> {
    if (this.#retry === undefined) {
      this.#context.log.error({ err: error }, 'syslog messages cannot be stored; retrying')
      this.#retry = sleep(retryMs).then(() => {
        this.#retry = undefined
        if (!this.#isStopped) void this.#flush()
      })
    }
    return this.#retry
  }

  #hold(source: LogSourceRow, logsource: LogSourceParts, line: string): void {
    const key = `${source.id} ${JSON.stringify(logsource)}`
    const waiting = this.#waiting.get(key) ?? { source, logsource, lines: [], bytes: 0 }
    this.#waiting.set(key, waiting)
    waiting.lines.push(line)
    waiting.bytes += line.length
    this.#heldBytes += line.length
    // While it cannot be stored, the retry does it, and not each line.
    if (this.#retry !== undefined) return
    if (waiting.bytes > flushBytes) void this.#flush()
    this.#soon()
  }

  #soon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      void this.#flush()
    }, flushMs)
  }

  #flush(): Promise<void> {
    this.#flushing ??= this.#write().finally(() => {
      this.#flushing = undefined
      // What came, or was put back, meanwhile.
      if (this.#waiting.size > 0 && !this.#isStopped && this.#retry === undefined) this.#soon()
    })
    return this.#flushing
  }

  /** Writes what waits. What cannot be written now waits on; what never can be is lost, and holds up nothing else. */
  async #write(): Promise<void> {
    const all = [...this.#waiting]
    this.#waiting.clear()
    for (const [key, { source, logsource, lines, bytes }] of all)
      try {
        await this.#intake.accept(source, pack(Buffer.from(`${lines.join('\n')}\n`)), logsource)
        this.#heldBytes -= bytes
      } catch (error) {
        if (!isUnavailable(error) && !(error instanceof TooMuch)) {
          this.#heldBytes -= bytes
          this.#lose(lines.length, error)
          continue
        }
        const since = this.#waiting.get(key)
        this.#waiting.set(key, { source, logsource, lines: [...lines, ...(since?.lines ?? [])], bytes: bytes + (since?.bytes ?? 0) })
        if (!this.#isStopped) void this.#later(error)
      }
  }

  #lose(messages: number, error?: unknown): void {
    if (messages === 0) return
    this.#lost.inc(messages)
    this.#context.log.error({ err: error, messages }, 'syslog messages were lost; tocsin_syslog_messages_lost_total counts them')
  }
}

/** A message without the newlines and NULs that end it, which a regular expression would look for from each of them anew. */
function withoutEnd(message: Buffer): Buffer {
  let end = message.length
  while (end > 0 && [0, 10, 13].includes(message[end - 1] ?? 1)) end -= 1
  return message.subarray(0, end)
}

function taken(error: NodeJS.ErrnoException, port: number): Error {
  if (error.code === 'EADDRINUSE') return new ConfigProblem(`The syslog port ${port} is already in use.`)
  return error.code === 'EACCES' ? new ConfigProblem(`The syslog port ${port} requires elevated privileges. Choose a port above 1023.`) : error
}
