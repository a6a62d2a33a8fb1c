import { defang, type Observable, type Review, unique, withoutLinks } from '@tocsin/api'
import { type ForeignEntry, foreignSentence } from '@tocsin/events/fold'
import { renderMarkdown } from '../incidents/index.ts'
import type { IncidentRecord } from './incident-record.ts'

/** The record of an incident as one readable page that needs nothing but itself. */
export function incidentPage(
  record: IncidentRecord & { readonly foreign: readonly ForeignEntry[] },
  proof: { digest: string; checkpoint: string; key: string },
): string {
  const { incident, obligations, review } = record
  const { parent, children, recoveryVerified } = incident
  const linked = (each: { number: number; title: string }) => `Incident ${each.number}: ${written(each.title)}`
  /** Names, and values as markup. */
  const facts: [string, string][] = [
    ['Status', text(incident.status)],
    ['Class', text(incident.class.replaceAll('-', ' '))],
    ['Severity', text(incident.severityWhy ?? 'not assessed')],
    ['Opened', instant(incident.openedAt)],
    ['Declared', instant(incident.declaredAt)],
    ...rows(incident.stoodDownAt !== null, 'Stood down', () => `${instant(incident.stoodDownAt)}: it was declared in error`),
    ['Closed', instant(incident.closedAt)],
    ...rows(incident.round > 1, 'Round', () => `${incident.round}: it was reopened`),
    ...rows(incident.monitorUntil !== null, 'Monitor until', () => `${text(incident.monitorUntil ?? '')} UTC`),
    ...rows(recoveryVerified !== null, 'Recovery verified', () => `${text(recoveryVerified?.by ?? '')}, ${instant(recoveryVerified?.at ?? null)}`),
    ...rows(incident.isRestricted, 'Restricted', () => `Codename ${text(incident.codename ?? '')}`),
    ...rows(incident.legalHoldReason !== null, 'Legal hold', () => lines(incident.legalHoldReason ?? '')),
    ...rows(parent !== null, 'Parent incident', () => (parent === null ? '' : linked(parent))),
    ...rows(children.length > 0, 'Linked incidents', () => children.map(linked).join('<br>')),
    ['Incident lead', text(incident.lead?.name ?? '—')],
    ['Service owner', text(incident.owner?.name ?? '—')],
    ['Communications lead', text(incident.communications?.name ?? '—')],
    ['Executive sponsor', text(incident.executive?.name ?? '—')],
    ['Responsibility', text(incident.responsibility)],
    ['Approximate users affected', text(incident.approximateUsers === null ? 'unknown' : String(incident.approximateUsers))],
    ['Customer data affected', text(incident.dataTouched.customerData)],
    ['Personal data affected', text(incident.dataTouched.personalData)],
  ]
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Incident ${incident.number}: ${text(incident.title)}</title>
<style>
body{font:15px/1.55 system-ui,sans-serif;color:#1a1d21;max-width:52rem;margin:3rem auto;padding:0 1.5rem}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 .25rem}h2{font-size:1.15rem;margin:2.5rem 0 .75rem;padding-bottom:.3rem;border-bottom:1px solid #d8dce2}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.35rem .75rem .35rem 0;border-bottom:1px solid #eceef1}th{font-weight:600}
.quiet{color:#5a6270}pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f5f6f8;padding:.75rem;font-size:12px}.note{border-left:3px solid #d8dce2;padding-left:1rem;margin:1rem 0}
time{white-space:nowrap;font-variant-numeric:tabular-nums}
@media print{body{margin:0}}
</style></head><body>
<h1>Incident ${incident.number}: ${written(incident.title)}</h1>
${incident.isExercise ? '<p><strong>Exercise.</strong> It did not happen, and nothing of it was sent to customers, authorities or the public.</p>' : ''}
<p class="quiet">Exported on ${instant(record.exportedAt)} by ${text(record.exportedBy)}.</p>
${alteredSection(record.altered)}${foreignSection(record.foreign)}<h2>Details</h2><table>${facts.map(([name, value]) => `<tr><th scope="row">${text(name)}</th><td>${value}</td></tr>`).join('')}</table>
${incident.summary ? `<h2>Summary</h2>${renderMarkdown(incident.summary)}` : ''}
<h2>Affected services and customers</h2>${listed([...incident.services.map(each => ({ kind: 'Service', ...each })), ...incident.customers.map(each => ({ kind: 'Customer', ...each }))])}
<h2>Key dates</h2>${keyDates(record.facts)}
<h2>Timeline</h2><table>${incident.timeline.map(entry => `<tr><td>${instant(entry.at)}</td><td>${text(entry.by)}</td><td>${written(entry.sentence)}${entry.reason ? `<br>${lines(entry.reason)}` : ''}</td></tr>`).join('')}</table>
<h2>Proposals</h2>${proposed(incident.proposals)}${excepted(incident.exceptions)}
<h2>Tasks</h2>${incident.tasks.length === 0 ? '<p class="quiet">None.</p>' : `<table>${incident.tasks.map(task => `<tr><td>${task.doneAt ? 'done' : 'open'}</td><td>${written(task.title)}</td><td>${text(task.assignee?.name ?? '')}${task.dueOn === null ? '' : `, due ${text(task.dueOn)}`}${task.isBusinessImpacting ? `<br>Business-impacting, approved by ${text(task.approvedBy ?? 'nobody')}` : ''}</td></tr>`).join('')}</table>`}
<h2>Alerts</h2>${alerted(incident.alerts)}
<h2>Observables</h2>${observed(unique(incident.alerts.flatMap(({ observables }) => observables)))}
<h2>Notes</h2>${incident.notes.length === 0 ? '<p class="quiet">None.</p>' : incident.notes.map(note => `<div class="note"><p class="quiet">${text(note.author)}, ${instant(note.createdAt)}</p>${note.html}</div>`).join('')}
<h2>Notification obligations</h2>${obligationsSection(obligations)}
<h2>Post-incident review</h2>${reviewed(review)}
<h2>Verification</h2><p>The signed JSON export of this incident contains every audit log entry with its proof. Verify it with <code>npx tocsin journal verify FILE</code>.
The digest of this report is in the journal: <code>${proof.digest}</code></p><pre>${text(proof.checkpoint)}\n${text(proof.key)}</pre>
</body></html>
`
}

function text(value: string): string {
  return value.replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)
}

/** What people and programs wrote of what happened: no address in it leads anywhere. */
function written(value: string): string {
  return text(withoutLinks(value))
}

function lines(value: string): string {
  return written(value).replaceAll('\n', '<br>')
}

function instant(value: string | null): string {
  return value === null ? '—' : `<time datetime="${text(value)}">${text(value.slice(0, 19).replace('T', ' '))} UTC</time>`
}

function listed(rows: { kind: string; name: string; basis: string }[]): string {
  if (rows.length === 0) return '<p class="quiet">None.</p>'
  return `<table>${rows.map(row => `<tr><td>${row.kind}</td><td>${text(row.name)}</td><td>${written(row.basis)}</td></tr>`).join('')}</table>`
}

function observed(observables: readonly Observable[]): string {
  if (observables.length === 0) return '<p class="quiet">None.</p>'
  return `<table>${observables.map(({ kind, value }) => `<tr><td>${text(kind)}</td><td>${text(defang(value))}</td></tr>`).join('')}</table>`
}

/** A row of the details that only some incidents have. */
const rows = (isThere: boolean, name: string, value: () => string): [string, string][] => (isThere ? [[name, value()]] : [])

function alerted(alerts: IncidentRecord['incident']['alerts']): string {
  if (alerts.length === 0) return '<p class="quiet">None.</p>'
  return `<table>${alerts.map(({ number, title, severity, firstSeenAt, count }) => `<tr><td>${number}</td><td>${severity}</td><td>${written(title)}</td><td>${instant(firstSeenAt)}${count > 1 ? `, ${count} times` : ''}</td></tr>`).join('')}</table>`
}

/** What took a second person, newest first. */
function proposed(proposals: IncidentRecord['incident']['proposals']): string {
  if (proposals.length === 0) return '<p class="quiet">None.</p>'
  const decided = ({ state, decidedBy, decidedAt }: (typeof proposals)[number]) =>
    state === 'open' ? 'not decided' : `${state}${decidedBy === null ? '' : ` by ${text(decidedBy)}`}, ${instant(decidedAt)}`
  return `<table>${proposals.map(each => `<tr><td>${instant(each.proposedAt)}</td><td>${text(each.proposedBy.name)} proposed to ${written(each.change)}<br>${lines(each.reason)}</td><td>${decided(each)}</td></tr>`).join('')}</table>`
}

/** What one person did both of. */
const excepted = (exceptions: IncidentRecord['incident']['exceptions']): string =>
  exceptions
    .map(
      each =>
        `<p>${text(each.sentence)}: ${each.reviewedBy === null ? 'not reviewed' : `reviewed by ${text(each.reviewedBy)}, ${instant(each.reviewedAt)}`}.</p>`,
    )
    .join('')

function alteredSection(altered: readonly string[]): string {
  if (altered.length === 0) return ''
  return `<h2>Differences from the audit log</h2><p>The database was changed outside Tocsin. This report shows what is stored; the audit log says otherwise:</p><ul>${altered.map(each => `<li>${text(each)}</li>`).join('')}</ul>`
}

function foreignSection(foreign: readonly ForeignEntry[]): string {
  if (foreign.length === 0) return ''
  return `<h2>Entries that Tocsin did not write</h2><p>Somebody can write to the database. These entries count for nothing:</p><ul>${foreign.map(each => `<li>${text(foreignSentence(each))}</li>`).join('')}</ul>`
}

/** The key dates with all their versions, the newest first. */
function keyDates(facts: IncidentRecord['facts']): string {
  if (facts.length === 0) return '<p class="quiet">None.</p>'
  const rows = facts.map(({ kind, state, at, source, basis, reason, recordedBy, recordedAt, decidedBy }) => {
    const decided = decidedBy === null ? '' : `, ${state === 'rejected' ? 'rejected' : 'approved'} by ${text(decidedBy.name)}`
    return `<tr><td>${kind}${state === 'current' ? '' : ` (${state})`}</td><td>${instant(at)}</td><td>${written(source)}: ${lines(basis)}${reason === null ? '' : `<br>Corrected: ${lines(reason)}`}<br><span class="quiet">Recorded by ${text(recordedBy.name)}, ${instant(recordedAt)}${decided}</span></td></tr>`
  })
  return `<table>${rows.join('')}</table>`
}

/** The deadline counted from being found affected, where there is one. */
const fromFound = ({ found }: IncidentRecord['obligations'][number]) =>
  found === null ? '' : `; found affected ${instant(found.at)}, counted from then due ${instant(found.dueAt)}`

/** Whom something is owed to, and what. */
const owed = ({ kind, customer }: IncidentRecord['obligations'][number]) =>
  customer === null ? 'List of affected customers' : kind === 'update' ? `${customer.name}, update` : customer.name

function obligationsSection(obligations: IncidentRecord['obligations']): string {
  if (obligations.length === 0) return '<p class="quiet">None.</p>'
  return obligations
    .map(obligation => {
      const decision = obligation.decision
        ? `<p>${obligation.decision.approvedBy === null ? 'Proposal' : 'Decision'} to ${obligation.decision.kind} it (${text(obligation.decision.reasonCategory)}). ${lines(obligation.decision.reason)} Proposed by ${text(obligation.decision.proposedBy.name)}, ${obligation.decision.approvedBy === null ? 'not approved' : `approved by ${text(obligation.decision.approvedBy)}`}, review date ${text(obligation.decision.reviewOn)}.</p>`
        : ''
      const sent = obligation.notices
        .flatMap(notice => notice.deliveries)
        .map(
          delivery =>
            `<tr><td>${text(delivery.to)}</td><td>${text(delivery.state)}</td><td>${instant(delivery.at)}</td><td>${text(delivery.receipt ?? '')}${delivery.report === null ? '' : `<br>${text(delivery.report)}, ${instant(delivery.reportedAt)}`}</td></tr>`,
        )
      const notices = obligation.notices.map(
        notice =>
          `<p><strong>${notice.kind === 'update' ? 'Update' : 'Notice'}</strong>, by ${text(notice.author.name)}, ${notice.approvedBy === null ? 'not approved' : `approved by ${text(notice.approvedBy)}, ${instant(notice.approvedAt)}`}, ${notice.state === 'sent' ? `sent ${instant(notice.sentAt)}` : 'not sent'}.</p><p>${lines(notice.nature)}</p><p>${lines(notice.userImpact)}</p><p>${lines(notice.mitigation)}</p>${notice.nextSteps === null ? '' : `<p>${lines(notice.nextSteps)}</p>`}${notice.nextCommunicationAt === null ? '' : `<p>Next communication by ${instant(notice.nextCommunicationAt)}</p>`}`,
      )
      return `<div class="note"><p><strong>${text(owed(obligation))}</strong>: ${obligation.state}; started ${instant(obligation.startedAt)}, due ${instant(obligation.dueAt)}${fromFound(obligation)}, notified ${instant(obligation.notifiedAt)}</p>${decision}${notices.join('')}${sent.length > 0 ? `<table>${sent.join('')}</table>` : ''}</div>`
    })
    .join('')
}

function reviewed({ review, earlier, because }: IncidentRecord['review']): string {
  const current = review ? reviewOf(review) : `<p class="quiet">Not started. ${text(because)}</p>`
  return [current, ...earlier.map(each => `<h3>Round ${each.round}</h3>${reviewOf(each)}`)].join('')
}

function reviewOf(review: Review): string {
  const findings = review.findings.map(finding => `<li><strong>${text(finding.kind.replaceAll('-', ' '))}</strong>: ${lines(finding.description)}</li>`)
  const followUps = review.followUps.map(
    each => `<tr><td>${written(each.title)}</td><td>${text(each.owner.name)}</td><td>${text(each.dueOn)}</td><td>${each.state}</td></tr>`,
  )
  return `<p>${review.state === 'finished' ? `Finished by ${text(review.finishedBy ?? '')}, ${instant(review.finishedAt)}.` : 'In progress.'}</p>${renderMarkdown(review.sequence)}<ul>${findings.join('')}</ul>${followUps.length > 0 ? `<table>${followUps.join('')}</table>` : ''}`
}
