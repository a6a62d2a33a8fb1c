import { type AlertActResult, alertFields, type alertSorts, type alertViews, type builtInViews } from '@tocsin/api'
import { parse } from '@tocsin/filter'

/** Which alerts the page lists, and which of them is open beside the list: all of it is in the address. */
export interface Selection {
  readonly view: (typeof alertViews)[number]
  readonly filter: string
  readonly sort?: (typeof alertSorts)[number] | undefined
  readonly alert?: string | undefined
}

export const sortNames: Readonly<Record<(typeof alertSorts)[number], string>> = {
  severity: 'Severity, then oldest',
  newest: 'Newest',
  oldest: 'Oldest',
  lastSeen: 'Last seen',
  count: 'Occurrences',
}

/** The terms of a filter as they are written; of one that cannot be read, none. */
export function termsOf(filter: string): string[] {
  return (parse(filter, alertFields).filter ?? []).map(({ start, end }) => filter.slice(start, end))
}

/** The filter with a term, or without it where it has it. */
export function withTerm(filter: string, term: string): string {
  const terms = termsOf(filter)
  return (terms.includes(term) ? terms.filter(one => one !== term) : [...terms, term]).join(' ')
}

/** A tab of the page. */
export interface View {
  readonly key: string
  readonly name: string
  readonly selection: Pick<Selection, 'view' | 'filter' | 'sort'>
}

/** The views of alerts: the whole queue first, then those that everybody has, those that were saved, and everything. */
export function viewsOf(builtIn: typeof builtInViews): View[] {
  return [
    { key: 'triage', name: 'Triage queue', selection: { view: 'triage', filter: '' } },
    ...builtIn.flatMap(({ list, name, view, filter }) => (list === 'alerts' ? [{ key: `built-in ${name}`, name, selection: { view, filter } }] : [])),
    { key: 'all', name: 'All alerts', selection: { view: 'all', filter: '' } },
  ]
}

export const isSelected = ({ selection }: View, { view, filter, sort }: Selection): boolean =>
  selection.view === view && selection.filter === filter && selection.sort === sort

/** What an act did, in a sentence for each outcome. */
export function outcomeOf({ done, skipped }: Pick<AlertActResult, 'done' | 'skipped'>, verb: string): string {
  const said = done === 0 ? [] : [`${done === 1 ? '1 alert' : `${done.toLocaleString('en')} alerts`} ${verb}.`]
  return [...said, ...skipped.map(({ why }) => why)].join(' ')
}
