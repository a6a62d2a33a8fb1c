import type { RouteInput, schedulingRoutes, TeamOnCall } from '@tocsin/api'
import { eq } from 'drizzle-orm'
import { type AppContext, assertPeople, type Caller } from '../access/index.ts'
import { listTeams } from '../directory/index.ts'
import { record } from '../journal/index.ts'
import type { Tx } from '../kernel/database.ts'
import { changedMeanwhile, conflict, invalid, notFound } from '../kernel/problems.ts'
import { onCallOf, onCallSettings, readSnapshot, recordShifts, type Settings, saveSchedule } from '../scheduling/index.ts'
import { savePolicy } from './policies.ts'
import { policies } from './tables.ts'

/** Sets what a team promises and how its pages climb. */
export async function saveTeamOnCall(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  teamId: string,
  input: RouteInput<typeof schedulingRoutes.saveTeamOnCall>['body'],
): Promise<TeamOnCall> {
  const { version, ...settings } = input
  const [before] = await tx.db.select().from(onCallSettings).where(eq(onCallSettings.teamId, teamId)).for('update')
  if ((await listTeams(tx, [teamId])).length === 0) throw notFound('team')
  if (before && version === undefined) throw invalid('version', 'is required to change what a team promises')
  if (before && before.version !== version) throw changedMeanwhile()
  await assertSettings(tx, settings)
  if (before)
    await tx.db
      .update(onCallSettings)
      .set({ settings, version: before.version + 1 })
      .where(eq(onCallSettings.teamId, teamId))
  else await tx.db.insert(onCallSettings).values({ teamId, settings })
  await record(tx, { actor: caller.actor, type: 'on-call.set', subject: { kind: 'team', id: teamId }, data: { ...settings } })
  await recordShifts(tx, context, [...new Set([...settings.tiers, ...(before?.settings.tiers ?? [])].map(one => one.scheduleId))])
  return onCallOf(tx, teamId)
}

async function assertSettings(tx: Tx, settings: Settings): Promise<void> {
  const snapshot = await readSnapshot(tx)
  const known = new Set((await tx.db.select({ id: policies.id }).from(policies)).map(row => row.id))
  for (const [i, { scheduleId }] of settings.tiers.entries())
    if (!snapshot.rows.has(scheduleId)) throw invalid(`promises.${i}.scheduleId`, 'must name a schedule that there is')
  if (settings.policyId !== null && !known.has(settings.policyId)) throw invalid('policyId', 'must name a policy that there is')
  for (const [i, { policyId }] of settings.routing.entries())
    if (!known.has(policyId)) throw invalid(`routing.${i}.policyId`, 'must name a policy that there is')
  await assertPeople(
    tx,
    settings.fallback.flatMap(target => (target.kind === 'person' ? [target.personId] : [])),
    'fallback',
  )
}

const tierNames = ['primary', 'backup', 'third']

/** One rotation, its depths and one policy, for a team that has nothing yet. */
export async function setUpOnCall(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  teamId: string,
  input: RouteInput<typeof schedulingRoutes.setUpOnCall>['body'],
): Promise<TeamOnCall> {
  const [team] = await listTeams(tx, [teamId])
  if (!team) throw notFound('team')
  const [before] = await tx.db.select({ id: onCallSettings.teamId }).from(onCallSettings).where(eq(onCallSettings.teamId, teamId))
  if (before) throw conflict('The team is on call already: change its schedules instead.')
  await assertPeople(tx, input.participantIds, 'participantIds')
  const { timeZone, rotation, participantIds, levels, repeats } = input
  const row = await saveSchedule(tx, context, caller, teamId, {
    ...{ name: `${team.name} rotation`, timeZone, merge: 'top', needsApprenticeship: false },
    layers: [{ name: 'Rotation', rotation, participants: participantIds }],
  })
  // A depth that there are too few people for is not promised: it would be a gap for ever.
  const tiers = Math.min(input.tier, participantIds.length)
  const policy = await savePolicy(tx, caller, teamId, { name: `${team.name} escalation`, levels, repeats, businessHours: null })
  return saveTeamOnCall(tx, context, caller, teamId, {
    timeZone,
    tiers: tierNames.slice(0, tiers).map((tier, position) => ({ tier, scheduleId: row.id, position })),
    ...{ longestDays: null, longestNights: null, fallback: [], policyId: policy.id, routing: [], highFrom: 'high', progressMinutes: null },
    ...{ holidays: [], traineeShifts: 3 },
  })
}
