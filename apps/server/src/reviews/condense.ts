import type { TimelineEntry } from '@tocsin/api'

const counted = (count: number, noun: string) => `${count.toLocaleString('en-US')} ${noun}`
/** `deferral` or `waiver`, as the sentence of a decision names it. */
const kindOf = ({ sentence }: TimelineEntry) => (/\bdeferral\b/.test(sentence) ? 'deferrals' : 'waivers')
// Also where it is counted from being found, and the sentence says so.
const isLate = ({ sentence }: TimelineEntry) => / notified late\b/.test(sentence)
const isUpdate = ({ sentence }: TimelineEntry) => sentence.startsWith('Update to ')

/** What many entries of one type become: a sentence with their count. `variantOf`: those that differ in it are not joined. */
interface Joining {
  readonly sentence: (count: number, first: TimelineEntry) => string
  readonly variantOf?: (entry: TimelineEntry) => string
}
const joinings: Readonly<Record<string, Joining>> = {
  'obligation.opened': { sentence: count => `Notification deadlines for ${counted(count, 'customers')} started` },
  'obligation.warned': {
    sentence: (count, first) =>
      `${isUpdate(first) ? `Updates to ${counted(count, 'customers')} not sent` : `${counted(count, 'customers')} not notified`} yet; incident lead paged`,
    variantOf: entry => String(isUpdate(entry)),
  },
  'obligation.update-opened': { sentence: count => `Updates to ${counted(count, 'customers')} due` },
  'obligation.notified': {
    sentence: (count, first) => `${counted(count, 'customers')} notified ${isLate(first) ? 'late' : 'on time'}`,
    variantOf: entry => String(isLate(entry)),
  },
  'obligation.missed': {
    sentence: (count, first) =>
      `${isUpdate(first) ? `Updates to ${counted(count, 'customers')} not sent in time` : `Notification deadlines for ${counted(count, 'customers')} missed`}`,
    variantOf: entry => String(isUpdate(entry)),
  },
  'notice.drafted': { sentence: count => `Drafted notices to ${counted(count, 'customers')}` },
  'notice.changed': { sentence: count => `Changed notices: ${counted(count, 'times')}` },
  'notice.approved': { sentence: count => `Approved ${counted(count, 'notices')}` },
  'notice.sent': { sentence: count => `Sent ${counted(count, 'notices')}` },
  'notice.delivered': { sentence: count => `${counted(count, 'notices')} accepted by mail servers` },
  'notice.undelivered': { sentence: count => `${counted(count, 'notices')} could not be delivered` },
  'decision.proposed': { sentence: (count, first) => `Proposed ${counted(count, kindOf(first))} of notices`, variantOf: kindOf },
  'decision.approved': { sentence: (count, first) => `Approved ${counted(count, kindOf(first))} of notices`, variantOf: kindOf },
  'decision.rejected': { sentence: (count, first) => `Rejected ${counted(count, kindOf(first))} of notices`, variantOf: kindOf },
  'decision.withdrawn': { sentence: (count, first) => `Withdrew ${counted(count, kindOf(first))} of notices`, variantOf: kindOf },
  'decision.due': { sentence: (count, first) => `${counted(count, kindOf(first))} of notices are due for review`, variantOf: kindOf },
  'page.triggered': { sentence: count => `${counted(count, 'pages')} triggered` },
  'page.notified': { sentence: count => `Paged people ${counted(count, 'times')}` },
  'page.sent': { sentence: count => `${counted(count, 'messages')} sent for pages` },
  'page.failed': { sentence: count => `${counted(count, 'messages')} for pages could not be sent` },
  'page.acknowledged': { sentence: count => `Acknowledged ${counted(count, 'pages')}` },
  'page.exhausted': { sentence: count => `Nobody acknowledged the page: ${counted(count, 'times')}` },
  'alert.received': { sentence: count => `${counted(count, 'alerts')} received` },
  'alert.repeated': { sentence: count => `Alerts received again: ${counted(count, 'times')}` },
  'alert.escalated': { sentence: count => `Escalated ${counted(count, 'alerts')}` },
  'incident.read': { sentence: count => `Viewed the restricted incident ${counted(count, 'times')}` },
}
/** Fewer of a kind stay as they are. */
const minJoined = 3

/** A line of a condensed timeline: for so many entries of it, of which the first was at this place. */
export interface Condensed extends TimelineEntry {
  readonly count: number
  readonly place: number
}

/** A timeline in which repeated entries of one type, by one actor and of one day (UTC), are one with their count, where the first of them was. */
export function condense(timeline: readonly TimelineEntry[]): Condensed[] {
  const placed = timeline.map((entry, place): Condensed => ({ ...entry, place, count: 1 }))
  const groups = Map.groupBy(placed, entry => {
    const joining = joinings[entry.type]
    return joining === undefined ? String(entry.place) : JSON.stringify([entry.type, entry.by, entry.at.slice(0, 10), joining.variantOf?.(entry)])
  })
  const joined = [...groups.values()].flatMap((entries): Condensed[] => {
    const [first] = entries
    const joining = first && joinings[first.type]
    if (first === undefined || joining === undefined || entries.length < minJoined) return entries
    const reason = entries.every(entry => entry.reason === first.reason) ? first.reason : null
    return [{ ...first, sentence: joining.sentence(entries.length, first), reason, count: entries.length }]
  })
  return joined.toSorted((a, b) => a.place - b.place)
}

/** What of an incident is decided or due: its lifecycle, key dates, what takes a second person, and what customers are owed. */
const milestones = ['incident', 'fact', 'proposal', 'segregation', 'decision', 'obligation']

/** How much an entry matters to what happened: 0 for milestones and decisions, 1 for other work on the incident, 2 for paging. */
export function rankOf({ type }: Pick<TimelineEntry, 'type'>): 0 | 1 | 2 {
  if (type.startsWith('page.') || type === 'incident.read') return 2
  const isMilestone = milestones.includes(type.split('.')[0] ?? '') || type === 'task.approved'
  return isMilestone || type === 'alert.escalated' ? 0 : 1
}
