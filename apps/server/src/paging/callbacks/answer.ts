import type { AppContext } from '../../access/index.ts'
import { type Tx, transactionRetried } from '../../kernel/database.ts'
import { AppProblem } from '../../kernel/problems.ts'
import { type Answer, answerPages } from '../answers.ts'
import { type ProviderIdentity, responderByButton, withinOf } from '../responders.ts'

/** A provider calls more often than a person would: so many times a minute from one address. */
export const often = { config: { rateLimit: { max: 600, timeWindow: 60_000 } } }

/** What went wrong in words, for somebody at a phone. */
export async function inWords(context: AppContext, work: (tx: Tx) => Promise<string>): Promise<string> {
  try {
    return await transactionRetried(context.database, work)
  } catch (error) {
    if (error instanceof AppProblem) return error.message
    throw error
  }
}

const buttons: Record<Answer['kind'], string> = {
  acknowledge: 'Acknowledge',
  escalate: 'Escalate now',
  decline: 'Give it to …',
  add: 'Ask to join …',
  snooze: 'Let it rest',
}

/** Does what a button says. In a team's channel everybody there is told who pressed it and what came of it. @throws AppProblem for whoever pressed */
export async function answerPress(
  tx: Tx,
  context: AppContext,
  press: { readonly token: string; readonly identity: ProviderIdentity; readonly answer: Answer },
): Promise<{ readonly text: string; readonly isForRoom: boolean; readonly withinId: string | null }> {
  const responder = await responderByButton(tx, context, press.token, press.identity)
  const text = await answerPages(tx, context, responder, press.answer)
  const told = responder.isInTeamChannel ? `${responder.actor.name} pressed “${buttons[press.answer.kind]}”. ${text}` : text
  return { text: told, isForRoom: responder.isInTeamChannel, withinId: withinOf(responder) }
}
