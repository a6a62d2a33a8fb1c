import { createClient, type Page } from '@tocsin/api'
import { CliProblem, type Output, printable } from './output.ts'

interface Api {
  readonly origin: string
  readonly apiKey: string | undefined
}
type Client = ReturnType<typeof createClient>
const clientOf = ({ origin, apiKey }: Api): Client => createClient({ origin, ...(apiKey === undefined ? {} : { apiKey }) })

const words = (page: Page) =>
  [
    page.state === 'acknowledged' ? `${page.acknowledgedBy ?? 'somebody'} has it` : page.state,
    page.snoozedUntil ? `rests until ${page.snoozedUntil}` : '',
    page.state === 'triggered' && page.nextStepAt ? `next step ${page.nextStepAt}` : '',
  ]
    .filter(word => word !== '')
    .join(', ')
const row = (page: Page) => printable(`${page.id}  ${page.severity.padEnd(8)}  ${page.title}  (${page.team.name}; ${words(page)})`)

/** Lists the latest pages, those that wait for an answer first. */
export async function pageList(output: Output, api: Api, isMine: boolean): Promise<void> {
  const found = await clientOf(api)(isMine ? 'myPages' : 'pages')
  output.say(found.length === 0 ? ['Nobody was paged.'] : found.map(row), found)
}

/** The page whose id is given, whole or by an ending that only one has. */
async function findPage(call: Client, which: string): Promise<Page> {
  const found = (await call('pages')).filter(page => page.id === which || (which.length >= 4 && page.id.endsWith(which)))
  const [page] = found
  if (page === undefined) throw new CliProblem(`There is no page ${which} that this key may see.`)
  if (found.length > 1) throw new CliProblem(`${which} is the ending of ${found.length} pages: give more of the id.`)
  return page
}

/** The whole story of a page. */
export async function pageShow(output: Output, api: Api, which: string): Promise<void> {
  const call = clientOf(api)
  const story = await call('page', { params: { id: (await findPage(call, which)).id } })
  output.say([row(story), printable(story.summary), '', ...story.events.map(event => printable(`${event.at}  ${event.text}`))], story)
}

export interface PageAct {
  readonly kind: 'acknowledge' | 'decline' | 'escalate' | 'add' | 'snooze'
  /** E-mail addresses. */
  readonly people?: readonly string[]
  readonly reason?: string
  readonly minutes?: number
}

/** Does something about a page, as the person whose key it is. */
export async function pageAct(output: Output, api: Api, which: string, act: PageAct): Promise<void> {
  const call = clientOf(api)
  const params = { id: (await findPage(call, which)).id }
  const personIds = act.people && act.people.length > 0 ? await idsOf(call, act.people) : []
  const page = await perform()
  output.say([row(page)], page)

  function perform(): Promise<Page> {
    if (act.kind === 'acknowledge') return call('acknowledgePage', { params })
    if (act.kind === 'escalate') return call('escalatePage', { params })
    if (act.kind === 'snooze') return call('snoozePage', { params, body: { minutes: act.minutes ?? 30 } })
    if (act.kind === 'add') return call('addResponders', { params, body: { personIds } })
    return call('declinePage', { params, body: { toId: personIds[0] ?? null, reason: act.reason ?? '' } })
  }
}

async function idsOf(call: Client, emails: readonly string[]): Promise<string[]> {
  const { people } = await call('people')
  return emails.map(email => {
    const person = people.find(one => one.email === email.toLowerCase())
    if (!person) throw new CliProblem(`There is nobody with the address ${email}.`, 2)
    return person.id
  })
}
