import { AlertmanagerPayload } from '@tocsin/api'
import { eq, inArray, or, sql } from 'drizzle-orm'
import { z } from 'zod'
import { type AppContext, addPerson, type Caller, people } from '../access/index.ts'
import { alerts } from '../alerts/index.ts'
import { createIntegration, integrations, readAlertmanager, takeAlertmanager } from '../connectors/index.ts'
import { customers, saveCustomer, saveService, saveTeam, services, teams } from '../directory/index.ts'
import { incidents } from '../incidents/index.ts'
import { record, system } from '../journal/index.ts'
import { addSeconds } from '../kernel/clock.ts'
import { isSqlState, type Reader, type Tx } from '../kernel/database.ts'
import { defineJob, housekeepingLane } from '../kernel/jobs/lanes.ts'
import { schedule } from '../kernel/jobs/schedule.ts'
import { conflict } from '../kernel/problems.ts'
import { declareSealed, sealFor, unsealRow } from '../kernel/sealed-columns.ts'
import { readSetting, saveSetting } from '../kernel/settings.ts'
import { jobs } from '../kernel/tables.ts'
import { messages } from '../notify/index.ts'
import { pages, setUpOnCall } from '../paging/index.ts'
import { demoAttack, demoCustomers, demoPeople, demoServices } from './organization.ts'

export const attackJob = defineJob({ kind: 'demo.attack', lane: housekeepingLane, data: z.object({ step: z.int(), key: z.string() }) })

const jobKeyOf = (step: number) => `demo:${step}`
const attackKeys = declareSealed({
  id: jobs.key,
  column: jobs.data,
  sealed: sql`case when ${jobs.kind} = ${attackJob.kind} then ${jobs.data} ->> 'key' end`,
  belongsTo: ['jobs.data demo.attack', sql`(${jobs.data} ->> 'step')`],
  with: sealed => sql`jsonb_set(${jobs.data}, '{key}', to_jsonb(${sealed}))`,
})

export async function hasDemo(reader: Reader): Promise<boolean> {
  return (await reader.db.select({ id: teams.id }).from(teams).where(eq(teams.isDemo, true)).limit(1)).length > 0
}

/** Loads the demo organization, all of it marked as such, and starts the attack on it. */
export async function loadDemo(tx: Tx, context: AppContext, caller: Caller): Promise<{ teams: number; services: number; customers: number; people: number }> {
  if (await hasDemo(tx)) throw conflict('The demo data is already loaded.')
  const members: Record<'security' | 'engineering', string[]> = { security: [], engineering: [] }
  for (const { team, ...person } of demoPeople) {
    const added = await addPerson(tx, { ...person, passwordHash: null, isDemo: true })
    if (team !== null) members[team].push(added.id)
  }
  const security = await saveTeam(tx, caller, { name: 'Security Response (demo)', kind: 'security', memberIds: members.security }, true)
  const engineering = await saveTeam(tx, caller, { name: 'Platform Engineering (demo)', kind: 'engineering', memberIds: members.engineering }, true)
  const startDate = new Date(Date.parse(tx.now) - 8 * 86_400_000).toISOString().slice(0, 10)
  for (const team of [security, engineering])
    await setUpOnCall(tx, context, caller, team.id, {
      timeZone: 'Europe/Lisbon',
      rotation: { type: 'weekly', every: 1, start: `${startDate}T09:00` },
      participantIds: team.members.map(member => member.id),
      tiers: 2,
      levels: [
        { targets: [{ kind: 'tier', tier: 0 }], waitMinutes: 5 },
        { targets: [{ kind: 'tier', tier: 1 }], waitMinutes: 5 },
        { targets: [{ kind: 'everyone' }], waitMinutes: 10 },
      ],
      repeats: 2,
    })
  const serviceIds = new Map<string, string>()
  for (const service of demoServices) {
    const saved = await saveService(tx, caller, { ...service, securityTeamId: security.id, engineeringTeamId: engineering.id }, true)
    serviceIds.set(service.name, saved.id)
  }
  for (const { services: used, noticeHours: amount, ...customer } of demoCustomers)
    await saveCustomer(
      tx,
      caller,
      {
        ...customer,
        noticeTerm: { start: 'declared', amount, unit: 'hours', calendarId: null },
        contacts: customer.contacts.map(one => ({ ...one, isAlternate: false })),
        serviceIds: used.map(name => serviceIds.get(name) ?? ''),
      },
      true,
    )
  const { key } = await createIntegration(
    tx,
    context.messenger.origin,
    caller.actor,
    { kind: 'alertmanager', name: 'Monitoring (demo)', serviceId: null },
    true,
  )
  for (const [step, { afterSeconds }] of demoAttack.entries())
    await schedule(tx, {
      kind: attackJob,
      key: jobKeyOf(step),
      runAt: addSeconds(tx.now, afterSeconds),
      data: { step, key: sealFor(context.secrets, attackKeys, key, String(step)) },
    })
  await record(tx, { actor: caller.actor, type: 'demo.loaded', subject: { kind: 'demo', id: 'demo' } })
  return { teams: 2, services: demoServices.length, customers: demoCustomers.length, people: demoPeople.length }
}

/** One step of the attack, as an alert of the demo's Alertmanager: through the same integration as any other. */
export async function playAttack(tx: Tx, context: AppContext, step: number, sealedKey: string): Promise<void> {
  const scene = demoAttack[step]
  if (!scene || !(await hasDemo(tx))) return
  const payload = AlertmanagerPayload.parse({
    version: '4',
    groupKey: '{}:{}',
    alerts: [
      {
        status: 'firing',
        labels: { alertname: scene.alertname, service: scene.service, severity: scene.severity, ...scene.labels },
        annotations: { summary: scene.summary, description: scene.description },
        startsAt: tx.now,
        fingerprint: `demo-${scene.alertname}`,
      },
    ],
  })
  const row = { id: jobKeyOf(step), sealed: sealedKey, owner: [String(step)] }
  const key = unsealRow(tx, context.secrets, attackKeys, row, 'The stored key of this integration cannot be read.')
  await takeAlertmanager(tx, context, key, readAlertmanager(payload))
}

/** Removes all demo data in one transaction. Its journal entries are kept. */
export async function removeDemo(tx: Tx, caller: Caller): Promise<void> {
  if (!(await hasDemo(tx))) throw conflict('No demo data is loaded.')
  const demoTeams = (await tx.db.select({ id: teams.id }).from(teams).where(eq(teams.isDemo, true))).map(team => team.id)
  try {
    await tx.db.delete(pages).where(or(eq(pages.isDemo, true), inArray(pages.teamId, demoTeams)))
    await tx.db.delete(messages).where(eq(messages.isDemo, true))
    await tx.db.delete(incidents).where(eq(incidents.isDemo, true))
    await tx.db.delete(alerts).where(eq(alerts.isDemo, true))
    await tx.db.delete(integrations).where(eq(integrations.isDemo, true))
    await tx.db.delete(customers).where(eq(customers.isDemo, true))
    await tx.db.delete(services).where(eq(services.isDemo, true))
    await tx.db.delete(teams).where(eq(teams.isDemo, true))
    await tx.db.delete(people).where(eq(people.isDemo, true))
  } catch (error) {
    if (!isSqlState(error, '23503')) throw error
    const cause = (error as Error).cause as { table?: string } | undefined
    throw conflict(
      `Demo data is used by your own records (${(cause?.table ?? 'another record').replaceAll('_', ' ')}). Change those to use your own people, teams, services or customers first.`,
    )
  }
  await record(tx, { actor: caller.actor, type: 'demo.removed', subject: { kind: 'demo', id: 'demo' } })
}

const requested = 'demo.requested'

/** Asks for the demo before there is anybody to load it: it is loaded once the first administrator is created. */
export async function requestDemo(tx: Tx): Promise<void> {
  await saveSetting(tx, requested, true)
}

export async function loadRequestedDemo(tx: Tx, context: AppContext, personId: string): Promise<void> {
  if ((await readSetting(tx, requested, z.boolean())) !== true || (await hasDemo(tx))) return
  await loadDemo(tx, context, { actor: system, personId, role: 'administrator', needToKnow: 'own', sessionId: null })
  await saveSetting(tx, requested, false)
}
