import { accessRoutes } from './access.ts'
import { alertActRoutes } from './alert-acts.ts'
import { alertRowRoutes } from './alert-rows.ts'
import { alertRoutes } from './alerts.ts'
import { calendarRoutes } from './calendars.ts'
import { connectorRoutes } from './connectors.ts'
import { detectionRoutes } from './detection.ts'
import { directoryRoutes } from './directory.ts'
import { erasureRoutes } from './erasures.ts'
import { factRoutes } from './facts.ts'
import { findingRoutes } from './finding.ts'
import { incidentRoleRoutes } from './incident-roles.ts'
import { incidentRoutes } from './incidents.ts'
import { indicatorRoutes } from './indicators.ts'
import { noticeRoutes } from './notices.ts'
import { organizationRoutes } from './organization.ts'
import { pageSimulationRoutes } from './page-simulation.ts'
import { pagingRoutes } from './paging.ts'
import { policyRoutes } from './policies.ts'
import { proposalRoutes } from './proposals.ts'
import { reviewRoutes } from './reviews.ts'
import { schedulingRoutes } from './scheduling.ts'
import { segregationRoutes } from './segregation.ts'
import { setupRoutes } from './setup.ts'
import { silenceRoutes } from './silences.ts'
import { systemRoutes } from './system.ts'

/** Every operation of the API, by name. */
export const routes = {
  ...systemRoutes,
  ...setupRoutes,
  ...accessRoutes,
  ...directoryRoutes,
  ...calendarRoutes,
  ...schedulingRoutes,
  ...policyRoutes,
  ...organizationRoutes,
  ...pageSimulationRoutes,
  ...pagingRoutes,
  ...alertRowRoutes,
  ...alertRoutes,
  ...alertActRoutes,
  ...findingRoutes,
  ...silenceRoutes,
  ...incidentRoutes,
  ...incidentRoleRoutes,
  ...proposalRoutes,
  ...segregationRoutes,
  ...factRoutes,
  ...noticeRoutes,
  ...reviewRoutes,
  ...erasureRoutes,
  ...connectorRoutes,
  ...detectionRoutes,
  ...indicatorRoutes,
}
export type RouteName = keyof typeof routes
