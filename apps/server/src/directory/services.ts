import { isDeepStrictEqual } from 'node:util'
import type { Service, ServiceInput } from '@tocsin/api'
import { asc, eq, inArray, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import type { z } from 'zod'
import type { Caller } from '../access/index.ts'
import { markRecords, record } from '../journal/index.ts'
import { holdLock, type Reader, type Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { isNameTaken } from '../kernel/names.ts'
import { changedMeanwhile, conflict, invalid, notFound } from '../kernel/problems.ts'
import { services, teams } from './tables.ts'
import { assertTeam } from './teams.ts'

type Input = z.output<typeof ServiceInput> & { id?: string | undefined; version?: number | undefined }

const securityTeam = alias(teams, 'security_team')
const engineeringTeam = alias(teams, 'engineering_team')

/** The team that carries out the response on a service: the security team while the service has no engineering team. */
export const ownerTeamOf = sql<string>`coalesce(${services.engineeringTeamId}, ${services.securityTeamId})`

/** The services by name, or the one with this id or name. */
export async function listServices(reader: Reader, idOrName?: string): Promise<Service[]> {
  const rows = await reader.db
    .select({ service: services, security: securityTeam, engineering: engineeringTeam })
    .from(services)
    .innerJoin(securityTeam, eq(securityTeam.id, services.securityTeamId))
    .leftJoin(engineeringTeam, eq(engineeringTeam.id, services.engineeringTeamId))
    .where(idOrName === undefined ? undefined : sql`(${services.id}::text = ${idOrName} or ${services.name} = ${idOrName})`)
    .orderBy(asc(services.name))
  return rows.map(({ service, security, engineering }) => ({
    id: service.id,
    name: service.name,
    description: service.description,
    securityTeam: { id: security.id, name: security.name },
    engineeringTeam: engineering && { id: engineering.id, name: engineering.name },
    pageFrom: service.pageFrom,
    isDemo: service.isDemo,
    version: service.version,
  }))
}

/** Those of some ids that are services. */
export async function knownServices(reader: Reader, ids: readonly string[]): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set()
  const rows = await reader.db
    .select({ id: services.id })
    .from(services)
    .where(inArray(services.id, [...new Set(ids)]))
  return new Set(rows.map(row => row.id))
}

/** Adds a service, or changes the one whose id and version are given. Saving it as it is changes nothing. */
export async function saveService(tx: Tx, caller: Caller, input: Input, isDemo = false): Promise<Service> {
  await holdLock(tx, 'organization')
  // A team of any kind, and the same one for both sides where one team answers for all of a service.
  for (const field of ['securityTeamId', 'engineeringTeamId'] as const) {
    const teamId = input[field]
    if (teamId !== null) await assertTeam(tx, teamId, field)
  }
  const id = input.id ?? newId()
  if (await isNameTaken(tx, services, input.name, id)) throw conflict(`A service named ${input.name} already exists.`)
  const values = {
    name: input.name,
    description: input.description,
    securityTeamId: input.securityTeamId,
    engineeringTeamId: input.engineeringTeamId,
    pageFrom: input.pageFrom,
  }
  const entry = { actor: caller.actor, subject: { kind: 'service', id } } as const
  if (input.id === undefined) {
    await tx.db.insert(services).values({ ...values, id, isDemo })
    if (isDemo) await markRecords(tx, [id], { isDemo })
    await record(tx, { ...entry, type: 'service.added', data: values })
  } else {
    if (input.version === undefined) throw invalid('version', 'is required to update a service')
    const [before] = await tx.db.select().from(services).where(eq(services.id, id)).for('update')
    if (!before) throw notFound('service')
    if (before.version !== input.version) throw changedMeanwhile()
    const { name, description, securityTeamId, engineeringTeamId, pageFrom } = before
    const was = { name, description, securityTeamId, engineeringTeamId, pageFrom }
    if (!isDeepStrictEqual(values, was)) {
      await tx.db
        .update(services)
        .set({ ...values, version: before.version + 1 })
        .where(eq(services.id, id))
      await record(tx, { ...entry, type: 'service.changed', data: { ...values, before: was } })
    }
  }
  const [service] = await listServices(tx, id)
  if (!service) throw notFound('service')
  return service
}
