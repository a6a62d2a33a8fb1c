import type { RouteName } from '@tocsin/api'

/** What did not happen when a command found no connection: somebody who reads it decides whether to pick up the phone. */
const words: Partial<Record<RouteName, string>> = {
  acknowledgePage: 'not acknowledged',
  acknowledgeByLink: 'not acknowledged',
  acknowledgeAlert: 'not acknowledged',
  escalatePage: 'not escalated',
  declinePage: 'not declined',
  snoozePage: 'not snoozed',
  addResponders: 'nobody was paged',
  pageIncident: 'nobody was paged',
  startDrill: 'no drill was started',
  dismissAlert: 'not dismissed',
  reopenAlert: 'not reopened',
  escalateAlert: 'not escalated',
  moveAlert: 'not moved',
  openIncident: 'no incident was opened',
  declareIncident: 'not declared',
  addNote: 'the note is not saved',
  addTask: 'the task is not added',
  approveNotice: 'not approved',
  sendNotice: 'the notice was not sent',
  acceptRole: 'not accepted',
  addSilence: 'nothing is silenced',
  endSilence: 'the silence goes on',
  revokeApiKey: 'not revoked',
  revokeIntegration: 'not revoked',
  revokeLogSource: 'not revoked',
}

export const undoneWords = (name: RouteName): string => words[name] ?? 'nothing was changed'
