import { channelName, type pagingRoutes, type RouteInput, type RouteReply, type TeamChannel } from '@tocsin/api'
import { asc, eq } from 'drizzle-orm'
import type { AppContext, Caller } from '../access/index.ts'
import { listTeams } from '../directory/index.ts'
import { record } from '../journal/index.ts'
import { holdLock, type Reader, type Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { isNameTaken } from '../kernel/names.ts'
import { conflict, notFound } from '../kernel/problems.ts'
import { sealFor } from '../kernel/sealed-columns.ts'
import { channels } from './channels/index.ts'
import { teamChannelSecrets } from './sealed-secrets.ts'
import { teamChannels } from './tables.ts'

const maxChannels = 20

/** Where teams talk. The addresses are not shown: whoever knows one can write there. */
export async function listTeamChannels(reader: Reader): Promise<Omit<TeamChannel, 'address'>[]> {
  const rows = await reader.db.select().from(teamChannels).orderBy(asc(teamChannels.name))
  return rows.map(({ id, teamId, kind, name }) => ({ id, teamId, kind, name }))
}

export async function saveTeamChannel(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  teamId: string,
  input: RouteInput<typeof pagingRoutes.saveTeamChannel>['body'],
): Promise<RouteReply<typeof pagingRoutes.saveTeamChannel>> {
  await holdLock(tx, 'organization')
  if ((await listTeams(tx, [teamId])).length === 0) throw notFound('team')
  if (!context.messenger.has(input.kind)) throw conflict(`Delivery by ${channelName(input.kind)} is not configured. Ask your administrator to set it up.`)
  const isOfTeam = eq(teamChannels.teamId, teamId)
  const id = newId()
  if ((await tx.db.$count(teamChannels, isOfTeam)) >= maxChannels) throw conflict(`A team can have at most ${maxChannels} channels.`)
  if (await isNameTaken(tx, teamChannels, input.name, id, isOfTeam)) throw conflict(`The team already has a channel named ${input.name}.`)
  const { address, secret, shownSecret = null } = channels[input.kind].keepAddress({ address: input.address, of: 'team' }, context.secrets, context.config)
  const row = { id, teamId, kind: input.kind, name: input.name, address }
  await tx.db.insert(teamChannels).values({ ...row, secret: secret === null ? null : sealFor(context.secrets, teamChannelSecrets, secret, row.kind, address) })
  await record(tx, {
    actor: caller.actor,
    type: 'team-channel.added',
    subject: { kind: 'team', id: teamId },
    data: { id: row.id, kind: row.kind, name: row.name },
  })
  return { channel: row, secret: shownSecret }
}

/** @throws AppProblem conflict while something refers to it */
export async function removeTeamChannel(tx: Tx, context: AppContext, caller: Caller, id: string): Promise<void> {
  await holdLock(tx, 'organization')
  const [row] = await tx.db.select().from(teamChannels).where(eq(teamChannels.id, id)).for('update')
  if (!row) throw notFound('channel')
  await context.usages.assertUnused(tx, 'team-channel', id)
  await tx.db.delete(teamChannels).where(eq(teamChannels.id, id))
  await record(tx, { actor: caller.actor, type: 'team-channel.removed', subject: { kind: 'team', id: row.teamId }, data: { id, name: row.name } })
}
