export { addPerson, assertPeople, assertResponders, canRespond, countJoined, findPerson, invite, isSetUp, listPeople, setupToken } from './accounts.ts'
export {
  assertPerson,
  authorizer,
  type Bindings,
  type Caller,
  command,
  nameOfCaller,
  openCommand,
  openQuery,
  openWebhook,
  openWorkflow,
  query,
  workflow,
} from './caller.ts'
export type { AppContext } from './context.ts'
export { Departures } from './departures.ts'
export { Erasables, type Found as FoundToErase } from './erasables.ts'
export { accountsThatActed, peopleBehind } from './key-use.ts'
export { callersWhoLeft, endAllSessions } from './open-sessions.ts'
export { recoverAdministrator } from './password-reset.ts'
export { countRecoveryCodes } from './recovery-codes.ts'
export { recordRestrictedRead } from './restricted-reads.ts'
export { accessBindings } from './routes.ts'
export { maxFound, nearText, Searches, type SearchItem } from './searches.ts'
export { SecurityEvents } from './security-events.ts'
export { sessionSettings } from './session-settings.ts'
export { people } from './tables.ts'
export { tellPerson } from './tell.ts'
export { Usages } from './usages.ts'
export { everybody, numberIn, uuidIn, type Viewer, Visibility } from './visibility.ts'
export { type Engagement, Workload } from './workload.ts'
