import type { PageView } from '@tocsin/api'
import type { AppContext } from '../../access/index.ts'
import type { Tx } from '../../kernel/database.ts'
import { acknowledgePage, snoozePage } from '../acknowledge.ts'
import { findColleague } from '../answers.ts'
import { levelOf } from '../escalation.ts'
import { addResponders, declinePage, escalatePage, releasePage } from '../pass-on.ts'
import { responderOf, throughLink } from '../responders.ts'

/** What somebody does with the page of their link. A colleague is named by a name in the team, or an email address. */
export type LinkAct =
  | { readonly act: 'view' | 'acknowledge' | 'release' }
  /** `levels`: those that were shown when it was pressed; without them those that the link was sent for. */
  | { readonly act: 'escalate'; readonly levels?: readonly number[] | undefined }
  | { readonly act: 'snooze'; readonly minutes: number }
  /** To null: whoever is next in the escalation policy. */
  | { readonly act: 'reassign'; readonly to: string | null }
  | { readonly act: 'add-responder'; readonly who: string }

/** Does one thing to each page of a link, for the API and for the form. @throws AppProblem */
export async function actByLink(tx: Tx, context: AppContext, token: string, act: LinkAct): Promise<PageView> {
  const find = async (name: string, path: string) => findColleague(tx, (await responderOf(tx, context, token)).pages, name, path)
  const each = (work: Parameters<typeof throughLink>[3]) => throughLink(tx, context, token, work)
  switch (act.act) {
    case 'view':
      return each(async () => undefined)
    case 'acknowledge':
      return each(({ actor, personId }, page) => acknowledgePage(tx, context, actor, personId, page.id))
    case 'release':
      return each((responder, page) => releasePage(tx, context, responder, page.id))
    case 'escalate':
      return each((responder, page, place) =>
        escalatePage(tx, context, responder, page.id, act.levels?.[place] ?? responder.levels.get(page.id) ?? levelOf(page)),
      )
    case 'snooze':
      return each((responder, page) => snoozePage(tx, responder, page.id, act.minutes))
    case 'reassign': {
      const to = act.to === null ? undefined : await find(act.to, 'to')
      return each((responder, page) => declinePage(tx, context, responder, page.id, { toId: to?.id ?? null, reason: '' }))
    }
    case 'add-responder': {
      const { id } = await find(act.who, 'who')
      return each((responder, page) => addResponders(tx, context, responder, page.id, [id]))
    }
  }
}
