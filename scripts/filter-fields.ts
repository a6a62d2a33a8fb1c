// Writes the tables of filter fields in docs/alerts.md and docs/incidents.md, from their definition. With --check it only says whether they are up to date.
import { type AlertField, alertFields, type IncidentField, incidentFields } from '@tocsin/api'
import { writeBetweenMarks } from './between-marks.ts'

function row(field: AlertField | IncidentField): string {
  const names = [field.name, ...('aliases' in field ? field.aliases : [])].map(name => `\`${field.kind === 'flag' ? `is:${name}` : name}\``).join(', ')
  const values =
    'values' in field
      ? field.values.map(value => `\`${value}\``).join(', ')
      : 'example' in field
        ? `such as \`${field.name}${'isKeyed' in field ? '.' : ':'}${field.example}\``
        : field.kind === 'person'
          ? `\`me\`, \`none\` or a name`
          : field.kind === 'time'
            ? `such as \`${field.name}:>=2026-11-01\``
            : ''
  return `| ${names} | ${field.description} | ${values} |`
}

for (const [file, fields] of [
  ['alerts.md', alertFields],
  ['incidents.md', incidentFields],
] as const)
  writeBetweenMarks(`../${file}`, 'filter-fields', ['| field | finds by | values |', '| --- | --- | --- |', ...fields.map(row)].join('\n'), 'filter-fields.ts')
