import { accessRoutes as routes, sessionCookie } from '@tocsin/api'
import { AppProblem } from '../kernel/problems.ts'
import { acceptInvitation, changePassword, changePerson, checkPassword, invite, listPeople, openInvitations, readMe, setUp } from './accounts.ts'
import { createApiKey, listApiKeys, revokeApiKey } from './api-keys.ts'
import { type Bindings, command, openCommand, openWorkflow, query, workflow } from './caller.ts'
import type { AppContext } from './context.ts'
import { addPasskey, signInWithPasskey, startPasskey, startPasskeySignIn } from './passkeys.ts'
import { confirmTotp, endSession, giveOneTimeCode, startSession, startTotp } from './sessions.ts'

export function accessBindings(context: AppContext): Bindings {
  const { database, secrets, messenger, metrics, departures } = context
  /** Counts what is refused, by what was given. */
  const counted = async <T>(factor: 'password' | 'code' | 'passkey', work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      if (error instanceof AppProblem && error.kind !== 'unavailable') metrics.refusedSignIns.inc({ factor })
      throw error
    })
  return [
    openCommand(routes.setUp, async (tx, { body, connection }) => startSession(tx, secrets, connection, await setUp(tx, secrets, body), 'password')),
    openWorkflow(routes.signIn, async (_, { body, connection }) => {
      const person = await counted(
        'password',
        checkPassword(work => database.transaction(work), database.reader(), body.email, body.password),
      )
      return database.transaction(tx => startSession(tx, secrets, connection, person, 'password'))
    }),
    workflow(routes.giveOneTimeCode, (_, { caller, body }) => counted('code', giveOneTimeCode(context, caller, body.code))),
    openCommand(routes.startPasskeySignIn, tx => startPasskeySignIn(tx, messenger.origin)),
    openCommand(routes.signInWithPasskey, (tx, { body, connection }) => counted('passkey', signInWithPasskey(tx, secrets, messenger.origin, connection, body))),
    query(routes.me, (reader, { caller }) => readMe(reader, caller.personId, caller.sessionId)),
    command(routes.signOut, async (tx, { caller, connection }) => {
      if (caller.sessionId !== null) await endSession(tx, caller, caller.sessionId)
      connection.clearCookie(sessionCookie)
    }),
    command(routes.endSession, (tx, { caller, params }) => endSession(tx, caller, params.id)),
    command(routes.startTotp, (tx, { caller }) => startTotp(tx, secrets, caller)),
    command(routes.confirmTotp, (tx, { caller, body }) => confirmTotp(tx, secrets, caller, body.code)),
    command(routes.startPasskey, (tx, { caller }) => startPasskey(tx, messenger.origin, caller)),
    command(routes.addPasskey, (tx, { caller, body }) => addPasskey(tx, secrets, messenger.origin, caller, body)),
    command(routes.changePassword, (tx, { caller, body }) => changePassword(tx, caller, body)),
    query(routes.people, async (reader, { caller }) => ({
      people: await listPeople(reader),
      invitations: caller.role === 'administrator' ? await openInvitations(reader) : [],
    })),
    command(routes.invite, (tx, { caller, body }) => invite(tx, messenger, caller, body)),
    openCommand(routes.acceptInvitation, async (tx, { body, connection }) =>
      startSession(tx, secrets, connection, await acceptInvitation(tx, secrets, body), 'password'),
    ),
    command(routes.changePerson, (tx, { caller, params, body }) => changePerson(tx, departures, caller, params.id, body)),
    query(routes.apiKeys, reader => listApiKeys(reader)),
    command(routes.createApiKey, (tx, { caller, body }) => createApiKey(tx, caller, body)),
    command(routes.revokeApiKey, (tx, { caller, params }) => revokeApiKey(tx, caller, params.id)),
  ]
}
