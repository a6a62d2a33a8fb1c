import { schedulingRoutes } from '@tocsin/api'
import { type AppContext, type Bindings, command, openQuery, query } from '../access/index.ts'
import { assertSameTeam } from '../directory/index.ts'
import { onlyChanged } from '../journal/index.ts'
import { Produced } from '../kernel/http.ts'
import { listFeeds, makeFeed, readFeed, revokeFeed } from './calendar-feeds.ts'
import { addOverride, addTemporary, removeOverride, removeSchedule, saveSchedule } from './schedules.ts'
import { listMyShifts, listOnCall, readCalendar, readPastCoverage } from './teams.ts'
import { addTimeOff, listApprenticeships, listHandoffNotes, listTimeOff, removeTimeOff, saveApprenticeship, writeHandoffNote } from './time-off.ts'

export function schedulingBindings(context: AppContext): Bindings {
  const routes = schedulingRoutes
  return [
    query(routes.onCall, reader => listOnCall(reader)),
    query(routes.calendar, (reader, { params, query }) => readCalendar(reader, params.id, query)),
    command(routes.saveSchedule, (tx, { caller, params, body: { teamId, ...schedule } }) => {
      assertSameTeam(params, teamId)
      return saveSchedule(tx, context, caller, params.id, schedule)
    }),
    command(routes.removeSchedule, (tx, { caller, params }) => removeSchedule(tx, context, caller, params.id)),
    command(routes.addOverride, (tx, { caller, params, body }) => addOverride(tx, context, caller, params.id, body)),
    command(routes.removeOverride, (tx, { caller, params }) => removeOverride(tx, context, caller, params.id)),
    command(routes.addTemporary, (tx, { caller, params, body }) => addTemporary(tx, context, caller, params.id, body)),
    query(routes.timeOff, async (reader, { query: { updatedSince } }) => onlyChanged(reader, await listTimeOff(reader), updatedSince)),
    command(routes.addTimeOff, (tx, { caller, body }) => addTimeOff(tx, context, caller, body)),
    command(routes.removeTimeOff, (tx, { caller, params }) => removeTimeOff(tx, context, caller, params.id)),
    query(routes.myShifts, (reader, { caller }) => listMyShifts(reader, caller.personId)),
    query(routes.pastCoverage, (reader, { params, query }) => readPastCoverage(reader, params.id, query)),
    query(routes.apprenticeships, (reader, { params }) => listApprenticeships(reader, params.id)),
    command(routes.saveApprenticeship, (tx, { caller, params, body }) => saveApprenticeship(tx, context, caller, params.id, params.personId, body.isFinished)),
    query(routes.handoffNotes, (reader, { caller, params, query }) => listHandoffNotes(reader, caller, params.id, query)),
    command(routes.writeHandoffNote, (tx, { caller, params, body }) => writeHandoffNote(tx, caller, params.id, body.text)),
    command(routes.makeFeed, (tx, { caller, body }) => makeFeed(tx, context, caller, body.scheduleId)),
    query(routes.calendarFeeds, (reader, { caller }) => listFeeds(reader, caller.personId)),
    command(routes.revokeFeed, (tx, { caller, params }) => revokeFeed(tx, caller, params.id)),
    openQuery(routes.feed, async (reader, { params }) => new Produced(await readFeed(reader, context, params.token))),
  ]
}
