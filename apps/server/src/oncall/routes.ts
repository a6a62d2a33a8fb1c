import { contactKinds, oncallRoutes, pagingRoutes, policyRoutes } from '@tocsin/api'
import { act, type Bindings, type Caller, type House, listTeams, openAct, openQuestion, process, question } from '../identity/index.ts'
import { pushKey } from '../platform/channels/index.ts'
import type { Tx } from '../platform/database.ts'
import { Produced } from '../platform/http.ts'
import { conflict, invalid, notFound } from '../platform/problems.ts'
import { findColleague } from './answers.ts'
import { addContactMethod, listContactMethods, readRules, removeContactMethod, saveRules, sendContactCode, verifyContactMethod } from './contact-methods.ts'
import { makeFeed, readFeed } from './feeds.ts'
import { holderOf, throughLink } from './links.ts'
import { listOutbox } from './outbox.ts'
import { acknowledgePage, addResponders, declinePage, escalatePage, handBackPage, snoozePage, startDrill } from './pages.ts'
import { listPolicies, removePolicy, savePolicy } from './policies.ts'
import { listDrills, listPages, readPageStory } from './read-pages.ts'
import { addOverride, addTemporary, removeOverride, removeSchedule, saveSchedule } from './schedules.ts'
import { listTeamChannels, removeTeamChannel, saveTeamChannel } from './team-channels.ts'
import { listMyShifts, listOnCall, readCalendar, readFairness, readPastCoverage, saveTeamOnCall, setUpOnCall } from './teams.ts'
import { addTimeOff, listApprenticeships, listHandoffNotes, listTimeOff, removeTimeOff, saveApprenticeship, writeHandoffNote } from './time-off.ts'

export function oncallBindings(house: House): Bindings {
  return [...scheduleBindings(house), ...policyBindings(), ...pageBindings(house)]
}

function scheduleBindings(house: House): Bindings {
  const routes = oncallRoutes
  return [
    question(routes.onCall, reader => listOnCall(reader)),
    act(routes.setUpOnCall, (tx, { caller, params, body }) => setUpOnCall(tx, house, caller, params.id, body)),
    act(routes.saveTeamOnCall, (tx, { caller, params, body }) => saveTeamOnCall(tx, house, caller, params.id, body)),
    question(routes.calendar, (reader, { params, query }) => readCalendar(reader, params.id, query)),
    act(routes.saveSchedule, (tx, { caller, params, body }) => saveSchedule(tx, house, caller, params.id, body)),
    act(routes.removeSchedule, (tx, { caller, params }) => removeSchedule(tx, house, caller, params.id)),
    act(routes.addOverride, (tx, { caller, params, body }) => addOverride(tx, house, caller, params.id, body)),
    act(routes.removeOverride, (tx, { caller, params }) => removeOverride(tx, house, caller, params.id)),
    act(routes.addTemporary, (tx, { caller, params, body }) => addTemporary(tx, house, caller, params.id, body)),
    question(routes.timeOff, reader => listTimeOff(reader)),
    act(routes.addTimeOff, (tx, { caller, body }) => addTimeOff(tx, house, caller, body)),
    act(routes.removeTimeOff, (tx, { caller, params }) => removeTimeOff(tx, house, caller, params.id)),
    question(routes.myShifts, (reader, { caller }) => listMyShifts(reader, caller.personId)),
    question(routes.pastCoverage, (reader, { params, query }) => readPastCoverage(reader, params.id, query)),
    question(routes.fairness, (reader, { params, query }) => readFairness(reader, params.id, query)),
    question(routes.apprenticeships, (reader, { params }) => listApprenticeships(reader, params.id)),
    act(routes.saveApprenticeship, (tx, { caller, params, body }) => saveApprenticeship(tx, house, caller, params.id, params.personId, body.isFinished)),
    question(routes.handoffNotes, (reader, { caller, params }) => listHandoffNotes(reader, caller, params.id)),
    act(routes.writeHandoffNote, (tx, { caller, params, body }) => writeHandoffNote(tx, caller, params.id, body.text)),
    act(routes.makeFeed, (tx, { caller, body }) => makeFeed(tx, house, caller, body.scheduleId)),
    openQuestion(routes.feed, async (reader, { params }) => new Produced(await readFeed(reader, house, params.token))),
  ]
}

function policyBindings(): Bindings {
  return [
    question(policyRoutes.policies, reader => listPolicies(reader)),
    act(policyRoutes.savePolicy, (tx, { caller, params, body }) => savePolicy(tx, caller, params.id, body)),
    act(policyRoutes.removePolicy, (tx, { caller, params }) => removePolicy(tx, caller, params.id)),
  ]
}

function pageBindings(house: House): Bindings {
  const routes = pagingRoutes
  const read = async (tx: Tx, caller: Caller, pageId: string) => {
    const [page] = await listPages(tx, house, caller, { pageId })
    if (!page) throw notFound('page')
    return page
  }
  /** A page that the caller may not see cannot be acted on either. */
  const after = async (tx: Tx, caller: Caller, pageId: string, work: () => Promise<unknown>) => {
    await read(tx, caller, pageId)
    await work()
    return read(tx, caller, pageId)
  }
  return [
    question(routes.contactMethods, (reader, { caller }) => listContactMethods(reader, caller.personId)),
    act(routes.addContactMethod, (tx, { caller, body }) => addContactMethod(tx, house, caller, body)),
    act(routes.sendContactCode, (tx, { caller, params }) => sendContactCode(tx, house, caller, params.id)),
    process(routes.verifyContactMethod, async (database, { caller, params, body }) => {
      const result = await database.transaction(tx => verifyContactMethod(tx, caller, params.id, body.code))
      if ('problem' in result) throw invalid('code', result.problem)
      return result.method
    }),
    question(routes.notificationRules, (reader, { caller }) => readRules(reader, caller.personId)),
    act(routes.saveNotificationRules, (tx, { caller, body }) => saveRules(tx, caller, body)),
    question(routes.pushKey, async () => ({ key: pushKey(house.secrets), channels: contactKinds.filter(kind => house.messenger.has(kind)) })),
    question(routes.teamChannels, reader => listTeamChannels(reader)),
    act(routes.saveTeamChannel, (tx, { caller, params, body }) => saveTeamChannel(tx, house, caller, params.id, body)),
    act(routes.removeTeamChannel, (tx, { caller, params }) => removeTeamChannel(tx, caller, params.id)),
    act(routes.removeContactMethod, (tx, { caller, params }) => removeContactMethod(tx, caller, params.id)),
    question(routes.pages, (reader, { caller }) => listPages(reader, house, caller)),
    question(routes.page, (reader, { caller, params }) => readPageStory(reader, house, caller, params.id)),
    question(routes.myPages, (reader, { caller }) => listPages(reader, house, caller, { personId: caller.personId })),
    act(routes.acknowledgePage, (tx, { caller, params }) =>
      after(tx, caller, params.id, () => acknowledgePage(tx, house, caller.actor, caller.personId, params.id)),
    ),
    act(routes.declinePage, (tx, { caller, params, body }) => after(tx, caller, params.id, () => declinePage(tx, house, caller, params.id, body))),
    act(routes.escalatePage, (tx, { caller, params }) => after(tx, caller, params.id, () => escalatePage(tx, house, caller.actor, params.id))),
    act(routes.addResponders, (tx, { caller, params, body }) =>
      after(tx, caller, params.id, () => addResponders(tx, house, caller, params.id, body.personIds)),
    ),
    act(routes.snoozePage, (tx, { caller, params, body }) => after(tx, caller, params.id, () => snoozePage(tx, caller.actor, params.id, body.minutes))),
    act(routes.startDrill, async (tx, { caller, params, body }) => {
      const [team] = await listTeams(tx, [params.id])
      if (!team) throw notFound('team')
      return read(tx, caller, await startDrill(tx, house, caller, team, body.urgency))
    }),
    question(routes.drills, (reader, { params }) => listDrills(reader, params.id)),
    openAct(routes.pageByLink, (tx, { body }) => throughLink(tx, house, body.token, async () => undefined)),
    openAct(routes.acknowledgeByLink, (tx, { body }) =>
      throughLink(tx, house, body.token, ({ actor, personId }, page) => acknowledgePage(tx, house, actor, personId, page.id)),
    ),
    openAct(routes.handBackByLink, (tx, { body }) =>
      throughLink(tx, house, body.token, ({ actor, personId }, page) => handBackPage(tx, house, actor, personId, page.id)),
    ),
    openAct(routes.escalateByLink, (tx, { body }) => throughLink(tx, house, body.token, ({ actor }, page) => escalatePage(tx, house, actor, page.id))),
    openAct(routes.declineByLink, async (tx, { body }) => {
      const to = body.to === null ? undefined : await findColleague(tx, (await holderOf(tx, house, body.token)).pages, body.to, 'to')
      return throughLink(tx, house, body.token, (holder, page) => declinePage(tx, house, holder, page.id, { toId: to?.id ?? null, reason: '' }))
    }),
    openAct(routes.addRespondersByLink, async (tx, { body }) => {
      const { id } = await findColleague(tx, (await holderOf(tx, house, body.token)).pages, body.who, 'who')
      return throughLink(tx, house, body.token, (holder, page) => addResponders(tx, house, holder, page.id, [id]))
    }),
    openAct(routes.snoozeByLink, (tx, { body }) =>
      throughLink(tx, house, body.token, async ({ actor, personId }, page) => {
        if (page.acknowledgedById !== personId) throw conflict('Only who has taken the page up lets it rest by its link.')
        await snoozePage(tx, actor, page.id, body.minutes)
      }),
    ),
    question(routes.outbox, (reader, { caller }) => listOutbox(reader, house, caller)),
  ]
}
