import type { FastifyInstance } from 'fastify'
import type { AppContext, Bindings } from '../access/index.ts'
import type { ServerCertificate } from '../kernel/server-certificate.ts'
import type { AnswerDesk } from './answers.ts'
import { mountCallbacks } from './channels/callbacks.ts'
import { Inbox, type IncomingMail, type IncomingReport } from './channels/email/inbox.ts'
import { answerByMail, takeReport } from './channels/email/receive.ts'
import type { Outbox } from './outbox.ts'
import { notifyBindings } from './routes.ts'
import { auditChannels, deliveryHealth, stalledChannelsJob } from './stalled-channels.ts'

export { type Answer, type AnswerDesk, type Answered, answerHelp, type ProviderIdentity, personAt } from './answers.ts'
export { Inbox } from './channels/email/inbox.ts'
export { channelSettings, identifiesPeople, shownAddress, teamChannelPurpose } from './channels/index.ts'
export { type NotificationPlan, type NotificationStep, notificationPlansOf } from './contact-methods.ts'
export { eraseMessages } from './erase.ts'
export { assertSecondPerson, isOneOf, withTheirAccounts } from './four-eyes.ts'
export { Outbox } from './outbox.ts'
export { restrictedName, restrictedSummary } from './restricted.ts'
export { stalledChannels, stalledChannelsJob } from './stalled-channels.ts'
export { contactMethods, messages, teamChannels } from './tables.ts'
export { listTeamChannels } from './team-channels.ts'
export { latestTestEmail, sendTestEmail } from './test-email.ts'

export function openNotify(context: AppContext): Bindings {
  context.health.add('delivery', () => deliveryHealth(context.database.reader()))
  context.jobs.register(stalledChannelsJob, { run: tx => auditChannels(tx, context.alarms) })
  return notifyBindings(context)
}

/**
 * Receives answers to messages: the callbacks of providers, replies by email, and reports of what became of an email.
 * @param certificate that replies are received with, too
 * @returns the mail server, to be started
 */
export function openAnswers(
  http: FastifyInstance,
  context: AppContext & { readonly messenger: Outbox },
  desk: AnswerDesk,
  certificate?: ServerCertificate,
): Inbox {
  mountCallbacks(http, context, desk)
  const takers = {
    reply: (mail: IncomingMail) => answerByMail(context, desk, mail),
    report: (report: IncomingReport) => takeReport(context, context.messenger, report),
  }
  return new Inbox(context, takers, certificate)
}
