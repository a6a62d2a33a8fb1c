import { and, asc, eq, isNotNull } from 'drizzle-orm'
import { people } from '../access/index.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { type ContactKind, contactMethods } from './tables.ts'

/** A response to a page, through any channel: a digit, a button, a reply. */
export type Answer =
  | { readonly kind: 'acknowledge' }
  | { readonly kind: 'escalate' }
  /** Reassigns to somebody by name or email address; with null it escalates. */
  | { readonly kind: 'decline'; readonly to: string | null }
  | { readonly kind: 'add'; readonly who: readonly string[] }
  | { readonly kind: 'snooze'; readonly minutes: number }

export const answerHelp =
  'Reply “ack” (or 1) to acknowledge, “escalate” (or 2) to page the next level, “decline”, “decline to NAME”, “add NAME”, or “snooze 30” (minutes). NAME is a team member or an email address.'

/** An answer is short; what is longer is none. */
const maxLine = 1_000

const acknowledging =
  /^(ack|acked|acknowledged?|acknowledging|yes|yep|yeah|y|ok|okay|k|roger|copy|copy that|will do|mine|got it|(i am |im |i )?on it|(i will |ill |i )?take it|(i have |ive )?got (it|this)|(i am |im )?looking( into it| at it)?|👍\p{Emoji_Modifier}?|✅)$/u
const polite = /^(thanks|thank you|thx|please|cheers)$/
/** People add "thanks", or say it twice: "OK, on it". */
const isAcknowledgement = (line: string): boolean => {
  const parts = line
    .toLowerCase()
    .replace(/['’]/g, '')
    .split(/[,;.!]+|\s[-–—]\s/)
    .flatMap(part => part.trim().replace(/\s+/g, ' ') || [])
  const said = parts.filter(part => !polite.test(part))
  return said.length > 0 && said.every(part => acknowledging.test(part))
}

/** Reads an answer in words from its first line. @returns undefined for what is none */
export function parseAnswer(text: string): Answer | undefined {
  const line = (text.split('\n').find(one => one.trim() !== '') ?? '')
    .trim()
    .slice(0, maxLine)
    .replace(/(?<![.!])[.!]+$/, '')
  if (isAcknowledgement(line)) return { kind: 'acknowledge' }
  const [word = ''] = /^\S+/.exec(line) ?? []
  const verb = word.toLowerCase().replace(/[,:;]$/, '')
  const said = line.slice(word.length).trim().slice(0, 500)
  if (verb === 'add' && said !== '')
    return {
      kind: 'add',
      who: said
        .split(/[,;]|\band\b/)
        .flatMap(one => one.trim() || [])
        .slice(0, 20),
    }
  if ((verb === 'decline' || verb === 'no') && said !== '') {
    const to = /^to\s+(\S.*)$/is.exec(said)?.[1]
    return to === undefined ? undefined : { kind: 'decline', to }
  }
  if (verb === 'snooze' || verb === 'rest') {
    const [, amount, unit] = /^(\d{1,4})\s*(m|min|minutes?|h|hours?)?$/i.exec(said) ?? []
    if (amount === undefined) return said === '' ? { kind: 'snooze', minutes: 30 } : undefined
    return { kind: 'snooze', minutes: Number(amount) * (unit?.toLowerCase().startsWith('h') ? 60 : 1) }
  }
  // More words than these may mean anything: a page is not taken from people by a sentence that begins with "no".
  if (said !== '' && !/^(it|thanks|thank you|please|now|the page)$/i.test(said)) return undefined
  if (/^(1|ack|acknowledged?|yes|ok|okay)$/.test(verb)) return { kind: 'acknowledge' }
  if (/^(2|pass|escalate)$/.test(verb)) return { kind: 'escalate' }
  if (/^(no|decline)$/.test(verb)) return { kind: 'decline', to: null }
  return undefined
}

/** Who somebody is to a provider: the kind of channel, and their address there. */
export interface ProviderIdentity {
  readonly kind: ContactKind
  readonly address: string
}

/** The outcome of an answer. */
export interface Answered {
  readonly text: string
  /** The page that it names, which decides who may see it. */
  readonly pageId: string | null
  /** False where the words were no answer: the text says how to answer. */
  readonly isUnderstood: boolean
  /** A button in a channel of a team was pressed: everybody there may see the outcome. */
  readonly isForTeamChannel: boolean
}

/**
 * Acts on answers that channels receive. A port: `paging` fills it, so that channels know how to parse an answer and not what it does.
 * @throws AppProblem with a sentence for whoever answered
 */
export interface AnswerDesk {
  /** To the page of a private link. */
  byLink(tx: Tx, token: string, answer: Answer | undefined): Promise<Answered>
  /** By a button: in a message to one person it is theirs; in a channel of a team it is whoever pressed, known by a verified contact method. */
  byButton(tx: Tx, press: { readonly token: string; readonly identity: ProviderIdentity; readonly answer: Answer }): Promise<Answered>
  /** To the latest page that went to this address; undefined where none did. */
  byAddress(tx: Tx, identity: ProviderIdentity, answer: Answer | undefined): Promise<Answered | undefined>
  /** To the page of a message of ours; undefined where that is gone. */
  byMessage(tx: Tx, messageId: string, answer: Answer | undefined): Promise<Answered | undefined>
}

/** Who has shown that a method is theirs; of several the one who showed it first. */
export async function personAt(reader: Reader, { kind, address }: ProviderIdentity): Promise<typeof people.$inferSelect | undefined> {
  const [found] = await reader.db
    .select({ person: people })
    .from(contactMethods)
    .innerJoin(people, eq(people.id, contactMethods.personId))
    .where(and(eq(contactMethods.kind, kind), eq(contactMethods.address, address), isNotNull(contactMethods.verifiedAt), eq(people.isActive, true)))
    .orderBy(asc(contactMethods.verifiedAt), asc(contactMethods.id))
    .limit(1)
  return found?.person
}
