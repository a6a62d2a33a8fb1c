import { accessRoutes } from './access.ts'
import { alertRoutes } from './alerts.ts'
import { connectorRoutes } from './connectors.ts'
import { detectionRoutes } from './detection.ts'
import { directoryRoutes } from './directory.ts'
import { erasureRoutes } from './erasures.ts'
import { incidentRoutes } from './incidents.ts'
import { indicatorRoutes } from './indicators.ts'
import { noticeRoutes } from './notices.ts'
import { organizationRoutes } from './organization.ts'
import { pagingRoutes } from './paging.ts'
import { policyRoutes } from './policies.ts'
import { reviewRoutes } from './reviews.ts'
import { schedulingRoutes } from './scheduling.ts'
import { silenceRoutes } from './silences.ts'
import { systemRoutes } from './system.ts'

/** Every operation of the API, by name. */
export const routes = {
  ...systemRoutes,
  ...accessRoutes,
  ...directoryRoutes,
  ...schedulingRoutes,
  ...policyRoutes,
  ...organizationRoutes,
  ...pagingRoutes,
  ...alertRoutes,
  ...silenceRoutes,
  ...incidentRoutes,
  ...noticeRoutes,
  ...reviewRoutes,
  ...erasureRoutes,
  ...connectorRoutes,
  ...detectionRoutes,
  ...indicatorRoutes,
}
export type RouteName = keyof typeof routes
