import { isAtLeast, type PageSimulation, type RouteInput, type pageSimulationRoutes as routes } from '@tocsin/api'
import type { AppContext, Viewer } from '../access/index.ts'
import { listServices } from '../directory/index.ts'
import type { Instant } from '../kernel/clock.ts'
import type { Reader } from '../kernel/database.ts'
import { invalid, notFound } from '../kernel/problems.ts'
import { simulatePage } from '../paging/index.ts'
import { matches, readableSilences, silencesNow } from './silences.ts'
import { idsOf } from './triaged.ts'

/** How far ahead is planned: what schedules say of later changes until then. */
const maxDaysAhead = 366

/** Who would be told what if a service raised an alert now, or at a chosen time: nothing is stored or sent. @throws AppProblem not-found, invalid */
export async function simulateAlert(
  reader: Reader,
  context: AppContext,
  viewer: Viewer,
  serviceId: string,
  { severity, at = reader.now }: RouteInput<typeof routes.simulatePage>['query'],
): Promise<PageSimulation> {
  const [service] = await listServices(reader, serviceId)
  if (service?.id !== serviceId) throw notFound('service')
  assertAhead(reader.now, at)
  const about = { at, severity, service: { id: service.id, name: service.name }, team: service.securityTeam }
  const isMail = context.messenger.isLive
  const warnings = isMail ? [] : ['Email is not configured: messages by email are held until it is.']
  const nobody = { policy: null, urgency: null, escalations: [], warnings }
  if (!isAtLeast(severity, service.pageFrom))
    return {
      ...about,
      ...nobody,
      outcome: 'queued',
      reason: `${service.name} pages from severity ${service.pageFrom}. The alert goes to the triage queue, and nobody is paged.`,
    }
  // Of the title and the source nothing is known: a silence that asks for them may apply, or not.
  const silences = (await silencesNow({ ...reader, now: at })).map(one => ({ ...one, isOpen: one.matchers.source !== '' || one.matchers.titleContains !== '' }))
  const applying = silences.filter(({ matchers }) => matches({ ...matchers, source: '', titleContains: '' }, { serviceId, severity, source: '', title: '' }))
  const readable = await readableSilences(reader, context, viewer, idsOf(applying))
  const because = ({ id, reason }: { readonly id: string; readonly reason: string }) => (readable.has(id) ? `: ${reason}` : '.')
  const certain = applying.find(({ isOpen }) => !isOpen)
  if (certain) return { ...about, ...nobody, outcome: 'silenced', reason: `An active silence keeps it from paging${because(certain)}` }
  const possible = applying.map(one => `A silence for some titles or sources may keep it from paging${because(one)}`)
  const simulated = await simulatePage(reader, context, { teamId: service.securityTeam.id, serviceId, severity }, at)
  const isNobody = simulated.escalations.every(({ people }) => people.length === 0)
  return {
    ...{ ...about, ...simulated, outcome: 'paged', warnings: [...warnings, ...possible] },
    reason: isNobody
      ? 'Nobody would be paged.'
      : `${service.securityTeam.name} is paged${simulated.policy === null ? ' as a whole: it has no escalation policy' : ` by the policy ${simulated.policy}`}.`,
  }
}

/** @throws AppProblem invalid */
function assertAhead(now: Instant, at: Instant): void {
  const days = (Date.parse(at) - Date.parse(now)) / 86_400_000
  if (days < -1 / 24 || days > maxDaysAhead) throw invalid('at', 'must be now or within the next 366 days')
}
