import type { Browser, Page } from 'playwright-core'
import { patience } from '../../server/test/patience.ts'
import type { Person, World } from '../../server/test/world.ts'

/** Every page that a signed-in person can open, by address. */
export const places = [
  '/',
  '/alerts',
  '/silences',
  '/incidents',
  '/detection',
  '/detection?tab=indicators',
  '/detection?tab=coverage',
  '/detection?tab=sources',
  '/detection/new',
  '/notices',
  '/follow-ups',
  '/pages',
  '/on-call',
  '/services',
  '/customers',
  '/people',
  '/messages',
  '/journal',
  '/settings',
  '/setup-checklist',
  '/account',
  '/reference',
] as const
export const outside = ['/sign-in', '/forgot-password', '/reset-password/unknown', '/nowhere', '/report', '/report/customer'] as const

export const sizes = { wide: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } } as const

export interface Showing {
  readonly viewport: { width: number; height: number }
  readonly colorScheme: 'light' | 'dark'
  readonly hasTouch?: boolean
}

/** What there is to look at besides the places: addresses of single things. */
export interface Furnished {
  readonly alertId: string
  readonly incidentId: string
  readonly things: readonly string[]
}

/** The demo, with its attack played, one incident opened and declared, and a notice drafted: much to look at. */
export async function furnish(world: World, administrator: Person): Promise<Furnished> {
  await administrator.call('loadDemo')
  await world.advance({ seconds: 40 })
  const { items } = await administrator.call('alerts', {})
  const worst = items.find(alert => alert.severity === 'critical')
  const other = items.find(alert => alert.id !== worst?.id)
  if (!worst || !other) throw new Error('the attack raises alerts')
  let incident = await administrator.call('escalateAlert', {
    params: { id: worst.id },
    body: { responsibility: 'us', reason: 'A support account reads customer records in bulk from an unknown host.' },
  })
  const params = { id: incident.id }
  const customers = (await administrator.call('customers')).filter(customer => customer.services.some(service => service.name === 'billing'))
  incident = await administrator.call('assessSeverity', {
    params,
    body: {
      version: incident.version,
      criteria: {
        privacy: 'confirmed',
        impact: 'degraded',
        scope: 'several-services',
        customers: 'several',
        region: 'several',
        data: 'confidential',
        recoverability: 'supplemented',
      },
    },
  })
  incident = await administrator.call('classifyIncident', {
    params,
    body: { version: incident.version, class: 'customer-reportable', reason: 'Records of several customers left.' },
  })
  incident = await administrator.call('setAffectedCustomers', {
    params,
    body: { version: incident.version, customers: customers.map(customer => ({ id: customer.id, basis: 'Its records are in the export log.' })) },
  })
  await administrator.call('addTask', { params, body: { title: 'Revoke key ak_7Q' } })
  await administrator.call('addTask', { params, body: { title: 'Cut billing-api-3 off the network', isBusinessImpacting: true } })
  await administrator.call('addNote', {
    params,
    body: { markdown: 'The key was made **14 minutes** after the foreign sign-in:\n\n- `svc-support` has no second factor\n- its scope was `documents:read`' },
  })
  incident = await administrator.call('incident', { params })
  await administrator.call('declareIncident', { params, body: { version: incident.version, reason: 'Confirmed: customer records were read and sent out.' } })
  await world.settle()
  const [obligation] = (await administrator.call('obligations', { query: { incidentId: incident.id } })).items
  if (obligation)
    await administrator.call('draftNotice', {
      params: { id: obligation.id },
      body: {
        nature: 'A stolen support key read records of your company.',
        userImpact: 'About 9,000 people.',
        mitigation: 'The key is revoked.',
        isInvestigationComplete: false,
        nextSteps: 'We look at the logs of the last 90 days.',
        nextCommunicationAt: '2026-11-25T09:00:00Z',
      },
    })
  await shipEvents(world, administrator)
  const teamId = await furnishOnCall(world, administrator)
  await world.advance({ hours: 5 })
  const [page] = (await administrator.call('pages')).items
  return {
    alertId: other.id,
    incidentId: incident.id,
    things: [
      `/alerts/${other.id}`,
      ...['timeline', 'tasks', 'notes', 'scope', 'notices', 'review'].map(tab => `/incidents/${incident.id}?tab=${tab}`),
      ...['calendar', 'escalation', 'people', 'history'].map(tab => `/on-call/${teamId}?tab=${tab}`),
      `/pages/${page?.id}`,
    ],
  }
}

/** A team with layers, overrides, somebody who is away, somebody who watches, and a gap. */
async function furnishOnCall(world: World, administrator: Person): Promise<string> {
  const found = (await administrator.call('onCall')).find(one => one.schedules.length > 0)
  const [schedule] = found?.schedules ?? []
  const [first, second] = schedule?.layers[0]?.participants.flat() ?? []
  if (!found || !schedule || !first || !second) throw new Error('the demo has a team on call')
  const day = (days: number, hour: number) => new Date(Date.parse('2026-11-23T00:00:00Z') + days * 86_400_000 + hour * 3_600_000).toISOString()
  const office = {
    name: 'Office hours',
    rotation: { type: 'daily' as const, every: 1, start: '2026-11-16T09:00' },
    participants: [second, first],
    restrictions: [{ days: ['mon' as const, 'wed' as const, 'fri' as const], from: '09:00', until: '17:00' }],
  }
  await administrator.call('saveSchedule', { params: { id: found.team.id }, body: { ...schedule, layers: [...schedule.layers, office] } })
  const override = (kind: 'replace' | 'shadow', participant: string, start: string, end: string) =>
    administrator.call('addOverride', { params: { id: schedule.id }, body: { kind, participants: [participant], start, end, reason: 'Swapped' } })
  await override('replace', second, day(2, 18), day(3, 8))
  await override('shadow', administrator.id, day(3, 9), day(4, 9))
  await administrator.call('addTimeOff', { body: { personId: first, start: day(5, 0), end: day(8, 0), reason: 'Holidays' } })
  await administrator.call('addSilence', {
    body: { matchers: { severities: ['low'] }, reason: 'New certificates on all machines', start: world.now, end: day(2, 0) },
  })
  await administrator.call('addHeartbeat', { body: { name: 'Nightly backup', everyMinutes: 26 * 60 } })
  await world.settle()
  return found.team.id
}

/** A log source that has sent an attack, and a line that is no event. */
async function shipEvents(world: World, administrator: Person): Promise<void> {
  const { url } = await administrator.call('createLogSource', { body: { name: 'Windows machines' } })
  await world.settle()
  await world.server.detection.detector.settle()
  const events = ['ws-17', 'ws-18'].map(Computer => ({
    Channel: 'Microsoft-Windows-Sysmon/Operational',
    EventID: 1,
    Computer,
    User: 'corp\\maria',
    Image: 'C:\\Windows\\System32\\vssadmin.exe',
    CommandLine: 'vssadmin.exe delete shadows /all /quiet',
    UtcTime: world.now,
  }))
  await fetch(`${world.origin}/in/${url.split('/').at(-1)}/events`, {
    method: 'POST',
    body: `${events.map(event => JSON.stringify(event)).join('\n')}\n{"EventID": 1,`,
  })
  await world.server.detection.detector.settle()
  await world.settle()
}

/** Opens a page as one person sees it, and waits until it has what it shows. */
export async function openPlace(
  world: World,
  browser: Browser,
  person: Person | undefined,
  path: string,
  showing: Showing,
): Promise<{ page: Page; close(): Promise<void> }> {
  const context = await browser.newContext({
    viewport: showing.viewport,
    colorScheme: showing.colorScheme,
    baseURL: world.origin,
    timezoneId: 'Europe/Lisbon',
    locale: 'en-GB',
    reducedMotion: 'reduce',
    hasTouch: showing.hasTouch ?? false,
  })
  if (person) {
    const [name = '', value = ''] = person.cookie.split('=')
    await context.addCookies([{ name, value, url: world.origin, httpOnly: true, sameSite: 'Lax' }])
  }
  await context.clock.setFixedTime(world.now)
  const page = await context.newPage()
  await goTo(page, path)
  return { page, close: () => context.close() }
}

/** Loads another page in the same browser, and waits until it has what it shows. */
export async function goTo(page: Page, path: string): Promise<void> {
  await page.goto(path)
  await page
    .locator('h1')
    .first()
    .waitFor({ timeout: 15_000 * patience })
    .catch(async () => {
      throw new Error(`${path} does not show: ${((await page.locator('body').textContent()) ?? '').slice(0, 300)}`)
    })
  await page.locator('[aria-busy="true"]').first().waitFor({ state: 'detached' })
}
