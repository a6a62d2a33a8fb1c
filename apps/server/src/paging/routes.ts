import { pagingRoutes, policyRoutes, schedulingRoutes } from '@tocsin/api'
import { type AppContext, type Bindings, type Caller, command, openCommand, query } from '../access/index.ts'
import { assertSameTeam, listTeams } from '../directory/index.ts'
import { onlyChanged } from '../journal/index.ts'
import type { Tx } from '../kernel/database.ts'
import { notFound } from '../kernel/problems.ts'
import { acknowledgePage, snoozePage } from './acknowledge.ts'
import { findColleague } from './answers.ts'
import { levelOf } from './escalation.ts'
import { readFairness } from './fairness.ts'
import { startDrill } from './pages.ts'
import { addResponders, declinePage, escalatePage, releasePage } from './pass-on.ts'
import { listPolicies, removePolicy, savePolicy } from './policies.ts'
import { listDrills, listPages, readPage, readPageTimeline } from './read-pages.ts'
import { responderOf, throughLink } from './responders.ts'
import { saveTeamOnCall, setUpOnCall } from './settings.ts'

export function pagingBindings(context: AppContext): Bindings {
  return [...settingsBindings(context), ...policyBindings(), ...pageBindings(context)]
}

function settingsBindings(context: AppContext): Bindings {
  const routes = schedulingRoutes
  return [
    command(routes.setUpOnCall, (tx, { caller, params, body }) => setUpOnCall(tx, context, caller, params.id, body)),
    command(routes.saveTeamOnCall, (tx, { caller, params, body }) => saveTeamOnCall(tx, context, caller, params.id, body)),
    query(routes.fairness, (reader, { params, query }) => readFairness(reader, params.id, query)),
  ]
}

function policyBindings(): Bindings {
  return [
    query(policyRoutes.policies, async (reader, { query: { updatedSince } }) => onlyChanged(reader, await listPolicies(reader), updatedSince)),
    command(policyRoutes.savePolicy, (tx, { caller, params, body: { teamId, ...policy } }) => {
      assertSameTeam(params, teamId)
      return savePolicy(tx, caller, params.id, policy)
    }),
    command(policyRoutes.removePolicy, (tx, { caller, params }) => removePolicy(tx, caller, params.id)),
  ]
}

function pageBindings(context: AppContext): Bindings {
  const routes = pagingRoutes
  const read = (tx: Tx, caller: Caller, pageId: string) => readPage(tx, context, caller, pageId)
  /** A page that the caller may not see cannot be acted on either. */
  const after = async (tx: Tx, caller: Caller, pageId: string, work: () => Promise<unknown>) => {
    await read(tx, caller, pageId)
    await work()
    return read(tx, caller, pageId)
  }
  return [
    query(routes.pages, (reader, { caller, query }) => listPages(reader, context, caller, query)),
    query(routes.page, (reader, { caller, params, query }) => readPageTimeline(reader, context, caller, params.id, query)),
    query(routes.myPages, (reader, { caller, query }) => listPages(reader, context, caller, query, { personId: caller.personId })),
    command(routes.acknowledgePage, (tx, { caller, params }) =>
      after(tx, caller, params.id, () => acknowledgePage(tx, context, caller.actor, caller.personId, params.id)),
    ),
    command(routes.declinePage, (tx, { caller, params, body }) => after(tx, caller, params.id, () => declinePage(tx, context, caller, params.id, body))),
    command(routes.escalatePage, (tx, { caller, params, body }) =>
      after(tx, caller, params.id, () => escalatePage(tx, context, caller, params.id, body.level)),
    ),
    command(routes.addResponders, (tx, { caller, params, body }) =>
      after(tx, caller, params.id, () => addResponders(tx, context, caller, params.id, body.personIds)),
    ),
    command(routes.snoozePage, (tx, { caller, params, body }) => after(tx, caller, params.id, () => snoozePage(tx, caller, params.id, body.minutes))),
    command(routes.startDrill, async (tx, { caller, params, body }) => {
      const [team] = await listTeams(tx, [params.id])
      if (!team) throw notFound('team')
      return read(tx, caller, await startDrill(tx, context, caller, team, body.urgency))
    }),
    query(routes.drills, (reader, { params, query }) => listDrills(reader, params.id, query)),
    openCommand(routes.pageByLink, (tx, { body }) => throughLink(tx, context, body.token, async () => undefined)),
    openCommand(routes.acknowledgeByLink, (tx, { body }) =>
      throughLink(tx, context, body.token, ({ actor, personId }, page) => acknowledgePage(tx, context, actor, personId, page.id)),
    ),
    openCommand(routes.releaseByLink, (tx, { body }) =>
      throughLink(tx, context, body.token, (responder, page) => releasePage(tx, context, responder, page.id)),
    ),
    openCommand(routes.escalateByLink, (tx, { body }) =>
      throughLink(tx, context, body.token, (responder, page, place) =>
        escalatePage(tx, context, responder, page.id, body.levels?.[place] ?? responder.levels.get(page.id) ?? levelOf(page)),
      ),
    ),
    openCommand(routes.declineByLink, async (tx, { body }) => {
      const to = body.to === null ? undefined : await findColleague(tx, (await responderOf(tx, context, body.token)).pages, body.to, 'to')
      return throughLink(tx, context, body.token, (responder, page) => declinePage(tx, context, responder, page.id, { toId: to?.id ?? null, reason: '' }))
    }),
    openCommand(routes.addRespondersByLink, async (tx, { body }) => {
      const { id } = await findColleague(tx, (await responderOf(tx, context, body.token)).pages, body.who, 'who')
      return throughLink(tx, context, body.token, (responder, page) => addResponders(tx, context, responder, page.id, [id]))
    }),
    openCommand(routes.snoozeByLink, (tx, { body }) =>
      throughLink(tx, context, body.token, (responder, page) => snoozePage(tx, responder, page.id, body.minutes)),
    ),
  ]
}
