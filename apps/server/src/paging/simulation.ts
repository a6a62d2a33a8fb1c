import type { PageSimulation, Severity } from '@tocsin/api'
import { channelName } from '@tocsin/api'
import type { AppContext } from '../access/index.ts'
import { addMinutes, type Instant } from '../kernel/clock.ts'
import type { Reader } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { notificationPlansOf } from '../notify/index.ts'
import { referenceIn } from '../scheduling/index.ts'
import { decide, type PageRow, readPagingSnapshot } from './escalation.ts'
import { usableSteps } from './notifications.ts'
import { routePage } from './policies.ts'

/** More escalations than any policy has: 20 levels, repeated 9 times, and what follows the last. */
const maxEscalations = 250

/**
 * Whom a page of a team would go to, when, and by which channels, if nobody acknowledged it: decided by what decides it for real pages, with schedules,
 * overrides and time off as they are planned for then. Policies, contact methods and open incidents are those of now. Nothing is sent or stored.
 * @param at when it would be triggered
 */
export async function simulatePage(
  reader: Reader,
  context: AppContext,
  { teamId, serviceId, severity }: { readonly teamId: string; readonly serviceId: string; readonly severity: Severity },
  at: Instant,
): Promise<Pick<PageSimulation, 'policy' | 'urgency' | 'escalations'>> {
  let page = triggered({ teamId, serviceId, severity }, at)
  const snapshot = await readPagingSnapshot({ ...reader, now: at }, context, [page])
  const routed = routePage(snapshot.onCall.settings.get(teamId), snapshot.policies, page)
  const plans = await notificationPlansOf(reader, [...snapshot.onCall.people.keys()])
  const minutesSince = (moment: Instant) => Math.round((Date.parse(moment) - Date.parse(at)) / 60_000)
  const paged = new Set<string>()
  /** By which channels somebody is notified, in minutes after `now`: later methods of their rules follow the first time that they are paged. */
  const messagesTo = (personId: string, now: Instant) => {
    const plan = plans.get(personId)
    const steps = plan === undefined ? [] : usableSteps(context, plan, routed.urgency)
    const isFirst = !paged.has(personId)
    paged.add(personId)
    return steps
      .filter(({ afterMinutes }) => isFirst || afterMinutes === steps[0]?.afterMinutes)
      .map(({ step, afterMinutes }) => ({
        channel: channelName(step.kind),
        afterMinutes: minutesSince(addMinutes(now, afterMinutes - (steps[0]?.afterMinutes ?? 0))),
      }))
  }
  const escalations: PageSimulation['escalations'] = []
  for (let now: Instant | null = at; now !== null && escalations.length < maxEscalations; ) {
    const moment: Instant = now
    const decision = decide(moment, { ...snapshot, onCall: { ...snapshot.onCall, at: moment } }, page, routed, {})
    escalations.push({
      ...{ at: moment, afterMinutes: minutesSince(moment), why: decision.why, isLast: decision.isExhausted },
      people: decision.people.map(({ id, why, isShadow = false }) => ({
        ...referenceIn(snapshot.onCall, id),
        ...{ why: why ?? null, isShadow, messages: messagesTo(id, moment) },
      })),
      channels: decision.channelIds.flatMap(id => snapshot.channels.get(id)?.name ?? []),
    })
    page = { ...page, levelIndex: decision.levelIndex, progress: decision.progress, needed: decision.needed }
    now = decision.nextEscalationAt
  }
  return { policy: routed.saved?.name ?? null, urgency: routed.urgency, escalations }
}

/** A page as it is before its first level. */
function triggered(about: Pick<PageRow, 'teamId' | 'serviceId' | 'severity'>, createdAt: Instant): PageRow {
  return {
    ...{ ...about, id: newId(), key: '', subjectKind: 'alert', subjectId: newId(), withinId: null, title: '', summary: '', createdAt },
    ...{ state: 'triggered', urgency: 'high', isNeutral: false, isDemo: false, isExercise: false },
    ...{ firstPersonId: null, personIds: null, levelIndex: 0, progress: null, needed: 1, acknowledgements: [] },
    ...{ nextEscalationAt: null, snoozedUntil: null, progressAt: null, acknowledgedById: null, acknowledgedAt: null },
  }
}
