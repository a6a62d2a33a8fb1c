import { and, eq, inArray, sql } from 'drizzle-orm'
import { type AppContext, findPerson, people } from '../access/index.ts'
import { teamMembers } from '../directory/index.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { AppProblem, invalid } from '../kernel/problems.ts'
import type { PageRow } from './escalation.ts'
import { acknowledgePage, addResponders, declinePage, escalatePage, snoozePage } from './pages.ts'
import type { Responder } from './responders.ts'

/** What somebody answers to a page, wherever they say it: a digit, a button, a reply. */
export type Answer =
  | { readonly kind: 'acknowledge' }
  | { readonly kind: 'escalate' }
  /** To somebody by name or e-mail address; to nobody in particular it climbs. */
  | { readonly kind: 'decline'; readonly to: string | null }
  | { readonly kind: 'add'; readonly who: readonly string[] }
  | { readonly kind: 'snooze'; readonly minutes: number }

export const answerHelp =
  'Answer “ack” (or 1) to acknowledge, “pass” (or 2) to page the next step, “decline”, “decline to NAME”, “add NAME”, or “snooze 30” (minutes). NAME is somebody of the team, or an e-mail address.'

/** Reads an answer in words from its first line. @returns undefined for what is none */
export function parseAnswer(text: string): Answer | undefined {
  const line = (text.split('\n').find(one => one.trim() !== '') ?? '').trim().replace(/[.!]+$/, '')
  const [, word = '', rest = ''] = /^(\S+)\s*(.*)$/.exec(line) ?? []
  const verb = word.toLowerCase().replace(/[,:;]$/, '')
  const said = rest.trim().slice(0, 500)
  if (verb === 'add' && said !== '')
    return {
      kind: 'add',
      who: said
        .split(/[,;]|\band\b/)
        .flatMap(one => one.trim() || [])
        .slice(0, 20),
    }
  if ((verb === 'decline' || verb === 'no') && said !== '') {
    const to = /^to\s+(.+)$/i.exec(said)?.[1]
    return to === undefined ? undefined : { kind: 'decline', to }
  }
  if (verb === 'snooze' || verb === 'rest') {
    const [, amount, unit] = /^(\d{1,4})\s*(m|min|minutes?|h|hours?)?$/i.exec(said) ?? []
    if (amount === undefined) return said === '' ? { kind: 'snooze', minutes: 30 } : undefined
    return { kind: 'snooze', minutes: Number(amount) * (unit?.toLowerCase().startsWith('h') ? 60 : 1) }
  }
  // More words than these may mean anything: a page is not taken from people by a sentence that begins with "no".
  if (said !== '' && !/^(it|thanks|thank you|please|now|the page)$/i.test(said)) return undefined
  if (/^(1|ack|acknowledge|acknowledged|yes)$/.test(verb)) return { kind: 'acknowledge' }
  if (/^(2|pass|escalate)$/.test(verb)) return { kind: 'escalate' }
  if (/^(no|decline)$/.test(verb)) return { kind: 'decline', to: null }
  return undefined
}

/** Does what was answered to each page of a holder, and says what came of it. @throws AppProblem with a sentence for whoever answered */
export async function answerPages(tx: Tx, context: AppContext, responder: Responder, answer: Answer | undefined): Promise<string> {
  const [first] = responder.pages
  const what = responder.pages.length === 1 ? `${first?.title ?? ''}` : `${responder.pages.length} pages`
  if (answer === undefined) return answerHelp
  if (answer.kind === 'acknowledge') {
    const done: PageRow[] = []
    for (const page of responder.pages) done.push(await acknowledgePage(tx, context, responder.actor, responder.personId, page.id))
    const other = done.find(page => page.state === 'acknowledged' && page.acknowledgedById !== responder.personId)
    if (other?.acknowledgedById) return `${(await findPerson(tx, other.acknowledgedById))?.name ?? 'Somebody'} has it already: ${what}`
    return done.every(page => page.state === 'acknowledged') ? `It is yours: ${what}` : `Noted: ${what}`
  }
  const open = responder.pages.filter(page => page.state !== 'resolved')
  if (open.length === 0) return `It is over, there is nothing left to answer: ${what}`
  if (answer.kind === 'escalate') {
    for (const page of open) await escalatePage(tx, context, responder.actor, page.id)
    return `The next step is paged: ${what}`
  }
  if (answer.kind === 'decline') {
    const to = answer.to === null ? undefined : await findColleague(tx, open, answer.to, 'to')
    for (const page of open) await declinePage(tx, context, responder, page.id, { toId: to?.id ?? null, reason: '' })
    return to ? `${to.name} is paged instead of you: ${what}` : `The next step is paged: ${what}`
  }
  if (answer.kind === 'add') {
    const added = []
    for (const who of answer.who) added.push(await findColleague(tx, open, who, 'who'))
    for (const page of open)
      await addResponders(
        tx,
        context,
        responder,
        page.id,
        added.map(person => person.id),
      )
    return `${added.map(person => person.name).join(' and ')} ${added.length === 1 ? 'is' : 'are'} paged as well: ${what}`
  }
  if (answer.minutes < 5 || answer.minutes > 1_440) throw invalid('minutes', 'must be from 5 to a day')
  for (const page of open) {
    const taken = await acknowledgePage(tx, context, responder.actor, responder.personId, page.id)
    if (taken.acknowledgedById !== responder.personId) throw new AppProblem('conflict', 'Only who has taken the page up lets it rest.')
    await snoozePage(tx, responder.actor, page.id, answer.minutes)
  }
  return `It is yours, and rests for ${answer.minutes} minutes: ${what}`
}

/**
 * Somebody by e-mail address, or by name among the teams of some pages: whoever holds the link of a page learns nobody's name by it.
 * @throws AppProblem invalid, naming `field`, for nobody and for more than one
 */
export async function findColleague(
  reader: Reader,
  about: readonly PageRow[],
  said: string,
  field: string,
): Promise<{ readonly id: string; readonly name: string }> {
  const text = said.trim().toLowerCase()
  const named = { id: people.id, name: people.name }
  const [byAddress] = await reader.db
    .select(named)
    .from(people)
    .where(and(eq(sql`lower(${people.email})`, text), eq(people.isActive, true)))
  if (byAddress) return byAddress
  const members = await reader.db
    .selectDistinct(named)
    .from(people)
    .innerJoin(teamMembers, eq(teamMembers.personId, people.id))
    .where(and(inArray(teamMembers.teamId, [...new Set(about.flatMap(page => page.teamId ?? []))]), eq(people.isActive, true)))
  const whole = members.filter(one => one.name.toLowerCase() === text)
  const found = whole.length > 0 ? whole : members.filter(one => one.name.toLowerCase().split(/\s+/).includes(text))
  const [only, ...more] = found
  if (only === undefined) throw invalid(field, `must be somebody of the team, or an e-mail address of somebody here: “${said.trim()}” is neither`)
  if (more.length > 0) throw invalid(field, `fits more than one of the team: say the e-mail address of “${said.trim()}”`)
  return only
}
