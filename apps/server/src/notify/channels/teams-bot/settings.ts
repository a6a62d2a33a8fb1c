import { z } from 'zod'
import { allOrNone, type Config, isOrigin, settingsPart } from '../../../kernel/config.ts'

/** A bot for Microsoft Teams, in one directory. */
export const teamsSettings = settingsPart(
  {
    TEAMS_APP_ID: z.string().min(1, 'must not be empty').optional().describe('Application (client) ID of a bot for Microsoft Teams'),
    TEAMS_APP_PASSWORD: z.string().min(1, 'must not be empty').optional().describe('Client secret of the bot'),
    TEAMS_TENANT_ID: z.string().min(1, 'must not be empty').optional().describe('Directory (tenant) ID; requests from other tenants are rejected'),
    TEAMS_LOGIN_URL: z
      .string()
      .refine(isOrigin, 'must be an origin such as https://login.microsoftonline.com')
      .default('https://login.microsoftonline.com')
      .describe('URL that issues tokens to the bot'),
    TEAMS_KEYS_URL: z
      .url({ message: 'must be a URL such as https://login.botframework.com/v1/.well-known/keys' })
      .default('https://login.botframework.com/v1/.well-known/keys')
      .describe('URL of the keys that verify requests from Teams'),
  },
  {
    TEAMS_APP_ID: 'value',
    TEAMS_APP_PASSWORD: 'is-set',
    TEAMS_TENANT_ID: 'value',
    TEAMS_LOGIN_URL: 'value',
    TEAMS_KEYS_URL: 'host',
  },
  allOrNone('TEAMS_APP_ID', 'TEAMS_APP_PASSWORD', 'TEAMS_TENANT_ID'),
)

export interface TeamsBot {
  readonly appId: string
  readonly appPassword: string
  readonly tenantId: string
  readonly loginUrl: string
  readonly keysUrl: string
}

/** The bot; undefined without one. */
export function teamsBotOf(config: Config): TeamsBot | undefined {
  const { TEAMS_APP_ID: appId, TEAMS_APP_PASSWORD: appPassword, TEAMS_TENANT_ID: tenantId, ...urls } = config.of(teamsSettings)
  if (appId === undefined || appPassword === undefined || tenantId === undefined) return undefined
  return { appId, appPassword, tenantId, loginUrl: urls.TEAMS_LOGIN_URL, keysUrl: urls.TEAMS_KEYS_URL }
}
