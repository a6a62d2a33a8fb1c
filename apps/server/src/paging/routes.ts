import { contactKinds, pagingRoutes, policyRoutes, schedulingRoutes } from '@tocsin/api'
import { type AppContext, type Bindings, type Caller, command, openCommand, openQuery, query, workflow } from '../access/index.ts'
import { listTeams } from '../directory/index.ts'
import type { Tx } from '../kernel/database.ts'
import { Produced } from '../kernel/http.ts'
import { conflict, invalid, notFound } from '../kernel/problems.ts'
import { pushKey } from '../notify/channels/index.ts'
import {
  addContactMethod,
  listContactMethods,
  readRules,
  removeContactMethod,
  saveRules,
  sendContactCode,
  verifyContactMethod,
} from '../notify/contact-methods.ts'
import { listMessages } from '../notify/message-log.ts'
import { listTeamChannels, removeTeamChannel, saveTeamChannel } from '../notify/team-channels.ts'
import { makeFeed, readFeed } from '../scheduling/calendar-feeds.ts'
import { addOverride, addTemporary, removeOverride, removeSchedule, saveSchedule } from '../scheduling/schedules.ts'
import { listMyShifts, listOnCall, readCalendar, readFairness, readPastCoverage, saveTeamOnCall, setUpOnCall } from '../scheduling/teams.ts'
import { addTimeOff, listApprenticeships, listHandoffNotes, listTimeOff, removeTimeOff, saveApprenticeship, writeHandoffNote } from '../scheduling/time-off.ts'
import { findColleague } from './answers.ts'
import { acknowledgePage, addResponders, declinePage, escalatePage, releasePage, snoozePage, startDrill } from './pages.ts'
import { listPolicies, removePolicy, savePolicy } from './policies.ts'
import { listDrills, listPages, readPage, readPageTimeline } from './read-pages.ts'
import { responderOf, throughLink } from './responders.ts'

export function pagingBindings(context: AppContext): Bindings {
  return [...scheduleBindings(context), ...policyBindings(), ...pageBindings(context)]
}

function scheduleBindings(context: AppContext): Bindings {
  const routes = schedulingRoutes
  return [
    query(routes.onCall, reader => listOnCall(reader)),
    command(routes.setUpOnCall, (tx, { caller, params, body }) => setUpOnCall(tx, context, caller, params.id, body)),
    command(routes.saveTeamOnCall, (tx, { caller, params, body }) => saveTeamOnCall(tx, context, caller, params.id, body)),
    query(routes.calendar, (reader, { params, query }) => readCalendar(reader, params.id, query)),
    command(routes.saveSchedule, (tx, { caller, params, body }) => saveSchedule(tx, context, caller, params.id, body)),
    command(routes.removeSchedule, (tx, { caller, params }) => removeSchedule(tx, context, caller, params.id)),
    command(routes.addOverride, (tx, { caller, params, body }) => addOverride(tx, context, caller, params.id, body)),
    command(routes.removeOverride, (tx, { caller, params }) => removeOverride(tx, context, caller, params.id)),
    command(routes.addTemporary, (tx, { caller, params, body }) => addTemporary(tx, context, caller, params.id, body)),
    query(routes.timeOff, reader => listTimeOff(reader)),
    command(routes.addTimeOff, (tx, { caller, body }) => addTimeOff(tx, context, caller, body)),
    command(routes.removeTimeOff, (tx, { caller, params }) => removeTimeOff(tx, context, caller, params.id)),
    query(routes.myShifts, (reader, { caller }) => listMyShifts(reader, caller.personId)),
    query(routes.pastCoverage, (reader, { params, query }) => readPastCoverage(reader, params.id, query)),
    query(routes.fairness, (reader, { params, query }) => readFairness(reader, params.id, query)),
    query(routes.apprenticeships, (reader, { params }) => listApprenticeships(reader, params.id)),
    command(routes.saveApprenticeship, (tx, { caller, params, body }) => saveApprenticeship(tx, context, caller, params.id, params.personId, body.isFinished)),
    query(routes.handoffNotes, (reader, { caller, params, query }) => listHandoffNotes(reader, caller, params.id, query)),
    command(routes.writeHandoffNote, (tx, { caller, params, body }) => writeHandoffNote(tx, caller, params.id, body.text)),
    command(routes.makeFeed, (tx, { caller, body }) => makeFeed(tx, context, caller, body.scheduleId)),
    openQuery(routes.feed, async (reader, { params }) => new Produced(await readFeed(reader, context, params.token))),
  ]
}

function policyBindings(): Bindings {
  return [
    query(policyRoutes.policies, reader => listPolicies(reader)),
    command(policyRoutes.savePolicy, (tx, { caller, params, body }) => savePolicy(tx, caller, params.id, body)),
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
    query(routes.contactMethods, (reader, { caller }) => listContactMethods(reader, caller.personId)),
    command(routes.addContactMethod, (tx, { caller, body }) => addContactMethod(tx, context, caller, body)),
    command(routes.sendContactCode, (tx, { caller, params }) => sendContactCode(tx, context, caller, params.id)),
    workflow(routes.verifyContactMethod, async (database, { caller, params, body }) => {
      const result = await database.transaction(tx => verifyContactMethod(tx, caller, params.id, body.code))
      if ('problem' in result) throw invalid('code', result.problem)
      return result.method
    }),
    query(routes.notificationRules, (reader, { caller }) => readRules(reader, caller.personId)),
    command(routes.saveNotificationRules, (tx, { caller, body }) => saveRules(tx, caller, body)),
    query(routes.pushKey, async () => ({ key: pushKey(context.secrets), channels: contactKinds.filter(kind => context.messenger.has(kind)) })),
    query(routes.teamChannels, reader => listTeamChannels(reader)),
    command(routes.saveTeamChannel, (tx, { caller, params, body }) => saveTeamChannel(tx, context, caller, params.id, body)),
    command(routes.removeTeamChannel, (tx, { caller, params }) => removeTeamChannel(tx, caller, params.id)),
    command(routes.removeContactMethod, (tx, { caller, params }) => removeContactMethod(tx, caller, params.id)),
    query(routes.pages, (reader, { caller, query }) => listPages(reader, context, caller, query)),
    query(routes.page, (reader, { caller, params, query }) => readPageTimeline(reader, context, caller, params.id, query)),
    query(routes.myPages, (reader, { caller, query }) => listPages(reader, context, caller, query, { personId: caller.personId })),
    command(routes.acknowledgePage, (tx, { caller, params }) =>
      after(tx, caller, params.id, () => acknowledgePage(tx, context, caller.actor, caller.personId, params.id)),
    ),
    command(routes.declinePage, (tx, { caller, params, body }) => after(tx, caller, params.id, () => declinePage(tx, context, caller, params.id, body))),
    command(routes.escalatePage, (tx, { caller, params }) => after(tx, caller, params.id, () => escalatePage(tx, context, caller.actor, params.id))),
    command(routes.addResponders, (tx, { caller, params, body }) =>
      after(tx, caller, params.id, () => addResponders(tx, context, caller, params.id, body.personIds)),
    ),
    command(routes.snoozePage, (tx, { caller, params, body }) => after(tx, caller, params.id, () => snoozePage(tx, caller.actor, params.id, body.minutes))),
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
      throughLink(tx, context, body.token, ({ actor, personId }, page) => releasePage(tx, context, actor, personId, page.id)),
    ),
    openCommand(routes.escalateByLink, (tx, { body }) => throughLink(tx, context, body.token, ({ actor }, page) => escalatePage(tx, context, actor, page.id))),
    openCommand(routes.declineByLink, async (tx, { body }) => {
      const to = body.to === null ? undefined : await findColleague(tx, (await responderOf(tx, context, body.token)).pages, body.to, 'to')
      return throughLink(tx, context, body.token, (responder, page) => declinePage(tx, context, responder, page.id, { toId: to?.id ?? null, reason: '' }))
    }),
    openCommand(routes.addRespondersByLink, async (tx, { body }) => {
      const { id } = await findColleague(tx, (await responderOf(tx, context, body.token)).pages, body.who, 'who')
      return throughLink(tx, context, body.token, (responder, page) => addResponders(tx, context, responder, page.id, [id]))
    }),
    openCommand(routes.snoozeByLink, (tx, { body }) =>
      throughLink(tx, context, body.token, async ({ actor, personId }, page) => {
        if (page.acknowledgedById !== personId) throw conflict('Only who has taken the page up lets it rest by its link.')
        await snoozePage(tx, actor, page.id, body.minutes)
      }),
    ),
    query(routes.messageLog, (reader, { caller, query }) => listMessages(reader, context, caller, query)),
  ]
}
