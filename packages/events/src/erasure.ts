import { z } from 'zod'
import { event } from './event.ts'
import { Count, Id } from './vocabulary.ts'
import { counted } from './words.ts'

/** Whose data it is: a reporter's with all their reports, that in a note, or what is written of affected persons in an incident. Nothing here says what it was. */
const Kind = z.enum(['reporter', 'note', 'incident'])
const Asked = { kind: Kind, basis: z.enum(['request', 'retention']), reason: z.string() }
const nouns = { reporter: 'the data of a reporter', note: 'a note', incident: 'what is written of affected persons' } as const

/** The erasure of personal data. */
export const erasureEvents = [
  event({
    type: 'erasure.requested',
    version: 1,
    subject: 'erasure',
    within: 'either',
    data: z.strictObject({ ...Asked, records: Count }),
    sentence: ({ data }) => `Requested to erase ${nouns[data.kind]}`,
  }),
  event({
    type: 'erasure.done',
    version: 1,
    subject: 'erasure',
    within: 'either',
    /** `fields`: the texts of entries that were erased, by their paths in the data. `requestedBy`: null where it is by schedule. */
    data: z.strictObject({ ...Asked, records: Count, requestedBy: z.string().nullable(), fields: z.array(z.strictObject({ entryId: Id, path: z.string() })) }),
    sentence: ({ data }) =>
      `Erased ${nouns[data.kind]}${data.kind === 'reporter' && data.records !== 1 ? ` in ${counted(data.records, 'report')}` : ''}: ${counted(data.fields.length, 'field')} of the audit log`,
  }),
  event({
    type: 'erasure.withdrawn',
    version: 1,
    subject: 'erasure',
    within: 'either',
    data: z.strictObject({ kind: Kind, reason: z.string() }),
    sentence: ({ data }) => `Withdrew the request to erase ${nouns[data.kind]}`,
  }),
] as const
