import { existsSync } from 'node:fs'
import { eq } from 'drizzle-orm'
import { z } from 'zod'
import type { Config } from './config.ts'
import { ConfigProblem } from './config-problem.ts'
import type { Database } from './database.ts'
import { isEqual, masterKeyFile, openSecrets, openUnstretched, type Secrets } from './secrets.ts'
import { readSetting } from './settings.ts'
import { settings } from './tables.ts'

/** Where the database keeps what it was made with: a keyed digest, of which the key cannot be learned. */
const checkName = 'master-key.check'

const checkOf = (secrets: Secrets) => secrets.sign(checkName, 'tocsin')

/**
 * Opens the master key that belongs to a database, and gives it to its transactions. The first start writes down which one that is.
 * @throws ConfigProblem when the key is missing or another one: sealed secrets could not be read, and the journal would go on under another signature.
 */
export async function openMasterKey(database: Database, config: Config): Promise<Secrets> {
  const path = masterKeyFile(config.dataFolder)
  const expected = await readSetting(database.reader(), checkName, z.string())
  const isDamaged = expected === undefined && (await database.reader().db.$count(settings, eq(settings.name, checkName))) > 0
  if (isDamaged)
    throw new ConfigProblem(`The setting ${checkName} in the database cannot be read, so that no master key can be checked. Restore it from a backup.`)
  if (expected !== undefined && config.secret === undefined && !existsSync(path))
    throw new ConfigProblem(`The master key ${path} is missing, but the database was created with one. Restore the file, or set TOCSIN_SECRET to the key.`)
  const opened = openSecrets(config.dataFolder, config.secret)
  const unstretched = config.secret === undefined ? opened : openUnstretched(config.secret)
  const secrets = expected !== undefined && isEqual(expected, checkOf(unstretched)) ? unstretched : opened
  const check = checkOf(secrets)
  // Two servers that start on a fresh database at once: the first decides, the other is told.
  await database.transaction(tx => tx.db.insert(settings).values({ name: checkName, value: check }).onConflictDoNothing())
  const stored = await readSetting(database.reader(), checkName, z.string())
  if (stored === undefined || !isEqual(stored, check))
    throw new ConfigProblem(
      `The master key in ${config.secret === undefined ? path : 'TOCSIN_SECRET'} is not the one that this database was created with. Restore that key, or use another database.`,
    )
  database.signWith(secrets)
  return secrets
}
