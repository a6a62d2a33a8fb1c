import { accessRoutes, calendarRoutes, directoryRoutes as routes } from '@tocsin/api'
import { sql } from 'drizzle-orm'
import { type AppContext, type Bindings, command, maxFound, nearText, query } from '../access/index.ts'
import { onlyChanged } from '../journal/index.ts'
import { listCalendars, removeCalendar, saveCalendar } from './calendars.ts'
import { listCustomers, saveCustomer } from './customers.ts'
import { listServices, saveService } from './services.ts'
import { customers, services, teams } from './tables.ts'
import { leaveTeams, listTeams, saveTeam } from './teams.ts'

export { listCustomers, saveCustomer } from './customers.ts'
export { knownServices, listServices, ownerTeamOf, saveService } from './services.ts'
export { calendars, customers, services, teamMembers, teams } from './tables.ts'
export { assertSameTeam, firstSecurityTeam, listTeams, saveTeam } from './teams.ts'

export function openDirectory(context: AppContext): Bindings {
  context.departures.add(leaveTeams)
  for (const [kind, table, detail] of [
    ['service', services, services.description],
    ['customer', customers, customers.region],
    ['team', teams, teams.kind],
  ] as const)
    context.searches.add(kind, 'catalog:read', async (reader, _, text) => {
      const { isExact, isNear, order } = nearText(sql`lower(${table.name})`, text)
      const rows = await reader.db
        .select({ id: table.id, title: table.name, detail: sql<string>`left(${detail}, 100)`, isExact })
        .from(table)
        .where(isNear)
        .orderBy(...order, table.name)
        .limit(maxFound)
      return rows.map(({ isExact, ...found }) => ({ ...found, number: null, isApproximate: !isExact }))
    })
  return [
    query(accessRoutes.teams, async (reader, { query: { updatedSince } }) => onlyChanged(reader, await listTeams(reader), updatedSince)),
    command(accessRoutes.saveTeam, (tx, { caller, body }) => saveTeam(tx, caller, body)),
    query(routes.services, async (reader, { query: { updatedSince } }) => onlyChanged(reader, await listServices(reader), updatedSince)),
    command(routes.saveService, (tx, { caller, body }) => saveService(tx, caller, body)),
    query(routes.customers, async (reader, { query: { updatedSince } }) => onlyChanged(reader, await listCustomers(reader), updatedSince)),
    command(routes.saveCustomer, (tx, { caller, body }) => saveCustomer(tx, caller, body)),
    query(calendarRoutes.calendars, async (reader, { query: { updatedSince } }) => onlyChanged(reader, await listCalendars(reader), updatedSince)),
    command(calendarRoutes.saveCalendar, (tx, { caller, body }) => saveCalendar(tx, caller, body)),
    command(calendarRoutes.removeCalendar, (tx, { caller, params }) => removeCalendar(tx, caller, params.id)),
  ]
}
