import { z } from 'zod'
import { event } from './event.ts'
import { Count, Digest, Instant, Nothing } from './vocabulary.ts'
import { duration, when } from './words.ts'

const Running = z.strictObject({
  version: z.string(),
  /** SHA-256 of the newest migration that the database has. */
  schema: z.string(),
  role: z.enum(['all', 'web', 'paging', 'detect']),
})

const Value = z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]).nullable()

const SavedView = z.strictObject({ list: z.enum(['alerts', 'incidents']), name: z.string(), isShared: z.boolean() })

/** An entry that a reader of the audit log could not process. `type` is that of the entry. */
const SetAside = { reader: z.string(), type: z.string() }

/** The installation itself: what an auditor asks about Tocsin. */
/** Entries that the sentence about foreign ones names. */
const maxForeignShown = 10

export const systemEvents = [
  event({ type: 'system.started', version: 1, subject: 'system', within: 'none', data: Running, sentence: ({ data }) => `Tocsin ${data.version} started` }),
  event({ type: 'system.stopped', version: 1, subject: 'system', within: 'none', data: Running, sentence: ({ data }) => `Tocsin ${data.version} stopped` }),
  event({
    type: 'system.away',
    version: 1,
    subject: 'system',
    within: 'none',
    /** No server ran from the last sign of life on; `isExact` is false where it ended without one: signs are a minute apart. */
    data: z.strictObject({ from: Instant, until: Instant, seconds: Count, isExact: z.boolean() }),
    sentence: ({ data, at }) => `No server ran for ${data.isExact ? '' : 'about '}${duration(data.seconds)}, from ${when(data.from, at)}`,
  }),
  event({
    type: 'system.upgraded',
    version: 1,
    subject: 'system',
    within: 'none',
    data: z.strictObject({ from: z.string(), to: z.string() }),
    sentence: ({ data }) => `Tocsin was upgraded from ${data.from} to ${data.to}`,
  }),
  event({
    type: 'master-key.rotated',
    version: 1,
    subject: 'system',
    within: 'none',
    /** IDs of the two keys, and how many sealed values did not open with the earlier one. */
    data: z.strictObject({ from: z.string(), to: z.string(), unreadable: Count }),
    sentence: ({ data: { from, to, unreadable } }) => {
      const left =
        unreadable === 0
          ? ''
          : `; ${unreadable === 1 ? '1 sealed value' : `${unreadable} sealed values`} did not open and ${unreadable === 1 ? 'is' : 'are'} lost`
      return `Replaced the master key ${from} by ${to}, which ended all sessions and private links${left}`
    },
  }),
  event({
    type: 'setting.changed',
    version: 1,
    subject: 'setting',
    within: 'none',
    /** Null: not set. Settings that hold a secret are not recorded. */
    data: z.strictObject({ name: z.string(), before: Value, after: Value }),
    sentence: ({ data }) => `Setting ${data.name} changed`,
  }),
  event({
    type: 'organization.renamed',
    version: 1,
    subject: 'organization',
    within: 'none',
    data: z.strictObject({ name: z.string(), before: z.strictObject({ name: z.string().nullable() }) }),
    sentence: ({ data }) => `Renamed the organization to ${data.name}`,
  }),
  event({
    type: 'test-email.requested',
    version: 1,
    subject: 'organization',
    within: 'none',
    data: Nothing,
    sentence: () => 'Sent a test email to their own address',
  }),
  event({ type: 'demo.loaded', version: 1, subject: 'demo', within: 'none', data: Nothing, sentence: () => 'Loaded the demo data' }),
  event({ type: 'demo.removed', version: 1, subject: 'demo', within: 'none', data: Nothing, sentence: () => 'Deleted the demo data' }),
  event({
    type: 'journal.exported',
    version: 1,
    subject: 'export',
    within: 'none',
    data: z.strictObject({ documentSha256: Digest }),
    sentence: () => 'Exported the audit log',
  }),
  event({
    type: 'list.exported',
    version: 1,
    subject: 'export',
    within: 'none',
    /** `fields`: what the filter named; what it looked for is not kept, as it may be personal. */
    data: z.strictObject({ list: z.enum(['alerts', 'incidents']), view: z.enum(['triage', 'open', 'all']), fields: z.array(z.string()) }),
    sentence: ({ data: { list, view, fields } }) => `Exported ${list} as CSV (${view}${fields.length === 0 ? '' : `, filtered by ${fields.join(', ')}`})`,
  }),
  event({
    type: 'saved-view.saved',
    version: 1,
    subject: 'saved-view',
    within: 'none',
    data: SavedView,
    sentence: ({ data: { list, name, isShared } }) => `Saved the ${isShared ? 'shared ' : ''}view ${name} of ${list}`,
  }),
  event({
    type: 'saved-view.removed',
    version: 1,
    subject: 'saved-view',
    within: 'none',
    data: SavedView,
    sentence: ({ data: { list, name, isShared } }) => `Deleted the ${isShared ? 'shared ' : ''}view ${name} of ${list}`,
  }),
  event({
    type: 'journal.restore-accepted',
    version: 1,
    subject: 'journal',
    within: 'none',
    /** Checkpoints as signed: the one signed last, and that of the database to go on from. */
    data: z.strictObject({ signed: z.string(), restored: z.string() }),
    sentence: () => 'Accepted an audit log that is older than what was signed last, as after restoring a backup',
  }),
  event({
    type: 'journal.key-replaced',
    version: 1,
    subject: 'journal',
    within: 'none',
    /** The statement that both keys signed (C2SP signed note). */
    data: z.strictObject({ succession: z.string() }),
    sentence: () => 'Replaced the key that signs the audit log',
  }),
  event({
    type: 'journal.foreign-entry',
    version: 1,
    subject: 'journal',
    within: 'none',
    /** How many were found at once, and which; earlier versions named the first ten. */
    data: z.strictObject({
      count: Count,
      entries: z.array(z.strictObject({ id: z.string(), fault: z.enum(['no MAC', 'wrong MAC', 'changed body', 'sealed before', 'out of order']) })),
    }),
    sentence: ({ data: { count, entries } }) => {
      const named = entries.slice(0, maxForeignShown).map(({ id, fault }) => `${id} (${fault})`)
      return `Found ${count === 1 ? 'an entry' : `${count} entries`} in the audit log that Tocsin did not write: ${named.join(', ')}${count > named.length ? ', …' : ''}`
    },
  }),
  event({
    type: 'journal.witness-failed',
    version: 1,
    subject: 'journal',
    within: 'none',
    /** Why, without an address. */
    data: z.strictObject({ witness: z.string(), error: z.string() }),
    sentence: ({ data }) => `Checkpoints no longer reach ${data.witness} (${data.error})`,
  }),
  event({
    type: 'journal.witness-recovered',
    version: 1,
    subject: 'journal',
    within: 'none',
    data: z.strictObject({ witness: z.string() }),
    sentence: ({ data }) => `Checkpoints reach ${data.witness} again`,
  }),
  event({
    type: 'journal.checkpoint-received',
    version: 1,
    subject: 'journal',
    within: 'none',
    /** The name of another installation's log, the checkpoint as it was signed, and the verifier key that it was signed with. */
    data: z.strictObject({ origin: z.string(), size: Count, checkpoint: z.string(), key: z.string() }),
    sentence: ({ data }) => `Received a checkpoint of another audit log, ${data.origin}: ${data.size} entries`,
  }),
  event({
    type: 'journal.checkpoint-refused',
    version: 1,
    subject: 'journal',
    within: 'none',
    /** The checkpoint that was refused, and the one before, as they were signed. */
    data: z.strictObject({ origin: z.string(), reason: z.enum(['fewer entries', 'other entries', 'another key']), checkpoint: z.string(), before: z.string() }),
    sentence: ({ data }) => `Refused a checkpoint of another audit log, ${data.origin}: ${data.reason} than before`,
  }),
  event({
    type: 'journal.stream-failed',
    version: 1,
    subject: 'journal',
    within: 'none',
    /** Why, without an address. */
    data: z.strictObject({ stream: z.string(), error: z.string() }),
    sentence: ({ data }) => `Entries of the audit log no longer reach ${data.stream} (${data.error})`,
  }),
  event({
    type: 'journal.stream-recovered',
    version: 1,
    subject: 'journal',
    within: 'none',
    data: z.strictObject({ stream: z.string() }),
    sentence: ({ data }) => `Entries of the audit log reach ${data.stream} again`,
  }),
  event({
    type: 'journal-entry.set-aside',
    version: 1,
    subject: 'journal-entry',
    within: 'either',
    data: z.strictObject({ ...SetAside, attempts: Count }),
    sentence: ({ data }) => `Audit log reader ${data.reader} could not process an entry (${data.type}) and set it aside as a dead letter`,
  }),
  event({
    type: 'journal-entry.replayed',
    version: 1,
    subject: 'journal-entry',
    within: 'either',
    data: z.strictObject(SetAside),
    sentence: ({ data }) => `Replayed a dead letter of audit log reader ${data.reader} (${data.type})`,
  }),
  event({
    type: 'journal-entry.discarded',
    version: 1,
    subject: 'journal-entry',
    within: 'either',
    data: z.strictObject({ ...SetAside, reason: z.string() }),
    sentence: ({ data }) => `Discarded a dead letter of audit log reader ${data.reader} (${data.type})`,
  }),
] as const
