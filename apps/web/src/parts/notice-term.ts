import type { noticeStarts, noticeUnits } from '@tocsin/api'

type Start = (typeof noticeStarts)[number]
type Unit = (typeof noticeUnits)[number]

export const startLabels: Record<Start, string> = { declared: 'the declaration', found: 'finding the customer affected', aware: 'becoming aware' }
export const unitLabels: Record<Unit, string> = { hours: 'hours', 'calendar-days': 'calendar days', 'business-days': 'business days' }

/** How long a contract gives: `72 h`, `5 business days`. */
export const lengthOf = ({ amount, unit }: { amount: number; unit: Unit }) =>
  unit === 'hours' ? `${amount} h` : `${amount} ${amount === 1 ? unitLabels[unit].slice(0, -1) : unitLabels[unit]}`

/** A term in words: `5 business days (Berlin) from becoming aware`. */
export const termText = (term: { start: Start; amount: number; unit: Unit; calendar: { name: string } | null }) =>
  `${lengthOf(term)}${term.calendar ? ` (${term.calendar.name})` : ''} from ${startLabels[term.start]}`

/** The deadline after which a notice is late: that of the contract, or the one from being found where the former had passed before. */
export const lastTimeOf = ({ found }: { found: { at: string; dueAt: string } | null }, dueAt: string) =>
  found !== null && dueAt <= found.at ? found.dueAt : dueAt
