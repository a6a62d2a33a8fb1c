import { z } from 'zod'
import { allOrNone, settingsPart } from '../../../kernel/config.ts'

/** A Slack app. */
export const slackSettings = settingsPart(
  {
    SLACK_BOT_TOKEN: z.string().min(1, 'must not be empty').optional().describe('Bot token of a Slack app with the scope chat:write'),
    SLACK_SIGNING_SECRET: z.string().min(1, 'must not be empty').optional().describe('Signing secret of the Slack app; verifies requests from Slack'),
    SLACK_API_URL: z
      .string()
      .refine(text => /^https?:\/\/[^?#]+[^/]$/.test(text) && URL.canParse(text), 'must be a URL such as https://slack.com/api')
      .default('https://slack.com/api')
      .describe('API URL'),
  },
  {
    SLACK_BOT_TOKEN: 'is-set',
    SLACK_SIGNING_SECRET: 'is-set',
    SLACK_API_URL: 'host',
  },
  allOrNone('SLACK_BOT_TOKEN', 'SLACK_SIGNING_SECRET'),
)
