import { setupRoutes as routes, type SetupStep } from '@tocsin/api'
import { eq } from 'drizzle-orm'
import { type AppContext, type Bindings, type Caller, command, countJoined, countRecoveryCodes, query } from '../access/index.ts'
import { busiestIntegration } from '../connectors/index.ts'
import { countActiveRules, liveliestLogSource } from '../detection/index.ts'
import { services, teams } from '../directory/index.ts'
import type { Reader } from '../kernel/database.ts'
import { latestTestEmail, sendTestEmail } from '../notify/index.ts'
import { countStaffed } from '../scheduling/index.ts'

type Found = Omit<SetupStep, 'id'>

const done = (found: string, at: string | null = null): Found => ({ state: 'done', found, at })
const waiting = (found: string, at: string | null = null): Found => ({ state: 'waiting', found, at })
const todo = (found: string, at: string | null = null): Found => ({ state: 'todo', found, at })
const counted = (n: number, noun: string) => `${n} ${noun}${n === 1 ? '' : 's'}`

/** What of the first hour is done: a reading of the records, so that nothing is ticked off that does not work. */
export function setupBindings(context: AppContext): Bindings {
  return [
    query(routes.setupChecklist, async (reader, { caller }) => ({ steps: await readChecklist(reader, context, caller) })),
    command(routes.sendTestEmail, (tx, { caller }) => sendTestEmail(tx, context, caller)),
  ]
}

async function readChecklist(reader: Reader, context: AppContext, caller: Caller): Promise<SetupStep[]> {
  const own = await reader.db.select({ id: teams.id }).from(teams).where(eq(teams.isDemo, false))
  const staffed =
    own.length === 0
      ? 0
      : await countStaffed(
          reader,
          own.map(({ id }) => id),
        )
  const served = await reader.db.$count(services, eq(services.isDemo, false))
  const joined = await countJoined(reader)
  const rules = await countActiveRules(reader)
  const codes = await countRecoveryCodes(reader, caller.personId)
  return [
    { id: 'email', ...emailStep(context.messenger.isLive, await latestTestEmail(reader)) },
    { id: 'people', ...(joined > 1 ? done(`${joined} people have joined.`) : todo('Nobody else has joined yet.')) },
    { id: 'team', ...(own.length > 0 ? done(`${counted(own.length, 'team')}.`) : todo('No team yet.')) },
    { id: 'on-call', ...(staffed > 0 ? done(`Somebody is on call now in ${counted(staffed, 'team')}.`) : todo('Nobody is on call now.')) },
    { id: 'service', ...(served > 0 ? done(`${counted(served, 'service')}.`) : todo('No service yet.')) },
    { id: 'integration', ...integrationStep(await busiestIntegration(reader)) },
    { id: 'log-source', ...logSourceStep(await liveliestLogSource(reader)) },
    { id: 'rules', ...(rules > 0 ? done(`${counted(rules, 'rule')} enabled.`) : todo('No rule is enabled.')) },
    { id: 'recovery-codes', ...(codes > 0 ? done(`You have ${counted(codes, 'recovery code')} left.`) : todo('You have no recovery codes.')) },
  ]
}

/** Email works once the mail server took a test, and as long as nothing came back. */
function emailStep(isConfigured: boolean, test: Awaited<ReturnType<typeof latestTestEmail>>): Found {
  if (!isConfigured) return todo('Email is not configured, so messages are held. Set SMTP_URL and restart Tocsin.')
  switch (test?.state) {
    case undefined:
    case 'cancelled':
      return todo('Email is configured. Send a test email to check that it arrives.')
    case 'held':
    case 'queued':
      return waiting(test.lastError === null ? 'The test email is being sent.' : `The test email was not accepted yet: ${test.lastError}`, test.createdAt)
    case 'sent':
      return done('Email works: the mail server accepted the test email.', test.sentAt)
    case 'delivered':
      return done('Email works: the test email was delivered.', test.reportedAt)
    case 'delayed':
      return waiting(`The test email is delayed: ${test.report ?? 'the mail server gave no reason'}`, test.reportedAt)
    case 'bounced':
      return todo(`The test email was returned: ${test.report ?? 'the mail server gave no reason'}`, test.reportedAt)
    case 'failed':
      return todo(`The test email failed: ${test.lastError ?? 'the mail server gave no reason'}`, test.createdAt)
  }
}

function integrationStep(integration: Awaited<ReturnType<typeof busiestIntegration>>): Found {
  if (!integration) return todo('No integration yet.')
  const { name, received, lastSeenAt } = integration
  return received === 0 ? waiting(`Waiting for the first alert of ${name}.`) : done(`${counted(received, 'alert')} received through ${name}.`, lastSeenAt)
}

function logSourceStep(source: Awaited<ReturnType<typeof liveliestLogSource>>): Found {
  if (!source) return todo('No log source yet.')
  const { name, lastSeenAt, isSilent } = source
  if (lastSeenAt === null) return waiting(`Waiting for the first event of ${name}.`)
  return isSilent ? waiting(`No data from ${name}.`, lastSeenAt) : done(`Receiving data from ${name}.`, lastSeenAt)
}
