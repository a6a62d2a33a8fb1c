import { z } from 'zod'
import { clocksLane, defineJob } from '../kernel/jobs/lanes.ts'

/** Looks at the clocks of an incident's obligations when the next of them has something to say: there is one for each incident. */
export const clockJob = defineJob({ kind: 'notices.clock', lane: clocksLane, data: z.object({ incidentId: z.uuid() }), isUrgent: true })
export const clockKey = (incidentId: string) => `notices:${incidentId}`

/** The topics of the pages about obligations: what was done resolves the page that asked for it. One page of an incident stands for all of them. */
export const noticesTopic = 'notices'
export const executiveTopic = 'notices executive'
export const reviewTopic = 'decisions'
/** Of the page that no contact was reached by the notice of an obligation. */
export const returnedTopic = (obligationId: string) => `returned ${obligationId}`
