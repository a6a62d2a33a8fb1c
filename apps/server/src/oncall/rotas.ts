import type { Rota, RotaInput } from '@tocsin/api'
import { type Rota as CoreRota, inTurn, turnsOf } from '@tocsin/oncall'
import { eq } from 'drizzle-orm'
import type { z } from 'zod'
import { assertPeople, type Caller, listPeople, listTeams } from '../identity/index.ts'
import { record } from '../journal/index.ts'
import { addDays } from '../platform/clock.ts'
import type { Reader, Tx } from '../platform/database.ts'
import { changedMeanwhile, invalid, notFound } from '../platform/problems.ts'
import { rotas } from './tables.ts'

export type RotaRow = typeof rotas.$inferSelect

/** The rotation as the pure core reads it. */
export function rotationOf(row: RotaRow): CoreRota {
  return { timeZone: row.timeZone, rotation: { type: 'weekly', every: 1, start: `${row.startDate}T${row.handoffTime}` }, participants: row.participantIds }
}

export async function findRota(reader: Reader, teamId: string): Promise<RotaRow | undefined> {
  const [row] = await reader.db.select().from(rotas).where(eq(rotas.teamId, teamId))
  return row
}

/** Each team with its rotation, who is on call, and the shifts of the next eight weeks. */
export async function listRotas(reader: Reader, teamIds?: readonly string[]): Promise<Rota[]> {
  const teams = await listTeams(reader, teamIds)
  const rows = new Map((await reader.db.select().from(rotas)).map(row => [row.teamId, row]))
  const names = new Map((await listPeople(reader)).map(person => [person.id, person.name]))
  const reference = (id: string) => ({ id, name: names.get(id) ?? 'somebody who left' })
  return teams.map(team => {
    const row = rows.get(team.id)
    return {
      team: { id: team.id, name: team.name },
      teamKind: team.kind,
      rota: row
        ? {
            timeZone: row.timeZone,
            startDate: row.startDate,
            handoffTime: row.handoffTime,
            participantIds: row.participantIds,
            steps: [...row.steps],
            repeats: row.repeats,
            version: row.version,
          }
        : null,
      onCallNow: row ? inTurn(rotationOf(row), reader.now).map(reference) : [],
      shifts: row
        ? turnsOf(rotationOf(row), reader.now, addDays(reader.now, 56)).map(shift => ({
            person: reference(shift.participant),
            start: shift.start,
            end: shift.end,
          }))
        : [],
    }
  })
}

/** Sets a team's rotation and escalation policy. */
export async function saveRota(tx: Tx, caller: Caller, teamId: string, input: z.output<typeof RotaInput> & { version?: number | undefined }): Promise<Rota> {
  const { version, ...values } = input
  await assertPeople(tx, values.participantIds, 'participantIds')
  const [before] = await tx.db.select().from(rotas).where(eq(rotas.teamId, teamId)).for('update')
  if (before && version === undefined) throw invalid('version', 'is required to change a rotation')
  if ((before?.version ?? undefined) !== version) throw changedMeanwhile()
  if ((await listTeams(tx, [teamId])).length === 0) throw notFound('team')
  if (before)
    await tx.db
      .update(rotas)
      .set({ ...values, version: before.version + 1 })
      .where(eq(rotas.teamId, teamId))
  else await tx.db.insert(rotas).values({ ...values, teamId })
  await record(tx, { actor: caller.actor, type: 'rotation.changed', subject: { kind: 'team', id: teamId }, data: values })
  const [rota] = await listRotas(tx, [teamId])
  if (!rota) throw notFound('team')
  return rota
}
