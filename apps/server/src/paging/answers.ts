import { includesRole, SnoozeMinutes } from '@tocsin/api'
import { and, eq, gt, inArray, sql } from 'drizzle-orm'
import { type AppContext, people } from '../access/index.ts'
import { teamMembers } from '../directory/index.ts'
import { addDays } from '../kernel/clock.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { AppProblem } from '../kernel/problems.ts'
import { type Answer, type AnswerDesk, type Answered, answerHelp } from '../notify/index.ts'
import { acknowledgePage, snoozePage } from './acknowledge.ts'
import { acknowledgerOf } from './acknowledgers.ts'
import { levelOf, type PageRow } from './escalation.ts'
import { addResponders, declinePage, escalatePage } from './pass-on.ts'
import { eachPage, linkDays, pageNamed, type Responder, responderAt, responderBy, responderByButton, responderOf } from './responders.ts'
import { pageNotifications } from './tables.ts'

/** Applies an answer to each page of a responder, and describes the outcome. @throws AppProblem with a sentence for the responder */
export async function answerPages(tx: Tx, context: AppContext, responder: Responder, answer: Answer | undefined): Promise<string> {
  const [first] = responder.pages
  const what = responder.pages.length === 1 ? `${first?.title ?? ''}` : `${responder.pages.length} pages`
  if (answer === undefined) return answerHelp
  if (answer.kind === 'acknowledge') {
    const done: PageRow[] = []
    for (const page of responder.pages) done.push(await acknowledgePage(tx, context, responder.actor, responder.personId, page.id))
    const other = done.find(page => page.state === 'acknowledged' && page.acknowledgedById !== responder.personId)
    if (other?.acknowledgedById) return `Already acknowledged by ${(await acknowledgerOf(tx, other)) ?? 'someone else'}: ${what}`
    return done.every(page => page.state === 'acknowledged') ? `Acknowledged: ${what}` : `Your acknowledgment is recorded: ${what}`
  }
  const open = responder.pages.filter(page => page.state !== 'resolved')
  if (open.length === 0) return `Already resolved: ${what}`
  if (answer.kind === 'escalate') {
    await eachPage(open, page => escalatePage(tx, context, responder, page.id, responder.levels.get(page.id) ?? levelOf(page)))
    return `Escalated to the next level: ${what}`
  }
  if (answer.kind === 'decline') {
    const to = answer.to === null ? undefined : await findColleague(tx, open, answer.to, 'to')
    const escalated: boolean[] = []
    await eachPage(open, async page => escalated.push(await declinePage(tx, context, responder, page.id, { toId: to?.id ?? null, reason: '' })))
    if (to) return `Reassigned to ${to.name}: ${what}`
    return escalated.includes(true) ? `Escalated to the next level: ${what}` : `Declined. It had already escalated to the next level: ${what}`
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
    return `Added ${added.map(person => person.name).join(' and ')}: ${what}`
  }
  const minutes = SnoozeMinutes.safeParse(answer.minutes)
  if (!minutes.success) throw refused('The snooze', 'minutes', minutes.error.issues[0]?.message ?? 'must be a number of minutes')
  await eachPage(open, async page => {
    await acknowledgePage(tx, context, responder.actor, responder.personId, page.id)
    await snoozePage(tx, responder, page.id, answer.minutes)
  })
  return `Snoozed for ${answer.minutes} minutes: ${what}`
}

/** What is wrong with an answer: its sentence is read in a chat or a mail, where fields have no names. */
const refused = (what: string, path: string, message: string) => new AppProblem('invalid', `${what} ${message}.`, [{ path, message }])

/**
 * Somebody by email address, or by name among the teams of some pages: the link of a page reveals nobody's name.
 * @throws AppProblem invalid, naming `field`, for nobody and for more than one
 */
export async function findColleague(
  reader: Reader,
  about: readonly PageRow[],
  said: string,
  field: string,
): Promise<{ readonly id: string; readonly name: string }> {
  const text = said.trim().toLowerCase()
  const named = { id: people.id, name: people.name, role: people.role }
  const [byAddress] = await reader.db
    .select(named)
    .from(people)
    .where(and(eq(sql`lower(${people.email})`, text), eq(people.isActive, true)))
  const members = byAddress
    ? []
    : await reader.db
        .selectDistinct(named)
        .from(people)
        .innerJoin(teamMembers, eq(teamMembers.personId, people.id))
        .where(and(inArray(teamMembers.teamId, [...new Set(about.flatMap(page => page.teamId ?? []))]), eq(people.isActive, true)))
  const whole = members.filter(one => one.name.toLowerCase() === text)
  const found = byAddress ? [byAddress] : whole.length > 0 ? whole : members.filter(one => one.name.toLowerCase().split(/\s+/).includes(text))
  const [only, ...more] = found
  if (only === undefined) throw refused('The person', field, `must be the name of a team member or the email address of an active user, not “${said.trim()}”`)
  if (more.length > 0) throw refused('The person', field, `matches more than one team member: “${said.trim()}”. Use an email address`)
  if (!includesRole(only.role, 'responder')) throw refused('The person', field, `must not be an observer, who cannot answer pages. ${only.name} is one`)
  return only
}

const buttons: Record<Answer['kind'], string> = {
  acknowledge: 'Acknowledge',
  escalate: 'Escalate now',
  decline: 'Reassign to …',
  add: 'Add responder …',
  snooze: 'Snooze',
}

/** Lets channels act on pages. */
export function openAnswerDesk(context: AppContext): AnswerDesk {
  const respond = async (tx: Tx, responder: Responder, answer: Answer | undefined): Promise<Answered> => ({
    text: await answerPages(tx, context, responder, answer),
    pageId: pageNamed(responder),
    isUnderstood: answer !== undefined,
    isForTeamChannel: false,
  })
  return {
    byLink: async (tx, token, answer) => respond(tx, await responderOf(tx, context, token), answer),
    byButton: async (tx, { token, identity, answer }) => {
      const responder = await responderByButton(tx, context, token, identity)
      const answered = await respond(tx, responder, answer)
      if (!responder.isInTeamChannel) return answered
      return { ...answered, text: `${responder.actor.name} pressed “${buttons[answer.kind]}”. ${answered.text}`, isForTeamChannel: true }
    },
    byAddress: async (tx, identity, answer) => {
      const responder = await responderAt(tx, context, identity)
      return responder && respond(tx, responder, answer)
    },
    byMessage: async (tx, messageId, answer) => {
      const responder = await responderBy(tx, context, and(eq(pageNotifications.messageId, messageId), gt(pageNotifications.at, addDays(tx.now, -linkDays))))
      return responder && respond(tx, responder, answer)
    },
  }
}
