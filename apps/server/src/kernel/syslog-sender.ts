import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, isIP } from 'node:net'
import { hostname } from 'node:os'
import { connect as connectTls } from 'node:tls'
import type { Instant } from './clock.ts'

/** A receiver of syslog. */
export interface SyslogReceiver {
  readonly transport: 'udp' | 'tcp' | 'tls'
  readonly host: string
  readonly port: number
}

export interface SyslogMessage {
  /** RFC 5424 section 6.2.1: 13 is the audit log's. */
  readonly facility: number
  /** 0 (emergency) to 7 (debug). */
  readonly severity: number
  readonly at: Instant
  /** The kind of the message (MSGID): up to 32 printable ASCII characters without spaces. */
  readonly kind: string
  /** Elements of structured data by their SD-ID, each with its parameters: names of printable ASCII. */
  readonly elements?: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** One line. */
  readonly text: string
}

/** What every receiver of UDP should take (RFC 5426 section 3.2), and what one of TCP is spared. */
export const maxSyslogBytes = { udp: 2_048, tcp: 65_536, tls: 65_536 } as const

/** A field of the header: printable ASCII without spaces, or "-". */
const field = (text: string, max: number) => text.replaceAll(/[^\x21-\x7e]/g, '').slice(0, max) || '-'

const parameter = ([name, value]: readonly [string, string]) => `${name}="${value.replaceAll(/["\\\]]/g, '\\$&')}"`

/** A message as RFC 5424 says, with the byte order mark that says that its text is UTF-8. */
export function formatSyslog({ facility, severity, at, kind, elements = {}, text }: SyslogMessage): Buffer {
  const structured = Object.entries(elements).map(([id, given]) => `[${[id, ...Object.entries(given).map(parameter)].join(' ')}]`)
  const header = `<${facility * 8 + severity}>1 ${at} ${field(hostname(), 255)} tocsin ${process.pid} ${field(kind, 32)}`
  return Buffer.from(`${header} ${structured.join('') || '-'} \ufeff${text}`)
}

/**
 * Sends some messages over one connection, framed by octet counting (RFC 6587, RFC 5425); over UDP each is a datagram, and nobody knows whether it has
 * arrived. The receiver of a stream has everything once it has closed its side, too.
 * @param signal the deadline: a receiver that takes nothing is not waited for longer
 * @throws RangeError for a message that is too long for the transport; the error of the connection; the signal's reason
 */
export async function sendSyslog(receiver: SyslogReceiver, messages: readonly Buffer[], signal: AbortSignal): Promise<void> {
  const max = maxSyslogBytes[receiver.transport]
  const long = messages.find(({ length }) => length > max)
  if (long) throw new RangeError(`A syslog message of ${long.length} bytes is longer than the ${max} that ${receiver.transport.toUpperCase()} carries.`)
  await (receiver.transport === 'udp' ? sendDatagrams(receiver, messages, signal) : sendStream(receiver, messages, signal))
}

async function sendDatagrams({ host, port }: SyslogReceiver, messages: readonly Buffer[], signal: AbortSignal): Promise<void> {
  const socket = createSocket({ type: isIP(host) === 6 ? 'udp6' : 'udp4' })
  try {
    for (const message of messages) {
      const sent = new Promise<void>((resolve, reject) => socket.send(message, port, host, error => (error ? reject(error) : resolve())))
      await sent
      signal.throwIfAborted()
    }
  } finally {
    socket.close()
  }
}

async function sendStream({ transport, host, port }: SyslogReceiver, messages: readonly Buffer[], signal: AbortSignal): Promise<void> {
  const servername = isIP(host) === 0 ? { servername: host } : {}
  const socket = transport === 'tls' ? connectTls({ host, port, ...servername, minVersion: 'TLSv1.2' }) : connect({ host, port })
  // Errors reach those who wait below; one that comes after is of no interest.
  socket.on('error', () => undefined)
  try {
    await once(socket, transport === 'tls' ? 'secureConnect' : 'connect', { signal })
    const closed = once(socket, 'end', { signal })
    socket.resume()
    socket.end(Buffer.concat(messages.flatMap(message => [Buffer.from(`${message.length} `), message])))
    await closed
  } finally {
    socket.destroy()
  }
}
