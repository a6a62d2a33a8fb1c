import { createHash } from 'node:crypto'
import type { IncidentClass } from '@tocsin/api'
import { incidentClasses } from '@tocsin/api'
import { desc } from 'drizzle-orm'
import type { Caller } from '../access/index.ts'
import { record } from '../journal/index.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { changedMeanwhile } from '../kernel/problems.ts'
import { classDefinitions } from './tables.ts'

const names: Readonly<Record<IncidentClass, string>> = {
  suspected: 'Suspected',
  'security-incident': 'Security incident',
  'customer-reportable': 'Customer-reportable security incident',
  'privacy-breach': 'Privacy breach',
  'not-an-incident': 'Not an incident',
}

/** The definitions until the organization writes its own. */
const defaults: Readonly<Record<IncidentClass, string>> = {
  suspected: 'Something that may be a security incident. Its existence, scope and magnitude are still to be confirmed.',
  'security-incident':
    'A confirmed breach of security leading to the accidental or unlawful destruction, loss, alteration, unauthorized disclosure of, or access to customer or personal data, or to the systems that hold it.',
  'customer-reportable': 'A security incident that affects customers whom we are contractually obligated to notify.',
  'privacy-breach': 'A security incident that affects personal data (GDPR Art. 4(12)).',
  'not-an-incident': 'The suspected incident did not happen, or did not affect confidentiality, integrity or availability.',
}

/** The newest version of each definition. */
export async function listClassDefinitions(reader: Reader) {
  const rows = await reader.db.select().from(classDefinitions).orderBy(desc(classDefinitions.version))
  return incidentClasses.map(name => {
    const written = rows.find(row => row.class === name)
    return {
      class: name,
      name: names[name],
      text: written?.text ?? defaults[name],
      version: written?.version ?? 1,
      changedBy: written?.changedBy ?? 'Tocsin',
      changedAt: written?.changedAt ?? reader.now,
    }
  })
}

/** Which definition of a class is meant now, for the entry of a decision that rests on it. */
export async function definitionOf(reader: Reader, name: IncidentClass): Promise<{ version: number; sha256: string }> {
  const found = (await listClassDefinitions(reader)).find(definition => definition.class === name)
  if (found === undefined) throw new Error(`every class has a definition, ${name} as well`)
  return { version: found.version, sha256: createHash('sha256').update(found.text).digest('hex') }
}

/** Writes a new version of a definition; the earlier ones stay. */
export async function defineClass(tx: Tx, caller: Caller, name: IncidentClass, input: { version: number; text: string }) {
  const current = (await listClassDefinitions(tx)).find(definition => definition.class === name)
  if (current?.version !== input.version) throw changedMeanwhile()
  if (current.text === input.text) return listClassDefinitions(tx)
  const written = await tx.db
    .insert(classDefinitions)
    .values({ class: name, version: input.version + 1, text: input.text, changedBy: caller.actor.name, changedAt: tx.now })
    .onConflictDoNothing()
    .returning({ version: classDefinitions.version })
  if (written.length === 0) throw changedMeanwhile()
  await record(tx, {
    actor: caller.actor,
    type: 'class-definition.changed',
    subject: { kind: 'incident-class', id: name },
    data: { version: input.version + 1, text: input.text, before: { version: current.version, text: current.text } },
  })
  return listClassDefinitions(tx)
}
