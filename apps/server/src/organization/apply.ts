import { type OrganizationFile, type PageTarget, type PlanLine, type TargetShape, teamOnCallDefaults } from '@tocsin/api'
import { type AppContext, type Caller, invite, listPeople } from '../access/index.ts'
import { listServices, listTeams, saveService, saveTeam } from '../directory/index.ts'
import { record } from '../journal/index.ts'
import type { Tx } from '../kernel/database.ts'
import { AppProblem, invalid } from '../kernel/problems.ts'
import { listTeamChannels } from '../notify/index.ts'
import { listPolicies, savePolicy, saveTeamOnCall } from '../paging/index.ts'
import { addOverride, addTemporary, addTimeOff, listOnCall, listTimeOff, readSnapshot, saveSchedule } from '../scheduling/index.ts'
import { missing, scheduleKey } from './plan.ts'
import { readOrganization } from './read.ts'

type TeamFile = OrganizationFile['teams'][number]

/** Ids by name, each with the sentence for a name that is not there. */
class Names {
  readonly #kind: string
  readonly #ids: Map<string, string>
  readonly #several: ReadonlySet<string>
  /** @param several names that more than one has, so that none is meant */
  constructor(kind: string, ids: Iterable<readonly [string, string]>, several: Iterable<string> = []) {
    this.#kind = kind
    this.#ids = new Map(ids)
    this.#several = new Set(several)
  }
  find(name: string): string | undefined {
    return this.#ids.get(name)
  }
  /** @throws AppProblem invalid, naming the place in the file */
  idOf(name: string, path: string): string {
    if (this.#several.has(name)) throw invalid(path, `names the ${this.#kind} ${name}, of which several teams have one. Rename it in one of them first`)
    const id = this.#ids.get(name)
    if (id === undefined) throw invalid(path, `names the ${this.#kind} ${name}, which exists neither on the server nor in the file`)
    return id
  }
}

const peopleOf = async (tx: Tx) =>
  new Names(
    'person',
    (await listPeople(tx)).map(one => [one.email, one.id] as const),
  )
const teamsOf = async (tx: Tx) =>
  new Names(
    'team',
    (await listTeams(tx)).map(team => [team.name, team.id] as const),
  )
/** Schedules as a team names them: its own one of a name comes first. */
async function schedulesOf(tx: Tx, teamId: string): Promise<Names> {
  const all = [...(await readSnapshot(tx)).rows.values()]
  const own = new Set(all.flatMap(row => (row.teamId === teamId ? [row.name] : [])))
  const meant = all.filter(row => row.teamId === teamId || !own.has(row.name))
  const byName = Map.groupBy(meant, row => row.name)
  return new Names(
    'schedule',
    meant.map(row => [row.name, row.id] as const),
    [...byName].flatMap(([name, rows]) => (rows.length > 1 ? [name] : [])),
  )
}

interface Planned {
  readonly wanted: OrganizationFile
  readonly plan: readonly PlanLine[]
  /** The people named in the file who are deactivated: they keep their slots, in which nobody is on call. */
  readonly left: readonly { readonly id: string; readonly email: string }[]
}

/** Does what a plan says, in the order in which things lean on each other; whole, or with the transaction not at all. The caller holds the lock of the organization. */
export async function applyOrganization(tx: Tx, context: AppContext, caller: Caller, { wanted, plan, left: gone }: Planned): Promise<void> {
  const isDue = (kind: PlanLine['kind'], name: string) => plan.some(line => line.kind === kind && line.name === name && line.action !== 'keep')
  const left: Left = { emails: new Set(gone.map(one => one.email)), ids: gone.map(one => one.id) }
  await applyPeople(tx, context, caller, wanted)
  await applyTeams(tx, caller, wanted, isDue, left)
  await applySchedules(tx, context, caller, wanted, isDue, left)
  const teams = [...wanted.teams.entries()].filter(([, team]) => isDue('team', team.name))
  // Policies name tiers, and routing rules name policies: tiers come first, and those that go do so when no policy names them any more.
  for (const [i, team] of teams) await applyTiers(tx, context, caller, team, `teams.${i}`)
  await applyPolicies(tx, caller, wanted, isDue, left)
  await applyServices(tx, caller, wanted, isDue)
  for (const [i, team] of teams) await applyRouting(tx, context, caller, team, `teams.${i}`, left)
  for (const [i, team] of teams) await removeTiers(tx, context, caller, team, `teams.${i}`)
  const changed = plan.filter(line => line.action !== 'keep')
  if (changed.length > 0)
    await record(tx, {
      actor: caller.actor,
      type: 'organization.applied',
      subject: { kind: 'organization', id: 'organization' },
      data: { added: changed.filter(line => line.action === 'add').length, changed: changed.filter(line => line.action === 'change').length },
    })
}

/** New people are on schedules at once and are paged at their address; an invitation lets them choose a password. Those who are there keep their role. */
async function applyPeople(tx: Tx, context: AppContext, caller: Caller, { people }: OrganizationFile): Promise<void> {
  const known = await peopleOf(tx)
  for (const [i, person] of people.entries()) {
    if (known.find(person.email) !== undefined) continue
    if (caller.actor.kind === 'key' && person.role === 'administrator')
      throw invalid(`people.${i}.role`, 'must not be administrator: an API key cannot add administrators. Invite them under People')
    await invite(tx, context.messenger, caller, person)
  }
}

interface Left {
  readonly emails: ReadonlySet<string>
  readonly ids: readonly string[]
}
type IsDue = (kind: PlanLine['kind'], name: string) => boolean

async function applyTeams(tx: Tx, caller: Caller, { teams }: OrganizationFile, isDue: IsDue, left: Left): Promise<void> {
  const people = await peopleOf(tx)
  const there = new Map((await listTeams(tx)).map(team => [team.name, team]))
  for (const [i, team] of teams.entries()) {
    if (!isDue('team', team.name)) continue
    const before = there.get(team.name)
    const kind = team.kind ?? before?.kind
    if (kind === undefined) throw invalid(`teams.${i}.kind`, 'is required for a new team: security or engineering')
    const memberIds =
      team.members?.flatMap((email, n) => (left.emails.has(email) ? [] : people.idOf(email, `teams.${i}.members.${n}`))) ??
      before?.members.map(member => member.id) ??
      []
    await saveTeam(tx, caller, { id: before?.id, version: before?.version, name: team.name, kind, memberIds })
  }
}

async function applySchedules(tx: Tx, context: AppContext, caller: Caller, { schedules }: OrganizationFile, isDue: IsDue, left: Left): Promise<void> {
  const people = await peopleOf(tx)
  const teams = await teamsOf(tx)
  const current = new Map((await readOrganization(tx)).schedules.map(one => [scheduleKey(one), one]))
  for (const [i, schedule] of schedules.entries()) {
    const path = `schedules.${i}`
    const { team, name, timeZone, merge, needsApprenticeship = false, overrides, temporaries, absences, apprentices } = schedule
    if (team === undefined) throw invalid(`${path}.team`, 'is required: the team that owns the schedule')
    if (apprentices.length > 0)
      throw invalid(
        `${path}.apprentices`,
        'cannot be applied to a server, which knows who has completed training in the team; with needsApprenticeship, everyone else shadows',
      )
    if (!isDue('schedule', scheduleKey(schedule))) continue
    const teamId = teams.idOf(team, `${path}.team`)
    const layersOf = (given: typeof schedule.layers, at: string) =>
      given.map((layer, n) => ({
        ...layer,
        participants: layer.participants.map((position, m) => {
          const idOf = (email: string) => people.idOf(email, `${at}.${n}.participants.${m}`)
          return typeof position === 'string' ? idOf(position) : position.map(idOf)
        }),
      }))
    const before = [...(await readSnapshot(tx, [teamId])).rows.values()].find(row => row.name === name)
    const saved = {
      ...{ name, timeZone, merge, needsApprenticeship, layers: layersOf(schedule.layers, `${path}.layers`) },
      ...(before ? { id: before.id, version: before.version } : {}),
    }
    const { id } = await at(path, () => saveSchedule(tx, context, caller, teamId, saved, left.ids))
    const there = current.get(scheduleKey(schedule))
    for (const one of missing(there?.overrides ?? [], overrides, tx.now, left.emails)) {
      const place = `${path}.overrides.${overrides.indexOf(one)}`
      const participants = one.participants.map((email, n) => people.idOf(email, `${place}.participants.${n}`))
      await at(place, () => addOverride(tx, context, caller, id, { ...one, participants, reason: 'from a file' }))
    }
    for (const one of missing(there?.temporaries ?? [], temporaries, tx.now, left.emails)) {
      const place = `${path}.temporaries.${temporaries.indexOf(one)}`
      await at(place, () => addTemporary(tx, context, caller, id, { ...one, layers: layersOf(one.layers, `${place}.layers`), reason: 'from a file' }))
    }
    const off = await listTimeOff(tx)
    for (const [n, { participant, start, end }] of absences.entries()) {
      if (end === undefined) throw invalid(`${path}.absences.${n}.end`, 'is required; to remove people who left, deactivate them on the People page')
      if (left.emails.has(participant)) continue
      const personId = people.idOf(participant, `${path}.absences.${n}.participant`)
      if (end > tx.now && !off.some(one => one.person.id === personId && one.end === end))
        await addTimeOff(tx, context, caller, { personId, start, end, reason: 'from a file' })
    }
  }
}

/** What a team has set, or the defaults. */
async function settingsOf(tx: Tx, teamId: string) {
  const [found] = await listOnCall(tx, [teamId])
  return found?.settings ?? { ...teamOnCallDefaults, version: undefined }
}

/** Does what a part of the file says: what is wrong with it is told with its place in the file. */
async function at<Done>(path: string, work: () => Promise<Done>): Promise<Done> {
  try {
    return await work()
  } catch (error) {
    const [wrong] = error instanceof AppProblem && error.kind === 'invalid' ? (error.errors ?? []) : []
    throw wrong === undefined ? error : invalid(`${path}.${wrong.path}`, wrong.message)
  }
}

const saysNothing = ({ name: _name, kind: _kind, members: _members, ...rest }: TeamFile) => Object.values(rest).every(value => value === undefined)

async function applyTiers(tx: Tx, context: AppContext, caller: Caller, team: TeamFile, path: string): Promise<void> {
  if (saysNothing(team)) return
  const teamId = (await teamsOf(tx)).idOf(team.name, path)
  const before = await settingsOf(tx, teamId)
  const schedules = await schedulesOf(tx, teamId)
  const same = sameTiers(before.tiers, team.tiers ?? [])
  const tiers = team.tiers?.map(({ name, schedule, position = 0, hours }, n) => {
    const id = same[n]?.id
    return {
      ...{ name, scheduleId: schedules.idOf(schedule, `${path}.tiers.${n}.schedule`), position },
      ...(hours ? { hours } : {}),
      ...(id === undefined ? {} : { id }),
    }
  })
  await saveTeamOnCall(tx, context, caller, teamId, {
    ...before,
    timeZone: team.timeZone ?? before.timeZone,
    tiers: tiers ? [...tiers, ...before.tiers.filter(tier => !same.includes(tier))] : before.tiers,
    longestDays: team.longestDays ?? before.longestDays,
    longestNights: team.longestNights ?? before.longestNights,
    highFrom: team.highFrom ?? before.highFrom,
    progressMinutes: team.progressMinutes ?? before.progressMinutes,
    holidays: team.holidays ?? before.holidays,
    traineeShifts: team.traineeShifts ?? before.traineeShifts,
  })
}

interface NamedTier {
  readonly name: string
}

/**
 * The tier that each of the wanted ones was before: of the same name, or else in the same place under a name that is gone. What pages it goes on doing so.
 */
export function sameTiers<Tier extends NamedTier>(before: readonly Tier[], wanted: readonly NamedTier[]): (Tier | undefined)[] {
  const isIn = (tiers: readonly NamedTier[], name: string) => tiers.some(tier => tier.name === name)
  return wanted.map(({ name }, n) => {
    const inPlace = before[n]
    return before.find(tier => tier.name === name) ?? (inPlace && !isIn(wanted, inPlace.name) ? inPlace : undefined)
  })
}

/** Removes the tiers that a file no longer has. @throws AppProblem conflict while a policy or fallback that the file leaves as it is names one */
async function removeTiers(tx: Tx, context: AppContext, caller: Caller, { name, tiers }: TeamFile, path: string): Promise<void> {
  if (tiers === undefined) return
  const teamId = (await teamsOf(tx)).idOf(name, path)
  const before = await settingsOf(tx, teamId)
  const kept = before.tiers.filter(tier => tiers.some(one => one.name === tier.name))
  if (kept.length < before.tiers.length) await saveTeamOnCall(tx, context, caller, teamId, { ...before, tiers: kept })
}

/** Turns targets of a file into those of the API. Of a team whose tiers the file names, the others are about to go. */
async function targetsFor(tx: Tx, teamId: string, tiersInFile: readonly NamedTier[] | undefined): Promise<(target: TargetShape, path: string) => PageTarget> {
  const people = await peopleOf(tx)
  const teams = await teamsOf(tx)
  const schedules = await schedulesOf(tx, teamId)
  const channels = new Names(
    'channel',
    (await listTeamChannels(tx)).filter(channel => channel.teamId === teamId).map(channel => [channel.name, channel.id] as const),
  )
  const { tiers } = await settingsOf(tx, teamId)
  return (target, path) => {
    if ('everyone' in target) return { kind: 'everyone' }
    if ('person' in target) return { kind: 'person', personId: people.idOf(target.person, path) }
    if ('team' in target) return { kind: 'team', teamId: teams.idOf(target.team, path) }
    if ('schedule' in target) return { kind: 'schedule', scheduleId: schedules.idOf(target.schedule, path), position: target.position ?? 0 }
    if ('channel' in target) return { kind: 'channel', channelId: channels.idOf(target.channel, path) }
    const tier = tiers.find(one => one.name === target.tier)
    if (tier === undefined || tiersInFile?.some(one => one.name === tier.name) === false)
      throw invalid(path, `names the tier ${target.tier}, which does not exist in the team`)
    return { kind: 'tier', tierId: tier.id }
  }
}

async function applyPolicies(tx: Tx, caller: Caller, { policies, teams: inFile }: OrganizationFile, isDue: IsDue, left: Left): Promise<void> {
  const teams = await teamsOf(tx)
  for (const [i, policy] of policies.entries()) {
    if (!isDue('policy', scheduleKey(policy))) continue
    const teamId = teams.idOf(policy.team, `policies.${i}.team`)
    const targetOf = await targetsFor(tx, teamId, inFile.find(team => team.name === policy.team)?.tiers)
    const before = (await listPolicies(tx)).find(one => one.teamId === teamId && one.name === policy.name)
    const levels = policy.levels.map(({ targets, ...level }, n) => ({
      ...level,
      targets: targets.map((target, m) => targetOf(target, `policies.${i}.levels.${n}.targets.${m}`)),
    }))
    const saved = {
      ...{ name: policy.name, repeats: policy.repeats, businessHours: policy.businessHours ?? null },
      levels,
      ...(before ? { id: before.id, version: before.version } : {}),
    }
    await at(`policies.${i}`, () => savePolicy(tx, caller, teamId, saved, left.ids))
  }
}

async function applyServices(tx: Tx, caller: Caller, { services }: OrganizationFile, isDue: IsDue): Promise<void> {
  const teams = await teamsOf(tx)
  for (const [i, service] of services.entries()) {
    if (!isDue('service', service.name)) continue
    const [before] = await listServices(tx, service.name)
    const { name, description, pageFrom } = service
    await saveService(tx, caller, {
      ...{ name, description, pageFrom },
      securityTeamId: teams.idOf(service.securityTeam, `services.${i}.securityTeam`),
      engineeringTeamId: service.engineeringTeam === undefined ? null : teams.idOf(service.engineeringTeam, `services.${i}.engineeringTeam`),
      ...(before ? { id: before.id, version: before.version } : {}),
    })
  }
}

async function applyRouting(tx: Tx, context: AppContext, caller: Caller, team: TeamFile, path: string, left: Left): Promise<void> {
  if (team.policy === undefined && team.routing === undefined && team.fallback === undefined) return
  const teamId = (await teamsOf(tx)).idOf(team.name, path)
  const before = await settingsOf(tx, teamId)
  const own = new Names(
    'policy',
    (await listPolicies(tx)).toSorted((a, b) => Number(a.teamId === teamId) - Number(b.teamId === teamId)).map(one => [one.name, one.id] as const),
  )
  const services = new Names(
    'service',
    (await listServices(tx)).map(service => [service.name, service.id] as const),
  )
  const targetOf = await targetsFor(tx, teamId, team.tiers)
  const settings = {
    ...before,
    policyId: team.policy === undefined ? before.policyId : own.idOf(team.policy, `${path}.policy`),
    fallback: team.fallback?.map((target, n) => targetOf(target, `${path}.fallback.${n}`)) ?? before.fallback,
    routing:
      team.routing?.map((rule, n) => ({
        serviceIds: rule.services?.map(name => services.idOf(name, `${path}.routing.${n}.services`)) ?? [],
        severities: rule.severities ?? [],
        policyId: own.idOf(rule.policy, `${path}.routing.${n}.policy`),
        ...(rule.urgency ? { urgency: rule.urgency } : {}),
      })) ?? before.routing,
  }
  await at(path, () => saveTeamOnCall(tx, context, caller, teamId, settings, left.ids))
}
