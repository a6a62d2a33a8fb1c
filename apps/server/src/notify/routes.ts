import { contactKinds, pagingRoutes as routes } from '@tocsin/api'
import { type AppContext, type Bindings, command, query, workflow } from '../access/index.ts'
import { onlyChanged } from '../journal/index.ts'
import { invalid } from '../kernel/problems.ts'
import { pushKey } from './channels/index.ts'
import { addContactMethod, listContactMethods, readRules, removeContactMethod, saveRules, sendContactCode, verifyContactMethod } from './contact-methods.ts'
import { listMessages } from './message-log.ts'
import { listTeamChannels, removeTeamChannel, saveTeamChannel } from './team-channels.ts'

export function notifyBindings(context: AppContext): Bindings {
  return [
    query(routes.contactMethods, (reader, { caller }) => listContactMethods(reader, caller.personId)),
    command(routes.addContactMethod, (tx, { caller, body }) => addContactMethod(tx, context, caller, body)),
    command(routes.sendContactCode, (tx, { caller, params }) => sendContactCode(tx, context, caller, params.id)),
    workflow(routes.verifyContactMethod, async (database, { caller, params, body }) => {
      const result = await database.transaction(tx => verifyContactMethod(tx, context, caller, params.id, body.code))
      if ('problem' in result) throw invalid('code', result.problem)
      return result.method
    }),
    query(routes.notificationRules, (reader, { caller }) => readRules(reader, caller.personId)),
    command(routes.saveNotificationRules, (tx, { caller, body }) => saveRules(tx, caller, body)),
    query(routes.pushKey, async () => ({ key: pushKey(context.secrets), channels: contactKinds.filter(kind => context.messenger.has(kind)) })),
    query(routes.teamChannels, async (reader, { query: { updatedSince } }) => onlyChanged(reader, await listTeamChannels(reader), updatedSince)),
    command(routes.saveTeamChannel, (tx, { caller, params, body }) => saveTeamChannel(tx, context, caller, params.id, body)),
    command(routes.removeTeamChannel, (tx, { caller, params }) => removeTeamChannel(tx, context, caller, params.id)),
    command(routes.removeContactMethod, (tx, { caller, params }) => removeContactMethod(tx, context, caller, params.id)),
    query(routes.messageLog, (reader, { caller, query }) => listMessages(reader, context, caller, query)),
  ]
}
