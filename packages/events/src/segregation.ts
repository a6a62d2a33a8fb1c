import { z } from 'zod'
import { event } from './event.ts'
import { Count, Id, Named } from './vocabulary.ts'

const Mode = z.enum(['block', 'review', 'off'])
/** The first entries said nothing of reviews. */
const Policy = z.strictObject({ version: Count, declareLower: Mode, containClose: Mode, recoverVerify: Mode, writeFinish: Mode.optional() })
const Pair = z.enum(['declare-lower', 'recover-verify', 'write-finish'])
/** What one person did both of. */
const both = {
  'declare-lower': 'declared the incident and approved that it is lowered or stood down',
  'recover-verify': 'recovered the incident and verified the recovery',
  'write-finish': 'wrote the review and finished it',
} as const

/** What one person did both of, as the beginning of a sentence: `Ada recovered the incident and verified the recovery`. */
export const exceptionSentence = (pair: z.output<typeof Pair>, name: string): string => `${name} ${both[pair]}`

/** Who may not do both of two acts, and where somebody did. */
export const segregationEvents = [
  event({
    type: 'segregation-policy.changed',
    version: 1,
    subject: 'segregation-policy',
    within: 'none',
    data: z.strictObject({ ...Policy.shape, before: Policy }),
    sentence: ({ data: { before, ...now } }) => {
      const names = {
        ...({ declareLower: 'declaring and lowering', containClose: 'containing and closing', recoverVerify: 'recovering and verifying' } as const),
        writeFinish: 'writing and finishing a review',
      }
      const changed = (['declareLower', 'containClose', 'recoverVerify', 'writeFinish'] as const).filter(pair => now[pair] !== before[pair])
      return `Changed the segregation of duties: ${changed.map(pair => `${names[pair]} from ${before[pair] ?? 'review'} to ${now[pair] ?? 'review'}`).join('; ')}`
    },
  }),
  event({
    type: 'incident.recovery-verified',
    version: 1,
    subject: 'incident',
    within: 'incident',
    data: z.strictObject({ reason: z.string() }),
    sentence: () => 'Verified the recovery',
  }),
  event({
    type: 'segregation.exception',
    version: 1,
    subject: 'incident',
    within: 'incident',
    data: z.strictObject({ pair: Pair, person: Named }),
    sentence: ({ data }) => `${exceptionSentence(data.pair, data.person.name)}: somebody else has to review that`,
  }),
  event({
    type: 'segregation.reviewed',
    version: 1,
    subject: 'incident',
    within: 'incident',
    /** `exceptionId`: the entry of the exception. */
    data: z.strictObject({ exceptionId: Id, pair: Pair, person: Named, reason: z.string() }),
    sentence: ({ data }) => `Reviewed that ${exceptionSentence(data.pair, data.person.name)}`,
  }),
] as const
