import type { House } from '../../identity/index.ts'
import type { Tx } from '../../platform/database.ts'
import { AppProblem } from '../../platform/problems.ts'
import { type Answer, answerPages } from '../answers.ts'
import { holderByPress, type Place, withinOf } from '../links.ts'

/** A provider calls more often than a person would: so many times a minute from one address. */
export const often = { config: { rateLimit: { max: 600, timeWindow: 60_000 } } }

/** What went wrong in words, for somebody at a phone. */
export async function inWords(house: House, work: (tx: Tx) => Promise<string>): Promise<string> {
  try {
    return await house.database.transaction(work)
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
  house: House,
  press: { readonly token: string; readonly place: Place; readonly answer: Answer },
): Promise<{ readonly text: string; readonly isForRoom: boolean; readonly withinId: string | null }> {
  const holder = await holderByPress(tx, house, press.token, press.place)
  const text = await answerPages(tx, house, holder, press.answer)
  const told = holder.isInRoom ? `${holder.actor.name} pressed “${buttons[press.answer.kind]}”. ${text}` : text
  return { text: told, isForRoom: holder.isInRoom, withinId: withinOf(holder) }
}
