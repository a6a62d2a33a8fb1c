import type { PageTarget } from '@tocsin/api'
import { inArray } from 'drizzle-orm'
import { assertResponders } from '../access/index.ts'
import { listTeams } from '../directory/index.ts'
import type { Reader } from '../kernel/database.ts'
import { invalid } from '../kernel/problems.ts'
import { teamChannels } from '../notify/index.ts'
import { onCallSettings, schedules } from '../scheduling/index.ts'
import { policies } from './tables.ts'

/** Where in a request a target stands, such as `levels.0.targets.1`. */
interface Named {
  readonly path: string
  readonly target: PageTarget
}

/**
 * Checks that everything that is to be paged exists.
 * @param ownTiers tiers that are saved with the targets
 * @param left people who may have left, or be observers now: they remain until they are replaced
 * @throws AppProblem invalid, naming the field
 */
export async function assertTargets(reader: Reader, named: readonly Named[], ownTiers: readonly string[] = [], left: readonly string[] = []): Promise<void> {
  const { db } = reader
  const idsOf = <Kind extends PageTarget['kind']>(kind: Kind, idOf: (target: Extract<PageTarget, { kind: Kind }>) => string) =>
    named.flatMap(({ target }) => (target.kind === kind ? [idOf(target as Extract<PageTarget, { kind: Kind }>)] : []))
  const scheduleIds = idsOf('schedule', target => target.scheduleId)
  const channelIds = idsOf('channel', target => target.channelId)
  const teamIds = idsOf('team', target => target.teamId)
  const hasTiers = named.some(({ target }) => target.kind === 'tier')
  const [known, channels, teams, settings] = [
    scheduleIds.length === 0 ? [] : await db.select({ id: schedules.id }).from(schedules).where(inArray(schedules.id, scheduleIds)),
    channelIds.length === 0 ? [] : await db.select({ id: teamChannels.id }).from(teamChannels).where(inArray(teamChannels.id, channelIds)),
    teamIds.length === 0 ? [] : await listTeams(reader, teamIds),
    hasTiers ? await db.select({ settings: onCallSettings.settings }).from(onCallSettings) : [],
  ]
  const has = (rows: readonly { readonly id: string }[], id: string) => rows.some(row => row.id === id)
  const tierIds = new Set([...ownTiers, ...settings.flatMap(row => row.settings.tiers.map(tier => tier.id))])
  for (const { path, target } of named) {
    if (target.kind === 'person' && !left.includes(target.personId)) await assertResponders(reader, [target.personId], `${path}.personId`)
    if (target.kind === 'schedule' && !has(known, target.scheduleId)) throw invalid(`${path}.scheduleId`, 'must be the ID of an existing schedule')
    if (target.kind === 'channel' && !has(channels, target.channelId)) throw invalid(`${path}.channelId`, 'must be the ID of an existing team channel')
    if (target.kind === 'team' && !has(teams, target.teamId)) throw invalid(`${path}.teamId`, 'must be the ID of an existing team')
    if (target.kind === 'tier' && !tierIds.has(target.tierId)) throw invalid(`${path}.tierId`, 'must be the ID of an existing tier')
  }
}

/** The people whom targets name. */
export const personsIn = (targets: readonly PageTarget[]) => targets.flatMap(target => (target.kind === 'person' ? [target.personId] : []))

/** Which policy, or which fallback, pages a target that `isIt` accepts, as a sentence that says what to change first; undefined where none does. */
export async function targetUsage(reader: Reader, isIt: (target: PageTarget) => boolean, what: string): Promise<string | undefined> {
  const all = await reader.db.select({ name: policies.name, levels: policies.levels }).from(policies)
  // One that cannot be read is left out, and may use it.
  if (all.length < (await reader.db.$count(policies)))
    return `An escalation policy cannot be read and may use this ${what}. Correct the policy in the database first.`
  const policy = all.find(({ levels }) => levels.some(({ targets }) => targets.some(isIt)))
  if (policy) return `The escalation policy ${policy.name} uses this ${what}. Change the policy first.`
  const owner = (await reader.db.select().from(onCallSettings)).find(({ settings }) => settings.fallback.some(isIt))
  if (!owner) return undefined
  const [team] = await listTeams(reader, [owner.teamId])
  return `The fallback of ${team?.name ?? 'a team'} uses this ${what}. Change the fallback first.`
}
