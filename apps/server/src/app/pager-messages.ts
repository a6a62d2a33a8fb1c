import { z } from 'zod'

/** Messages from the supervising process to the pager. */
export const ToPager = z.discriminatedUnion('kind', [z.object({ kind: z.literal('ping') }), z.object({ kind: z.literal('metrics'), id: z.int() })])
export type ToPager = z.output<typeof ToPager>

/** Messages from the pager. */
export const FromPager = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ready') }),
  z.object({ kind: z.literal('pong') }),
  z.object({ kind: z.literal('metrics'), id: z.int(), text: z.string() }),
  /** Why it cannot start. */
  z.object({ kind: z.literal('problem'), sentence: z.string() }),
])
export type FromPager = z.output<typeof FromPager>
