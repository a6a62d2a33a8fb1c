import { isDeepStrictEqual } from 'node:util'
import { SegregationPolicy, segregationModes } from '@tocsin/api'
import { exceptionSentence } from '@tocsin/events'
import { and, count, eq, inArray } from 'drizzle-orm'
import { z } from 'zod'
import { type AppContext, assertPerson, type Caller, people, peopleBehind } from '../access/index.ts'
import { type Actor, type Entry, type EntryOf, entriesAbout, record } from '../journal/index.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { changedMeanwhile, conflict, forbidden, notFound } from '../kernel/problems.ts'
import { readSetting, saveSetting } from '../kernel/settings.ts'
import { assertSecondPerson, isOneOf } from '../notify/index.ts'
import { assertVersion, type IncidentRow, lockOpenIncident } from './incident.ts'

const settingName = 'segregation-of-duties'
const initialPolicy: SegregationPolicy = { version: 1, declareLower: 'review', containClose: 'review', recoverVerify: 'review', writeFinish: 'review' }
/** The first policies said nothing of reviews. */
const StoredPolicy = SegregationPolicy.extend({ writeFinish: z.enum(segregationModes).default('review') })
type Mode = SegregationPolicy['containClose']

/** What one person may not do both of in an incident. */
export async function readPolicy(reader: Reader): Promise<SegregationPolicy> {
  return (await readSetting(reader, settingName, StoredPolicy)) ?? initialPolicy
}

/** Sets the policy. What is so already changes nothing. */
export async function setPolicy(tx: Tx, caller: Caller, input: SegregationPolicy): Promise<SegregationPolicy> {
  const before = await readPolicy(tx)
  if (before.version !== input.version) throw changedMeanwhile()
  if (isDeepStrictEqual(input, before)) return before
  const policy = { ...input, version: input.version + 1 }
  await saveSetting(tx, settingName, policy)
  await record(tx, {
    ...{ actor: caller.actor, type: 'segregation-policy.changed', subject: { kind: 'segregation-policy', id: settingName } },
    data: { ...policy, before },
  })
  return policy
}

const types = [
  ...(['incident.declared', 'incident.contained', 'incident.recovered', 'incident.recovery-verified'] as const),
  ...(['segregation.exception', 'segregation.reviewed'] as const),
]

/** What the entries of an incident say of who did what. */
interface Acts {
  readonly declaredBy: Actor | undefined
  /** Who contained it last: with two people who contained it, there would be nobody else to close it. */
  readonly containedBy: Actor | undefined
  readonly recoveredBy: Actor | undefined
  /** The verification of that recovery. */
  readonly verified: EntryOf<'incident.recovery-verified'> | undefined
  readonly exceptions: readonly { readonly entry: EntryOf<'segregation.exception'>; readonly review: EntryOf<'segregation.reviewed'> | undefined }[]
}

/** Pure: the audit log is the record of who did what. */
export function actsOf(entries: readonly Entry[]): Acts {
  const of = <Type extends (typeof types)[number]>(type: Type) => entries.filter((entry): entry is EntryOf<Type> => entry.fault === null && entry.type === type)
  const recovered = entries.findLastIndex(({ type }) => type === 'incident.recovered')
  const reviews = of('segregation.reviewed')
  return {
    declaredBy: of('incident.declared').at(-1)?.actor,
    containedBy: of('incident.contained').at(-1)?.actor,
    recoveredBy: entries[recovered]?.actor,
    verified: of('incident.recovery-verified').find(entry => entries.indexOf(entry) > recovered),
    exceptions: of('segregation.exception').map(entry => ({ entry, review: reviews.find(({ data }) => data.exceptionId === entry.id) })),
  }
}

const readActs = async (reader: Reader, incidentId: string): Promise<Acts> => actsOf(await entriesAbout(reader, incidentId, types))

/** Exceptions of an incident, and who verified its recovery, for those who read it. */
export async function segregationOf(reader: Reader, incident: IncidentRow) {
  const { verified, exceptions } = incident.declaredAt === null ? actsOf([]) : await readActs(reader, incident.id)
  return {
    recoveryVerified: verified === undefined ? null : { by: verified.actor.name, at: verified.at },
    exceptions: exceptions.map(({ entry, review }) => ({
      ...{ id: entry.id, sentence: exceptionSentence(entry.data.pair, entry.data.person.name), personId: entry.data.person.id, at: entry.at },
      ...{ reviewedBy: review?.actor.name ?? null, reviewedAt: review?.at ?? null },
    })),
  }
}

/** What prevents closing the incident: a recovery that nobody has verified, and what one person did both of as long as nobody else has reviewed it. */
export async function unseenActs(reader: Reader, incident: IncidentRow): Promise<string[]> {
  if (incident.declaredAt === null) return []
  const { recoveredBy, verified, exceptions } = await readActs(reader, incident.id)
  const isToVerify = incident.stoodDownAt === null && recoveredBy !== undefined && verified === undefined
  return [
    ...(isToVerify && (await modeOf(reader, incident, 'recoverVerify')) !== 'off' ? ['The recovery is not verified yet.'] : []),
    ...exceptions.flatMap(({ entry, review }) =>
      review === undefined ? [`${exceptionSentence(entry.data.pair, entry.data.person.name)}. Somebody else with the role lead has to review that.`] : [],
    ),
  ]
}

/** True where the caller did an act, by whatever account. */
const did = async (tx: Tx, caller: Caller, actor: Actor | undefined) => actor !== undefined && isOneOf(tx, caller, await peopleBehind(tx, [actor]))

const reportable: readonly IncidentRow['class'][] = ['customer-reportable', 'privacy-breach']

type Pair = 'declareLower' | 'containClose' | 'recoverVerify' | 'writeFinish'
const modes: readonly Mode[] = ['off', 'review', 'block']

/**
 * How a pair of acts is separated in an incident: by the strictest policy since it was declared, so that nobody loosens it for what they are about to do; and by
 * what is on record, so that nobody who changes the database does.
 */
async function modeOf(reader: Reader, { id }: IncidentRow, pair: Pair): Promise<Mode> {
  const entries = await entriesAbout(reader, [id, settingName], ['incident.declared', 'segregation-policy.changed'])
  const declared = entries.findLastIndex(({ type }) => type === 'incident.declared')
  const changes = entries.flatMap((entry, at) => (entry.fault === null && entry.type === 'segregation-policy.changed' ? [{ at, ...entry.data }] : []))
  const whenDeclared = changes.findLast(({ at }) => at < declared) ?? initialPolicy
  const held = [await readPolicy(reader), whenDeclared, ...changes.filter(({ at }) => at > declared)].map(policy => policy[pair] ?? initialPolicy[pair])
  return modes.findLast(mode => held.includes(mode)) ?? 'block'
}

/** How containing and closing are separated: never off where customers or authorities are to be told, and blocked where there is somebody else to close it. */
async function closingMode(tx: Tx, incident: IncidentRow): Promise<Mode> {
  if (!reportable.includes(incident.class)) return modeOf(tx, incident, 'containClose')
  const [found] = await tx.db
    .select({ n: count() })
    .from(people)
    .where(and(eq(people.isActive, true), eq(people.isDemo, incident.isDemo), inArray(people.role, ['lead', 'administrator'])))
  return (found?.n ?? 0) > 1 ? 'block' : 'review'
}

/**
 * Nobody knows who is behind a service account: it is nobody's second person, neither for who contained an incident nor for who closes it.
 * @throws AppProblem forbidden where who contained an incident would close it alone
 * @param isApproved somebody else has approved that it is closed
 */
export async function assertMayCloseAlone(tx: Tx, caller: Caller, incident: IncidentRow, isApproved = false): Promise<void> {
  if (incident.declaredAt === null || incident.stoodDownAt !== null) return
  const mode = await closingMode(tx, incident)
  if (mode === 'off' || (mode === 'review' && isApproved)) return
  if (!isApproved) assertPerson(caller, 'A declared incident must be closed')
  const { containedBy } = await readActs(tx, incident.id)
  if (containedBy?.kind === 'key') {
    if (isApproved) return
    throw forbidden(
      'A service account contained this incident, so closing it takes two people. Propose to close it (kind close), for somebody else to approve.',
    )
  }
  if (!(await did(tx, caller, containedBy))) return
  throw forbidden(
    mode === 'block'
      ? 'You contained this incident, so somebody else must close it.'
      : 'You contained this incident, so somebody else closes it, or approves that it is closed. Propose to close it (kind close).',
  )
}

/**
 * Holds whoever lowers an incident, or stands it down, to the policy: who declared it does not approve that, or does and somebody else looks at it.
 * @throws AppProblem forbidden where the policy blocks it
 */
export async function separateLowering(tx: Tx, caller: Caller, incident: IncidentRow): Promise<void> {
  const mode = await modeOf(tx, incident, 'declareLower')
  if (mode === 'off' || !(await did(tx, caller, (await readActs(tx, incident.id)).declaredBy))) return
  if (mode === 'block') throw forbidden('You declared this incident, so somebody else must approve that it is lowered or stood down.')
  await recordException(tx, caller, incident, 'declare-lower')
}

async function recordException(tx: Tx, caller: Caller, { id }: IncidentRow, pair: 'declare-lower' | 'recover-verify' | 'write-finish'): Promise<void> {
  await record(tx, {
    ...{ actor: caller.actor, type: 'segregation.exception', subject: { kind: 'incident', id }, within: id },
    data: { pair, person: { id: caller.personId, name: caller.actor.name } },
  })
}

/** Confirms the verification of a recovery. */
export async function verifyRecovery(tx: Tx, context: AppContext, caller: Caller, id: string, input: { version: number; reason: string }): Promise<void> {
  const incident = await lockOpenIncident(tx, context, caller, id)
  assertPerson(caller, 'A recovery must be verified')
  assertVersion(incident, input.version)
  if (incident.status !== 'recovered' || incident.stoodDownAt !== null) throw conflict('Only the recovery of a recovered incident can be verified.')
  const { recoveredBy, verified } = await readActs(tx, id)
  if (verified !== undefined) throw conflict(`${verified.actor.name} has verified this recovery.`)
  const mode = await modeOf(tx, incident, 'recoverVerify')
  if (mode !== 'off' && (await did(tx, caller, recoveredBy))) {
    if (mode === 'block') throw forbidden('You recovered this incident, so somebody else must verify the recovery.')
    await recordException(tx, caller, incident, 'recover-verify')
  }
  await record(tx, {
    ...{ actor: caller.actor, type: 'incident.recovery-verified', subject: { kind: 'incident', id }, within: id },
    data: { reason: input.reason },
  })
}

/**
 * Holds whoever finishes the review of an incident to the policy: it is somebody else than who wrote it last.
 * @throws AppProblem forbidden where the policy blocks it
 */
export async function separateFinishing(tx: Tx, caller: Caller, incident: IncidentRow, writtenBy: Actor | undefined): Promise<void> {
  const mode = await modeOf(tx, incident, 'writeFinish')
  if (mode === 'off' || !(await did(tx, caller, writtenBy))) return
  if (mode === 'block') throw forbidden('You wrote this review, so somebody else must finish it.')
  await recordException(tx, caller, incident, 'write-finish')
}

/** Somebody else looks at what one person did both of. */
export async function reviewException(tx: Tx, context: AppContext, caller: Caller, id: string, exceptionId: string, reason: string): Promise<void> {
  await lockOpenIncident(tx, context, caller, id)
  const found = (await readActs(tx, id)).exceptions.find(({ entry }) => entry.id === exceptionId)
  if (found === undefined) throw notFound('exception')
  if (found.review !== undefined) throw conflict(`${found.review.actor.name} has reviewed this.`)
  const { pair, person } = found.entry.data
  await assertSecondPerson(tx, caller, [person.id], 'This must be reviewed by somebody other than the person who did both.')
  await record(tx, {
    ...{ actor: caller.actor, type: 'segregation.reviewed', subject: { kind: 'incident', id }, within: id },
    data: { exceptionId, pair, person, reason },
  })
}
