// Writes docs/security/audit-events.md: every type of entry of the audit log, from its definition. With --check it only says whether that is up to date.
import { events } from '@tocsin/events'
import { activities, classes, mappings } from '@tocsin/events/ocsf'
import { writeBetweenMarks } from './between-marks.ts'

const incidents = { incident: 'always', either: 'if it has one', none: 'never' } as const

const rows = events
  .toSorted((a, b) => (a.type < b.type ? -1 : 1))
  .map(({ type, subject, within, data }) => {
    const { activity, severity, isFailure, isWhole } = mappings[type]
    const { classUid, name } = activities[activity]
    const ocsf = `${classes[classUid].name} (${classUid}): ${name}, ${severity}${isFailure ? ', failure' : ''}`
    return `| \`${type}\` | ${subject} | ${incidents[within]} | ${Object.keys(data.shape).join(', ') || '–'} | ${ocsf} | ${isWhole ? 'yes' : 'no'} |`
  })

const header = ['| type | about | within an incident | data | as OCSF | data leaves |', '| --- | --- | --- | --- | --- | --- |']
writeBetweenMarks('audit-events.md', 'types', [...header, ...rows].join('\n'), 'events.ts')
