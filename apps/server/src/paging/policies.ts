import { isDeepStrictEqual } from 'node:util'
import {
  type EscalationLevel,
  type EscalationLevelInput,
  isAtLeast,
  type PageTarget,
  type Policy,
  type policyRoutes,
  type RouteInput,
  type Severity,
  teamOnCallDefaults,
} from '@tocsin/api'
import { digest } from '@tocsin/merkle'
import type { EscalationPolicy, Urgency } from '@tocsin/oncall'
import { asc, eq } from 'drizzle-orm'
import type { Caller } from '../access/index.ts'
import { listTeams } from '../directory/index.ts'
import { markAs, record } from '../journal/index.ts'
import { holdLock, type Reader, type Tx } from '../kernel/database.ts'
import { idFor, newId } from '../kernel/ids.ts'
import { isNameTaken } from '../kernel/names.ts'
import { changedMeanwhile, conflict, invalid, notFound } from '../kernel/problems.ts'
import { onCallSettings, type Settings } from '../scheduling/index.ts'
import { policies } from './tables.ts'
import { assertTargets, personsIn } from './targets.ts'

export type PolicyRow = typeof policies.$inferSelect
const maxPolicies = 50

/**
 * The levels of a policy, each with its ID. One that was saved before levels had IDs has that of its place, which is stable as long as nobody changes the
 * policy; whoever does saves it with that ID, which it keeps wherever it is moved.
 */
const levelsOf = ({ id, levels }: Pick<PolicyRow, 'id' | 'levels'>): EscalationLevel[] =>
  levels.map((level, place) => ({ ...level, id: level.id ?? idFor(`escalation level ${id} ${place}`) }))

const policyView = ({ id, teamId, name, levels, repeats, businessHours, version }: PolicyRow): Policy => ({
  ...{ id, teamId, name, levels: levelsOf({ id, levels }), repeats, businessHours, version },
})

export async function listPolicies(reader: Reader): Promise<Policy[]> {
  return (await reader.db.select().from(policies).orderBy(asc(policies.name))).map(policyView)
}

/**
 * Adds an escalation policy to a team, or changes one. Open pages follow it from their next level on. Saving it as it is changes nothing. People who have left may remain in it.
 * @param left people who may be named though they have left
 */
export async function savePolicy(
  tx: Tx,
  caller: Caller,
  teamId: string,
  input: RouteInput<typeof policyRoutes.savePolicy>['body'],
  left: readonly string[] = [],
): Promise<Policy> {
  await holdLock(tx, 'organization')
  if ((await listTeams(tx, [teamId])).length === 0) throw notFound('team')
  const { id: given, version, ...sent } = input
  const own = await tx.db.select().from(policies).where(eq(policies.teamId, teamId)).for('update')
  const before = given === undefined ? undefined : own.find(row => row.id === given)
  await assertTargets(
    tx,
    sent.levels.flatMap(({ targets }, level) => targets.map((target, place) => ({ path: `levels.${level}.targets.${place}`, target }))),
    [],
    [...left, ...personsIn(before?.levels.flatMap(level => level.targets) ?? [])],
  )
  if (given !== undefined && !before) throw notFound('policy')
  if (before && version === undefined) throw invalid('version', 'is required to change a policy')
  if (before && before.version !== version) throw changedMeanwhile()
  const values = { ...sent, levels: withLevelIds(sent.levels, before ? levelsOf(before) : []) }
  const id = given ?? newId()
  if (await isNameTaken(tx, policies, values.name, id, eq(policies.teamId, teamId)))
    throw conflict(`The team already has an escalation policy named ${values.name}.`)
  if (!before && own.length >= maxPolicies) throw conflict(`A team can have at most ${maxPolicies} escalation policies.`)
  if (before && isDeepStrictEqual(rulesOf({ ...before, levels: levelsOf(before) }), rulesOf(values))) return policyView(before)
  const row = { ...values, id, teamId, version: (before?.version ?? 0) + 1 }
  if (before) await tx.db.update(policies).set(row).where(eq(policies.id, row.id))
  else await tx.db.insert(policies).values(row)
  const entry = { actor: caller.actor, subject: { kind: 'policy', id: row.id } } as const
  if (before) await record(tx, { ...entry, type: 'policy.changed', data: { ...factsOf(row), before: factsOf(before) } })
  else {
    await markAs(tx, row.id, teamId)
    await record(tx, { ...entry, type: 'policy.added', data: factsOf(row) })
  }
  return policyView(row)
}

/**
 * Gives each level the ID that open pages find it by. One that is sent without, as files and scripts do, is the level of before that says the same, or at
 * least pages the same; otherwise it is a new one.
 * @throws AppProblem invalid for an ID that is none of the policy's, or appears twice
 */
function withLevelIds(levels: readonly EscalationLevelInput[], before: readonly EscalationLevel[]): EscalationLevel[] {
  const free = new Map(before.map(level => [level.id, level]))
  const ids = levels.map(({ id }, place) => {
    if (id !== undefined && !free.delete(id))
      throw invalid(`levels.${place}.id`, 'must be the ID of a level of this policy, used once. Omit it for a new level')
    return id
  })
  for (const isSame of [saysTheSame, pagesTheSame])
    for (const [place, level] of levels.entries()) {
      if (ids[place] !== undefined) continue
      ids[place] = [...free.values()].find(one => isSame(one, level))?.id
      free.delete(ids[place] ?? '')
    }
  return levels.map((level, place) => ({ ...level, id: ids[place] ?? newId() }))
}

const saysTheSame = ({ id: _, ...one }: EscalationLevelInput, { id: _other, ...other }: EscalationLevelInput) => isDeepStrictEqual(one, other)
const pagesTheSame = (one: EscalationLevelInput, other: EscalationLevelInput) => isDeepStrictEqual(one.targets, other.targets)

/** Digests of policies as they were read: thousands of pages may follow one policy in one transaction. */
const digests = new WeakMap<PolicyRow, string>()

const rulesOf = ({ name, levels, repeats, businessHours }: Pick<PolicyRow, 'name' | 'levels' | 'repeats' | 'businessHours'>) => ({
  ...{ name, levels, repeats, businessHours },
})

/** A policy as its entries keep it, without the IDs of its levels, which are no rules; `sha256` is what the entries of pages repeat. */
function factsOf(row: PolicyRow) {
  const { teamId, version } = row
  const rules = { ...rulesOf(row), levels: row.levels.map(({ id: _, ...level }) => level) }
  const sha256 = digests.get(row) ?? digest(rules)
  digests.set(row, sha256)
  return { teamId, ...rules, version, sha256 }
}

/** @throws AppProblem conflict while a team uses it. */
export async function removePolicy(tx: Tx, caller: Caller, id: string): Promise<void> {
  await holdLock(tx, 'organization')
  const [row] = await tx.db.select().from(policies).where(eq(policies.id, id)).for('update')
  if (!row) throw notFound('policy')
  const all = await tx.db.select().from(onCallSettings)
  const using = all.find(({ settings }) => settings.policyId === id || settings.routing.some(rule => rule.policyId === id))
  if (using) {
    const [team] = await listTeams(tx, [using.teamId])
    throw conflict(`The team ${team?.name} uses this escalation policy. Choose another policy for the team first.`)
  }
  await tx.db.delete(policies).where(eq(policies.id, id))
  await record(tx, { actor: caller.actor, type: 'policy.removed', subject: { kind: 'policy', id }, data: { teamId: row.teamId, name: row.name } })
}

/** The policy that a page follows: decided anew at each level, so that a change applies to everything not sent yet. */
export interface Routed {
  readonly policy: EscalationPolicy<PageTarget>
  /** Which policy that is, as it is now; null for a team that has none. */
  readonly saved: { readonly id: string; readonly name: string; readonly version: number; readonly sha256: string } | null
  readonly urgency: Urgency
}

/** A team without a policy: everyone is paged, three times. */
const everyone: EscalationPolicy<PageTarget> = { levels: [{ id: 'everyone', targets: [{ kind: 'everyone' }], waitMinutes: 5 }], repeats: 2 }

/** For a team whose policy cannot be read: its fallback is paged with everyone. */
const withFallback = (settings: Settings | undefined): EscalationPolicy<PageTarget> => ({
  ...everyone,
  levels: everyone.levels.map(level => ({ ...level, targets: [...(settings?.fallback ?? []), ...level.targets] })),
})

/** Those whom a page names, three times. Where nobody is named, the administrators are paged at once. */
const named = (personIds: readonly string[]): EscalationPolicy<PageTarget> => ({
  levels: personIds.length === 0 ? [] : [{ id: 'named', targets: personIds.map(personId => ({ kind: 'person', personId })), waitMinutes: 10 }],
  repeats: 2,
})

/** The policy and urgency of a page: that of the people whom it names alone, or the first routing rule of the team that matches its service and severity, or the team's default. */
export function routePage(
  settings: Settings | undefined,
  known: ReadonlyMap<string, PolicyRow>,
  page: { readonly severity: Severity; readonly serviceId: string | null; readonly personIds: readonly string[] | null },
): Routed {
  if (page.personIds !== null) return { policy: named(page.personIds), saved: null, urgency: 'high' }
  const { highFrom, routing, policyId: unmatched } = settings ?? teamOnCallDefaults
  const bySeverity: Urgency = isAtLeast(page.severity, highFrom) ? 'high' : 'low'
  const rule = routing.find(
    ({ serviceIds, severities: own }) =>
      (serviceIds.length === 0 || (page.serviceId !== null && serviceIds.includes(page.serviceId))) && (own.length === 0 || own.includes(page.severity)),
  )
  const policyId = rule?.policyId ?? unmatched
  const row = policyId === null ? undefined : known.get(policyId)
  const urgency = rule?.urgency ?? bySeverity
  if (row === undefined) return { policy: policyId === null ? everyone : withFallback(settings), saved: null, urgency }
  const saved = { id: row.id, name: row.name, version: row.version, sha256: factsOf(row).sha256 }
  return { policy: { levels: levelsOf(row), repeats: row.repeats, businessHours: row.businessHours ?? undefined }, saved, urgency }
}
