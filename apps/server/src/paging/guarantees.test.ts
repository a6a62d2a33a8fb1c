import { and, eq, inArray, isNotNull, isNull, sql } from 'drizzle-orm'
import { describe, expect } from 'vitest'
import { until } from '../../test/alertmanager.ts'
import { patience } from '../../test/patience.ts'
import { layWire, type Wire } from '../../test/wire.ts'
import { buildWorld, test, type World } from '../../test/world.ts'
import { journal } from '../journal/tables.ts'
import type { Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { scheduleAll } from '../kernel/jobs/schedule.ts'
import { jobs } from '../kernel/tables.ts'
import { messages } from '../notify/tables.ts'
import { acknowledgePage } from './acknowledge.ts'
import { escalateJob, escalatePages, escalationKey } from './escalation.ts'
import { sendBundle } from './notifications.ts'
import { pageBundles, pageNotifications, pages } from './tables.ts'

/** So many pages of one team whose next step is due now, with their timers. */
async function openPages(world: World, teamId: string, count: number, severity: 'high' | 'medium' = 'high'): Promise<string[]> {
  const ids = Array.from({ length: count }, () => newId())
  await world.server.context.database.transaction(async tx => {
    await tx.db.insert(pages).values(
      ids.map(id => ({
        ...{ id, teamId, subjectKind: 'alert' as const, subjectId: newId(), title: 'Odd', summary: '', severity, state: 'triggered' as const },
        ...{ key: id, levelIndex: 0, nextEscalationAt: tx.now, createdAt: tx.now },
      })),
    )
    await scheduleAll(
      tx,
      ids.map(id => ({ kind: escalateJob, key: escalationKey(id), runAt: tx.now, data: { pageId: id } })),
    )
  })
  return ids
}

test('10,000 times an acknowledgement and the timer of the next step meet, and the step of an acknowledged page never fires', {
  timeout: 240_000 * patience,
}, async ({ world }) => {
  const { team, primary, backup } = await world.team({ tiers: 2 })
  const { context } = world.server
  // The timers are run here, in an order of their own, and no mail is sent: what counts is what would have left.
  await context.jobs.stop()
  const actor = { kind: 'person' as const, id: primary.id, name: primary.name }
  const random = (below: number) => Math.floor(Math.random() * below)
  let levels = 0
  for (let round = 0; round < 40; round += 1) {
    const ids = await openPages(world, team.id, 250)
    const order = ids.toSorted(() => Math.random() - 0.5)
    const acknowledging = Array.from({ length: 5 }, async (_, lane) => {
      for (const id of order.filter((_, n) => n % 5 === lane)) {
        if (random(3) === 0) await new Promise(resolve => setImmediate(resolve))
        await context.database.transaction(tx => acknowledgePage(tx, context, actor, random(2) === 0 ? primary.id : backup.id, id))
      }
    })
    const timing = (async () => {
      for (let at = 0; at < ids.length; ) {
        const some = ids.slice(at, at + 1 + random(60))
        at += some.length
        await context.database.transaction(tx => escalatePages(tx, context, some))
      }
    })()
    await Promise.all([...acknowledging, timing])
    const { db } = context.database.reader()
    const found = await db.select({ state: pages.state, nextEscalationAt: pages.nextEscalationAt }).from(pages).where(inArray(pages.id, ids))
    expect(found.every(page => page.state === 'acknowledged' && page.nextEscalationAt === null)).toBe(true)
    const entries = await db
      .select({ subject: journal.subjectId, type: journal.type })
      .from(journal)
      .where(and(inArray(journal.subjectId, ids), inArray(journal.type, ['page.notified', 'page.acknowledged'])))
      .orderBy(journal.seq)
    const acknowledged = new Set<string>()
    for (const { subject, type } of entries) {
      if (type === 'page.notified') levels += 1
      expect(type === 'page.notified' && acknowledged.has(subject), 'a step after the acknowledgement').toBe(false)
      if (type === 'page.acknowledged') acknowledged.add(subject)
    }
    expect(acknowledged.size).toBe(ids.length)
    const left = await db
      .select({ n: sql<number>`count(*)::int` })
      .from(messages)
      .where(and(inArray(messages.purposeId, ids), eq(messages.state, 'queued')))
    const timers = await db
      .select({ n: sql<number>`count(*)::int` })
      .from(jobs)
      .where(inArray(jobs.key, ids.map(escalationKey)))
    expect([left[0]?.n, timers[0]?.n], 'nothing is left to be sent, and no timer to fire').toEqual([0, 0])
  }
  expect(levels, 'the race was one: some steps were first, some acknowledgements').toBeGreaterThan(100)
  expect(levels).toBeLessThan(9_900)
})

test('a page that joins a bundle while it is being sent is in it, or in the next one', { timeout: 60_000 * patience }, async ({ world }) => {
  const { team, primary } = await world.team({ tiers: 1 })
  const { context } = world.server
  await context.jobs.stop()
  const ids = await openPages(world, team.id, 40, 'medium')
  const { database } = context
  const bundleNow = async () => (await database.reader().db.select().from(pageBundles).where(isNull(pageBundles.sentAt)))[0]?.id ?? ''
  /** Two transactions of which the first is done with its work, but not committed, while the second does its own. */
  const overlapping = async (first: (tx: Tx) => Promise<void>, second: (tx: Tx) => Promise<void>) => {
    const [done, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const slow = database.transaction(async tx => {
      await first(tx)
      done.resolve()
      await release.promise
    })
    await done.promise
    const quick = database.transaction(second)
    await Promise.race([quick, new Promise(resolve => setTimeout(resolve, 300))])
    release.resolve()
    await Promise.all([slow, quick])
  }
  const escalate = (some: readonly string[]) => (tx: Tx) => escalatePages(tx, context, some)
  await database.transaction(escalate(ids.slice(0, 20)))
  const sent = await bundleNow()
  await overlapping(tx => sendBundle(tx, context, sent), escalate(ids.slice(20, 30)))
  const next = await bundleNow()
  expect(next, 'the one that was being sent takes nobody in').not.toBe(sent)
  await overlapping(escalate(ids.slice(30)), tx => sendBundle(tx, context, next))
  for (const { id } of await context.database.reader().db.select().from(pageBundles).where(isNull(pageBundles.sentAt)))
    await context.database.transaction(tx => sendBundle(tx, context, id))
  const told = await context.database
    .reader()
    .db.selectDistinct({ pageId: pageNotifications.pageId })
    .from(pageNotifications)
    .where(and(inArray(pageNotifications.pageId, ids), eq(pageNotifications.personId, primary.id), isNotNull(pageNotifications.messageId)))
  expect(told.length, 'each of them left in some message').toBe(ids.length)
})

test('a clock that is set forward by an hour fires one step, not all that would have been due, and the next comes after its wait', async ({ world }) => {
  const { team, members } = await world.team({ tiers: 3 })
  await world.service('billing', team)
  await world.alert({ service: 'billing' })
  const [first, second, third] = members
  first?.expectPage(/billing/)
  world.jump({ hours: 1 })
  await world.settle()
  second?.expectPage(/billing/)
  third?.expectNoPage()
  await world.advance({ minutes: 4, seconds: 59 })
  third?.expectNoPage()
  await world.advance({ seconds: 1 })
  third?.expectPage(/billing/)
})

describe('a database that goes away', () => {
  test('delays what was due meanwhile, and loses and doubles none of it', { timeout: 60_000 * patience }, async () => {
    const wires: Wire[] = []
    const { world, end } = await buildWorld({
      through: async url => {
        const laid = await layWire(url)
        wires.push(laid)
        return laid.url
      },
    })
    const [wire] = wires
    if (!wire) throw new Error('a wire')
    const { team, backup } = await world.team({ tiers: 2 })
    await world.service('billing', team)
    for (let n = 0; n < 4; n += 1) await world.alert({ service: 'billing', title: `Odd ${n}` })
    world.takeMails()
    wire.cut()
    world.jump({ minutes: 6 })
    await new Promise(resolve => setTimeout(resolve, 1_500))
    expect(world.takeMails()).toEqual([])
    wire.restore()
    const pagesOfBackup = () => world.mail.mails.filter(mail => mail.to === backup.email && mail.purpose === 'page')
    await until(() => (pagesOfBackup().length >= 4 ? true : undefined), 'the steps happen once the database is back')
    await world.settle()
    expect(
      pagesOfBackup()
        .map(mail => mail.subject.slice(-5))
        .toSorted(),
    ).toEqual(['Odd 0', 'Odd 1', 'Odd 2', 'Odd 3'])
    await end()
    wire.stop()
  })
})
