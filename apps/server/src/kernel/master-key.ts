import { existsSync, renameSync } from 'node:fs'
import { eq } from 'drizzle-orm'
import { z } from 'zod'
import type { Config } from './config.ts'
import { ConfigProblem } from './config-problem.ts'
import type { Database, Reader, Tx } from './database.ts'
import { seal, unseal } from './sealing.ts'
import { isEqual, type KeptKeys, masterKeyFile, nextKeyFile, openKeyFile, openSecrets, openUnstretched, type Secrets, signingUse, withKept } from './secrets.ts'
import { readSetting, saveSetting } from './settings.ts'
import { settings } from './tables.ts'

/** Where the database keeps what it was made with: a keyed digest, of which the key cannot be learned. */
const checkName = 'master-key.check'
/** The same of the key that a rotation was begun with, until it ends. */
const nextName = 'master-key.next'

/** Since a rotation it is a digest of `kept`, which is sealed: whoever can only write to the database can take neither away. */
const Check = z.union([z.string(), z.strictObject({ check: z.string(), kept: z.string() })])
type Check = z.output<typeof Check>

const Key = z.base64().transform(text => Buffer.from(text, 'base64'))
const Kept = z.object({
  derived: z.record(z.string(), Key),
  texts: z.record(z.string(), z.string()),
  earlier: z.array(z.object({ key: Key, lastSeq: z.int() })),
})
const keptOf = `settings ${checkName}`
/** Entries that an earlier key signed are checked for as long as they are there. */
const maxEarlier = 100

/** What stays as it was derived first: browsers subscribe to the key of pushes. */
const keptUses = ['vapid']

const checkOf = (secrets: Secrets, kept = 'tocsin') => secrets.sign(checkName, kept)

/**
 * Opens the master key that belongs to a database, and gives it to its transactions. The first start writes down which one that is.
 * @throws ConfigProblem when the key is missing or another one: sealed secrets could not be read, and the journal would go on under another signature; when its rotation has not ended
 */
export async function openMasterKey(database: Database, config: Config): Promise<Secrets> {
  const path = masterKeyFile(config.dataFolder)
  const expected = await readCheck(database.reader(), checkName)
  if ((await readCheck(database.reader(), nextName)) !== undefined)
    throw new ConfigProblem('A rotation of the master key was begun and has not finished. Run it again, with the same keys: npx tocsin key rotate.')
  if (expected !== undefined && config.secret === undefined && !existsSync(path))
    throw new ConfigProblem(`The master key ${path} is missing, but the database was created with one. Restore the file, or set TOCSIN_SECRET to the key.`)
  if (expected === undefined) {
    const check = checkOf(openSecrets(config.dataFolder, config.secret))
    // Two servers that start on a fresh database at once: the first decides, the other is told.
    await database.transaction(tx => tx.db.insert(settings).values({ name: checkName, value: check }).onConflictDoNothing())
  }
  const stored = expected ?? (await readCheck(database.reader(), checkName))
  const secrets = openGiven(config, stored) ?? openRenamed(config, stored)
  if (secrets === undefined)
    throw new ConfigProblem(
      `The master key in ${config.secret === undefined ? path : 'TOCSIN_SECRET'} is not the one that this database was created with. Restore that key, or use another database.`,
    )
  database.signWith(secrets)
  return secrets
}

async function readCheck(reader: Reader, name: string): Promise<Check | undefined> {
  const check = await readSetting(reader, name, Check)
  if (check === undefined && (await reader.db.$count(settings, eq(settings.name, name))) > 0)
    throw new ConfigProblem(`The setting ${name} in the database cannot be read, so that no master key can be checked. Restore it from a backup.`)
  return check
}

/** The key that the configuration gives, if it is the one of the database. */
function openGiven(config: Config, check: Check | undefined): Secrets | undefined {
  if (config.secret !== undefined) return recognize(check, givenKeys(config.secret))
  return recognize(check, [() => openKeyFile(masterKeyFile(config.dataFolder))])
}

/** A key as it is read today, and as it was before keys were stretched. */
const givenKeys = (secret: string) => [() => openUnstretched(secret), () => openSecrets('', secret)]

/** A rotation that was killed at its very end has left its key beside its place. */
function openRenamed(config: Config, check: Check | undefined): Secrets | undefined {
  const next = nextKeyFile(config.dataFolder)
  if (config.secret !== undefined || !existsSync(next)) return undefined
  const secrets = recognize(check, [() => openKeyFile(next)])
  if (secrets !== undefined) renameSync(next, masterKeyFile(config.dataFolder))
  return secrets
}

/** The first of some keys that the database knows, with what is kept of earlier ones. */
function recognize(check: Check | undefined, keys: readonly (() => Secrets)[]): Secrets | undefined {
  if (check === undefined) return undefined
  for (const open of keys) {
    const secrets = open()
    if (typeof check === 'string') {
      if (isEqual(check, checkOf(secrets))) return secrets
    } else if (isEqual(check.check, checkOf(secrets, check.kept))) return withKept(secrets, readKept(secrets, check.kept))
  }
  return undefined
}

function readKept(secrets: Secrets, kept: string): KeptKeys {
  const { derived, texts, earlier } = Kept.parse(JSON.parse(unseal(secrets, kept, keptOf)))
  return { derived: new Map(Object.entries(derived)), texts: new Map(Object.entries(texts)), earlier }
}

/** Two master keys, of which one replaces the other. */
export interface Rotation {
  readonly from: Secrets
  readonly to: Secrets
  /** Of earlier keys. */
  readonly kept: Omit<KeptKeys, 'texts'>
  /** It was begun before, so that something may be sealed with the new key already. */
  readonly isResumed: boolean
}

/**
 * Begins to replace the master key, or goes on where a rotation was killed. Until {@link finishRotation} no server starts.
 * @returns undefined where the new key is in place already
 * @throws ConfigProblem when a key is missing, or is not the one of the database or of the rotation that was begun
 */
export async function beginRotation(database: Database, config: Config): Promise<Rotation | undefined> {
  const check = await readCheck(database.reader(), checkName)
  if (check === undefined) throw new ConfigProblem('The database has no master key yet. Start Tocsin once.')
  const from = openOld(config, check)
  if (from === undefined) {
    if ((config.secret === undefined ? openRenamed(config, check) : openGiven(config, check)) !== undefined) return undefined
    throw new ConfigProblem(
      `The master key in ${oldName(config)} is not the one that this database was created with. Set TOCSIN_SECRET_OLD to that key, and TOCSIN_SECRET to the new one.`,
    )
  }
  const to = config.secret === undefined ? openKeyFile(nextKeyFile(config.dataFolder)) : openSecrets('', config.secret)
  if (to.keyId === from.keyId)
    throw new ConfigProblem('TOCSIN_SECRET is the master key of this database already. Set it to the new key, and TOCSIN_SECRET_OLD to this one.')
  const begun = await readCheck(database.reader(), nextName)
  if (begun !== undefined && begun !== checkOf(to))
    throw new ConfigProblem('A rotation to another master key was begun and has not finished. Run it again with that key.')
  if (begun === undefined) await database.transaction(tx => saveSetting(tx, nextName, checkOf(to)))
  const earlier = typeof check === 'string' ? [] : readKept(from, check.kept).earlier
  return { from, to, kept: { derived: new Map(keptUses.map(use => [use, from.derive(use)])), earlier }, isResumed: begun !== undefined }
}

const oldName = (config: Config) => (config.oldSecret === undefined ? masterKeyFile(config.dataFolder) : 'TOCSIN_SECRET_OLD')

function openOld(config: Config, check: Check): Secrets | undefined {
  if (config.oldSecret !== undefined) return recognize(check, givenKeys(config.oldSecret))
  const path = masterKeyFile(config.dataFolder)
  if (existsSync(path)) return recognize(check, [() => openKeyFile(path)])
  if (config.secret === undefined) throw new ConfigProblem(`The master key ${path} is missing. Restore the file, or set TOCSIN_SECRET_OLD to the key.`)
  return undefined
}

/** Takes back that a rotation was begun, where nothing was sealed with its key yet. */
export async function abandonRotation(tx: Tx): Promise<void> {
  await tx.db.delete(settings).where(eq(settings.name, nextName))
}

/**
 * The new key is the one of the database from the end of this transaction on.
 * @param lastSeq the last entry of the journal that the old key signed
 * @param texts what modules keep with the new key, by name
 */
export async function finishRotation(tx: Tx, { from, to, kept }: Rotation, lastSeq: number, texts: ReadonlyMap<string, string>): Promise<void> {
  const earlier = [{ key: from.derive(signingUse), lastSeq }, ...kept.earlier].slice(0, maxEarlier)
  const text = JSON.stringify({
    derived: Object.fromEntries([...kept.derived].map(([use, key]) => [use, key.toString('base64')])),
    texts: Object.fromEntries(texts),
    earlier: earlier.map(({ key, lastSeq }) => ({ key: key.toString('base64'), lastSeq })),
  })
  const sealed = seal(to, text, keptOf)
  await saveSetting(tx, checkName, { check: checkOf(to, sealed), kept: sealed })
  await abandonRotation(tx)
}

/** Puts a generated key in its place, once it is the one of the database. */
export function placeKeyFile(config: Config): void {
  if (config.secret === undefined && existsSync(nextKeyFile(config.dataFolder))) renameSync(nextKeyFile(config.dataFolder), masterKeyFile(config.dataFolder))
}
