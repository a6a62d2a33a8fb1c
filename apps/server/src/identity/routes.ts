import { identityRoutes as routes } from '@tocsin/api'
import { acceptInvitation, changePassword, changePerson, checkPassword, invite, listPeople, openInvitations, readMe, setUp } from './accounts.ts'
import { createApiKey, listApiKeys, revokeApiKey } from './api-keys.ts'
import { act, type Bindings, openAct, openProcess, process, question, sessionCookie } from './caller.ts'
import type { House } from './house.ts'
import { addPasskey, signInWithPasskey, startPasskey, startPasskeySignIn } from './passkeys.ts'
import { confirmTotp, endSession, giveOneTimeCode, startSession, startTotp } from './sessions.ts'
import { listTeams, saveTeam } from './teams.ts'

export function identityBindings({ database, secrets, messenger }: House): Bindings {
  return [
    openAct(routes.setUp, async (tx, { body, connection }) => startSession(tx, connection, await setUp(tx, secrets, body), 'password')),
    openProcess(routes.signIn, async (_, { body, connection }) => {
      const person = await checkPassword(work => database.transaction(work), database.reader(), body.email, body.password)
      return database.transaction(tx => startSession(tx, connection, person, 'password'))
    }),
    process(routes.giveOneTimeCode, (_, { caller, body }) => giveOneTimeCode(database, secrets, caller, body.code)),
    openAct(routes.startPasskeySignIn, tx => startPasskeySignIn(tx, messenger.origin)),
    openAct(routes.signInWithPasskey, (tx, { body, connection }) => signInWithPasskey(tx, messenger.origin, connection, body)),
    question(routes.me, (reader, { caller }) => readMe(reader, caller.personId, caller.sessionId)),
    act(routes.signOut, async (tx, { caller, connection }) => {
      if (caller.sessionId !== null) await endSession(tx, caller, caller.sessionId)
      connection.clearCookie(sessionCookie)
    }),
    act(routes.endSession, (tx, { caller, params }) => endSession(tx, caller, params.id)),
    act(routes.startTotp, (tx, { caller }) => startTotp(tx, secrets, caller)),
    act(routes.confirmTotp, (tx, { caller, body }) => confirmTotp(tx, secrets, caller, body.code)),
    act(routes.startPasskey, (tx, { caller }) => startPasskey(tx, messenger.origin, caller)),
    act(routes.addPasskey, (tx, { caller, body }) => addPasskey(tx, messenger.origin, caller, body)),
    act(routes.changePassword, (tx, { caller, body }) => changePassword(tx, caller, body)),
    question(routes.people, async (reader, { caller }) => ({
      people: await listPeople(reader),
      invitations: caller.role === 'administrator' ? await openInvitations(reader) : [],
    })),
    act(routes.invite, (tx, { caller, body }) => invite(tx, messenger, caller, body)),
    openAct(routes.acceptInvitation, async (tx, { body, connection }) => startSession(tx, connection, await acceptInvitation(tx, secrets, body), 'password')),
    act(routes.changePerson, (tx, { caller, params, body }) => changePerson(tx, caller, params.id, body)),
    question(routes.teams, reader => listTeams(reader)),
    act(routes.saveTeam, (tx, { caller, body }) => saveTeam(tx, caller, body)),
    question(routes.apiKeys, reader => listApiKeys(reader)),
    act(routes.createApiKey, (tx, { caller, body }) => createApiKey(tx, caller, body)),
    act(routes.revokeApiKey, (tx, { caller, params }) => revokeApiKey(tx, caller, params.id)),
  ]
}
