/** What is looked for, as it is in the address of the page. */
export interface JournalSearch {
  readonly text?: string
  readonly type?: string
  readonly actor?: string
  readonly address?: string
  readonly subject?: string
  readonly incident?: string
  readonly from?: string
  readonly to?: string
}

const names = ['text', 'type', 'actor', 'address', 'subject', 'incident', 'from', 'to'] as const

/** What an address of the page looks for; what it does not know is left out. */
export const journalSearch = (given: Record<string, unknown>): JournalSearch =>
  Object.fromEntries(
    names.flatMap(name => {
      const value = given[name]
      return (typeof value === 'string' || typeof value === 'number') && value !== '' ? [[name, String(value)]] : []
    }),
  )
