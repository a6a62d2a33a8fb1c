import type { NoticeInput } from '@tocsin/api'
import type { z } from 'zod'

export type NoticeText = z.output<typeof NoticeInput>

/** What of a notice its customer reads: what an approval is for, and what its digest in the journal is of. */
export function textOf({ nature, userImpact, mitigation, isInvestigationComplete, nextSteps, nextCommunicationAt }: NoticeText): NoticeText {
  return { nature, userImpact, mitigation, isInvestigationComplete, nextSteps, nextCommunicationAt }
}
