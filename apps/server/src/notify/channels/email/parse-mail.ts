import PostalMime from 'postal-mime'
import sanitizeHtml from 'sanitize-html'

const maxText = 20_000
/** So much of a mail without a part in plain text is read: taking tags out takes longer than linear time when they are nested deeply. */
const maxHtml = 50_000

/** What is read of a received mail. */
interface ReadMail {
  /** Names in lower case; of several with one name, the first. */
  readonly headers: ReadonlyMap<string, string>
  readonly ownId: string
  /** Lower case. */
  readonly from: string
  readonly text: string
}

/** Reads mails, on a worker: a line costs some microseconds, and 2 MB have room for two million of them. */
export const mailTasks = {
  async parse({ bytes }: { bytes: Uint8Array }): Promise<ReadMail> {
    const mail = await PostalMime.parse(bytes)
    const text = mail.text ?? sanitizeHtml((mail.html ?? '').slice(0, maxHtml).replace(/<(br|\/p|\/div)\b/gi, '\n<$1'), { allowedTags: [] })
    const headers = new Map(mail.headers.map(({ key, value }) => [key, value] as const).toReversed())
    return { headers, ownId: mail.messageId ?? '', from: (mail.from?.address ?? '').toLowerCase(), text: text.slice(0, maxText) }
  },
}
