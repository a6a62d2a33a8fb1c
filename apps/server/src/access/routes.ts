import { findingRoutes, accessRoutes as routes, searchKinds, sessionCookie } from '@tocsin/api'
import { and, asc, sql } from 'drizzle-orm'
import { onlyChanged } from '../journal/index.ts'
import type { Connection } from '../kernel/http.ts'
import { AppProblem, invalid } from '../kernel/problems.ts'
import {
  acceptInvitation,
  changePassword,
  changePerson,
  findPerson,
  invite,
  listPeople,
  openInvitations,
  readMe,
  setUp,
  withdrawInvitation,
} from './accounts.ts'
import { createApiKey, listApiKeys, revokeApiKey } from './api-keys.ts'
import { type Bindings, type Caller, command, openCommand, openWorkflow, query, workflow } from './caller.ts'
import type { AppContext } from './context.ts'
import { endSessionsOf, openSessionsOf, sessionView } from './open-sessions.ts'
import { addPasskey, confirmWithPasskey, signInWithPasskey, startPasskey, startPasskeySignIn } from './passkeys.ts'
import { PasswordAttempts } from './password-attempts.ts'
import { registerPasswordReset, requestPasswordReset, resetPassword } from './password-reset.ts'
import { createRecoveryCodes } from './recovery-codes.ts'
import { listViews, removeView, saveView, updateView } from './saved-views.ts'
import { maxFound, nearText } from './searches.ts'
import { removeSecondFactor } from './second-factors.ts'
import { confirmSession, confirmTotp, endSession, giveOneTimeCode, giveRecoveryCode, startSession, startTotp } from './sessions.ts'
import { people } from './tables.ts'

export function accessBindings(context: AppContext): Bindings {
  const { database, secrets, messenger, metrics } = context
  const passwords = new PasswordAttempts(context)
  registerPasswordReset(context)
  /** Counts what is refused, by what was given. */
  const counted = async <T>(factor: 'password' | 'code' | 'passkey', work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      if (error instanceof AppProblem && error.kind !== 'unavailable') metrics.refusedSignIns.inc({ factor })
      throw error
    })
  /** The person of a right password. @throws AppProblem in the same words for whatever else */
  const signIn = async (body: { email: string; password: string }, connection: Connection) => {
    const person = await passwords.check({ ...body, connection })
    if (!person) throw new AppProblem('not-signed-in', 'Incorrect email or password. After several wrong attempts, wait a few minutes, or use a passkey.')
    return person
  }
  /** Checks the password of the caller. @throws AppProblem invalid, naming `field` */
  const checkOwn = async (field: string, password: string, during: 'password change' | 're-authentication', caller: Caller, connection: Connection) => {
    const { email = '' } = (await findPerson(database.reader(), caller.personId)) ?? {}
    if (!(await passwords.check({ email, password, connection, inside: { actor: caller.actor, during } })))
      throw invalid(field, 'is incorrect. After several wrong attempts, wait a few minutes')
  }
  context.searches.add('person', 'catalog:read', async (reader, _, text) => {
    const { isExact, isNear, order } = nearText(sql`lower(${people.name} || ' ' || ${people.email})`, text)
    const rows = await reader.db
      .select({ id: people.id, title: people.name, detail: people.email, isExact })
      .from(people)
      .where(and(people.isActive, isNear))
      .orderBy(...order, asc(people.name))
      .limit(maxFound)
    return rows.map(({ isExact, ...person }) => ({ ...person, number: null, isApproximate: !isExact }))
  })
  return [
    workflow(findingRoutes.search, (database, { caller, query }) => context.searches.search(database, caller, query.q, searchKinds)),
    query(findingRoutes.savedViews, (reader, { caller }) => listViews(reader, caller)),
    command(findingRoutes.saveView, (tx, { caller, body }) => saveView(tx, caller, body)),
    command(findingRoutes.updateView, (tx, { caller, params, body }) => updateView(tx, caller, params.id, body)),
    command(findingRoutes.removeView, (tx, { caller, params }) => removeView(tx, caller, params.id)),
    openCommand(routes.setUp, async (tx, { body, connection }) => startSession(tx, context, connection, await setUp(tx, secrets, body), 'password')),
    openWorkflow(routes.signIn, async (database, { body, connection }) => {
      const person = await counted('password', signIn(body, connection))
      return database.transaction(tx => startSession(tx, context, connection, person, 'password'))
    }),
    workflow(routes.giveOneTimeCode, (database, { caller, body, connection }) =>
      counted('code', giveOneTimeCode({ ...context, database }, connection, caller, body.code)),
    ),
    workflow(routes.giveRecoveryCode, (database, { caller, body, connection }) =>
      counted('code', giveRecoveryCode({ ...context, database }, connection, caller, body.code)),
    ),
    openCommand(routes.requestPasswordReset, (tx, { body, connection }) => requestPasswordReset(tx, body.email, connection)),
    openCommand(routes.resetPassword, (tx, { body, connection }) => resetPassword(tx, context, connection, body)),
    openCommand(routes.startPasskeySignIn, tx => startPasskeySignIn(tx, messenger.origin)),
    openCommand(routes.signInWithPasskey, (tx, { body, connection }) => counted('passkey', signInWithPasskey(tx, context, connection, body))),
    workflow(routes.reauthenticate, async (database, { caller, body, connection }) => {
      await checkOwn('password', body.password, 're-authentication', caller, connection)
      await database.transaction(tx => confirmSession(tx, context, connection, caller, 'password'))
    }),
    command(routes.reauthenticateWithPasskey, (tx, { caller, body, connection }) => confirmWithPasskey(tx, context, connection, caller, body)),
    query(routes.me, (reader, { caller }) => readMe(reader, context, caller)),
    command(routes.signOut, async (tx, { caller, connection }) => {
      if (caller.sessionId !== null) await endSession(tx, context, caller, caller.sessionId)
      connection.clearCookie(sessionCookie)
    }),
    command(routes.endSession, (tx, { caller, params }) => endSession(tx, context, caller, params.id)),
    command(routes.endOtherSessions, (tx, { caller }) => endSessionsOf(tx, caller, caller.personId)),
    query(routes.sessionsOfPerson, async (reader, { caller, params }) =>
      (await openSessionsOf(reader, context, params.id)).map(session => sessionView(session, caller.sessionId)),
    ),
    command(routes.endSessionOfPerson, (tx, { caller, params }) => endSessionsOf(tx, caller, params.id, params.sessionId)),
    command(routes.endSessionsOfPerson, (tx, { caller, params }) => endSessionsOf(tx, caller, params.id)),
    command(routes.startTotp, (tx, { caller }) => startTotp(tx, context, caller)),
    command(routes.confirmTotp, (tx, { caller, body, connection }) => confirmTotp(tx, context, connection, caller, body.code)),
    command(routes.startPasskey, (tx, { caller }) => startPasskey(tx, context, caller)),
    command(routes.addPasskey, (tx, { caller, body, connection }) => addPasskey(tx, context, connection, caller, body)),
    command(routes.removePasskey, (tx, { caller, params }) => removeSecondFactor(tx, context, caller, params.id)),
    command(routes.removeTotp, (tx, { caller }) => removeSecondFactor(tx, context, caller)),
    command(routes.createRecoveryCodes, (tx, { caller }) => createRecoveryCodes(tx, context, caller)),
    workflow(routes.changePassword, async (database, { caller, body, connection }) => {
      await checkOwn('current', body.current, 'password change', caller, connection)
      await database.transaction(tx => changePassword(tx, context, caller, body.next))
    }),
    query(routes.people, async (reader, { caller }) => ({
      people: await listPeople(reader),
      invitations: caller.role === 'administrator' ? await openInvitations(reader) : [],
    })),
    command(routes.invite, (tx, { caller, body }) => invite(tx, messenger, caller, body)),
    command(routes.withdrawInvitation, (tx, { caller, params }) => withdrawInvitation(tx, context, caller, params.id)),
    openCommand(routes.acceptInvitation, async (tx, { body, connection }) =>
      startSession(tx, context, connection, await acceptInvitation(tx, secrets, body), 'password'),
    ),
    command(routes.changePerson, (tx, { caller, params, body }) => changePerson(tx, context, caller, params.id, body)),
    query(routes.apiKeys, async (reader, { query: { updatedSince } }) => onlyChanged(reader, await listApiKeys(reader), updatedSince)),
    command(routes.createApiKey, (tx, { caller, body }) => createApiKey(tx, caller, body)),
    command(routes.revokeApiKey, (tx, { caller, params }) => revokeApiKey(tx, caller, params.id)),
  ]
}
