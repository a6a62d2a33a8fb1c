import PostalMime from 'postal-mime'
import sanitizeHtml from 'sanitize-html'
import { type DeliveryReport, readReport } from './delivery-report.ts'

const maxText = 20_000
/** So much of a mail without a part in plain text is read: taking tags out takes longer than linear time when they are nested deeply. */
const maxHtml = 50_000
/** So much of a part is read: of the mail that a report gives back, the headers. */
const maxPart = 100_000

/** What is read of a received mail. */
interface ReadMail {
  /** Names in lower case; of several with one name, the first. */
  readonly headers: ReadonlyMap<string, string>
  readonly ownId: string
  /** Lower case. */
  readonly from: string
  readonly text: string
  /** What it says of another mail's way, where it is about that. */
  readonly report: DeliveryReport | undefined
}

const decoder = new TextDecoder()
const textOf = (content: string | ArrayBuffer | Uint8Array) =>
  typeof content === 'string' ? content.slice(0, maxPart) : decoder.decode(content.slice(0, maxPart))

/** Reads mails, on a worker: a line costs some microseconds, and 2 MB have room for two million of them. */
export const mailTasks = {
  async parse({ bytes }: { bytes: Uint8Array }): Promise<ReadMail> {
    const mail = await PostalMime.parse(bytes)
    const all = mail.text ?? sanitizeHtml((mail.html ?? '').slice(0, maxHtml).replace(/<(br|\/p|\/div)\b/gi, '\n<$1'), { allowedTags: [] })
    const headers = new Map(mail.headers.map(({ key, value }) => [key, value] as const).toReversed())
    const text = all.slice(0, maxText)
    const parts = mail.attachments.map(({ mimeType, content }) => ({ type: mimeType.toLowerCase(), content: () => textOf(content) }))
    return { headers, ownId: mail.messageId ?? '', from: (mail.from?.address ?? '').toLowerCase(), text, report: readReport({ headers, text, parts }) }
  },
}
