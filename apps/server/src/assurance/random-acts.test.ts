import { createClient, ProblemError } from '@tocsin/api'
import { addHours, overdueEveryHours } from '@tocsin/deadlines'
import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { describe, expect } from 'vitest'
import { differences } from '../../test/differences.ts'
import { type Call, test, type World } from '../../test/world.ts'

/** What every act of the random sequences may choose from. `n` is random: the same number chooses the same of a list. */
interface Scene {
  readonly world: World
  readonly callers: readonly Call[]
  readonly personIds: readonly string[]
  readonly customerIds: readonly string[]
  readonly serviceIds: readonly string[]
  readonly incidentIds: string[]
}
interface Chosen {
  readonly call: Call
  readonly other: Call
  readonly params: { readonly id: string }
  /** Chooses one of a list. */
  readonly of: <T>(list: readonly T[], shift?: number) => T
  readonly text: string
}
class NothingToChoose extends Error {}
type Act = (scene: Scene, chosen: Chosen) => Promise<unknown>

const reason = 'Seen.'
const criteria = {
  privacy: 'confirmed',
  impact: 'none',
  scope: 'one-asset',
  customers: 'one',
  region: 'one',
  data: 'internal',
  recoverability: 'regular',
} as const
const current = ({ call, params }: Chosen) => call('incident', { params })
const version = async (chosen: Chosen) => (await current(chosen)).version
const obligationsOf = async ({ call, params }: Chosen) => (await call('obligations', { query: { view: 'all', incidentId: params.id } })).items
async function reviewOf({ call, params }: Chosen) {
  const { review } = await call('review', { params })
  if (review === null) throw new NothingToChoose()
  return review
}
/** The steps of the lifecycle, whichever is possible now. */
const step: Act = async (_, chosen) => {
  const { call, params, of, text } = chosen
  const { nextActions, version: now } = await current(chosen)
  const input = { params, body: { version: now, reason: text } }
  const { action } = of(nextActions)
  if (action === 'declare') return call('declareIncident', input)
  if (action === 'contain') return call('containIncident', input)
  if (action === 'eradicate') return call('eradicateIncident', input)
  if (action === 'close') return call('closeIncident', input)
  if (action === 'reopen') {
    const wasNotified = (await obligationsOf(chosen)).some(({ state, customer }) => state === 'notified' && customer !== null)
    const { declaredAt, stoodDownAt } = await current(chosen)
    const update = of([{ updateCustomers: true }, { updateCustomers: false, noUpdateReason: text }])
    const more = { ...(declaredAt !== null && stoodDownAt === null ? { monitorUntil: '2026-12-24' } : {}), ...(wasNotified ? update : {}) }
    return call('reopenIncident', { params, body: { ...input.body, ...more } })
  }
  const monitorUntil = of(['2026-11-23', '2026-12-24'])
  return call('recoverIncident', {
    params,
    body: { ...input.body, secureState: 'Restored from clean images', verification: 'Two scans found nothing', monitorUntil },
  })
}

const open: Act = async ({ incidentIds, serviceIds, world }, { call, of, text }) => {
  const alertIds = of([[], [(await world.alert({ severity: 'high', service: of(['billing']) })).id]])
  const body = { title: text, reason, serviceIds: of([[], [of(serviceIds)]]), alertIds, isRestricted: of([true, ...Array(9).fill(false)]) }
  incidentIds.push((await call('openIncident', { body })).id)
}

const assess: Act = async (_, chosen) =>
  chosen.call('assessSeverity', {
    params: chosen.params,
    body: { version: await version(chosen), criteria: { ...criteria, impact: chosen.of(['none', 'outage'] as const) } },
  })

const classify: Act = async (_, chosen) => {
  const confirmed = ['security-incident', 'customer-reportable', 'privacy-breach'] as const
  const value = chosen.of([...confirmed, ...confirmed, 'not-an-incident', 'suspected'] as const)
  await chosen.call('classifyIncident', { params: chosen.params, body: { version: await version(chosen), class: value, reason } })
}

const assignRole: Act = async ({ personIds }, chosen) => {
  const role = chosen.of(['lead', 'owner', 'communications', 'executive', 'executive'] as const)
  const body = { version: await version(chosen), personId: chosen.of([null, ...personIds]), ...chosen.of([{}, { note: chosen.text }]) }
  await chosen.call('assignRole', { params: { ...chosen.params, role }, body })
}

const affect: Act = async ({ customerIds }, chosen) => {
  const { customers } = await current(chosen)
  const kept = chosen.of([customers, [], customers.slice(1)]).map(({ id, basis }) => ({ id, basis }))
  const id = chosen.of(customerIds)
  const listed = [...kept.filter(each => each.id !== id), { id, basis: chosen.text }]
  await chosen.call('setAffectedCustomers', { params: chosen.params, body: { version: await version(chosen), customers: listed } })
}

const addTask: Act = async (_, chosen) => {
  const { call, params, of, text } = chosen
  await call('addTask', { params, body: { title: text, isBusinessImpacting: of([true, false]), dueOn: of([null, '2026-11-30']) } })
}

const draft: Act = async ({ world }, chosen) => {
  const body = { nature: chosen.text, userImpact: 'U', mitigation: 'M' }
  const nextCommunicationAt = addHours(world.now, chosen.of([20, 20, 9_000]))
  const more = chosen.of([{ isInvestigationComplete: true }, { isInvestigationComplete: false, nextSteps: 'N', nextCommunicationAt }])
  await chosen.call('draftNotice', { params: { id: chosen.of(await obligationsOf(chosen)).id }, body: { ...body, ...more } })
}

/** A notice on its whole way: by chance alone hardly one gets there. */
const notify: Act = async ({ world }, chosen) => {
  const { id } = chosen.of((await obligationsOf(chosen)).filter(({ customer, startedAt }) => customer !== null && startedAt !== null))
  const body = {
    nature: chosen.text,
    userImpact: 'U',
    mitigation: 'M',
    isInvestigationComplete: false,
    nextSteps: 'N',
    nextCommunicationAt: addHours(world.now, 20),
  }
  const { notices } = await chosen.call('draftNotice', { params: { id }, body })
  const notice = notices.at(-1) ?? expect.fail('it was drafted')
  const params = { id: notice.id }
  await chosen.other('approveNotice', { params, body: { version: notice.version } })
  await chosen.call('sendNotice', { params, body: { version: notice.version + 1 } })
  await world.settle()
}

const acts: readonly Act[] = [
  open,
  async (_, chosen) => {
    const { call, params, of, text } = chosen
    const dataTouched = { customerData: of(['yes', 'no'] as const), personalData: 'unknown', description: text } as const
    const change = of([
      { title: text },
      { summary: text, approximateUsers: of([null, 9]) },
      { dataTouched },
      { dataTouched },
      { title: text },
      { isRestricted: of([true, false]), reason },
    ])
    await call('changeIncident', { params, body: { version: await version(chosen), ...change } })
  },
  assess,
  classify,
  assignRole,
  async (_, { call, params, of }) => {
    const role = of(['lead', 'owner'] as const)
    if (of([true, true, false])) return call('acceptRole', { params: { ...params, role } })
    return of([true, false])
      ? call('declineRole', { params: { ...params, role }, body: { reason } })
      : call('withdrawHandover', { params: { ...params, role } })
  },
  async ({ personIds }, chosen) =>
    chosen.call('setMembers', { params: chosen.params, body: { version: await version(chosen), personIds: [chosen.of(personIds), chosen.of(personIds, 1)] } }),
  async ({ personIds }, chosen) =>
    chosen.call('setSuspects', { params: chosen.params, body: { version: await version(chosen), personIds: chosen.of([[], [chosen.of(personIds)]]) } }),
  async ({ personIds }, chosen) => chosen.call('pageIncident', { params: chosen.params, body: { personIds: [chosen.of(personIds)] } }),
  (_, { call, params }) => call('breakGlass', { params, body: { reason } }),
  affect,
  async ({ serviceIds }, chosen) => {
    const services = chosen.of([[], [{ id: chosen.of(serviceIds), basis: chosen.text }]])
    await chosen.call('setAffectedServices', { params: chosen.params, body: { version: await version(chosen), services } })
  },
  ...[step, step, step],
  addTask,
  async ({ personIds }, chosen) => {
    const task = chosen.of((await current(chosen)).tasks)
    const change = chosen.of([{ isDone: true }, { isDone: true }, { isDone: false }, { title: chosen.text }, { assigneeId: chosen.of([null, ...personIds]) }])
    await chosen.call('changeTask', { params: { ...chosen.params, taskId: task.id }, body: { version: task.version, ...change } })
  },
  async ({ callers, personIds }, chosen) => {
    const { tasks, executive } = await current(chosen)
    const task = chosen.of(tasks)
    const sponsor = callers[personIds.indexOf(executive?.id ?? '')] ?? chosen.call
    await sponsor('approveTask', { params: { ...chosen.params, taskId: task.id }, body: { version: task.version } })
  },
  (_, { call, params, text }) => call('addNote', { params, body: { markdown: text } }),
  async (_, chosen) => {
    const note = chosen.of((await current(chosen)).notes)
    await chosen.call('changeNote', { params: { ...chosen.params, noteId: note.id }, body: { version: note.version, markdown: chosen.text } })
  },
  draft,
  ...(['changeNotice', 'approveNotice', 'approveNotice', 'approveNotice', 'sendNotice', 'sendNotice'] as const).map(
    (name): Act =>
      async ({ world }, chosen) => {
        const notice = chosen.of((await obligationsOf(chosen)).flatMap(({ notices }) => notices))
        const params = { id: notice.id }
        world.mail.refuse(chosen.of([undefined, undefined, { code: 550, text: 'no such mailbox' }]))
        if (name === 'changeNotice')
          return chosen.call(name, {
            params,
            body: { nature: chosen.text, userImpact: 'U', mitigation: 'M', isInvestigationComplete: true, version: notice.version },
          })
        return chosen.other(name, { params, body: { version: notice.version } })
      },
  ),
  ...(['proposeDecision', 'approveDecision', 'withdrawDecision'] as const).map(
    (name): Act =>
      async ({ world }, chosen) => {
        const obligation = chosen.of(await obligationsOf(chosen))
        const params = { id: obligation.id }
        const reviewOn = addHours(world.now, chosen.of([48, 720])).slice(0, 10)
        if (name === 'withdrawDecision') return chosen.call(name, { params })
        if (name === 'approveDecision') return chosen.other(name, { params, body: { version: obligation.version } })
        const body = { kind: chosen.of(['defer', 'waive'] as const), reasonCategory: 'other', reason: chosen.text, reviewOn } as const
        return chosen.call(name, { params, body: { ...body, version: obligation.version } })
      },
  ),
  async (_, chosen) => {
    const { call, params, of, text } = chosen
    const wanted = of([
      { kind: 'stand-down' },
      { kind: 'close' },
      { kind: 'lower-class', class: 'security-incident' },
      { kind: 'lower-severity', criteria: { ...criteria, privacy: 'none' } },
    ] as const)
    await call('propose', { params, body: { ...wanted, version: await version(chosen), reason: text } })
  },
  ...(['approveProposal', 'approveProposal', 'approveProposal', 'rejectProposal', 'withdrawProposal'] as const).map(
    (name): Act =>
      async (_, chosen) => {
        const { id: proposalId, sha256 } = chosen.of((await current(chosen)).proposals)
        const params = { ...chosen.params, proposalId }
        if (name === 'withdrawProposal') return chosen.call(name, { params })
        if (name === 'rejectProposal') return chosen.other(name, { params, body: { reason: chosen.text } })
        return chosen.other(name, { params, body: { sha256 } })
      },
  ),
  async (_, chosen) => chosen.other('verifyRecovery', { params: chosen.params, body: { version: await version(chosen), reason: 'Two scans found nothing.' } }),
  async (_, chosen) => {
    const { id: exceptionId } = chosen.of((await current(chosen)).exceptions)
    await chosen.other('reviewException', { params: { ...chosen.params, exceptionId }, body: { reason: chosen.text } })
  },
  (_, { call, params }) => call('startReview', { params }),
  async (_, chosen) => {
    const review = await reviewOf(chosen)
    const findings = chosen.of([[], [{ kind: 'process-flaw' as const, description: chosen.text }]])
    await chosen.call('saveReview', { params: { id: review.id }, body: { version: review.version, sequence: chosen.text, findings } })
  },
  async (_, chosen) => {
    const review = await reviewOf(chosen)
    await chosen.call('finishReview', { params: { id: review.id }, body: { version: review.version } })
  },
  async ({ personIds }, chosen) => {
    const body = { title: chosen.text, ownerId: chosen.of(personIds), dueOn: '2026-12-01' }
    await chosen.call('addFollowUp', { params: { id: (await reviewOf(chosen)).id }, body })
  },
  async ({ personIds }, chosen) => {
    const action = chosen.of((await reviewOf(chosen)).followUps)
    const change = chosen.of([{ state: 'done' }, { state: 'verified' }, { state: 'open', ownerId: chosen.of(personIds), dueOn: '2026-12-02' }] as const)
    await chosen.call('updateFollowUp', { params: { id: action.id }, body: { version: action.version, reason: chosen.text, ...change } })
  },
  async ({ incidentIds }, chosen) => {
    const body = { version: await version(chosen), reason, incidentIds: [chosen.of(incidentIds, 1)] }
    await chosen.call('makeParent', { params: chosen.params, body })
  },
  ({ world }) => world.settle(),
  ({ world }) => world.advance({ hours: 30 }),
  notify,
]

/** Two incidents; what has to be known of the first before it can be declared; notices that promise more. */
const beginning = [
  [open, 0] as const,
  [open, 1] as const,
  ...[assess, classify, affect, assignRole, addTask, draft, step, notify].flatMap(act => [3, 4, 5].map(n => [act, n] as const)),
]

/** Obligations that are owed and of which nobody would hear: no look is planned, or the incident's job comes later; and those that an incident was closed with. */
const forgotten = async (world: World) =>
  (
    await world.server.context.database.reader().db.execute(sql`
      select kind, state, due_at, next_check_at, (select status from incidents where incidents.id = incident_id) as incident,
        (select run_at from jobs where key = 'notices:' || incident_id) as run_at
      from obligations
      where state in ('due', 'deferred') and (next_check_at is null
        or not exists (select 1 from jobs where key = 'notices:' || incident_id and run_at <= next_check_at)
        or exists (select 1 from incidents where incidents.id = incident_id and status = 'closed'))`)
  ).rows
/** Those that are overdue, and of which nobody was told for longer than the rhythm says. */
const silent = async (world: World) =>
  (
    await world.server.context.database.reader().db.execute(sql`
      select kind, due_at, paged_at from obligations
      where state = 'due' and due_at < ${world.now} and (paged_at is null or paged_at < ${addHours(world.now, -overdueEveryHours)}::timestamptz - interval '2 milliseconds')`)
  ).rows

describe('whatever people do with incidents, in any order', () => {
  test('the tables say what the entries say, nothing is reported that nobody did, and what is owed is not forgotten', { timeout: 120_000 }, async ({
    world,
  }) => {
    const people = [await world.executive('administrator'), await world.executive('lead'), await world.person('lead')]
    const [administrator] = people
    const key = { name: 'script', scopes: ['incidents:read', 'incidents:write'], role: 'lead', seesRestricted: true } as const
    const { secret } = await (administrator ?? expect.fail()).call('createApiKey', { body: { ...key, scopes: [...key.scopes] } })
    const scene: Scene = {
      world,
      callers: [...people.map(({ call }) => call), createClient({ origin: world.origin, apiKey: secret })],
      personIds: people.map(({ id }) => id),
      customerIds: [(await world.customer('Globex', 24)).id, (await world.customer('Initech')).id],
      serviceIds: [(await world.service('billing', (await world.team()).team)).id],
      incidentIds: [],
    }
    await fc.assert(
      fc.asyncProperty(fc.array(fc.noBias(fc.tuple(fc.nat(acts.length - 1), fc.nat())), { minLength: 70, maxLength: 70, size: 'max' }), async chosen => {
        scene.incidentIds.length = 0
        for (const [place, [act, n]] of [...beginning, ...chosen.map(([at, seed]) => [acts[at] ?? open, seed] as const)].entries()) {
          // Each choice from a list takes digits of its own, so that one does not follow from the other.
          let seed = n
          const of = <T>(list: readonly T[], shift = 0): T => {
            seed = (seed * 1_103_515_245 + 12_345 + shift) % 2_147_483_648
            if (list.length === 0) throw new NothingToChoose()
            // The list has it: its length says so.
            return list[Math.floor(seed / 7) % list.length] as T
          }
          const call = of(scene.callers)
          try {
            const params = { id: scene.incidentIds.length === 0 ? '' : of(scene.incidentIds) }
            await act(scene, { call, other: of(scene.callers.filter(each => each !== call)), params, of, text: `Text ${place} ${n}` })
          } catch (error) {
            // What the program refuses, and what there is nothing for, did not happen.
            const isRefused = error instanceof ProblemError && error.problem.status < 500
            if (!isRefused && !(error instanceof NothingToChoose)) throw error
          }
          expect(await forgotten(world)).toEqual([])
        }
        world.mail.refuse(undefined)
        await world.settle()
        expect(await differences(world)).toEqual([])
        expect(await silent(world)).toEqual([])
      }),
      { numRuns: Number(process.env.TOCSIN_RANDOM_RUNS ?? 2), endOnFailure: true },
    )
  })
})
