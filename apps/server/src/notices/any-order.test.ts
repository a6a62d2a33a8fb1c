import { ProblemError } from '@tocsin/api'
import { addHours, overdueEveryHours } from '@tocsin/deadlines'
import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { expect } from 'vitest'
import { bounce, withInbox } from '../../test/bounce.ts'
import { declare } from '../../test/declared.ts'
import { differences } from '../../test/differences.ts'
import type { Mail } from '../../test/mailbox.ts'
import { patience } from '../../test/patience.ts'
import { type Person, test, type World } from '../../test/world.ts'
import { schedule } from '../kernel/jobs/schedule.ts'
import { watchdogJob } from './auditor.ts'
import { incidentsMisjoined } from './joined.ts'

const reason = 'Seen.'
const maxIncidents = 4
const runs = Number(process.env.TOCSIN_RANDOM_RUNS ?? 1)

/** What the acts of a sequence share, and how one chooses. */
class Scene {
  readonly incidentIds: string[] = []
  readonly returned: Set<Mail>
  readonly world: World
  /** Two leads: what one does alone, the other approves. */
  readonly ada: Person
  readonly bob: Person
  readonly customerIds: readonly string[]
  #seed = 0
  constructor(world: World, ada: Person, bob: Person, customerIds: readonly string[]) {
    this.world = world
    this.returned = new Set(world.mail.mails)
    this.ada = ada
    this.bob = bob
    this.customerIds = customerIds
  }
  choose(seed: number): void {
    this.#seed = seed
  }
  of<T>(list: readonly T[]): T {
    this.#seed = (this.#seed * 1_103_515_245 + 12_345) % 2_147_483_648
    const chosen = list[Math.floor(this.#seed / 7) % list.length]
    if (chosen === undefined) throw new NothingToChoose()
    return chosen
  }
  /** An incident that is open. */
  async incident() {
    const all = await Promise.all(this.incidentIds.map(id => this.ada.call('incident', { params: { id } })))
    return this.of(all.filter(({ status }) => status !== 'closed'))
  }
  /** The obligations of those that are open. */
  async obligations() {
    const { items } = await this.ada.call('obligations', { query: { view: 'all', limit: 100 } })
    return items.filter(({ incident }) => !incident.isClosed && this.incidentIds.includes(incident.id))
  }
}
class NothingToChoose extends Error {}

type Act = (scene: Scene) => Promise<unknown>

/** Opens an incident that affects some customers, and declares it. */
const declareOne: Act = async scene => {
  const { ada, incidentIds, customerIds } = scene
  if (incidentIds.length >= maxIncidents) throw new NothingToChoose()
  const isExercise = scene.of([...Array(7).fill(false), true])
  const opened = await ada.call('openIncident', { body: { title: 'Leak', reason, isExercise } })
  const params = { id: opened.id }
  const affected = scene.of([[0], [0, 1], [1, 2], [0, 1, 2], []]).flatMap(at => ({ id: customerIds[at] ?? '', basis: 'Logs.' }))
  if (affected.length > 0) await ada.call('setAffectedCustomers', { params, body: { version: opened.version, customers: affected } })
  await declare(ada, opened.id)
  incidentIds.push(opened.id)
}

const content = { nature: 'N', userImpact: 'U', mitigation: 'M' }
const promised = (scene: Scene) =>
  scene.of([
    { isInvestigationComplete: true },
    { isInvestigationComplete: false, nextSteps: 'N', nextCommunicationAt: addHours(scene.world.now, scene.of([20, 200])) },
  ])
const refusal = { code: 550, text: 'no such mailbox' }

/** A notice on its way, as far as the number of its steps. */
const notify =
  (steps: number): Act =>
  async scene => {
    const { ada, bob, world } = scene
    const { id } = scene.of((await scene.obligations()).filter(({ customer, startedAt }) => customer !== null && startedAt !== null))
    const { notices } = await ada.call('draftNotice', { params: { id }, body: { ...content, ...promised(scene) } })
    const { id: noticeId, version } = notices.at(-1) ?? expect.fail('it was drafted')
    const params = { id: noticeId }
    if (steps > 1) await bob.call('approveNotice', { params, body: { version } })
    world.mail.refuse(scene.of([undefined, undefined, undefined, refusal]))
    if (steps > 2) await ada.call('sendNotice', { params, body: { version: version + 1 } })
  }

const proceed: Act = async scene => {
  const { ada, bob, world } = scene
  const { id, version, state } = scene.of((await scene.obligations()).flatMap(({ notices }) => notices).filter(each => each.state !== 'sent'))
  const params = { id }
  world.mail.refuse(scene.of([undefined, undefined, undefined, refusal]))
  if (state === 'draft') return bob.call('approveNotice', { params, body: { version } })
  if (scene.of([true, true, false])) return ada.call('sendNotice', { params, body: { version } })
  return ada.call('changeNotice', { params, body: { ...content, ...promised(scene), version } })
}

const decide: Act = async scene => {
  const { ada, bob, world } = scene
  const { id: obligationId, version, decision, state } = scene.of(await scene.obligations())
  const params = { id: obligationId }
  if (decision !== null && scene.of([true, true, false])) return ada.call('withdrawDecision', { params })
  if (state === 'notified') throw new NothingToChoose()
  const reviewOn = addHours(world.now, scene.of([24, 48, 240])).slice(0, 10)
  const kind = scene.of(['defer', 'defer', 'waive'] as const)
  await ada.call('proposeDecision', { params, body: { kind, reasonCategory: 'other', reason, reviewOn, version } })
  return bob.call('approveDecision', { params, body: { version: version + 1 } })
}

const proposeAndApprove =
  (kind: 'stand-down' | 'lower-class'): Act =>
  async scene => {
    const { ada, bob } = scene
    if (scene.of([true, false, false])) throw new NothingToChoose()
    const { id, version } = await scene.incident()
    const params = { id }
    const { proposals } = await ada.call('propose', {
      params,
      body: { kind, version, reason, ...(kind === 'lower-class' ? { class: 'security-incident' } : {}) },
    })
    const { id: proposalId, sha256 } = proposals.find(({ state }) => state === 'open') ?? expect.fail('it was made')
    return bob.call('approveProposal', { params: { ...params, proposalId }, body: { sha256 } })
  }

/** What is left to do, up to closing: with what is still owed it stays open. */
const finish: Act = async scene => {
  const { ada, bob } = scene
  const incident = await scene.incident()
  const params = { id: incident.id }
  const body = async () => ({ version: (await ada.call('incident', { params })).version, reason })
  if (incident.status === 'declared') await ada.call('containIncident', { params, body: await body() })
  if (['declared', 'contained'].includes(incident.status)) await ada.call('eradicateIncident', { params, body: await body() })
  if (['declared', 'contained', 'eradicated'].includes(incident.status))
    await ada.call('recoverIncident', {
      params,
      body: {
        ...(await body()),
        secureState: 'Restored from clean images',
        verification: 'Two scans found nothing',
        monitorUntil: null,
        noMonitoringReason: reason,
      },
    })
  await bob.call('verifyRecovery', { params, body: await body() }).catch(ignoreRefusal)
  const { review } = await ada.call('startReview', { params }).then(() => ada.call('review', { params }))
  if (review !== null && review.finishedAt === null) {
    const findings = [{ kind: 'process-flaw' as const, description: 'F' }]
    const saved = await ada.call('saveReview', { params: { id: review.id }, body: { version: review.version, sequence: 'S', findings } })
    await bob.call('finishReview', { params: { id: review.id }, body: { version: saved.version } })
  }
  return bob.call('closeIncident', { params, body: await body() })
}

const reopen: Act = async scene => {
  const { ada } = scene
  const all = await Promise.all(scene.incidentIds.map(id => ada.call('incident', { params: { id } })))
  const { id, version, declaredAt, stoodDownAt } = scene.of(all.filter(({ status }) => status === 'closed'))
  const owed = (await ada.call('obligations', { query: { view: 'all', incidentId: id } })).items
  const wasNotified = owed.some(({ state, customer }) => state === 'notified' && customer !== null)
  const update = scene.of([{ updateCustomers: true }, { updateCustomers: false, noUpdateReason: 'No news.' }])
  const more = { ...(declaredAt !== null && stoodDownAt === null ? { monitorUntil: '2027-12-24' } : {}), ...(wasNotified ? update : {}) }
  return ada.call('reopenIncident', { params: { id }, body: { version, reason, ...more } })
}

const link: Act = async scene => {
  const { id, version, children } = await scene.incident()
  const params = { id }
  const [child] = children
  if (child !== undefined && scene.of([true, false])) return scene.ada.call('unlinkChild', { params, body: { version, reason, childId: child.id } })
  return scene.ada.call('makeParent', { params, body: { version, reason, incidentIds: [scene.of(scene.incidentIds.filter(each => each !== id))] } })
}

const restrict: Act = async scene => {
  const { id, version, isRestricted } = await scene.incident()
  const changed = await scene.ada.call('changeIncident', { params: { id }, body: { version, isRestricted: !isRestricted, reason } })
  if (isRestricted) return changed
  return scene.ada.call('setMembers', { params: { id }, body: { version: changed.version, personIds: [scene.ada.id, scene.bob.id] } })
}

const listCustomer: Act = async scene => {
  const { id, version, customers } = await scene.incident()
  const added = scene.of(scene.customerIds)
  const foundAt = addHours(scene.world.now, scene.of([0, -20, -100]))
  const kept = customers.filter(each => each.id !== added).map(each => ({ id: each.id, basis: each.basis }))
  await scene.ada.call('setAffectedCustomers', { params: { id }, body: { version, customers: [...kept, { id: added, basis: 'More logs.', foundAt }] } })
}

const aware: Act = async scene => {
  const { ada, bob, world } = scene
  const params = { id: (await scene.incident()).id }
  const facts = (await ada.call('incidentFacts', { params })).filter(({ kind }) => kind === 'aware')
  const proposed = facts.find(({ state }) => state === 'proposed')
  const stated = facts.find(({ state }) => state === 'current')
  if (proposed !== undefined) return bob.call(scene.of(['approveFact', 'approveFact', 'rejectFact'] as const), { params: { ...params, factId: proposed.id } })
  const body = { at: addHours(world.now, scene.of([-1, -30, -60, -100])), source: 'S', basis: 'B' }
  if (stated === undefined) return ada.call('stateFact', { params, body: { ...body, kind: 'aware' } })
  return ada.call('correctFact', { params: { ...params, factId: stated.id }, body: { ...body, reason } })
}

const contract: Act = async scene => {
  const { id, version, name, region, contacts } = scene.of(await scene.ada.call('customers', { query: {} }))
  const noticeTerm = scene.of([
    { amount: 24 },
    { amount: 96 },
    { amount: 2, unit: 'business-days' },
    { amount: 48, start: 'found' },
    { amount: 48, start: 'aware' },
  ] as const)
  const [first] = contacts
  if (first === undefined) throw new NothingToChoose()
  const other = { name: 'Board', email: 'board@customer.test' }
  const to = scene.of([[first], [first, other], [first, { ...other, isAlternate: true }]])
  await scene.ada.call('saveCustomer', { body: { id, version, name, region, noticeTerm, contacts: to } })
}

const hold: Act = async scene => {
  const { id, version } = await scene.incident()
  await scene.ada.call('setLegalHold', { params: { id }, body: { version, isHeld: scene.of([true, false]), reason } })
}

const answer: Act = async ({ ada }) => {
  for (const { id, state } of (await ada.call('pages')).items) if (state === 'triggered') await ada.call('acknowledgePage', { params: { id } })
}

/** A mail server returns a notice that it took. */
const returned: Act = async scene => {
  const mail = scene.of(scene.world.mail.mails.filter(each => each.purpose === 'notice' && !scene.returned.has(each)).slice(-4))
  scene.returned.add(mail)
  await bounce(scene.world, mail, 'postfix')
}

/** The server was down for so long: nothing happened on the way. */
const down: Act = async scene => {
  scene.world.jump({ hours: scene.of([1, 5, 25, 49, 80]) })
  await scene.world.settle()
}

/** Those that are there more than once are what the others come after. */
const acts: Readonly<Record<string, Act>> = {
  ...{ declare: declareOne, listCustomer, contract, aware, hold, restrict, answer, decide, finish, reopen },
  ...{ standDown: proposeAndApprove('stand-down'), lower: proposeAndApprove('lower-class'), link, linkAgain: link },
  ...{ draft: notify(1), approve: notify(2), notify: notify(3), notifyAgain: notify(3), proceed, proceedAgain: proceed, returned, returnedAgain: returned },
  ...{ settle: ({ world }) => world.settle(), down, downAgain: down },
}
const names = Object.keys(acts)

function ignoreRefusal(error: unknown): void {
  if (!(error instanceof ProblemError) || error.problem.status >= 500) throw error
}

const rows = async (world: World, query: ReturnType<typeof sql>) => (await world.server.context.database.reader().db.execute(query)).rows

/** What is owed and would be forgotten: no look is planned, or the incident's job runs later; and what a closed incident owes. */
const forgotten = (world: World) =>
  rows(
    world,
    sql`select kind, state, due_at, next_check_at, (select status from incidents where incidents.id = incident_id) as incident,
        (select run_at from jobs where key = 'notices:' || incident_id) as run_at
      from obligations
      where state in ('due', 'deferred') and (next_check_at is null
        or not exists (select 1 from jobs where key = 'notices:' || incident_id and run_at <= next_check_at)
        or exists (select 1 from incidents where incidents.id = incident_id and status = 'closed'))`,
  )

/** What is overdue for a whole round, one notice each, and about which nobody was told in that time. */
const silent = (world: World) => {
  const since = addHours(world.now, -overdueEveryHours)
  const late = sql`coalesce(case when due_at <= found_at then found_due_at end, due_at)`
  return rows(
    world,
    sql`select * from (select array_agg(id::text) as ids, array_agg(kind) as kinds, min(${late}) as late, max(next_check_at) as next
        from obligations where state = 'due' group by coalesce(joined_to_id, id)) owed
      where late < ${since} and not exists (select 1 from journal
        where type = 'obligation.warned' and at >= ${since}::timestamptz - interval '2 milliseconds' and subject_id = any(ids))`,
  )
}

/** What the auditor repaired: nothing of what people do is its business. */
async function repaired(world: World) {
  const { database, jobs } = world.server.context
  await database.transaction(tx => schedule(tx, { kind: watchdogJob, key: watchdogJob.kind, runAt: tx.now, data: {} }))
  await jobs.drain()
  return rows(world, sql`select data from journal where type = 'obligation.repaired'`)
}

test.override({ options: withInbox })

test('in whatever order people act, and at the same time, what is owed is not forgotten, and the auditor finds nothing to repair', {
  timeout: 60_000 * patience * runs,
}, async ({ world }) => {
  await world.team()
  const [ada, bob] = [await world.person('administrator'), await world.person('administrator')]
  const customers = [await world.customer('One', 24), await world.customer('Two'), await world.customer('Three', 2, { unit: 'business-days' })]
  // Of four acts one has another beside it.
  const step = fc.tuple(fc.nat(names.length - 1), fc.nat(), fc.nat(names.length * 4), fc.nat())
  await fc.assert(
    fc.asyncProperty(fc.array(fc.noBias(step), { minLength: 40, maxLength: 40, size: 'max' }), async steps => {
      const scene = new Scene(
        world,
        ada,
        bob,
        customers.map(({ id }) => id),
      )
      const trail: string[] = []
      const play = async (name: string, seed: number) => {
        scene.choose(seed)
        try {
          await acts[name]?.(scene)
          trail.push(`${world.now} ${name}`)
        } catch (error) {
          // What the program refuses, and what there is nothing for, did not happen.
          if (!(error instanceof NothingToChoose)) ignoreRefusal(error)
        }
      }
      const assertNone = (what: string, found: readonly unknown[]) => expect(found, `${what} after ${trail.join('\n')}`).toEqual([])
      await play('declare', 3)
      await play('declare', 5)
      for (const [at, seed, beside, otherSeed] of steps) {
        const [name, other] = [names[at] ?? '', names[beside]]
        // Nobody acts while the server is down.
        const isAlone = other === undefined || acts[name] === down || acts[other] === down
        await Promise.all([play(name, seed), ...(isAlone ? [] : [play(other, otherSeed)])])
        assertNone('forgotten', await forgotten(world))
        assertNone('joined to the wrong one', await incidentsMisjoined(world.server.context.database.reader(), 1))
      }
      world.mail.refuse(undefined)
      await world.settle()
      assertNone('different from the audit log', await differences(world))
      assertNone('repaired', await repaired(world))
      await world.advance({ hours: overdueEveryHours, seconds: 1 })
      assertNone('silent', await silent(world))
      assertNone('forgotten', await forgotten(world))
      assertNone('repaired', await repaired(world))
    }),
    { numRuns: runs, endOnFailure: true },
  )
})
