import { z } from 'zod'
import type { Instant } from '../kernel/clock.ts'
import { clocksLane, defineJob } from '../kernel/jobs/lanes.ts'

/** A warning for all customers of an incident with the same clock. */
export const warnJob = defineJob({ kind: 'notices.warn', lane: clocksLane, data: z.object({ incidentId: z.uuid(), afterHours: z.number() }), isUrgent: true })
/** The deadlines of all customers of an incident with the same clock. */
export const deadlineJob = defineJob({ kind: 'notices.deadline', lane: clocksLane, data: z.object({ incidentId: z.uuid() }) })
/** The review of a deferral or waiver. */
export const reviewJob = defineJob({ kind: 'notices.review-decision', lane: clocksLane, data: z.object({ obligationId: z.uuid() }) })
/** The communication that a notice announced. */
export const communicationJob = defineJob({ kind: 'notices.next-communication', lane: clocksLane, data: z.object({ noticeId: z.uuid() }) })

export const warnKey = (incidentId: string, at: Instant) => `notices:${incidentId}:${at}`
export const deadlineKey = (incidentId: string, hours: number) => `deadline:${incidentId}:${hours}`
export const reviewKey = (obligationId: string) => `decision:${obligationId}`
export const communicationKey = (obligationId: string) => `next-communication:${obligationId}`

/** The topics of the pages that these timers open: what was done resolves the page that asked for it. Each clock of an incident has its own page. */
export const warnTopic = (hours: number) => `${hours}h notices`
export const reviewTopic = (obligationId: string) => `decision ${obligationId}`
export const communicationTopic = (obligationId: string) => `next-communication ${obligationId}`
