import type { TimelineEntry } from '@tocsin/api'
import type { Entry } from '../journal/index.ts'

type Data = Readonly<Record<string, unknown>>
const text = (value: unknown) => (value === null || value === undefined ? '' : String(value))
const names = (value: unknown) =>
  Array.isArray(value) ? value.map(each => (typeof each === 'object' && each !== null && 'name' in each ? text(each.name) : text(each))).join(', ') : ''
const quoted = (value: unknown) => `“${text(value)}”`

/** What each kind of entry says in a timeline. What is not here is bookkeeping that a reader of the incident does not look for. */
const sentences: Readonly<Record<string, (data: Data) => string>> = {
  'alert.received': data => `Alert ${text(data.number)} came in: ${text(data.title)}`,
  'alert.repeated': data => `The alert came in again, ${text(data.count)} times in all`,
  'alert.acknowledged': () => 'took up the alert',
  'alert.escalated': data => `escalated alert ${text(data.number)}: ${text(data.title)}`,
  'alert.resolved-by-source': () => 'The source of the alert says that it is over',
  'page.triggered': () => 'A page went out',
  'page.notified': data => `Paged ${names(data.notified) || 'nobody: there was nobody to page'}`,
  'page.sent': data => `The page was handed over to ${text(data.address)} (${text(data.receipt)})`,
  'page.failed': data => `The page could not be handed over to ${text(data.address)}: ${text(data.receipt)}`,
  'page.acknowledged': data => `acknowledged the page after ${duration(Number(data.afterSeconds))}`,
  'page.released': () => 'handed the page back',
  'page.exhausted': () => 'Nobody answered the page',
  'page.acknowledgement-added': data => `acknowledged the page, ${text(data.so)} of ${text(data.of)}`,
  'page.declined': data => (data.to === null ? 'declined the page' : `gave the page to ${text(data.to)}`),
  'page.escalated': () => 'had the next step paged',
  'page.responders-added': data => `asked ${names(data.notified)} to join`,
  'page.snoozed': data => `let the page rest until ${text(data.until)}`,
  'page.snooze-ended': () => 'The page climbs again after its rest',
  'page.unacknowledged': () => 'Nothing had happened since the page was acknowledged: it climbs again',
  'page.failed-over': data => `${text(data.from)} was in trouble: ${text(data.to) || 'there was no other way'} instead`,
  'alert.silenced': data => `A silence keeps the alert from paging: ${text(data.reason)}`,
  'incident.made-parent': data =>
    `declared it a widespread event, over incidents ${names(data.incidents) || 'none'} and alerts ${names(data.alerts) || 'none'}`,
  'incident.linked-to-parent': data => `made it a part of incident ${text(data.by)}${data.title ? `: ${text(data.title)}` : ''}`,
  'incident.opened': data => `opened a suspected incident: ${text(data.title)}`,
  'incident.changed': data => `changed ${Object.keys(data).map(label).join(', ')}`,
  'incident.assessed': data => `assessed the severity: ${text(data.why)}`,
  'incident.classified': data => `classified it as ${text(data.class).replaceAll('-', ' ')}`,
  'incident.role-assigned': data => (data.name === null ? `left the role ${text(data.role)} vacant` : `${text(data.name)} has the role ${text(data.role)}`),
  'incident.members-set': () => 'set who may see it',
  'incident.services-set': data => `listed the affected services: ${names(data.services) || 'none'}`,
  'incident.customers-set': data => `listed the affected customers: ${names(data.customers) || 'none'}`,
  'incident.declared': data => `declared the incident, ${text(data.severity)}`,
  'incident.contained': data => (data.from === 'declared' ? 'contained the incident' : `went back from ${text(data.from)} to contained`),
  'incident.eradicated': () => 'eradicated the cause',
  'incident.recovered': data => `recovered the services, under watch until ${text(data.monitorUntil)}`,
  'incident.closed': () => 'closed the incident',
  'incident.reopened': () => 'reopened the incident',
  'incident.read': () => 'read the restricted incident',
  'incident.exported': data => `exported the record (${text(data.form)})`,
  'task.added': data => `added a task: ${text(data.title)}`,
  'task.changed': data => `changed the task: ${text(data.title)}`,
  'task.done': data => `finished the task: ${text(data.title)}`,
  'task.reopened': data => `reopened the task: ${text(data.title)}`,
  'task.approved': data => `approved the task: ${text(data.title)}`,
  'note.written': () => 'wrote a note',
  'note.corrected': () => 'corrected a note',
  'obligation.opened': data => `The duty to notify ${text(data.customer)} began: due ${text(data.dueAt)}`,
  'obligation.warned': data => `${text(data.afterHours)} hours have passed and ${text(data.customer)} is not notified: the lead is paged`,
  'obligation.notified': data => `${text(data.customer)} was notified, ${data.isInTime === true ? 'in time' : 'late'}`,
  'notice.drafted': data => `drafted a notice to ${text(data.customer)}`,
  'notice.changed': data => `changed the notice to ${text(data.customer)}`,
  'notice.approved': data => `approved the notice to ${text(data.customer)}`,
  'notice.sent': data => `sent the notice to ${text(data.customer)}`,
  'notice.delivered': data => `The notice was taken by the mail server of ${text(data.address)} (${text(data.receipt)})`,
  'notice.undelivered': data => `The notice could not be delivered to ${text(data.address)}: ${text(data.receipt)}`,
  'decision.proposed': data => `proposed ${data.kind === 'delay' ? 'to delay the notice' : 'not to notify'}: ${text(data.customer)}`,
  'decision.approved': data => `approved ${data.kind === 'delay' ? 'the delay' : 'not to notify'}: ${text(data.customer)}`,
  'decision.withdrawn': data => `withdrew the decision about ${text(data.customer)}`,
  'decision.due': data => `The decision about ${text(data.customer)} is due for review`,
  'review.started': () => 'started the review',
  'review.saved': () => 'wrote on the review',
  'review.finished': () => 'finished the review',
  'follow-up.added': data => `added an improvement: ${quoted(data.title)}`,
  'follow-up.updated': data => `looked at the improvement ${quoted(data.title)}: ${text(data.state)}`,
}

function label(key: string): string {
  return key
    .replace(/^is/, '')
    .replace(/([A-Z])/g, ' $1')
    .toLowerCase()
    .trim()
}

function duration(seconds: number): string {
  if (seconds < 90) return `${seconds} seconds`
  const minutes = Math.round(seconds / 60)
  return minutes < 90 ? `${minutes} minutes` : `${Math.round(minutes / 60)} hours`
}

/** The journal of an incident as its timeline, oldest first. */
export function timelineOf(entries: readonly Entry[]): TimelineEntry[] {
  return entries.flatMap(entry => {
    const sentence = sentences[entry.type]?.(entry.data)
    if (sentence === undefined) return []
    return [{ id: entry.id, at: entry.at, by: entry.actor.name, type: entry.type, sentence, reason: reasonOf(entry.data) }]
  })
}

function reasonOf(data: Data): string | null {
  const parts = [
    data.reason,
    data.secureState === undefined ? undefined : `Known secure state: ${text(data.secureState)}`,
    data.verification === undefined ? undefined : `Verified by: ${text(data.verification)}`,
  ].filter(part => typeof part === 'string')
  return parts.length === 0 ? null : parts.join('\n')
}
