import { createRootRoute, createRoute, createRouter, Outlet, type RouteComponent } from '@tanstack/react-router'
import { alertsSearch } from './alerts/alerts-search.ts'
import { journalSearch } from './journal/journal-search.ts'
import { lazyPage as lazy, PageFailed, PagePending } from './parts/lazy-page.tsx'

// Each page is a part of its own, which is fetched when it is opened.
const root = createRootRoute({
  component: Outlet,
  notFoundComponent: lazy(() => import('./entry/not-found-page.tsx'), 'NotFoundPage'),
})
const inside = createRoute({ getParentRoute: () => root, id: 'inside', component: lazy(() => import('./shell/shell.tsx'), 'Shell') })
const page = <Path extends string>(path: Path, component: RouteComponent) => createRoute({ getParentRoute: () => inside, path, component })
const outside = <Path extends string>(path: Path, component: RouteComponent) => createRoute({ getParentRoute: () => root, path, component })

/** Which tab is open is in the address. */
const incident = createRoute({
  getParentRoute: () => inside,
  path: '/incidents/$id',
  component: lazy(() => import('./incidents/incident-page.tsx'), 'IncidentPage'),
  validateSearch: ({ tab }: Record<string, unknown>): { tab?: string } => (typeof tab === 'string' ? { tab } : {}),
})

/** Whose pages are listed is in the address. */
const pages = createRoute({
  getParentRoute: () => inside,
  path: '/pages',
  component: lazy(() => import('./paging/pages-page.tsx'), 'PagesPage'),
  validateSearch: ({ view }: Record<string, unknown>): { view?: 'all' } => (view === 'all' ? { view } : {}),
})

/** Which alerts are listed, and which is open, is in the address. */
const alerts = createRoute({
  getParentRoute: () => inside,
  path: '/alerts',
  component: lazy(() => import('./alerts/alerts-page.tsx'), 'AlertsPage'),
  validateSearch: alertsSearch,
})

/** Which service a page is simulated for is in the address. */
const simulate = createRoute({
  getParentRoute: () => inside,
  path: '/on-call/simulate',
  component: lazy(() => import('./paging/simulate-page.tsx'), 'SimulatePage'),
  validateSearch: ({ service }: Record<string, unknown>): { service?: string } => (typeof service === 'string' ? { service } : {}),
})

/** What the audit log is searched for is in the address. */
const journal = createRoute({
  getParentRoute: () => inside,
  path: '/journal',
  component: lazy(() => import('./journal/journal-page.tsx'), 'JournalPage'),
  validateSearch: journalSearch,
})

const tree = root.addChildren([
  inside.addChildren([
    page(
      '/',
      lazy(() => import('./home/home-page.tsx'), 'HomePage'),
    ),
    alerts,
    page(
      '/alerts/$id',
      lazy(() => import('./alerts/alert-page.tsx'), 'AlertPage'),
    ),
    page(
      '/silences',
      lazy(() => import('./alerts/silences-page.tsx'), 'SilencesPage'),
    ),
    page(
      '/incidents',
      lazy(() => import('./incidents/incidents-page.tsx'), 'IncidentsPage'),
    ),
    incident,
    page(
      '/detection',
      lazy(() => import('./detection/detection-page.tsx'), 'DetectionPage'),
    ),
    page(
      '/detection/new',
      lazy(() => import('./detection/rule-page.tsx'), 'NewRulePage'),
    ),
    page(
      '/detection/rules/$id',
      lazy(() => import('./detection/rule-page.tsx'), 'RulePage'),
    ),
    page(
      '/notices',
      lazy(() => import('./notices/notices-page.tsx'), 'NoticesPage'),
    ),
    page(
      '/follow-ups',
      lazy(() => import('./reviews/follow-ups-page.tsx'), 'FollowUpsPage'),
    ),
    page(
      '/on-call',
      lazy(() => import('./scheduling/on-call-page.tsx'), 'OnCallPage'),
    ),
    simulate,
    page(
      '/on-call/$id',
      lazy(() => import('./scheduling/team-page.tsx'), 'TeamPage'),
    ),
    pages,
    page(
      '/pages/$id',
      lazy(() => import('./paging/page-timeline-page.tsx'), 'PageTimelinePage'),
    ),
    page(
      '/services',
      lazy(() => import('./directory/services-page.tsx'), 'ServicesPage'),
    ),
    page(
      '/customers',
      lazy(() => import('./directory/customers-page.tsx'), 'CustomersPage'),
    ),
    page(
      '/people',
      lazy(() => import('./directory/people-page.tsx'), 'PeoplePage'),
    ),
    page(
      '/messages',
      lazy(() => import('./notify/message-log-page.tsx'), 'MessageLogPage'),
    ),
    journal,
    page(
      '/settings',
      lazy(() => import('./settings/settings-page.tsx'), 'SettingsPage'),
    ),
    page(
      '/setup-checklist',
      lazy(() => import('./setup/checklist-page.tsx'), 'ChecklistPage'),
    ),
    page(
      '/account',
      lazy(() => import('./account/account-page.tsx'), 'AccountPage'),
    ),
    page(
      '/reference',
      lazy(() => import('./reference/reference-page.tsx'), 'ReferencePage'),
    ),
  ]),
  outside(
    '/sign-in',
    lazy(() => import('./entry/sign-in-page.tsx'), 'SignInPage'),
  ),
  outside(
    '/forgot-password',
    lazy(() => import('./entry/reset-password-page.tsx'), 'ForgotPasswordPage'),
  ),
  outside(
    '/reset-password/$token',
    lazy(() => import('./entry/reset-password-page.tsx'), 'ResetPasswordPage'),
  ),
  outside(
    '/setup/$token',
    lazy(() => import('./entry/setup-page.tsx'), 'SetupPage'),
  ),
  outside(
    '/invite/$token',
    lazy(() => import('./entry/invite-page.tsx'), 'InvitePage'),
  ),
  outside(
    '/report',
    lazy(() => import('./reports/report-page.tsx'), 'EmployeeReportPage'),
  ),
  outside(
    '/report/customer',
    lazy(() => import('./reports/report-page.tsx'), 'CustomerReportPage'),
  ),
  outside(
    '/r/$token',
    lazy(() => import('./reports/follow-report-page.tsx'), 'FollowReportPage'),
  ),
])

export const router = createRouter({
  routeTree: tree,
  defaultPreload: 'intent',
  defaultErrorComponent: PageFailed,
  defaultPendingComponent: PagePending,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
