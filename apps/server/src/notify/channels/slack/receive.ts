import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { AppContext } from '../../../access/index.ts'
import { type Reader, transactionRetried } from '../../../kernel/database.ts'
import { parseJson } from '../../../kernel/foreign-body.ts'
import { post, webhookReach } from '../../../kernel/outbound.ts'
import { AppProblem } from '../../../kernel/problems.ts'
import { type Answer, type AnswerDesk, personAt } from '../../answers.ts'
import { callbackLimit } from '../channel.ts'
import { escapeSlack, isFromSlack } from './send.ts'

/** A button, or a choice from a list, in a message of Slack. */
export function mountSlack(http: FastifyInstance, context: AppContext, desk: AnswerDesk): void {
  http.post('/hooks/slack', callbackLimit, async (request, reply) => {
    const body = String(request.body ?? '')
    if (!isFromSlack(context.config, request.headers, body, Date.parse(context.clock.now())))
      throw new AppProblem('forbidden', 'This request is not signed by Slack.')
    const parsed = SlackPress.safeParse(parseJson(Buffer.from(new URLSearchParams(body).get('payload') ?? '{}')))
    if (!parsed.success) throw new AppProblem('invalid', 'The payload is not a supported Slack interaction.')
    const pressed = parsed.data
    const [action] = pressed.actions
    // Slack reports the click although the browser has opened the address by itself.
    if (action.action_id === 'open') return reply.code(200).send('')
    const identity = { kind: 'slack', address: pressed.user.id } as const
    let said: { text: string; isForTeamChannel: boolean }
    try {
      said = await transactionRetried(context.database, async tx => desk.byButton(tx, { token: action.block_id, identity, answer: await answerOf(tx, action) }))
    } catch (error) {
      if (!(error instanceof AppProblem)) throw error
      said = { text: error.message, isForTeamChannel: false }
    }
    if (pressed.response_url !== undefined) await replyInSlack(context, pressed.response_url, said)
    return reply.code(200).send('')
  })
}

const action = <Kind extends string, Shape extends z.ZodRawShape>(kind: Kind, shape: Shape) =>
  z.object({ action_id: z.literal(kind), block_id: z.string().max(300), ...shape })
const member = { selected_user: z.string().max(30) }
const SlackAction = z.discriminatedUnion('action_id', [
  action('acknowledge', {}),
  action('escalate', {}),
  action('open', {}),
  action('decline', member),
  action('add', member),
  action('snooze', { selected_option: z.object({ value: z.coerce.number().int() }) }),
])
const SlackPress = z.object({
  user: z.object({ id: z.string().max(30) }),
  actions: z.tuple([SlackAction]).rest(z.unknown()),
  response_url: z.url().max(500).optional(),
})

async function answerOf(reader: Reader, pressed: Exclude<z.output<typeof SlackAction>, { action_id: 'open' }>): Promise<Answer> {
  switch (pressed.action_id) {
    case 'decline':
      return { kind: 'decline', to: await emailOf(reader, pressed.selected_user) }
    case 'add':
      return { kind: 'add', who: [await emailOf(reader, pressed.selected_user)] }
    case 'snooze':
      return { kind: 'snooze', minutes: pressed.selected_option.value }
    default:
      return { kind: pressed.action_id }
  }
}

/** @throws AppProblem invalid for a member of Slack whom nobody here has shown to be */
async function emailOf(reader: Reader, memberId: string): Promise<string> {
  const person = await personAt(reader, { kind: 'slack', address: memberId })
  if (person === undefined)
    throw new AppProblem(
      'invalid',
      'This Slack member is not linked to a Tocsin account. They can link Slack in Tocsin under Account, or you can choose them by name in Tocsin.',
    )
  return person.email
}

/** Posts the outcome in Slack. It is shown on the page too, so that a failure here is only logged. */
async function replyInSlack(context: AppContext, url: string, { text, isForTeamChannel }: { text: string; isForTeamChannel: boolean }): Promise<void> {
  try {
    await post({
      url,
      reach: webhookReach(context.config),
      headers: { 'content-type': 'application/json' },
      signal: AbortSignal.timeout(10_000),
      body: JSON.stringify({ replace_original: false, response_type: isForTeamChannel ? 'in_channel' : 'ephemeral', text: escapeSlack(text) }),
    })
  } catch (error) {
    context.log.warn({ err: error }, 'Slack did not accept the response to a button')
  }
}
