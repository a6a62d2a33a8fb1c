import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Difference, differenceSentence } from '@tocsin/events/fold'
import { hashBody, verifyExport } from '@tocsin/merkle'
import { getTableColumns, type SQL, sql } from 'drizzle-orm'
import { describe, expect } from 'vitest'
import { z } from 'zod'
import { tocsin } from '../../../../packages/cli/test/tocsin.ts'
import { assess, declare } from '../../test/declared.ts'
import { refusal } from '../../test/refusal.ts'
import { type Person, test, type World } from '../../test/world.ts'
import { incidentFacts, incidents, notes, proposals, tasks } from '../incidents/tables.ts'
import { record } from '../journal/index.ts'
import { holdSnapshot } from '../kernel/database.ts'
import { notices, obligations } from '../notices/tables.ts'
import { followUps, reviews } from '../reviews/tables.ts'
import { assertDutiesAsRecorded, compareIncident, reconcileJob } from './reconcile.ts'

const content = { nature: 'N', userImpact: 'U', mitigation: 'M', isInvestigationComplete: true, nextSteps: 'None.' }
const reason = 'Seen.'

const differencesOf = ({ server }: World, id: string): Promise<Difference[]> =>
  server.context.database.transaction(async tx => {
    await holdSnapshot(tx)
    return (await compareIncident(tx, id)).differences
  })

const run = ({ server }: World, statement: SQL) => server.context.database.transaction(tx => tx.db.execute(statement))

/** An incident that everything happened to: notices were approved and sent, one was waived, a task that hurts was approved and done, the review has its follow-up actions. */
async function lived(world: World) {
  const service = await world.service('billing', (await world.team()).team)
  const [lead, other, sponsor] = [await world.person('lead'), await world.person('lead'), await world.executive('lead')]
  const { id } = await lead.call('openIncident', { body: { title: 'Leak', reason, serviceIds: [service.id] } })
  const params = { id }
  const version = async () => (await lead.call('incident', { params })).version
  const versioned = async <T extends object>(body: T) => ({ params, body: { ...body, version: await version() } })
  const obligation = async (name: string) => {
    const { items } = await lead.call('obligations', { query: { view: 'all', incidentId: id } })
    return items.find(each => each.customer?.name === name) ?? expect.fail(`${name} is affected`)
  }
  await lead.call('assignRole', { params: { id, role: 'executive' }, body: { version: await version(), personId: sponsor.id } })
  await lead.call('changeIncident', await versioned({ summary: 'What is known.', approximateUsers: 7 }))
  await lead.call('setMembers', await versioned({ personIds: [other.id, lead.id] }))
  await assess(lead, id)
  const customers = []
  for (const name of ['Globex', 'Initech']) customers.push({ id: (await world.customer(name)).id, basis: 'Logs.' })
  await lead.call('setAffectedCustomers', await versioned({ customers }))
  const statement = { source: 'The on-call log', basis: 'First note.' }
  const [aware] = await lead.call('stateFact', { params, body: { ...statement, kind: 'aware', at: '2026-11-22T08:00:00.000Z' } })
  const correction = { ...statement, at: '2026-11-22T09:00:00.000Z', reason }
  const [later] = await lead.call('correctFact', { params: { id, factId: aware?.id ?? '' }, body: correction })
  await other.call('approveFact', { params: { id, factId: later?.id ?? '' } })
  await other.call('declareIncident', await versioned({ reason }))
  const { proposals } = await lead.call('propose', await versioned({ kind: 'lower-class' as const, class: 'security-incident' as const, reason }))
  await other.call('rejectProposal', { params: { id, proposalId: proposals[0]?.id ?? '' }, body: { reason } })
  await lead.call('addNote', { params, body: { markdown: 'A note.' } })
  const { tasks: added } = await lead.call('addTask', { params, body: { title: 'Cut it off', isBusinessImpacting: true, dueOn: '2026-11-24' } })
  const task = { id, taskId: added[0]?.id ?? '' }
  await sponsor.call('approveTask', { params: task, body: { version: 1 } })
  await lead.call('changeTask', { params: task, body: { version: 2, isDone: true } })
  await lead.call('draftNotice', { params: { id: (await obligation('Globex')).id }, body: content })
  const notice = async () => {
    const [found] = (await obligation('Globex')).notices
    return { params: { id: found?.id ?? '' }, body: { version: found?.version ?? 0 } }
  }
  await other.call('approveNotice', await notice())
  await lead.call('sendNotice', await notice())
  await world.settle()
  const { id: waived } = await obligation('Initech')
  const decision = { kind: 'waive', reasonCategory: 'data-unintelligible', reason, reviewOn: '2026-12-01' } as const
  await other.call('proposeDecision', { params: { id: waived }, body: { ...decision, version: (await obligation('Initech')).version } })
  await sponsor.call('approveDecision', { params: { id: waived }, body: { version: (await obligation('Initech')).version } })
  const review = await lead.call('startReview', { params })
  const findings = [{ kind: 'process-flaw' as const, description: 'Nobody looked.' }]
  await other.call('saveReview', { params: { id: review.id }, body: { version: review.version, sequence: 'It began.', findings } })
  await lead.call('finishReview', { params: { id: review.id }, body: { version: review.version + 1 } })
  const { followUps: actions } = await lead.call('addFollowUp', { params: { id: review.id }, body: { title: 'Look', ownerId: lead.id, dueOn: '2026-12-01' } })
  const action = { id: actions[0]?.id ?? '' }
  await lead.call('updateFollowUp', { params: action, body: { version: 1, state: 'done', reason } })
  await other.call('updateFollowUp', { params: action, body: { version: 2, state: 'verified', reason } })
  await lead.call('containIncident', await versioned({ reason }))
  await lead.call('eradicateIncident', await versioned({ reason }))
  await lead.call(
    'recoverIncident',
    await versioned({ reason, secureState: 'Restored from clean images', verification: 'Two scans found nothing', monitorUntil: '2026-11-23' }),
  )
  return { id, params, lead, other, sponsor, version, notice: (await notice()).params.id }
}

/** A value that a column does not have, by its type. */
function otherValue(column: { readonly name: string; getSQLType(): string }, stranger: string): SQL {
  const name = sql.identifier(column.name)
  const choices: Readonly<Record<string, readonly [string, string]>> = {
    status: ['suspected', 'contained'],
    class: ['not-an-incident', 'privacy-breach'],
    severity: ['SEV4', 'SEV3'],
    responsibility: ['customer', 'shared'],
    state: ['draft', 'approved'],
    kind: ['update', 'initial'],
    decision_kind: ['defer', 'waive'],
    decision_reason_category: ['other', 'asked-by-authority'],
  }
  const [choice, alternative] = choices[column.name] ?? []
  if (choice !== undefined) return sql`case when ${name} = ${choice} then ${alternative} else ${choice} end`
  const type = column.getSQLType()
  if (type === 'uuid') return sql`${stranger}::uuid`
  if (type === 'boolean') return sql`not ${name}`
  if (type === 'date') return sql`coalesce(${name}, '2026-11-20') + 1`
  if (type === 'integer' || type === 'bigint') return sql`coalesce(${name}, 0) + 1`
  if (type.startsWith('timestamp')) return sql`coalesce(${name}, '2026-11-20') - interval '1 hour'`
  return sql`coalesce(${name}, '') || ' changed'`
}

/** Columns whose values have rules of their own: what they are changed to. */
const special: Readonly<Record<string, SQL>> = {
  'incident.severityCriteria': sql`severity_criteria || '{"data": "none"}'`,
  'incident.dataTouched': sql`data_touched || '{"customerData": "no"}'`,
  'incident.parentId': sql`gen_random_uuid()`,
  'note.erasure': sql`'{"at": "2026-11-20T08:00:00.000Z", "by": "x", "reason": "x"}'`,
  'obligation.state': sql`case when state = 'due' then 'notified' else 'due' end`,
  'obligation.kind': sql`'update'`,
  'obligation.term': sql`term || '{"amount": 1}'`,
  'fact.kind': sql`'contained'`,
  'fact.state': sql`'rejected'`,
  'obligation.promisedById': sql`gen_random_uuid()`,
  'proposal.kind': sql`'stand-down'`,
  'proposal.state': sql`'void'`,
  'proposal.change': sql`jsonb_set(change, '{from,status}', '"contained"')`,
  'review.state': sql`'draft'`,
  'review.findings': sql`'[]'`,
  'follow-up.state': sql`'done'`,
}

const tables = {
  incident: incidents,
  fact: incidentFacts,
  task: tasks,
  note: notes,
  obligation: obligations,
  notice: notices,
  proposal: proposals,
  review: reviews,
  'follow-up': followUps,
}
/** What no entry tells, such as when a clock is looked at next, and columns that say where a record belongs: moved, it is a stranger to both. */
const uncompared = new Set(['id', 'version', 'incidentId', 'reviewId', 'obligationId', 'customerId', 'nextCheckAt', 'pagedAt'])

describe('the rows of an incident that everything happened to', () => {
  test('are as its entries say, and each column that is changed in the database is named with its entry', async ({ world }) => {
    const { id } = await lived(world)
    expect(await differencesOf(world, id)).toEqual([])
    const stranger = await world.person('responder')
    const missed: string[] = []
    for (const [kind, table] of Object.entries(tables)) {
      for (const [field, column] of Object.entries(getTableColumns(table))) {
        if (uncompared.has(field)) continue
        const value = special[`${kind}.${field}`] ?? otherValue(column, stranger.id)
        const name = sql.identifier(column.name)
        const before = await run(world, sql`select id, ${name}::text as value from ${table}`)
        await run(world, sql`update ${table} set ${name} = ${value}`)
        const found = await differencesOf(world, id)
        if (!found.some(each => each.kind === kind && each.field === field && each.source !== null)) missed.push(`${kind}.${field}`)
        for (const row of before.rows) await run(world, sql`update ${table} set ${name} = ${row.value}::${sql.raw(column.getSQLType())} where id = ${row.id}`)
      }
    }
    expect(missed).toEqual([])
    expect(await differencesOf(world, id), 'all of it is as it was').toEqual([])
  })

  test('are missed and recognized as strangers', async ({ world }) => {
    const { id } = await lived(world)
    world.isTampered = true
    for (const [statement, kind, field] of [
      [sql`delete from ${followUps}`, 'follow-up', null],
      [sql`delete from notes`, 'note', null],
      [sql`delete from incident_facts where state = 'superseded'`, 'fact', null],
      [sql`update incident_customers set found_at = found_at + interval '1 day'`, 'incident', 'customers'],
      [sql`delete from messages where purpose = 'notice'`, 'notice', 'to'],
      [sql`delete from incident_customers`, 'incident', 'customers'],
      [sql`delete from incident_members`, 'incident', 'memberIds'],
      [sql`insert into incident_suspects select ${id}, id, id, now() from people limit 1`, 'incident', 'suspectIds'],
      [sql`insert into tasks (id, incident_id, title) values (gen_random_uuid(), ${id}, 'Never added')`, 'task', null],
    ] as const) {
      await run(world, statement)
      expect(await differencesOf(world, id)).toContainEqual(expect.objectContaining({ kind, field }))
    }
  })
})

/** What an attacker with the database in hand did: a duty met in time, a declaration days ago, a review finished earlier. */
const rewriteTimes = async (world: World) => {
  world.isTampered = true
  await run(world, sql`update obligations set notified_at = started_at + interval '1 hour', state = 'notified' where decision_kind = 'waive'`)
  await run(world, sql`update incidents set declared_at = declared_at - interval '3 days'`)
  await run(world, sql`update reviews set finished_at = finished_at - interval '2 days'`)
}

describe('times that were changed in the database', () => {
  const fields = ['declaredAt', 'finishedAt', 'notifiedAt', 'state']
  const altered = async (person: Person) => {
    const entries = (await person.call('journal', { query: { limit: 200 } })).items.filter(({ type }) => type.startsWith('record.'))
    return entries.map(({ type, data }) => [type, z.object({ field: z.string() }).parse(data).field]).sort()
  }
  const finding = async ({ server }: World) => (await server.context.health.findings()).find(({ name }) => name === 'incident records')?.detail

  test('are named by the verifier with record, field, both values and entry; the export is made, and says so itself', async ({ world }) => {
    const { params, lead } = await lived(world)
    const file = join(mkdtempSync(join(tmpdir(), 'tocsin-fold-')), 'incident.json')
    const verify = async () => {
      const text = await (await lead.call.raw('exportIncident', { params })).text()
      expect(verifyExport(text)).toMatchObject({ problems: [] })
      writeFileSync(file, text)
      return { ...(await tocsin(['journal', 'verify', file])), text }
    }
    const before = await verify()
    expect(before).toMatchObject({ code: 0, out: expect.stringContaining('The incident is as its entries say, field by field.') })
    await rewriteTimes(world)
    const after = await verify()
    expect(after.code).toBe(1)
    expect(after.out.split('\n').filter(line => line.startsWith('- '))).toHaveLength(4)
    expect(after.out).toMatch(
      /- incident \S+: declaredAt is "2026-11-20T08:00:00.000Z" in the table, but "2026-11-23T08:00:00.000Z" by entry \d+ \(incident.declared\)\n/,
    )
    expect(after.out).toMatch(/- obligation \S+: state is "notified" in the table, but "waived" by entry \d+ \(decision.approved\)\n/)
    expect(after.text).toContain('declaredAt is')
    const page = await (await lead.call.raw('printIncident', { params })).text()
    expect(page).toContain('Differences from the audit log')
    expect(await altered(lead), 'each difference once, however often it is exported').toEqual(fields.map(field => ['record.altered', field]))
  })

  test('are found by the daily comparison, page the administrators once, and are in readiness until they are right again', async ({ world }) => {
    const administrator = await world.person('administrator')
    const { lead } = await lived(world)
    const pages = () => world.takeMails().filter(({ to, subject }) => to === administrator.email && subject.includes('differs from the audit log'))
    await world.advance({ days: 1 })
    expect([await altered(lead), await finding(world), pages()]).toEqual([[], undefined, []])
    await rewriteTimes(world)
    await world.advance({ days: 1 })
    expect(await altered(lead)).toEqual(fields.map(field => ['record.altered', field]))
    expect(await finding(world)).toContain('An incident differs from the audit log.')
    expect(pages()).toHaveLength(1)
    for (const { id } of (await administrator.call('pages')).items) await administrator.call('acknowledgePage', { params: { id } }).catch(() => undefined)
    await world.advance({ days: 2 })
    expect(await altered(lead), 'not again').toHaveLength(4)
    expect(pages()).toEqual([])
    await run(world, sql`update incidents set declared_at = declared_at + interval '3 days'`)
    await world.advance({ days: 1 })
    expect((await altered(lead)).filter(([type]) => type === 'record.restored')).toEqual([['record.restored', 'declaredAt']])
    expect(await finding(world)).toBeDefined()
    await run(world, sql`update incidents set declared_at = declared_at - interval '1 day'`)
    await world.advance({ days: 1 })
    expect(pages(), 'what was right again is a new difference').toHaveLength(1)
  })
})

/** Writes an entry about an incident as somebody does who has the password of the program. @returns its ID */
async function forge(world: World, type: string, version: number, incidentId: string): Promise<string> {
  world.isTampered = true
  const id = '0193b5a0-0000-7000-8000-000000000001'
  const salt = Buffer.alloc(32, 1)
  const hash = hashBody(salt, { id, actor: { id: null, name: 'Tocsin' }, within: incidentId, data: {} })
  await run(
    world,
    sql`insert into journal (id, at, actor_kind, actor_name, type, version, subject_kind, subject_id, within_id, data, salt, body_hash, is_demo, is_exercise, is_restricted)
      values (${id}, ${world.now}, 'system', 'Tocsin', ${type}, ${version}, 'incident', ${incidentId}, ${incidentId}, '{}', ${salt}, ${hash}, false, false, false)`,
  )
  return id
}

test('an entry that somebody wrote into the database, and that nobody can read, hides nothing from the verifier, and is named', async ({ world }) => {
  const lead = await world.person('lead')
  const { id } = await lead.call('openIncident', { body: { title: 'Leak', reason } })
  const forged = await forge(world, 'incident.changed', 999, id)
  await run(world, sql`update incidents set title = 'Nothing'`)
  await world.settle()
  const file = join(mkdtempSync(join(tmpdir(), 'tocsin-forged-')), 'incident.json')
  writeFileSync(file, await (await lead.call.raw('exportIncident', { params: { id } })).text())
  const { code, out } = await tocsin(['journal', 'verify', file])
  expect(code).toBe(1)
  expect(out).toContain('Genuine:')
  expect(out).toContain('title is "Nothing" in the table, but "Leak" by entry')
  const named = `entry ${forged} (incident.changed), about incident ${id}, dated ${world.now}: no MAC`
  expect(out).toContain(`Tocsin did not write. They count for nothing, and only an export of the whole audit log has them:\n- ${named}`)
  expect(await (await lead.call.raw('printIncident', { params: { id } })).text()).toContain(named)
  await run(world, sql`update incidents set title = 'Leak'`)
  writeFileSync(file, await (await lead.call.raw('exportIncident', { params: { id } })).text())
  expect(await tocsin(['journal', 'verify', file])).toMatchObject({
    code: 1,
    out: expect.stringContaining('The incident is as its entries say, field by field.'),
  })
})

describe('an incident whose row somebody deleted, with everything that belongs to it', () => {
  test('is missed by the daily comparison and the export of the whole audit log; one that the demo was removed with, or that was never opened, is not', async ({
    world,
  }) => {
    const administrator = await world.person('administrator')
    const pages = () => world.takeMails().filter(({ to, subject }) => to === administrator.email && subject.includes('differs from the audit log'))
    const open = async (title: string, serviceIds: string[] = []) => administrator.call('openIncident', { body: { title, reason, serviceIds } })
    const altered = async () =>
      (await administrator.call('journal', { query: { limit: 200 } })).items.flatMap(({ type, sentence }) => (type === 'record.altered' ? [sentence] : []))
    const file = join(mkdtempSync(join(tmpdir(), 'tocsin-missing-')), 'journal.json')
    const verify = async () => {
      const text = await (await administrator.call.raw('exportJournal')).text()
      expect(verifyExport(text)).toMatchObject({ problems: [], isComplete: true })
      writeFileSync(file, text)
      return tocsin(['journal', 'verify', file])
    }
    await administrator.call('loadDemo')
    const service = (await administrator.call('services')).find(({ name }) => name === 'billing') ?? expect.fail('the demo has it')
    const demo = [await open('Of the demo', [service.id]), await open('Of the demo, too', [service.id])] as const
    const [kept, gone] = [await open('Kept'), await open('Gone')]
    await world.settle()
    await forge(world, 'incident.opened', 1, '0193b5a0-0000-7000-8000-000000000002')
    await run(world, sql`delete from incidents where id = ${demo[1].id}`)
    expect(await verify()).toMatchObject({ code: 1, out: expect.stringContaining(`incident ${demo[1].id} (number ${demo[1].number}) is missing`) })
    await administrator.call('removeDemo')
    expect(await verify()).toMatchObject({ code: 0, out: expect.stringContaining('Every incident that was opened is in the tables.') })
    await world.settle()
    expect(pages()).toHaveLength(1)
    const before = await altered()
    await world.asOwner(`create table kept as select * from incidents where id = '${gone.id}'`)
    await run(world, sql`delete from incidents where id = ${gone.id}`)
    await world.advance({ days: 1 })
    const found = `The row of incident ${gone.number} is gone, but the audit log has it`
    expect(await altered()).toEqual([found, ...before])
    expect((await world.server.context.health.findings()).find(({ name }) => name === 'incident records')?.detail).toContain('An incident differs')
    expect(pages().map(({ text }) => text)).toContainEqual(expect.stringContaining(`incident ${gone.number}, whose row is gone`))
    const { code, out } = await verify()
    expect(code).toBe(1)
    expect(out).toMatch(
      new RegExp(`- incident ${gone.id} \\(number ${gone.number}\\) is missing from the tables; entry \\d+ \\(incident\\.opened\\) made it\n`),
    )
    expect(out).not.toContain(kept.id)
    expect(await altered(), 'once').toEqual([found, ...before])
    await world.asOwner('insert into incidents select * from kept', `insert into incident_members select '${gone.id}', '${administrator.id}'`)
    await world.advance({ days: 1 })
    expect((await verify()).code).toBe(0)
    const { items } = await administrator.call('journal', { query: { limit: 5, type: 'record.restored' } })
    expect(items.map(({ subject }) => subject.id)).toEqual([gone.id])
  })
})

describe('the comparison', () => {
  test('goes on after the last incident of a run until all were compared, some in a run', async ({ world }) => {
    const lead = await world.person('lead')
    const ids: string[] = []
    for (let n = 0; n < 60; n += 1) ids.push((await lead.call('openIncident', { body: { title: `Incident ${n}`, reason } })).id)
    world.isTampered = true
    await run(world, sql`update incidents set title = 'Changed' where id in (${ids[0]}, ${ids[59]})`)
    await world.advance({ days: 1 })
    const entries = (await lead.call('journal', { query: { limit: 200 } })).items.filter(({ type }) => type === 'record.altered')
    expect(entries.map(({ subject }) => subject.id).sort()).toEqual([ids[0], ids[59]].sort())
    const jobs = await run(world, sql`select run_at from jobs where kind = ${reconcileJob.kind}`)
    expect(jobs.rows).toHaveLength(1)
  })
})

describe('an approval', () => {
  const entriesOf = async (person: Person, type: string) => (await person.call('journal', { query: { limit: 200 } })).items.filter(entry => entry.type === type)
  const refused = (text: string) => ({ problem: { ...refusal('conflict').problem, detail: expect.stringContaining(text) } })

  /** A declared incident with one customer, and a notice that was drafted. */
  async function drafted(world: World) {
    const [lead, other, administrator] = [await world.person('lead'), await world.executive('lead'), await world.person('administrator')]
    const { id } = await lead.call('openIncident', { body: { title: 'Leak', reason } })
    const params = { id }
    const versioned = async <T extends object>(body: T) => ({ params, body: { ...body, version: (await lead.call('incident', { params })).version } })
    const customer = await world.customer('Globex')
    await lead.call('setAffectedCustomers', await versioned({ customers: [{ id: customer.id, basis: 'Logs.' }] }))
    await declare(lead, id)
    const obligation = async () => {
      const [found] = (await lead.call('obligations', { query: { view: 'all' } })).items
      return found ?? expect.fail('there is one')
    }
    await lead.call('draftNotice', { params: { id: (await obligation()).id }, body: content })
    const notice = async () => {
      const [found] = (await obligation()).notices
      return { params: { id: found?.id ?? '' }, body: { version: found?.version ?? 0 } }
    }
    const pages = () => world.takeMails().filter(({ to, subject }) => to === administrator.email && /audit log|changed in the database/.test(subject))
    const mails = () => world.takeMails().filter(({ to }) => to.endsWith('globex.test'))
    return { lead, other, params, versioned, obligation, notice, pages, mails, customer }
  }

  test('of a notice is for its text: changed in the database before or after, it is neither approved nor sent, and administrators are paged', async ({
    world,
  }) => {
    const { lead, other, notice, pages, mails } = await drafted(world)
    world.isTampered = true
    await run(world, sql`update notices set nature = 'Nothing happened.'`)
    await expect(other.call('approveNotice', await notice())).rejects.toMatchObject(refused('nature is "Nothing happened." in the table, but "N" by entry'))
    await world.settle()
    expect(pages()).toHaveLength(1)
    await run(world, sql`update notices set nature = 'N'`)
    await other.call('approveNotice', await notice())
    await run(world, sql`update notices set mitigation = 'None.'`)
    await expect(lead.call('sendNotice', await notice())).rejects.toMatchObject(refused('mitigation is "None." in the table'))
    await world.settle()
    expect(pages()).toHaveLength(1)
    expect(mails()).toEqual([])
    expect((await entriesOf(lead, 'record.altered')).map(({ sentence }) => sentence).sort()).toEqual([
      'The stored mitigation of the notice differs from the audit log',
      'The stored nature of the notice differs from the audit log',
    ])
    // One that was never approved.
    await run(world, sql`update notices set mitigation = 'M', state = 'draft', approved_by_id = null, approved_at = null`)
    await run(world, sql`update notices set state = 'approved'`)
    await expect(lead.call('sendNotice', await notice())).rejects.toMatchObject(refused('approvedById is null in the table'))
  })

  test('is given by nobody who writes its entry into the database, and no such entry hides what differs from the genuine ones', async ({ world }) => {
    const { lead, other, params, notice, mails } = await drafted(world)
    world.isTampered = true
    await world.settle()
    /** An entry like the draft of the notice, with another type, as somebody writes it who has the password of the program. */
    const forge = (type: string, version: number, data: object) =>
      run(
        world,
        sql`insert into journal (id, at, mac, actor_kind, actor_id, actor_name, type, version, subject_kind, subject_id, within_id, data, salt, body_hash, is_demo, is_exercise, is_restricted)
          select gen_random_uuid(), at, mac, 'person', ${other.id}, ${other.name}, ${type}, ${version}, subject_kind, subject_id, within_id, ${JSON.stringify(data)}::jsonb, salt, body_hash, false, false, false
          from journal where type = 'notice.drafted' and mac is not null`,
      )
    const [draft] = await entriesOf(lead, 'notice.drafted')
    const { sha256 } = z.object({ sha256: z.string() }).parse(draft?.data)
    await forge('notice.approved', 1, { customer: 'Globex', sha256, to: ['security@globex.test'] })
    await run(world, sql`update notices set state = 'approved', approved_by_id = ${other.id}, approved_at = ${world.now}, version = version + 1`)
    await expect(lead.call('sendNotice', await notice())).rejects.toMatchObject(refused('state is "approved" in the table, but "draft" by entry'))
    // One that nobody can read would make the record one of which nothing is known.
    await forge('notice.changed', 999, {})
    await run(world, sql`update notices set nature = 'Nothing happened.'`)
    const found = (await differencesOf(world, params.id)).map(({ kind, field }) => `${kind} ${field}`)
    expect(found).toEqual(expect.arrayContaining(['notice nature', 'notice state']))
    // The owner of the tables changes what the entry said, too.
    await run(world, sql`update incidents set title = 'Nothing'`)
    await world.asOwner(
      'alter table journal disable trigger user',
      `update journal set data = jsonb_set(data, '{title}', '"Nothing"') where type = 'incident.opened'`,
      'alter table journal enable trigger user',
    )
    expect((await differencesOf(world, params.id)).map(differenceSentence)).toContainEqual(
      expect.stringMatching(/^incident \S+: entry \d+ \(incident\.opened\) was changed in the database/),
    )
    expect(mails()).toEqual([])
  })

  test('of a notice is for all that leaves: with another contact, name of a contact or of the organization, or by an earlier version, it is given anew', async ({
    world,
  }) => {
    const { lead, other, params: incident, notice, customer, mails } = await drafted(world)
    const administrator = await world.person('administrator')
    const contacts = async (version: number, name: string, email: string) =>
      lead.call('saveCustomer', { body: { id: customer.id, version, name: 'Globex', region: 'EU', contacts: [{ name, email }] } })
    const approveAnew = async () => {
      const { params, body } = await notice()
      if (body.version > 1) await lead.call('changeNotice', { params, body: { ...content, ...body } })
      await other.call('approveNotice', await notice())
    }
    for (const change of [
      () => contacts(customer.version, 'Security', 'cert@globex.test'),
      () => contacts(customer.version + 1, 'You are fired', 'cert@globex.test'),
      () => administrator.call('renameOrganization', { body: { name: 'Somebody Else' } }),
    ]) {
      await approveAnew()
      await change()
      await expect(lead.call('sendNotice', await notice())).rejects.toMatchObject(refused('The mails to Globex are not those that were approved'))
    }
    await approveAnew()
    // As an earlier version recorded it.
    await world.server.context.database.transaction(async tx => {
      const [text] = (await entriesOf(lead, 'notice.changed')).map(({ data }) => z.object({ sha256: z.string() }).parse(data))
      const id = (await notice()).params.id
      const approved = { customer: 'Globex', sha256: text?.sha256 ?? '', to: ['cert@globex.test'] }
      const actor = { kind: 'person', id: other.id, name: other.name } as const
      await record(tx, { actor, type: 'notice.approved', subject: { kind: 'notice', id }, within: incident.id, data: approved })
    })
    await expect(lead.call('sendNotice', await notice())).rejects.toMatchObject(refused('an earlier version of Tocsin recorded the approval'))
    await approveAnew()
    await lead.call('sendNotice', await notice())
    await world.settle()
    expect(mails().map(({ to, text }) => [to, text.includes('Dear You are fired,')])).toEqual([['cert@globex.test', true]])
  })

  test('does not let a mail leave that was changed, or slipped in, while it waited for the mail server', async ({ world }) => {
    const { lead, other, notice, obligation, mails, pages } = await drafted(world)
    await other.call('approveNotice', await notice())
    world.mail.refuse({ code: 451, text: 'try later' })
    await lead.call('sendNotice', await notice())
    await world.settle()
    world.isTampered = true
    await run(world, sql`update messages set body = 'All is well.' where purpose = 'notice'`)
    const forged = sql`'email', 'victim@globex.test', 'notice', ${(await notice()).params.id}, 'Pay', 'Pay here.', 'queued', now()`
    await run(
      world,
      sql`insert into messages (id, channel, address, purpose, purpose_id, subject, body, state, created_at) select gen_random_uuid(), ${forged}`,
    )
    const job = sql`select gen_random_uuid(), 'deliver.email', 'delivery:email', 0, '', 'deliver:' || id, now(), now(), json_build_object('messageId', id), 0 from messages where subject = 'Pay'`
    await run(world, sql`insert into jobs (id, kind, lane, priority, destination, key, run_at, scheduled_at, data, attempts) ${job}`)
    world.mail.refuse(undefined)
    await world.advance({ minutes: 5 })
    const taken = world.takeMails()
    expect(taken.filter(({ to }) => to.endsWith('globex.test'))).toEqual([])
    expect(taken.filter(({ subject }) => subject.includes('changed in the database and is not sent')).length).toBeGreaterThan(0)
    expect([mails(), pages()]).toEqual([[], []])
    expect((await obligation()).state).toBe('due')
    expect((await entriesOf(lead, 'notice.undelivered')).map(({ sentence }) => sentence)).toContainEqual(
      expect.stringContaining('not the message that the audit log has'),
    )
  })

  test('of a waiver is for what was proposed, and one that nobody gave closes no incident', async ({ world }) => {
    const { lead, other, params, versioned, obligation } = await drafted(world)
    const { id, version } = await obligation()
    const decision = { kind: 'defer', reasonCategory: 'other', reason, reviewOn: '2026-12-01' } as const
    await lead.call('proposeDecision', { params: { id }, body: { ...decision, version } })
    world.isTampered = true
    await run(world, sql`update obligations set decision_kind = 'waive'`)
    await expect(other.call('approveDecision', { params: { id }, body: { version: version + 1 } })).rejects.toMatchObject(
      refused('decisionKind is "waive" in the table, but "defer" by entry'),
    )
    await run(world, sql`update obligations set state = 'waived', decision_approved_by_id = ${other.id}`)
    const review = await lead.call('startReview', { params })
    const findings = [{ kind: 'process-flaw' as const, description: 'Nobody looked.' }]
    await other.call('saveReview', { params: { id: review.id }, body: { version: 1, sequence: 'It began.', findings } })
    await lead.call('finishReview', { params: { id: review.id }, body: { version: 2 } })
    await lead.call('containIncident', await versioned({ reason }))
    await lead.call('eradicateIncident', await versioned({ reason }))
    await lead.call(
      'recoverIncident',
      await versioned({ reason, secureState: 'Restored from clean images', verification: 'Two scans found nothing', monitorUntil: '2026-11-23' }),
    )
    await other.call('verifyRecovery', await versioned({ reason: 'Two scans found nothing.' }))
    await world.advance({ days: 1 })
    await expect(other.call('closeIncident', await versioned({ reason }))).rejects.toMatchObject(refused('state is "waived" in the table, but "due" by entry'))
    await run(world, sql`update obligations set state = 'due', decision_kind = 'defer', decision_approved_by_id = null`)
    // Whether it needs a review, and whether its work is done, is asked of its own row and its tasks.
    await run(world, sql`update incidents set class = 'security-incident'`)
    await expect(assertDutiesAsRecorded(world.server.context, params.id)).rejects.toThrow('class is "security-incident" in the table, but')
    await run(world, sql`update incidents set class = 'customer-reportable'`)
    await assertDutiesAsRecorded(world.server.context, params.id)
    await other.call('withdrawDecision', { params: { id } })
    await lead.call('proposeDecision', { params: { id }, body: { ...decision, kind: 'waive', version: (await obligation()).version } })
    await other.call('approveDecision', { params: { id }, body: { version: (await obligation()).version } })
    await other.call('closeIncident', await versioned({ reason }))
    world.isTampered = false
  })

  test('of a task, of a review and of what was done is for what was written then', async ({ world }) => {
    const { lead, other, params, versioned } = await drafted(world)
    await lead.call('assignRole', { params: { ...params, role: 'executive' }, body: { ...(await versioned({})).body, personId: other.id } })
    const { tasks: added } = await lead.call('addTask', { params, body: { title: 'Restart one', isBusinessImpacting: true } })
    const task = { ...params, taskId: added[0]?.id ?? '' }
    await other.call('approveTask', { params: task, body: { version: 1 } })
    world.isTampered = true
    await run(world, sql`update tasks set title = 'Shut all down'`)
    await expect(lead.call('changeTask', { params: task, body: { version: 2, isDone: true } })).rejects.toMatchObject(
      refused('title is "Shut all down" in the table'),
    )
    const review = { id: (await lead.call('startReview', { params })).id }
    const findings = [{ kind: 'process-flaw' as const, description: 'Nobody looked.' }]
    await lead.call('saveReview', { params: review, body: { version: 1, sequence: 'It began.', findings } })
    await run(world, sql`update reviews set sequence = 'It never began.'`)
    await expect(other.call('finishReview', { params: review, body: { version: 2 } })).rejects.toMatchObject(
      refused('sequence is "It never began." in the table'),
    )
    const { followUps: actions } = await lead.call('addFollowUp', { params: review, body: { title: 'Look', ownerId: lead.id, dueOn: '2026-12-01' } })
    const action = { id: actions[0]?.id ?? '' }
    await lead.call('updateFollowUp', { params: action, body: { version: 1, state: 'done', reason } })
    await run(world, sql`update ${followUps} set evidence = 'Proved.'`)
    await expect(other.call('updateFollowUp', { params: action, body: { version: 2, state: 'verified', reason } })).rejects.toMatchObject(
      refused('evidence is "Proved." in the table, but "Seen." by entry'),
    )
  })
})
