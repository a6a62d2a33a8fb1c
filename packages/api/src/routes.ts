import { alertRoutes } from './alerts.ts'
import { catalogRoutes } from './catalog.ts'
import { detectionRoutes } from './detection.ts'
import { identityRoutes } from './identity.ts'
import { incidentRoutes } from './incidents.ts'
import { indicatorRoutes } from './indicators.ts'
import { intakeRoutes } from './intake.ts'
import { noticeRoutes } from './notices.ts'
import { oncallRoutes } from './oncall.ts'
import { organisationRoutes } from './organisation.ts'
import { pagingRoutes } from './paging.ts'
import { policyRoutes } from './policies.ts'
import { reviewRoutes } from './reviews.ts'
import { silenceRoutes } from './silences.ts'
import { systemRoutes } from './system.ts'

/** Every operation of the API, by name. */
export const routes = {
  ...systemRoutes,
  ...identityRoutes,
  ...catalogRoutes,
  ...oncallRoutes,
  ...policyRoutes,
  ...organisationRoutes,
  ...pagingRoutes,
  ...alertRoutes,
  ...silenceRoutes,
  ...incidentRoutes,
  ...noticeRoutes,
  ...reviewRoutes,
  ...intakeRoutes,
  ...detectionRoutes,
  ...indicatorRoutes,
}
export type RouteName = keyof typeof routes
