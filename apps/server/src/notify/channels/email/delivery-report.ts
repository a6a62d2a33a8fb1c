import { shortened } from '../../../kernel/text.ts'

/** What a server did with a mail, for one recipient (RFC 3464, 2.3.3). */
export const reportActions = ['failed', 'delayed', 'delivered', 'relayed', 'expanded'] as const
export type ReportAction = (typeof reportActions)[number]

/** What a report says of one recipient. */
interface RecipientReport {
  /** The addresses that it is about, lower case: the one that the mail was sent to, and the one that it ended up at. */
  readonly addresses: readonly string[]
  readonly action: ReportAction
  /** RFC 3463, such as 5.1.1. */
  readonly status: string | undefined
  /** What the other server said. */
  readonly diagnostic: string | undefined
  /** The server that said it. */
  readonly remoteServer: string | undefined
}

/** What a server tells the sender about a mail. */
export interface DeliveryReport {
  readonly reportingServer: string | undefined
  readonly recipients: readonly RecipientReport[]
  /** The Message-ID of the mail that it is about, where it gives that back. */
  readonly originalId: string | undefined
  /** The first lines of a bounce that has no parts for programs: it is of a failure, and nothing more is known of it. */
  readonly firstLines: string | undefined
}

/** What is read of a report: a recipient takes some hundred characters, and a mail of ours has one. */
const maxStatusText = 100_000
const maxRecipients = 100
const maxValue = 300
const maxFirstLines = 500

type Fields = ReadonlyMap<string, string>

/** The groups of fields of a delivery status, separated by empty lines; names in lower case, the first of several with one name. */
function groupsOf(text: string): Fields[] {
  const groups: Map<string, string>[] = []
  let group: Map<string, string> | undefined
  let name = ''
  for (const line of text.slice(0, maxStatusText).split('\n')) {
    if (line.trim() === '') {
      group = undefined
      continue
    }
    const colon = line.indexOf(':')
    const isContinued = line.startsWith(' ') || line.startsWith('\t')
    if (group !== undefined && isContinued) {
      const before = group.get(name) ?? ''
      if (before.length < maxValue) group.set(name, `${before} ${line.trim()}`)
      continue
    }
    if (colon < 1) continue
    if (group === undefined) {
      // One group is about the mail, each of the others about a recipient.
      if (groups.length > maxRecipients) break
      group = new Map()
      groups.push(group)
    }
    const read = line.slice(0, colon).trim().toLowerCase()
    // A field that comes again is left out with its continuation.
    name = group.has(read) ? '' : read
    group.set(name, line.slice(colon + 1).trim())
  }
  return groups
}

/** The value behind its type, as in `dns; mx.example`; undefined where there is none. */
function typed(value: string | undefined): string | undefined {
  if (value === undefined) return undefined
  const text = shortened(value.slice(value.indexOf(';') + 1).trim(), maxValue)
  return text === '' ? undefined : text
}

/** An address, lower case: without angle brackets, and with the characters that `utf-8` addresses write as `\x{…}` (RFC 6533, 3). */
function addressOf(value: string | undefined): string | undefined {
  const text = typed(value)?.replace(/\\x\{([0-9A-Fa-f]{1,6})\}/g, (all, hex: string) => {
    const point = Number.parseInt(hex, 16)
    return point <= 0x10_ff_ff ? String.fromCodePoint(point) : all
  })
  return text?.replace(/^</, '').replace(/>$/, '').toLowerCase()
}

/** The class of a status decides where the action is none that is known. */
function actionOf(action: string | undefined, status: string | undefined): ReportAction | undefined {
  const named = reportActions.find(one => one === action?.split(' ')[0]?.toLowerCase())
  if (named !== undefined) return named
  const byClass = { '2': 'delivered', '4': 'delayed', '5': 'failed' } as const
  return byClass[status?.[0] as keyof typeof byClass]
}

/**
 * Reads the part of a report that is for programs: `message/delivery-status` (RFC 3464), or `message/global-delivery-status` (RFC 6533).
 * @returns undefined where it says of nobody what became of the mail
 */
export function parseDeliveryStatus(text: string): Pick<DeliveryReport, 'reportingServer' | 'recipients'> | undefined {
  const groups = groupsOf(text)
  const recipients = groups.flatMap((fields): RecipientReport[] => {
    const status = /\d\.\d{1,3}\.\d{1,3}/.exec(fields.get('status')?.slice(0, 40) ?? '')?.[0]
    const action = actionOf(fields.get('action'), status)
    const addresses = ['original-recipient', 'final-recipient'].flatMap(name => addressOf(fields.get(name)) ?? [])
    if (action === undefined || addresses.length === 0) return []
    return [{ addresses, action, status, diagnostic: typed(fields.get('diagnostic-code')), remoteServer: typed(fields.get('remote-mta')) }]
  })
  return recipients.length === 0 ? undefined : { reportingServer: typed(groups[0]?.get('reporting-mta')), recipients }
}

/** A received mail, as far as it says whether it is a report. */
interface ReportMail {
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>
  readonly text: string
  readonly parts: readonly { readonly type: string; readonly content: () => string }[]
}

const isStatus = (type: string) => type === 'message/delivery-status' || type === 'message/global-delivery-status'
const isReturned = (type: string) => ['text/rfc822-headers', 'message/rfc822', 'message/global-headers', 'message/global'].includes(type)

/** Answers of programs that are no bounce: out of office, tickets, lists (RFC 3834). */
const isAutomaticReply = (headers: ReadonlyMap<string, string>) =>
  !['', 'no'].includes(headers.get('auto-submitted')?.trim().toLowerCase() ?? '') ||
  /bulk|junk|list|auto/i.test(headers.get('precedence') ?? '') ||
  ['x-autoreply', 'x-autorespond', 'x-auto-response-suppress', 'list-id'].some(name => headers.has(name))

/** Reads a mail that was sent to the return address of another one. @returns undefined where it is no report about that */
export function readReport({ headers, text, parts }: ReportMail): DeliveryReport | undefined {
  const originalId = /^message-id:\s{0,10}<([^>\s]{1,200})>/im.exec(parts.find(({ type }) => isReturned(type))?.content() ?? '')?.[1]
  const lines = shortened(text.trim(), maxFirstLines)
  const status = parts.find(({ type }) => isStatus(type))
  const read = status && parseDeliveryStatus(status.content())
  if (read !== undefined) return { ...read, originalId, firstLines: undefined }
  const unread = { reportingServer: undefined, recipients: [], originalId, firstLines: lines === '' ? 'It has no text.' : lines }
  if (status !== undefined) return unread
  // Another report, such as that somebody has read it (RFC 8098), or thinks that it is spam (RFC 5965).
  if (/^multipart\/report/i.test(headers.get('content-type')?.trim() ?? '')) return undefined
  // Exim names those that failed beside a text for people.
  const failed = headers.get('x-failed-recipients')?.slice(0, 2_000).split(',') ?? []
  const addresses = failed.map(address => address.trim().toLowerCase()).filter(address => address !== '')
  if (addresses.length > 0) {
    const recipient = { addresses, action: 'failed', status: undefined, diagnostic: unread.firstLines, remoteServer: undefined } as const
    return { ...unread, recipients: [recipient], firstLines: undefined }
  }
  return isAutomaticReply(headers) ? undefined : unread
}

/** What a report says of the mail with this id to this address; undefined where it is about another one. */
export function reportFor({ recipients, originalId, firstLines, reportingServer }: DeliveryReport, messageId: string, address: string): MailReport | undefined {
  if (firstLines !== undefined) return { action: 'failed', text: `A bounce that cannot be read: ${firstLines}` }
  const own = recipients.find(({ addresses }) => addresses.includes(address.toLowerCase()))
  // It was forwarded: a server farther on names the address there alone, and gives back what it could not deliver.
  const forwarded = originalId?.startsWith(`${messageId}@`) ? (recipients.find(({ action }) => action === 'failed') ?? recipients[0]) : undefined
  const about = own ?? forwarded
  if (about === undefined) return undefined
  const said = [...(about.status ? [about.status] : []), ...(about.diagnostic ? [about.diagnostic] : [])].join(' ')
  const by = about.remoteServer ?? reportingServer
  const at = own === undefined ? ` for ${about.addresses.at(-1)}` : ''
  return { action: about.action, text: `${by ?? 'A mail server'}${at}: ${said === '' ? about.action : said}` }
}

/** What became of a mail, as a server reports it. */
export interface MailReport {
  readonly action: ReportAction
  /** The server, and what it said. */
  readonly text: string
}
