import { createClient, type Page } from '@tocsin/api'
import { allPages } from './lists.ts'
import { CliProblem, type Output, printable } from './output.ts'

interface Api {
  readonly origin: string
  readonly apiKey: string | undefined
}
type Client = ReturnType<typeof createClient>
const clientOf = ({ origin, apiKey }: Api): Client => createClient({ origin, retries: 2, ...(apiKey === undefined ? {} : { apiKey }) })

const words = (page: Page) =>
  [
    page.state === 'acknowledged' ? `acknowledged by ${page.acknowledgedBy ?? 'unknown'}` : page.state,
    page.snoozedUntil ? `snoozed until ${page.snoozedUntil}` : '',
    page.state === 'triggered' && page.nextEscalationAt ? `escalates at ${page.nextEscalationAt}` : '',
  ]
    .filter(word => word !== '')
    .join(', ')
const row = (page: Page) => printable(`${page.id}  ${page.severity.padEnd(8)}  ${page.title}  (${page.team?.name ?? 'administrators'}; ${words(page)})`)

/** Lists pages, unacknowledged ones first. */
export async function pageList(output: Output, api: Api, isMine: boolean): Promise<void> {
  const call = clientOf(api)
  const found = await allPages(query => call(isMine ? 'myPages' : 'pages', { query }))
  output.say(found.length === 0 ? ['No pages.'] : found.map(row), found)
}

const wholeId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** The page whose id is given, whole or by an ending that only one has. */
async function findPage(call: Client, which: string): Promise<Page> {
  if (wholeId.test(which)) return call('page', { params: { id: which }, query: { limit: 1 } })
  const found = (await allPages(query => call('pages', { query }))).filter(page => which.length >= 4 && page.id.endsWith(which))
  const [page] = found
  if (page === undefined) throw new CliProblem(`Page ${which} does not exist, or this API key cannot access it.`)
  if (found.length > 1) throw new CliProblem(`${which} matches ${found.length} pages. Use more characters of the ID.`)
  return page
}

/** A page with its timeline. */
export async function pageShow(output: Output, api: Api, which: string): Promise<void> {
  const call = clientOf(api)
  const params = { id: (await findPage(call, which)).id }
  const found = await call('page', { params, query: { limit: 1 } })
  const events = await allPages(async query => {
    const part = await call('page', { params, query })
    return { items: part.events, next: part.next }
  })
  output.say([row(found), printable(found.summary), '', ...events.map(event => printable(`${event.at}  ${event.text}`))], { ...found, events, next: null })
}

export interface PageAction {
  readonly kind: 'acknowledge' | 'decline' | 'escalate' | 'add' | 'snooze'
  /** Email addresses. */
  readonly people?: readonly string[]
  readonly reason?: string
  readonly minutes?: number
}

/** Does something about a page, as the person whose key it is. */
export async function pageAction(output: Output, api: Api, which: string, action: PageAction): Promise<void> {
  const call = clientOf(api)
  const found = await findPage(call, which)
  const params = { id: found.id }
  const personIds = action.people && action.people.length > 0 ? await idsOf(call, action.people) : []
  const page = await perform()
  output.say([row(page)], page)

  function perform(): Promise<Page> {
    if (action.kind === 'acknowledge') return call('acknowledgePage', { params })
    if (action.kind === 'escalate') return call('escalatePage', { params, body: { level: found.level } })
    if (action.kind === 'snooze') return call('snoozePage', { params, body: { minutes: action.minutes ?? 30 } })
    if (action.kind === 'add') return call('addResponders', { params, body: { personIds } })
    return call('declinePage', { params, body: { toId: personIds[0] ?? null, reason: action.reason ?? '' } })
  }
}

async function idsOf(call: Client, emails: readonly string[]): Promise<string[]> {
  const { people } = await call('people')
  return emails.map(email => {
    const person = people.find(one => one.email === email.toLowerCase())
    if (!person) throw new CliProblem(`No user has the email address ${email}.`, 2)
    return person.id
  })
}
