/**
 * A mail server that takes everything and keeps what it needs to tell lateness, losses and doubles: subject, Message-ID, and when the mail was
 * whole. A process of its own, so that it does not answer late because the bench is busy.
 */
import { SMTPServer } from 'smtp-server'

export interface Taken {
  readonly to: string
  readonly subject: string
  readonly messageId: string
  readonly at: number
}

const taken: Taken[] = []
const server = new SMTPServer({
  disabledCommands: ['AUTH', 'STARTTLS'],
  disableReverseLookup: true,
  logger: false,
  onData(stream, _session, callback) {
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => {
      const text = Buffer.concat(chunks).toString('latin1')
      const header = (name: string) => new RegExp(`^${name}: (.*)$`, 'mi').exec(text)?.[1]?.trim() ?? ''
      taken.push({ to: header('to'), subject: header('subject'), messageId: header('message-id'), at: Date.now() })
      callback(null, 'taken')
    })
  },
})
server.on('error', () => undefined)
server.listen(0, '127.0.0.1', () => {
  const address = server.server.address()
  process.send?.({ port: typeof address === 'object' && address ? address.port : 0 })
})
process.on('message', message => {
  if (message === 'taken') process.send?.({ taken })
  if (message === 'forget') taken.length = 0
})
process.on('disconnect', () => process.exit(0))
