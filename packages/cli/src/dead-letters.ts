import { createClient, type JournalDeadLetter, ProblemError, problemKinds } from '@tocsin/api'
import { allPages } from './lists.ts'
import { CliProblem, type Output, printable } from './output.ts'

interface Api {
  readonly origin: string
  readonly apiKey: string | undefined
}
const clientOf = ({ origin, apiKey }: Api) => createClient({ origin, ...(apiKey === undefined ? {} : { apiKey }) })

const row = (deadLetter: JournalDeadLetter) =>
  printable(
    `${deadLetter.id}  ${deadLetter.at}  ${deadLetter.reader}  ${deadLetter.entry.type}  ${deadLetter.state} after ${deadLetter.attempts} attempts: ${deadLetter.error}`,
  )

/** Lists the entries that readers of the journal have set aside. */
export async function deadLetterList(output: Output, api: Api, isAll: boolean): Promise<void> {
  const call = clientOf(api)
  const deadLetters = await allPages(query => call('journalDeadLetters', { query: { ...query, view: isAll ? 'all' : 'open' } }))
  output.say(deadLetters.length === 0 ? ['No dead letters.'] : deadLetters.map(row), deadLetters)
}

/** Replays dead letters: one, or all that are open, the oldest first. One that fails again keeps none of the others from it. @throws CliProblem (1) when some failed */
export async function deadLetterReplay(output: Output, api: Api, id: string | undefined): Promise<void> {
  const call = clientOf(api)
  const open = id === undefined ? (await allPages(query => call('journalDeadLetters', { query }))).toReversed() : [{ id }]
  const replayed: JournalDeadLetter[] = []
  const failed: string[] = []
  for (const deadLetter of open) {
    try {
      replayed.push(await call('replayJournalDeadLetter', { params: { id: deadLetter.id } }))
    } catch (error) {
      if (!(error instanceof ProblemError) || error.problem.status !== problemKinds.conflict) throw error
      failed.push(`${deadLetter.id}: ${error.message}`)
    }
  }
  if (replayed.length + failed.length === 0) output.say(['No dead letters.'], [])
  else if (replayed.length > 0) output.say(replayed.map(row), replayed)
  if (failed.length > 0) throw new CliProblem(`${failed.length} of ${open.length} failed again.\n${failed.join('\n')}`)
}

/** Discards a dead letter for good. */
export async function deadLetterDiscard(output: Output, api: Api, id: string, reason: string): Promise<void> {
  const deadLetter = await clientOf(api)('discardJournalDeadLetter', { params: { id }, body: { reason } })
  output.say([row(deadLetter)], deadLetter)
}
