import { createClient, type JournalDeadLetter } from '@tocsin/api'
import { allPages } from './lists.ts'
import { type Output, printable } from './output.ts'

interface Api {
  readonly origin: string
  readonly apiKey: string | undefined
}
const clientOf = ({ origin, apiKey }: Api) => createClient({ origin, ...(apiKey === undefined ? {} : { apiKey }) })

const row = (letter: JournalDeadLetter) =>
  printable(`${letter.id}  ${letter.at}  ${letter.reader}  ${letter.entry.type}  ${letter.state} after ${letter.attempts} attempts: ${letter.error}`)

/** Lists the entries that readers of the journal have set aside. */
export async function deadLetterList(output: Output, api: Api, isAll: boolean): Promise<void> {
  const call = clientOf(api)
  const letters = await allPages(query => call('journalDeadLetters', { query: { ...query, view: isAll ? 'all' : 'open' } }))
  output.say(letters.length === 0 ? ['No dead letters.'] : letters.map(row), letters)
}

/** Has the readers take in what they had set aside: one dead letter, or all that are open, the oldest first. Ends at the first that fails again. */
export async function deadLetterReplay(output: Output, api: Api, id: string | undefined): Promise<void> {
  const call = clientOf(api)
  const open = id === undefined ? (await allPages(query => call('journalDeadLetters', { query }))).toReversed() : [{ id }]
  const replayed: JournalDeadLetter[] = []
  for (const letter of open) replayed.push(await call('replayJournalDeadLetter', { params: { id: letter.id } }))
  output.say(replayed.length === 0 ? ['No dead letters.'] : replayed.map(row), replayed)
}

/** Gives a dead letter up for good. */
export async function deadLetterDiscard(output: Output, api: Api, id: string, reason: string): Promise<void> {
  const letter = await clientOf(api)('discardJournalDeadLetter', { params: { id }, body: { reason } })
  output.say([row(letter)], letter)
}
