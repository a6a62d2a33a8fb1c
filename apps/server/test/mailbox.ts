import { type AddressObject, type ParsedMail, simpleParser } from 'mailparser'
import { SMTPServer } from 'smtp-server'

export interface Mail {
  readonly to: string
  readonly subject: string
  readonly text: string
  readonly messageId: string
  readonly replyTo?: string | undefined
  /** What the mail is part of, as its header says. */
  readonly purpose: string
  /** The sender of its envelope, to whom servers report. */
  readonly returnPath: string
}

/** A real mail server that keeps what it receives. */
export interface MailServer {
  readonly url: string
  readonly mails: readonly Mail[]
  /** From now on it refuses every mail, or those to one address, with this SMTP answer; or takes them again. */
  refuse(answer: { code: number; text: string } | undefined, to?: string): void
  stop(): Promise<void>
}

export async function startMailServer(port = 0): Promise<MailServer> {
  const mails: Mail[] = []
  let refusal: { code: number; text: string; to: string | undefined } | undefined
  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    logger: false,
    onData(stream, session, callback) {
      simpleParser(stream).then(
        parsed => {
          const mail = toMail(parsed, session.envelope.mailFrom === false ? '' : session.envelope.mailFrom.address)
          if (refusal && (refusal.to === undefined || refusal.to === mail.to))
            return callback(Object.assign(new Error(refusal.text), { responseCode: refusal.code }))
          mails.push(mail)
          return callback(null, 'taken')
        },
        (error: Error) => callback(error),
      )
    },
  })
  // A client that is killed in the middle of a mail: it will send it again, which is what the tests are about.
  server.on('error', () => undefined)
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', () => resolve()))
  const address = server.server.address()
  return {
    url: `smtp://127.0.0.1:${typeof address === 'object' && address ? address.port : port}`,
    mails,
    refuse: (answer, to) => {
      refusal = answer && { ...answer, to }
    },
    stop: () => new Promise(resolve => server.close(() => resolve())),
  }
}

function toMail(parsed: ParsedMail, returnPath: string): Mail {
  const to = parsed.to as AddressObject | undefined
  return {
    to: to?.value[0]?.address ?? '',
    subject: parsed.subject ?? '',
    text: parsed.text ?? '',
    messageId: parsed.messageId ?? '',
    replyTo: parsed.replyTo?.value[0]?.address,
    purpose: String(parsed.headers.get('x-tocsin-purpose') ?? ''),
    returnPath,
  }
}
