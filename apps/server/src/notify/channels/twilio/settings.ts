import { z } from 'zod'
import { allOrNone, isOrigin, settingsPart } from '../../../kernel/config.ts'

/** SMS and calls. */
export const twilioSettings = settingsPart(
  {
    TWILIO_ACCOUNT_SID: z.string().min(1, 'must not be empty').optional().describe('Twilio account for SMS and calls'),
    TWILIO_AUTH_TOKEN: z.string().min(1, 'must not be empty').optional().describe('Twilio auth token; also verifies callbacks from Twilio'),
    TWILIO_FROM: z
      .string()
      .regex(/^\+[1-9]\d{6,14}$/, 'must be a phone number such as +15005550006')
      .optional()
      .describe('Phone number that sends SMS and calls'),
    TWILIO_API_URL: z.string().refine(isOrigin, 'must be an origin such as https://api.twilio.com').default('https://api.twilio.com').describe('API URL'),
  },
  {
    TWILIO_ACCOUNT_SID: 'value',
    TWILIO_AUTH_TOKEN: 'is-set',
    TWILIO_FROM: 'value',
    TWILIO_API_URL: 'value',
  },
  allOrNone('TWILIO_ACCOUNT_SID', 'TWILIO_AUTH_TOKEN', 'TWILIO_FROM'),
)
