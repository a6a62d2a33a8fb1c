import { type Invitation, includesRole, type Me, type Person, type Role } from '@tocsin/api'
import { and, asc, eq, gt, inArray, isNotNull, isNull, ne, or, type SQL, sql } from 'drizzle-orm'
import { z } from 'zod'
import { type Actor, markRecords, record, recordAll, subjectsOf } from '../journal/index.ts'
import { addDays } from '../kernel/clock.ts'
import { holdLock, type Reader, type Tx } from '../kernel/database.ts'
import { withdrawAnswers } from '../kernel/idempotency.ts'
import { newId } from '../kernel/ids.ts'
import { linkPlaceholder, type Messenger, type PrivateLink } from '../kernel/messenger.ts'
import { AppProblem, conflict, invalid, notFound } from '../kernel/problems.ts'
import { openToken, type Secrets, signToken } from '../kernel/secrets.ts'
import { readSetting, saveSetting } from '../kernel/settings.ts'
import type { Caller } from './caller.ts'
import type { AppContext } from './context.ts'
import { deleteSessions, openSessionsOf, sessionView } from './open-sessions.ts'
import { isGuessable } from './password-rules.ts'
import { hashPassword } from './passwords.ts'
import { countRecoveryCodes } from './recovery-codes.ts'
import { invitations, passkeys, passwordResets, people, recoveryCodes, sessions } from './tables.ts'
import { tellPerson } from './tell.ts'

export type PersonRow = typeof people.$inferSelect

/** True once somebody can administer this installation. */
export async function isSetUp(reader: Reader): Promise<boolean> {
  const found = await reader.db
    .select({ id: people.id })
    .from(people)
    .where(and(eq(people.role, 'administrator'), eq(people.isDemo, false)))
    .limit(1)
  return found.length > 0
}

/** The token of the one-time link with which the first administrator is made. It is void as soon as there is one. */
export function setupToken(secrets: Secrets): string {
  return signToken(secrets, 'setup', ['first-administrator'])
}

/** Makes the first administrator. @throws AppProblem forbidden for a wrong or used link. */
export async function setUp(
  tx: Tx,
  secrets: Secrets,
  input: { token: string; organization: string; name: string; email: string; password: string },
): Promise<PersonRow> {
  if (!openToken(secrets, 'setup', input.token))
    throw new AppProblem('forbidden', 'This setup link is invalid. The server prints the current one when it starts.')
  // Two who open the link at once: the second waits here, and finds the first.
  await holdLock(tx, 'administrators')
  if (await isSetUp(tx)) throw new AppProblem('forbidden', 'This setup link was already used. Sign in, or ask an administrator for an invitation.')
  const person = await addPerson(tx, {
    name: input.name,
    email: input.email,
    role: 'administrator',
    passwordHash: await hashNewPassword('password', input.password, [input.organization, input.name, input.email]),
    isDemo: false,
  })
  await saveSetting(tx, 'organization', input.organization)
  await record(tx, {
    actor: actorOf(person),
    type: 'organization.set-up',
    subject: { kind: 'person', id: person.id },
    data: { organization: input.organization, email: person.email },
  })
  return person
}

/** @throws AppProblem invalid, naming `field`, for a password that is easy to guess; `own` are words that everybody knows of this person */
export async function hashNewPassword(field: string, password: string, own: readonly string[]): Promise<string> {
  if (isGuessable(password, own))
    throw invalid(field, 'is easy to guess: common words, names, repetitions and sequences count for nothing. Take several unrelated words')
  return hashPassword(password)
}

export const organizationName = async (reader: Reader): Promise<string> => (await readSetting(reader, 'organization', z.string())) ?? ''

export async function addPerson(tx: Tx, person: { name: string; email: string; role: Role; passwordHash: string | null; isDemo: boolean }): Promise<PersonRow> {
  const [added] = await tx.db
    .insert(people)
    .values({ ...person, createdAt: tx.now })
    .onConflictDoNothing()
    .returning()
  if (!added) throw conflict(`${person.email} already has an account.`)
  if (added.isDemo) await markRecords(tx, [added.id], { isDemo: true })
  return added
}

export function actorOf(person: { id: string; name: string }): Actor {
  return { kind: 'person', id: person.id, name: person.name }
}

export function invitationLink(invitationId: string): PrivateLink {
  return { path: '/invite/', purpose: 'invitation', claims: [invitationId] }
}

/** A link of an invitation works for so long. */
const invitationDays = 7

/** Ends open invitations. @returns those that were open */
function endInvitations(tx: Tx, which: SQL) {
  return tx.db
    .update(invitations)
    .set({ expiresAt: tx.now })
    .where(and(which, isNull(invitations.usedAt), gt(invitations.expiresAt, tx.now)))
    .returning({ id: invitations.id, email: invitations.email })
}

/**
 * Invites a person, who can be put into teams and on schedules at once, and is paged at this address before they sign in for the first time. The link works
 * once, for seven days, and until the same person is invited again.
 */
export async function invite(
  tx: Tx,
  messenger: Messenger,
  caller: Caller,
  input: { email: string; name: string; role: Role },
): Promise<Invitation & { link: string }> {
  await holdLock(tx, 'invitations')
  const [taken] = await tx.db.select().from(people).where(eq(people.email, input.email)).for('update')
  if (taken && (hasJoined(taken) || taken.isDemo)) throw conflict(`${input.email} already has an account.`)
  const account = { name: input.name, role: input.role, isActive: true }
  const isAsBefore = taken?.isActive === true && taken.name === input.name && taken.role === input.role
  const personId = taken?.id ?? (await addPerson(tx, { ...input, passwordHash: null, isDemo: false })).id
  if (taken && !isAsBefore) await tx.db.update(people).set(account).where(eq(people.id, taken.id))
  const { email, role } = input
  if (!isAsBefore) await record(tx, { actor: caller.actor, type: 'person.entered', subject: { kind: 'person', id: personId }, data: { email, role } })
  const invitation = { id: newId(), ...input, createdAt: tx.now, expiresAt: addDays(tx.now, invitationDays) }
  // An earlier one may give a higher role than is meant now.
  await endInvitations(tx, eq(invitations.email, input.email))
  await tx.db.insert(invitations).values(invitation)
  const link = invitationLink(invitation.id)
  await messenger.post(tx, {
    channel: 'email',
    address: input.email,
    purpose: 'invitation',
    purposeId: invitation.id,
    subject: 'You are invited to Tocsin',
    body: `Hello ${input.name},\n\n${caller.actor.name} invited you to Tocsin, the platform for security incidents. Set your password within seven days:\n\n${linkPlaceholder}\n`,
    link,
  })
  await record(tx, {
    actor: caller.actor,
    type: 'person.invited',
    subject: { kind: 'invitation', id: invitation.id },
    data: { email: input.email, role: input.role },
  })
  return { ...invitation, link: messenger.linkTo(link) }
}

/** Withdraws an invitation that was not accepted yet: the account is deactivated, and leaves its teams and schedules. */
export async function withdrawInvitation(tx: Tx, context: AppContext, caller: Caller, id: string): Promise<void> {
  const withdrawn = await withdraw(tx, caller, eq(invitations.id, id))
  if (withdrawn.length === 0) throw notFound('open invitation')
  const waiting = await tx.db
    .select({ id: people.id })
    .from(people)
    .where(and(inArray(people.email, withdrawn), isNull(people.passwordHash), eq(people.isDemo, false), eq(people.isActive, true)))
  for (const person of waiting) await changePerson(tx, context, caller, person.id, { isActive: false })
}

/** @returns the addresses of those that were open */
async function withdraw(tx: Tx, caller: Caller, which: SQL): Promise<string[]> {
  const withdrawn = await endInvitations(tx, which)
  await recordAll(
    tx,
    withdrawn.map(({ id, email }) => ({ actor: caller.actor, type: 'invitation.withdrawn', subject: { kind: 'invitation', id }, data: { email } })),
  )
  return withdrawn.map(({ email }) => email)
}

/** Who invites nobody any more lets nobody in by what was sent before, least of all themselves under another name. */
async function withdrawInvitationsBy(tx: Tx, caller: Caller, personId: string): Promise<void> {
  const made = await subjectsOf(tx, { actorId: personId, type: 'person.invited', since: addDays(tx.now, -invitationDays) })
  if (made.length > 0) await withdraw(tx, caller, inArray(invitations.id, made))
}

/** Takes an invitation up. @throws AppProblem forbidden when the link is wrong, used or too old. */
export async function acceptInvitation(tx: Tx, secrets: Secrets, input: { token: string; name: string; password: string }): Promise<PersonRow> {
  const [id] = openToken(secrets, 'invitation', input.token) ?? []
  const [invitation] = id === undefined ? [] : await tx.db.select().from(invitations).where(eq(invitations.id, id)).for('update')
  if (!invitation || invitation.usedAt !== null || invitation.expiresAt <= tx.now)
    throw new AppProblem('forbidden', 'This invitation is invalid, was already used, or has expired. Ask for a new one.')
  await tx.db.update(invitations).set({ usedAt: tx.now }).where(eq(invitations.id, invitation.id))
  const passwordHash = await hashNewPassword('password', input.password, [await organizationName(tx), input.name, invitation.email])
  const [person] = await tx.db
    .update(people)
    .set({ name: input.name, passwordHash })
    .where(and(eq(people.email, invitation.email), isNull(people.passwordHash), eq(people.isDemo, false), eq(people.isActive, true)))
    .returning()
  if (!person) throw new AppProblem('forbidden', 'This invitation is invalid: the account was deactivated. Ask for a new one.')
  await record(tx, {
    actor: actorOf(person),
    type: 'person.joined',
    subject: { kind: 'person', id: person.id },
    data: { email: person.email, role: person.role },
  })
  return person
}

export async function openInvitations(reader: Reader): Promise<Invitation[]> {
  return reader.db
    .select({
      ...{ id: invitations.id, email: invitations.email, name: invitations.name, role: invitations.role },
      ...{ createdAt: invitations.createdAt, expiresAt: invitations.expiresAt },
    })
    .from(invitations)
    .where(and(isNull(invitations.usedAt), gt(invitations.expiresAt, reader.now)))
    .orderBy(asc(invitations.createdAt))
}

/** False for somebody who was invited, and has not accepted yet: nothing of theirs lets anybody in. */
const hasJoined = ({ passwordHash, totpConfirmedAt }: Pick<PersonRow, 'passwordHash' | 'totpConfirmedAt'>) => passwordHash !== null || totpConfirmedAt !== null
const joined = or(isNotNull(people.passwordHash), isNotNull(people.totpConfirmedAt))

const secondFactor = sql<boolean>`(${people.totpConfirmedAt} is not null or exists (select 1 from passkeys where passkeys.person_id = ${people.id}))`

/** Everybody, by name. */
export async function listPeople(reader: Reader, id?: string): Promise<Person[]> {
  const rows = await reader.db
    .select({ person: people, hasSecondFactor: secondFactor })
    .from(people)
    .where(id === undefined ? undefined : eq(people.id, id))
    .orderBy(asc(people.name))
  return rows.map(({ person, hasSecondFactor }) => ({
    id: person.id,
    name: person.name,
    email: person.email,
    role: person.role,
    isActive: person.isActive,
    isDemo: person.isDemo,
    isExecutive: person.isExecutive,
    hasJoined: person.isDemo || hasJoined(person),
    hasSecondFactor,
    createdAt: person.createdAt,
  }))
}

export async function findPerson(reader: Reader, id: string): Promise<PersonRow | undefined> {
  const [person] = await reader.db.select().from(people).where(eq(people.id, id))
  return person
}

/** How many people have joined and are active, without those of the demo. */
export function countJoined(reader: Reader): Promise<number> {
  return reader.db.$count(people, and(eq(people.isActive, true), eq(people.isDemo, false), joined))
}

/** @throws AppProblem invalid, naming `field`, when one of the people does not exist, or is not active: then with the name. */
export async function assertPeople(reader: Reader, ids: readonly string[], field: string): Promise<void> {
  await readChosen(reader, ids, field)
}

/** True for somebody who can be on call and paged: observers may not answer a page. */
export const canRespond = ({ isActive, role }: Pick<PersonRow, 'isActive' | 'role'>): boolean => isActive && includesRole(role, 'responder')

/** @throws AppProblem invalid, naming `field` and the person, for somebody who cannot be on call or paged. */
export async function assertResponders(reader: Reader, ids: readonly string[], field: string): Promise<void> {
  const unfit = (await readChosen(reader, ids, field)).find(person => !canRespond(person))
  if (unfit) throw invalid(field, `must not be an observer, who cannot answer pages. ${unfit.name} is one`)
}

async function readChosen(reader: Reader, ids: readonly string[], field: string): Promise<Pick<PersonRow, 'id' | 'name' | 'isActive' | 'role'>[]> {
  const wanted = [...new Set(ids)]
  if (wanted.length === 0) return []
  const found = await reader.db
    .select({ id: people.id, name: people.name, isActive: people.isActive, role: people.role })
    .from(people)
    .where(sql`${people.id} = any(${sql.param(wanted)}::uuid[])`)
  for (const id of wanted) {
    const person = found.find(one => one.id === id)
    if (person?.isActive) continue
    const what = wanted.length === 1 ? 'must be somebody with an active account' : 'must be people with an active account'
    throw invalid(field, person ? `${what}. ${person.name} is deactivated` : what)
  }
  return found
}

/** Changes role, activity, the mark of an executive or the lost second factor of a person, who is told by email. The last administrator stays one. */
export async function changePerson(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  id: string,
  change: {
    role?: Role | undefined
    isActive?: boolean | undefined
    isExecutive?: boolean | undefined
    resetSecondFactor?: boolean | undefined
    reason?: string | undefined
  },
): Promise<Person> {
  await holdLock(tx, 'administrators')
  // Nobody is chosen while they leave, or become an observer.
  await holdLock(tx, 'organization')
  const before = await findPerson(tx, id)
  if (!before) throw notFound('person')
  const staysAdministrator = (change.role ?? before.role) === 'administrator' && (change.isActive ?? before.isActive)
  if (before.role === 'administrator' && before.isActive && !staysAdministrator) {
    const others = await tx.db
      .select({ id: people.id })
      .from(people)
      .where(and(eq(people.role, 'administrator'), eq(people.isActive, true), eq(people.isDemo, false), joined, ne(people.id, id)))
      .limit(1)
    if (others.length === 0) throw conflict(`${before.name} is the only administrator. Make another person an administrator first.`)
  }
  const differing = {
    ...(change.role === undefined || change.role === before.role ? {} : { role: change.role }),
    ...(change.isActive === undefined || change.isActive === before.isActive ? {} : { isActive: change.isActive }),
    ...(change.isExecutive === undefined || change.isExecutive === before.isExecutive ? {} : { isExecutive: change.isExecutive }),
    ...(change.resetSecondFactor ? { resetSecondFactor: true } : {}),
  }
  if (Object.keys(differing).length === 0) return personView(tx, id)
  await tx.db
    .update(people)
    .set({ role: change.role ?? before.role, isActive: change.isActive ?? before.isActive, isExecutive: change.isExecutive ?? before.isExecutive })
    .where(eq(people.id, id))
  if (change.resetSecondFactor) await clearSecondFactor(tx, id)
  const isOnlyMarked = Object.keys(differing).every(name => name === 'isExecutive')
  // What the person may do has changed, or who the person is must be shown anew: every session ends.
  if ((id !== caller.personId && !isOnlyMarked) || change.resetSecondFactor || change.isActive === false) await deleteSessions(tx, id)
  if (differing.isActive === false) {
    await withdraw(tx, caller, eq(invitations.email, before.email))
    await context.departures.leave(tx, caller.actor, id)
  }
  if (!staysAdministrator) await withdrawInvitationsBy(tx, caller, id)
  if (differing.role !== undefined || differing.isActive !== undefined) await withdrawAnswers(tx)
  await record(tx, {
    ...{ actor: caller.actor, type: 'person.changed', subject: { kind: 'person', id } },
    data: {
      name: before.name,
      ...differing,
      ...(change.reason === undefined ? {} : { reason: change.reason }),
      before: {
        ...{ role: before.role, isActive: before.isActive },
        ...(differing.isExecutive === undefined ? {} : { isExecutive: before.isExecutive }),
      },
    },
  })
  const happened = [
    ...(differing.role === undefined ? [] : [`your role was changed from ${before.role} to ${differing.role}`]),
    ...(differing.isActive === undefined ? [] : [`your account was ${differing.isActive ? 'reactivated' : 'deactivated'}`]),
    ...(differing.isExecutive === undefined
      ? []
      : [differing.isExecutive ? 'you can now be the executive sponsor of an incident' : 'you can no longer be the executive sponsor of an incident']),
    ...(differing.resetSecondFactor ? ['your second factors were removed: the next sign-in by password sets up a new one'] : []),
  ]
  await tellPerson(
    tx,
    context,
    id,
    `${caller.actor.name} changed your Tocsin account: ${happened.join('; ')}.`,
    'If you did not expect that, tell your administrators at once.',
  )
  return personView(tx, id)
}

/** Takes every second factor of a person away: the next sign-in by password enrolls a new one. */
export async function clearSecondFactor(tx: Tx, personId: string): Promise<void> {
  await tx.db.update(people).set({ totpSecret: null, totpConfirmedAt: null, wrongCodes: 0, codesLockedUntil: null }).where(eq(people.id, personId))
  await tx.db.delete(passkeys).where(eq(passkeys.personId, personId))
  await tx.db.delete(recoveryCodes).where(eq(recoveryCodes.personId, personId))
}

async function personView(reader: Reader, id: string): Promise<Person> {
  const [person] = await listPeople(reader, id)
  if (!person) throw notFound('person')
  return person
}

/** The signed-in person's own view of the account. */
export async function readMe(
  reader: Reader,
  context: Pick<AppContext, 'config'>,
  { personId, sessionId }: { readonly personId: string; readonly sessionId: string | null },
): Promise<Me> {
  const [person] = await listPeople(reader, personId)
  const row = await findPerson(reader, personId)
  if (!person || !row) throw notFound('person')
  const keys = await reader.db.select().from(passkeys).where(eq(passkeys.personId, personId)).orderBy(asc(passkeys.createdAt))
  const open = await openSessionsOf(reader, context, personId)
  return {
    person,
    assurance: open.find(session => session.id === sessionId)?.assurance ?? 'full',
    mustEnrol: !person.hasSecondFactor,
    hasTotp: row.totpConfirmedAt !== null,
    recoveryCodesLeft: await countRecoveryCodes(reader, personId),
    passkeys: keys.map(({ id, name, createdAt, lastUsedAt }) => ({ id, name, createdAt, lastUsedAt })),
    sessions: open.map(session => sessionView(session, sessionId)),
  }
}

/** Changes the own password, once the current one was given; every other session ends, and so do links that were sent to set one. */
export async function changePassword(tx: Tx, context: AppContext, caller: Caller, next: string): Promise<void> {
  const person = await findPerson(tx, caller.personId)
  if (!person) throw notFound('person')
  await tx.db
    .update(people)
    .set({ passwordHash: await hashNewPassword('next', next, [await organizationName(tx), person.name, person.email]) })
    .where(eq(people.id, caller.personId))
  await tx.db
    .update(passwordResets)
    .set({ usedAt: tx.now })
    .where(and(eq(passwordResets.personId, caller.personId), isNull(passwordResets.usedAt)))
  await deleteSessions(tx, caller.personId, ne(sessions.id, caller.sessionId ?? caller.personId))
  await record(tx, { actor: caller.actor, type: 'password.changed', subject: { kind: 'person', id: caller.personId } })
  await tellPerson(tx, context, caller.personId, 'the password of your Tocsin account was changed. All other sessions were signed out.')
}
