import { randomBytes } from 'node:crypto'
import { and, eq, isNull } from 'drizzle-orm'
import { record } from '../journal/index.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { secretDigest } from '../kernel/secrets.ts'
import type { Caller } from './caller.ts'
import type { AppContext } from './context.ts'
import { recoveryCodes } from './tables.ts'
import { tellPerson } from './tell.ts'

const codes = 10
/** 32 characters that are not taken for each other: 24 of them are 120 random bits, too many to need a slow hash. */
const alphabet = '23456789ABCDEFGHJKLMNPQRSTUVWXYZ'

const makeCode = () => [...randomBytes(24)].map(byte => alphabet[byte % 32]).join('')
const grouped = (code: string) => code.replace(/(.{4})(?=.)/g, '$1-')
const digestOf = (personId: string, code: string) => secretDigest(`${personId} ${code.toUpperCase().replace(/[^0-9A-Z]/g, '')}`)

/** Makes ten codes, each of which stands in once for a second factor that was lost; those from before end. They are in the answer and nowhere else. */
export async function createRecoveryCodes(tx: Tx, context: AppContext, caller: Caller): Promise<{ codes: string[] }> {
  const made = Array.from({ length: codes }, makeCode)
  await tx.db.delete(recoveryCodes).where(eq(recoveryCodes.personId, caller.personId))
  await tx.db.insert(recoveryCodes).values(made.map(code => ({ id: newId(), personId: caller.personId, digest: digestOf(caller.personId, code) })))
  await record(tx, { actor: caller.actor, type: 'recovery-codes.created', subject: { kind: 'person', id: caller.personId } })
  await tellPerson(tx, context, caller.personId, 'recovery codes for your Tocsin account were created. Earlier ones no longer work.')
  return { codes: made.map(grouped) }
}

export async function countRecoveryCodes(reader: Reader, personId: string): Promise<number> {
  return reader.db.$count(recoveryCodes, and(eq(recoveryCodes.personId, personId), isNull(recoveryCodes.usedAt)))
}

/** Uses a code up. @returns false for one that is wrong or was used */
export async function takeRecoveryCode(tx: Tx, context: AppContext, caller: Caller, code: string): Promise<boolean> {
  const used = await tx.db
    .update(recoveryCodes)
    .set({ usedAt: tx.now })
    .where(and(eq(recoveryCodes.personId, caller.personId), eq(recoveryCodes.digest, digestOf(caller.personId, code)), isNull(recoveryCodes.usedAt)))
    .returning({ id: recoveryCodes.id })
  if (used.length === 0) return false
  const left = await countRecoveryCodes(tx, caller.personId)
  await record(tx, { actor: caller.actor, type: 'recovery-code.used', subject: { kind: 'person', id: caller.personId }, data: { left } })
  await tellPerson(tx, context, caller.personId, `a recovery code was used to sign in to your Tocsin account. ${left} are left.`)
  return true
}
