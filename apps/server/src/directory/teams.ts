import { isDeepStrictEqual } from 'node:util'
import type { Team } from '@tocsin/api'
import { asc, eq, inArray, sql } from 'drizzle-orm'
import { assertPeople, type Caller, people } from '../access/index.ts'
import { type Actor, markRecords, record, recordAll } from '../journal/index.ts'
import { holdLock, type Reader, type Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { isNameTaken } from '../kernel/names.ts'
import { changedMeanwhile, conflict, invalid, notFound } from '../kernel/problems.ts'
import { teamMembers, teams } from './tables.ts'

/** The teams by name, with their members. */
export async function listTeams(reader: Reader, ids?: readonly string[]): Promise<Team[]> {
  if (ids?.length === 0) return []
  const rows = await reader.db
    .select()
    .from(teams)
    .where(ids ? inArray(teams.id, [...ids]) : undefined)
    .orderBy(asc(teams.name))
  const members = await reader.db
    .select({ teamId: teamMembers.teamId, id: people.id, name: people.name })
    .from(teamMembers)
    .innerJoin(people, eq(people.id, teamMembers.personId))
    .orderBy(asc(people.name))
  return rows.map(team => ({ ...team, members: members.filter(member => member.teamId === team.id).map(({ id, name }) => ({ id, name })) }))
}

/** Creates a team, or changes the one whose id and version are given. Saving it as it is changes nothing. */
export async function saveTeam(
  tx: Tx,
  caller: Caller,
  input: { id?: string | undefined; version?: number | undefined; name: string; kind: 'security' | 'engineering'; memberIds: readonly string[] },
  isDemo = false,
): Promise<Team> {
  await holdLock(tx, 'organization')
  await assertPeople(tx, input.memberIds, 'memberIds')
  const id = input.id ?? newId()
  if (await isNameTaken(tx, teams, input.name, id)) throw conflict(`A team named ${input.name} already exists.`)
  const before = input.id === undefined ? undefined : await lockTeam(tx, id, input.version)
  if (before && before.kind !== input.kind) await assertKindIsFree(tx, before)
  const memberIds = [...new Set(input.memberIds)]
  const data = { name: input.name, kind: input.kind, memberIds }
  const was = before && { name: before.name, kind: before.kind, memberIds: before.members.map(member => member.id) }
  if (before && isDeepStrictEqual({ ...was, memberIds: was?.memberIds.toSorted() }, { ...data, memberIds: memberIds.toSorted() })) return before
  if (before === undefined) {
    await tx.db.insert(teams).values({ id, name: input.name, kind: input.kind, isDemo })
    if (isDemo) await markRecords(tx, [id], { isDemo })
  } else {
    await tx.db
      .update(teams)
      .set({ name: input.name, kind: input.kind, version: before.version + 1 })
      .where(eq(teams.id, id))
    await tx.db.delete(teamMembers).where(eq(teamMembers.teamId, id))
  }
  if (memberIds.length > 0) await tx.db.insert(teamMembers).values(memberIds.map(personId => ({ teamId: id, personId })))
  const entry = { actor: caller.actor, subject: { kind: 'team', id } } as const
  if (was) await record(tx, { ...entry, type: 'team.changed', data: { ...data, before: was } })
  else await record(tx, { ...entry, type: 'team.added', data })
  const [team] = await listTeams(tx, [id])
  if (!team) throw notFound('team')
  return team
}

/** The team as it is, kept so until the end of the transaction. @throws AppProblem where there is none, or a newer version than the one that was read. */
async function lockTeam(tx: Tx, id: string, version: number | undefined): Promise<Team> {
  if (version === undefined) throw invalid('version', 'is required to update a team')
  await tx.db.select({ id: teams.id }).from(teams).where(eq(teams.id, id)).for('update')
  const [team] = await listTeams(tx, [id])
  if (!team) throw notFound('team')
  if (team.version !== version) throw changedMeanwhile()
  return team
}

/** @throws AppProblem conflict where the paging of alerts without a service rests on the kind that the team has. */
async function assertKindIsFree(tx: Tx, { name, kind }: Team): Promise<void> {
  if (kind === 'security' && (await tx.db.$count(teams, eq(teams.kind, 'security'))) === 1)
    throw conflict(`${name} is the only security team: without one, alerts without a service page nobody. Add another one first.`)
}

/** @throws AppProblem invalid where a record that is sent back as a whole is of another team than its path says */
export function assertSameTeam(path: { readonly id: string }, teamId: string | undefined): void {
  if (teamId !== undefined && teamId !== path.id) throw invalid('teamId', 'must be the team of the path, or be omitted')
}

/** @throws AppProblem invalid, naming `field`, unless the team exists. */
export async function assertTeam(reader: Reader, id: string, field: string): Promise<void> {
  if ((await reader.db.$count(teams, eq(teams.id, id))) === 0) throw invalid(field, 'must be the ID of an existing team')
}

/** The security team that answers for what belongs to no service: the eldest; undefined while there is none. */
export async function firstSecurityTeam(reader: Reader): Promise<string | undefined> {
  const [team] = await reader.db.select({ id: teams.id }).from(teams).where(eq(teams.kind, 'security')).orderBy(asc(teams.isDemo), asc(teams.id)).limit(1)
  return team?.id
}

/** Takes somebody out of all their teams. */
export async function leaveTeams(tx: Tx, actor: Actor, personId: string): Promise<void> {
  const left = await tx.db.delete(teamMembers).where(eq(teamMembers.personId, personId)).returning({ teamId: teamMembers.teamId })
  const ids = left.map(one => one.teamId)
  if (ids.length === 0) return
  await tx.db
    .update(teams)
    .set({ version: sql`${teams.version} + 1` })
    .where(inArray(teams.id, ids))
  const found = await listTeams(tx, ids)
  await recordAll(
    tx,
    found.map(({ id, name, kind, members }) => {
      const memberIds = members.map(member => member.id)
      return {
        ...{ actor, type: 'team.changed' as const, subject: { kind: 'team' as const, id } },
        data: { name, kind, memberIds, before: { name, kind, memberIds: [...memberIds, personId] } },
      }
    }),
  )
}
