import { isDeepStrictEqual } from 'node:util'
import { type PageTarget, type RouteInput, type SetUpTarget, type schedulingRoutes, type TeamOnCall, teamOnCallDefaults, tierNames } from '@tocsin/api'
import { eq } from 'drizzle-orm'
import { type AppContext, assertResponders, type Caller } from '../access/index.ts'
import { knownServices, listTeams } from '../directory/index.ts'
import { record } from '../journal/index.ts'
import { holdLock, type Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { changedMeanwhile, conflict, invalid, notFound } from '../kernel/problems.ts'
import { shortened } from '../kernel/text.ts'
import { onCallOf, onCallSettings, recordShifts, type Settings, saveSchedule, schedules } from '../scheduling/index.ts'
import { savePolicy } from './policies.ts'
import { policies } from './tables.ts'
import { assertTargets, personsIn } from './targets.ts'

/** Sets the tiers of a team, its coverage requirements, and which pages escalate by which policy. Saving what is set changes nothing. */
export async function saveTeamOnCall(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  teamId: string,
  input: RouteInput<typeof schedulingRoutes.saveTeamOnCall>['body'],
  left: readonly string[] = [],
): Promise<TeamOnCall> {
  await holdLock(tx, 'organization')
  const { version, ...given } = input
  const [before] = await tx.db.select().from(onCallSettings).where(eq(onCallSettings.teamId, teamId)).for('update')
  if ((await listTeams(tx, [teamId])).length === 0) throw notFound('team')
  if (before && version === undefined) throw invalid('version', 'is required to change the on-call settings of a team')
  if (before && before.version !== version) throw changedMeanwhile()
  const settings = withTierIds(given, before?.settings)
  await assertSettings(tx, settings, [...left, ...personsIn(before?.settings.fallback ?? [])])
  await assertTiersKept(tx, teamId, settings, before?.settings)
  if (before && isDeepStrictEqual(settings, before.settings)) return onCallOf(tx, teamId)
  if (before)
    await tx.db
      .update(onCallSettings)
      .set({ settings, version: before.version + 1 })
      .where(eq(onCallSettings.teamId, teamId))
  else await tx.db.insert(onCallSettings).values({ teamId, settings })
  await record(tx, { actor: caller.actor, type: 'on-call.set', subject: { kind: 'team', id: teamId }, data: { ...settings, before: before?.settings ?? null } })
  await recordShifts(tx, context, [...new Set([...settings.tiers, ...(before?.settings.tiers ?? [])].map(one => one.scheduleId))])
  return onCallOf(tx, teamId)
}

/** Gives new tiers an id. @throws AppProblem invalid for an id that is none of the team's, or appears twice */
function withTierIds({ tiers, ...rest }: Given, before: Settings | undefined): Settings {
  const known = new Set(before?.tiers.map(tier => tier.id))
  const taken = new Set<string>()
  const withIds = tiers.map(({ id, ...tier }, i) => {
    if (id !== undefined && (!known.has(id) || taken.has(id)))
      throw invalid(`tiers.${i}.id`, 'must be the ID of a tier of this team, used once. Omit it for a new tier')
    const own = id ?? newId()
    taken.add(own)
    return { id: own, ...tier }
  })
  const names = withIds.map(tier => tier.name)
  const double = names.findIndex((name, i) => names.indexOf(name) < i)
  if (double >= 0) throw invalid(`tiers.${double}.name`, `must be unique. Another tier is named ${names[double]}`)
  return { ...rest, tiers: withIds }
}

type Given = Omit<RouteInput<typeof schedulingRoutes.saveTeamOnCall>['body'], 'version'>

/** @throws AppProblem conflict where a policy, or a fallback, pages a tier that would go */
async function assertTiersKept(tx: Tx, teamId: string, settings: Settings, before: Settings | undefined): Promise<void> {
  const gone = (before?.tiers ?? []).filter(tier => !settings.tiers.some(one => one.id === tier.id))
  if (gone.length === 0) return
  const pagedTier = (targets: readonly PageTarget[]) => gone.find(tier => targets.some(target => target.kind === 'tier' && target.tierId === tier.id))
  for (const { name, levels } of await tx.db.select().from(policies)) {
    const tier = pagedTier(levels.flatMap(level => level.targets))
    if (tier) throw conflict(`The escalation policy ${name} uses the tier ${tier.name}. Change the policy first.`)
  }
  const others = await tx.db.select().from(onCallSettings)
  const tier = pagedTier([...settings.fallback, ...others.filter(row => row.teamId !== teamId).flatMap(row => row.settings.fallback)])
  if (tier) throw conflict(`A fallback uses the tier ${tier.name}. Change the fallback first.`)
}

async function assertSettings(tx: Tx, settings: Settings, left: readonly string[]): Promise<void> {
  const known = new Set((await tx.db.select({ id: policies.id }).from(policies)).map(row => row.id))
  const scheduleIds = new Set((await tx.db.select({ id: schedules.id }).from(schedules)).map(row => row.id))
  const serviceIds = await knownServices(
    tx,
    settings.routing.flatMap(rule => rule.serviceIds),
  )
  for (const [i, { scheduleId }] of settings.tiers.entries())
    if (!scheduleIds.has(scheduleId)) throw invalid(`tiers.${i}.scheduleId`, 'must be the ID of an existing schedule')
  if (settings.policyId !== null && !known.has(settings.policyId)) throw invalid('policyId', 'must be the ID of an existing escalation policy')
  for (const [i, rule] of settings.routing.entries()) {
    if (!known.has(rule.policyId)) throw invalid(`routing.${i}.policyId`, 'must be the ID of an existing escalation policy')
    if (!rule.serviceIds.every(id => serviceIds.has(id))) throw invalid(`routing.${i}.serviceIds`, 'must be IDs of existing services')
  }
  await assertTargets(
    tx,
    settings.fallback.map((target, i) => ({ path: `fallback.${i}`, target })),
    settings.tiers.map(tier => tier.id),
    left,
  )
}

/** One rotation, its tiers and one policy, for a team that has nothing yet. */
export async function setUpOnCall(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  teamId: string,
  input: RouteInput<typeof schedulingRoutes.setUpOnCall>['body'],
): Promise<TeamOnCall> {
  await holdLock(tx, 'organization')
  const [team] = await listTeams(tx, [teamId])
  if (!team) throw notFound('team')
  const [before] = await tx.db.select({ id: onCallSettings.teamId }).from(onCallSettings).where(eq(onCallSettings.teamId, teamId))
  if (before) throw conflict('On-call is already set up for this team. Edit its schedules instead.')
  await assertResponders(tx, input.participantIds, 'participantIds')
  const { timeZone, rotation, participantIds, levels, repeats } = input
  const row = await saveSchedule(tx, context, caller, teamId, {
    ...{ name: `${shortened(team.name, 60)} rotation`, timeZone, merge: 'top', needsApprenticeship: false },
    layers: [{ name: 'Rotation', rotation, participants: participantIds }],
  })
  // A tier with too few people would be a permanent coverage gap.
  const count = Math.min(input.tiers, participantIds.length)
  const tiers = tierNames.slice(0, count).map((name, position) => ({ id: newId(), name, scheduleId: row.id, position }))
  const settings: Settings = { ...teamOnCallDefaults, timeZone, tiers }
  // The tiers are there before the policy that names them; what is recorded is the whole.
  await tx.db.insert(onCallSettings).values({ teamId, settings })
  const policy = await savePolicy(tx, caller, teamId, {
    ...{ name: `${shortened(team.name, 60)} escalation`, repeats, businessHours: null },
    levels: levels.map(level => ({ ...level, targets: level.targets.flatMap(target => targetIn(tiers, target)) })),
  })
  return saveTeamOnCall(tx, context, caller, teamId, { ...settings, policyId: policy.id, version: 1 })
}

/** A tier with too few people does not exist, and so is no target. */
function targetIn(tiers: Settings['tiers'], target: SetUpTarget): PageTarget[] {
  if (!('tier' in target)) return [target]
  const tier = tiers[target.tier]
  return tier ? [{ kind: 'tier', tierId: tier.id }] : []
}
