import { eq } from 'drizzle-orm'
import type { FastifyInstance } from 'fastify'
import type { AppContext } from '../../../access/index.ts'
import { type Tx, transactionRetried } from '../../../kernel/database.ts'
import { idFor, newId } from '../../../kernel/ids.ts'
import type { NewMessage } from '../../../kernel/messenger.ts'
import { AppProblem } from '../../../kernel/problems.ts'
import { sealFor } from '../../../kernel/sealed-columns.ts'
import { signToken } from '../../../kernel/secrets.ts'
import { type Answer, type AnswerDesk, parseAnswer } from '../../answers.ts'
import { messageSecrets } from '../../sealed-secrets.ts'
import { messages } from '../../tables.ts'
import { callbackLimit } from '../channel.ts'
import { openTeamsVerifier, TeamsActivity, type TeamsConversation, TeamsPress, teamsConversationPurpose } from './send.ts'

/** Whatever reaches the bot in Microsoft Teams: a button, a word, or its being added. Its replies go through the outbox, like every message. */
export function mountTeamsBot(http: FastifyInstance, context: AppContext, desk: AnswerDesk): void {
  const isFromTeams = openTeamsVerifier(context.config)
  http.post('/hooks/teams', callbackLimit, async (request, reply) => {
    const activity = readActivity(String(request.body ?? ''))
    if (!(await isFromTeams(String(request.headers.authorization ?? ''), activity, Date.parse(context.clock.now()))))
      throw new AppProblem('forbidden', 'This request is not signed by Microsoft Teams for this bot.')
    if (await isAnswered(context, activity)) return reply.code(200).send('')
    try {
      await transactionRetried(context.database, tx => answer(tx, context, desk, activity))
    } catch (error) {
      if (!(error instanceof AppProblem)) throw error
      await transactionRetried(context.database, tx => postReply(tx, context, activity, { subject: error.message, body: '' }))
    }
    return reply.code(200).send('')
  })
}

function readActivity(body: string): TeamsActivity {
  try {
    return TeamsActivity.parse(JSON.parse(body))
  } catch {
    throw new AppProblem('invalid', 'The request body is not a valid Microsoft Teams activity.')
  }
}

async function answer(tx: Tx, context: AppContext, desk: AnswerDesk, activity: TeamsActivity): Promise<void> {
  const isAlone = activity.conversation.conversationType === 'personal'
  if (activity.type === 'conversationUpdate' && isAlone && activity.membersAdded.some(({ id }) => id === activity.recipient.id))
    return postReply(tx, context, activity, connecting(context, activity))
  if (activity.type !== 'message') return
  const press = TeamsPress.safeParse(activity.value)
  const identity = { kind: 'teams-bot', address: activity.from.aadObjectId ?? '' } as const
  if (press.success) {
    const { text, pageId } = await desk.byButton(tx, { token: press.data.token, identity, answer: answerOf(press.data) })
    return postReply(tx, context, activity, { subject: text, body: '' }, pageId)
  }
  // In a channel the bot receives only messages that mention it, and the mention is part of the text.
  const words = activity.text.replace(/<at>[^<]*<\/at>/gi, ' ').trim()
  if (/^connect\b/i.test(words)) return postReply(tx, context, activity, connecting(context, activity))
  if (!isAlone)
    return postReply(tx, context, activity, { subject: 'Send “connect” to show pages in this channel. Use the buttons on a page to respond to it.', body: '' })
  const answered = await desk.byAddress(tx, identity, parseAnswer(words))
  if (answered === undefined) return postReply(tx, context, activity, connecting(context, activity))
  const { text, pageId, isUnderstood } = answered
  return postReply(tx, context, activity, { ...(isUnderstood ? { subject: text, body: '' } : { subject: 'Reply not recognized.', body: text }) }, pageId)
}

function answerOf({ answer: kind, who, minutes }: TeamsPress): Answer {
  if (kind === 'snooze') return { kind, minutes }
  if (kind !== 'decline' && kind !== 'add') return { kind }
  if (who === '') throw new AppProblem('invalid', 'Enter the name or email address of a responder.')
  return kind === 'decline' ? { kind, to: who } : { kind, who: [who] }
}

/** A reply has an id derived from the activity's own: an activity that Teams delivers again does nothing more. */
const answerId = ({ id, conversation }: TeamsActivity) => (id === undefined ? newId() : idFor(`teams ${conversation.id} ${id}`))

async function isAnswered(context: AppContext, activity: TeamsActivity): Promise<boolean> {
  const found = await context.database
    .reader()
    .db.select({ id: messages.id })
    .from(messages)
    .where(eq(messages.id, answerId(activity)))
  return found.length > 0
}

type Words = Pick<NewMessage, 'subject' | 'body' | 'link'>

/** @param pageId the page that the words name */
async function postReply(tx: Tx, context: AppContext, activity: TeamsActivity, words: Words, pageId: string | null = null): Promise<void> {
  const { serviceUrl, conversation, from } = activity
  const address = from.aadObjectId ?? from.id
  const identity: TeamsConversation = { serviceUrl, conversationId: conversation.id, isChannel: false, id: address, name: '' }
  const id = answerId(activity)
  const secret = sealFor(context.secrets, messageSecrets, JSON.stringify(identity), 'teams-bot', address)
  const message = { id, channel: 'teams-bot', address, purpose: 'page-answer', purposeId: pageId ?? id, secret } as const
  await context.messenger.postAll(tx, [{ ...message, ...words, subject: words.subject.slice(0, 500) }])
}

/** The address of a conversation, signed: what is entered in Tocsin can only come from here. */
function connecting(context: AppContext, { serviceUrl, conversation, from }: TeamsActivity): Words {
  const isAlone = conversation.conversationType === 'personal'
  const conversationId = conversation.id.replace(/;messageid=.*/s, '')
  const identity: TeamsConversation = {
    ...{ serviceUrl, conversationId, isChannel: conversation.conversationType === 'channel', name: isAlone ? from.name : '' },
    id: isAlone ? (from.aadObjectId ?? from.id) : conversationId,
  }
  const claims = [Buffer.from(JSON.stringify(identity)).toString('base64url')]
  if (isAlone)
    return {
      subject: 'Get Tocsin pages in this chat',
      body: 'Open Tocsin with the button and add Microsoft Teams as a contact method. Tocsin then sends a code to this chat. Enter it to verify the contact method.',
      link: { path: '/account?teams=', purpose: teamsConversationPurpose, claims },
    }
  return {
    subject: 'Get Tocsin pages in this channel. A team lead adds it in Tocsin under On call > (team) > Escalation > Channels, with this address:',
    body: signToken(context.secrets, teamsConversationPurpose, claims),
  }
}
