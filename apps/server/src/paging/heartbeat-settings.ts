import { z } from 'zod'
import { settingsPart } from '../kernel/config.ts'

/** Who is told every minute that all is on time. */
export const heartbeatSettings = settingsPart(
  {
    TOCSIN_HEARTBEAT_URL: z
      .string()
      .refine(text => /^https?:\/\/[^/]+/.test(text) && URL.canParse(text), 'must be a URL such as https://monitor.example/heartbeat/abc')
      .optional()
      .describe('URL called every minute while everything is on time; point it at an external heartbeat monitor'),
  },
  {
    TOCSIN_HEARTBEAT_URL: 'host',
  },
)
