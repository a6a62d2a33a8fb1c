import { type AlertActResult, alertFields, type alertSorts, type alertViews, type builtInViews, type SavedView } from '@tocsin/api'
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

/** The alternatives of a term, such as `severity:high,critical`: commas in quotation marks belong to a value. */
function alternativesOf(values: string): string[] {
  const found = ['']
  let isQuoted = false
  for (const character of values) {
    if (character === '"') isQuoted = !isQuoted
    if (character === ',' && !isQuoted) found.push('')
    else found[found.length - 1] += character
  }
  return found
}

const fieldOf = (term: string) => term.slice(0, term.indexOf(':') + 1)
const wantedOf = (term: string) => term.slice(term.indexOf(':') + 1)

/** The values that a filter asks for in the field of a term: any of them will do. */
const chosenWith = (filter: string, term: string): string[] =>
  termsOf(filter)
    .filter(one => fieldOf(one) === fieldOf(term))
    .flatMap(one => alternativesOf(wantedOf(one)))

export const hasTerm = (filter: string, term: string): boolean => chosenWith(filter, term).includes(wantedOf(term))

/** The filter with a value of a field, as one more alternative, or without it where it has it. */
export function withTerm(filter: string, term: string): string {
  const others = termsOf(filter).filter(one => fieldOf(one) !== fieldOf(term))
  const chosen = chosenWith(filter, term)
  const values = chosen.includes(wantedOf(term)) ? chosen.filter(one => one !== wantedOf(term)) : [...chosen, wantedOf(term)]
  return [...others, ...(values.length === 0 ? [] : [`${fieldOf(term)}${values.join(',')}`])].join(' ')
}

/** A tab of the page. */
export interface View {
  readonly key: string
  readonly name: string
  readonly selection: Pick<Selection, 'view' | 'filter' | 'sort'>
  /** Of one that somebody saved. */
  readonly saved?: Pick<SavedView, 'id' | 'isMine' | 'isShared'>
}

/** The views of alerts: the whole queue first, then those that everybody has, those that were saved, and everything. */
export function viewsOf(builtIn: typeof builtInViews, saved: readonly SavedView[]): View[] {
  return [
    { key: 'triage', name: 'Triage queue', selection: { view: 'triage', filter: '' } },
    ...builtIn.flatMap(({ list, name, view, filter }) => (list === 'alerts' ? [{ key: `built-in ${name}`, name, selection: { view, filter } }] : [])),
    ...saved.flatMap(({ id, list, name, view, filter, sort, isMine, isShared }) =>
      list === 'alerts' && view !== 'open'
        ? [{ key: id, name, selection: { view, filter, ...(sort === null ? {} : { sort }) }, saved: { id, isMine, isShared } }]
        : [],
    ),
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
