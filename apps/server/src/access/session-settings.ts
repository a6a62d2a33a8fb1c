import { z } from 'zod'
import { addMinutes, type Instant } from '../kernel/clock.ts'
import { type Config, settingsPart } from '../kernel/config.ts'

const whole = (unit: string, max: number) =>
  z.coerce.number(`must be a number of ${unit}`).int(`must be a whole number of ${unit}`).min(1, 'must be at least 1').max(max, `must be at most ${max}`)

/** Who is let in, and for how long people stay signed in. */
export const sessionSettings = settingsPart(
  {
    TOCSIN_MONITORING_TOKEN: z
      .string()
      .regex(/^[\w.~+/-]{20,}=*$/, 'must have at least 20 characters that a bearer token may have, such as 32 random hexadecimal digits')
      .optional()
      .describe('Closes /metrics and /api/openapi.json to who neither sends it as a bearer token nor has signed in'),
    TOCSIN_SESSION_DAYS: whole('days', 30).default(7).describe('Days after which a session ends, however much it is used'),
    TOCSIN_SESSION_IDLE_HOURS: whole('hours', 720).default(12).describe('Hours after which a session ends that is not used'),
  },
  { TOCSIN_MONITORING_TOKEN: 'is-set', TOCSIN_SESSION_DAYS: 'value', TOCSIN_SESSION_IDLE_HOURS: 'value' },
)

/** Sessions used after this time are not idle. */
export const idleSince = ({ now }: { readonly now: Instant }, config: Config): Instant =>
  addMinutes(now, -60 * config.of(sessionSettings).TOCSIN_SESSION_IDLE_HOURS)
