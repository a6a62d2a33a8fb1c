import { pagingRoutes, policyRoutes, schedulingRoutes } from '@tocsin/api'
import { type AppContext, type Bindings, type Caller, command, openCommand, query } from '../access/index.ts'
import { assertSameTeam, listTeams } from '../directory/index.ts'
import { onlyChanged } from '../journal/index.ts'
import type { Tx } from '../kernel/database.ts'
import { notFound } from '../kernel/problems.ts'
import { acknowledgePage, snoozePage } from './acknowledge.ts'
import { readFairness } from './fairness.ts'
import { actByLink } from './link-page/acts.ts'
import { startDrill } from './pages.ts'
import { addResponders, declinePage, escalatePage } from './pass-on.ts'
import { listPolicies, removePolicy, savePolicy } from './policies.ts'
import { listDrills, listPages, readPage, readPageTimeline } from './read-pages.ts'
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
    openCommand(routes.pageByLink, (tx, { body }) => actByLink(tx, context, body.token, { act: 'view' })),
    openCommand(routes.acknowledgeByLink, (tx, { body }) => actByLink(tx, context, body.token, { act: 'acknowledge' })),
    openCommand(routes.releaseByLink, (tx, { body }) => actByLink(tx, context, body.token, { act: 'release' })),
    openCommand(routes.escalateByLink, (tx, { body }) => actByLink(tx, context, body.token, { act: 'escalate', levels: body.levels })),
    openCommand(routes.declineByLink, (tx, { body }) => actByLink(tx, context, body.token, { act: 'reassign', to: body.to })),
    openCommand(routes.addRespondersByLink, (tx, { body }) => actByLink(tx, context, body.token, { act: 'add-responder', who: body.who })),
    openCommand(routes.snoozeByLink, (tx, { body }) => actByLink(tx, context, body.token, { act: 'snooze', minutes: body.minutes })),
  ]
}
