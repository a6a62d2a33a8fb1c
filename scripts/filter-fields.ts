// Writes the tables of filter fields in docs/alerts.md and docs/incidents.md, from their definition. With --check it only says whether they are up to date.
import { alertFields, incidentFields } from '@tocsin/api'
import type { Field } from '@tocsin/filter'
import { writeBetweenMarks } from './between-marks.ts'

function valuesOf({ name, kind, values, example, isKeyed }: Field): string {
  if (values !== undefined) return values.map(value => `\`${value}\``).join(', ')
  if (example !== undefined) return `such as \`${name}${isKeyed === true ? '.' : ':'}${example}\``
  return kind === 'person' ? '`me`, `none` or a name' : ''
}

function row(field: Field): string {
  const names = [field.name, ...(field.aliases ?? [])].map(name => `\`${field.kind === 'flag' ? `is:${name}` : name}\``)
  return `| ${names.join(', ')} | ${field.description} | ${valuesOf(field)} |`
}

for (const [file, fields] of [
  ['alerts.md', alertFields],
  ['incidents.md', incidentFields],
] as const)
  writeBetweenMarks(`../${file}`, 'filter-fields', ['| field | finds by | values |', '| --- | --- | --- |', ...fields.map(row)].join('\n'), 'filter-fields.ts')
