// Writes docs/security/roles.md: what each role may do, from the contract, between the two marks in the file. With --check it only says whether that is up to date.
import { type Route, roles, routes } from '@tocsin/api'
import { writeBetweenMarks } from './between-marks.ts'

const all: readonly Route[] = Object.values(routes)
const cell = (text: string) => text.replaceAll('|', '\\|')

function tableOf(title: string, found: readonly Route[], last: readonly [header: string, of: (route: Route) => string]): string {
  const rows = found
    .toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))
    .map(route => `| ${cell(route.summary)} | \`${route.method} ${route.path}\` | ${last[1](route)} |`)
  return [`### ${title}`, '', `| what | operation | ${last[0]} |`, '| --- | --- | --- |', ...rows].join('\n')
}

const recent = (route: Route) => (route.needsRecentFactor ? ', with a recent factor' : '')
const scopeOf = (route: Route) => `${route.access.kind === 'role' && route.access.scope !== null ? `\`${route.access.scope}\`` : 'people only'}${recent(route)}`

const tables = [
  tableOf(
    'Anybody',
    all.filter(({ access }) => access.kind === 'public'),
    ['because', ({ access }) => (access.kind === 'public' ? cell(access.because) : '')],
  ),
  tableOf(
    'Whoever has signed in, also before the second factor',
    all.filter(({ access }) => access.kind === 'signed-in'),
    ['needs', route => (route.needsRecentFactor ? 'a recent factor' : '–')],
  ),
  ...roles.map(role =>
    tableOf(
      `${role[0]?.toUpperCase()}${role.slice(1)} and above`,
      all.filter(({ access }) => access.kind === 'role' && access.role === role),
      ['scope of service accounts', scopeOf],
    ),
  ),
].join('\n\n')

writeBetweenMarks('roles.md', 'operations', tables, 'roles.ts')
