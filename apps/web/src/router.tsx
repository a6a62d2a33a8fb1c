import { createRootRoute, createRoute, createRouter, Outlet } from '@tanstack/react-router'
import { AccountPage } from './account/account-page.tsx'
import { AlertPage } from './alerts/alert-page.tsx'
import { AlertsPage } from './alerts/alerts-page.tsx'
import { readSelection } from './alerts/selection.ts'
import { SilencesPage } from './alerts/silences-page.tsx'
import { DetectionPage } from './detection/detection-page.tsx'
import { NewRulePage, RulePage } from './detection/rule-page.tsx'
import { CustomersPage } from './directory/customers-page.tsx'
import { PeoplePage } from './directory/people-page.tsx'
import { ServicesPage } from './directory/services-page.tsx'
import { InvitePage } from './entry/invite-page.tsx'
import { NotFoundPage } from './entry/not-found-page.tsx'
import { ForgotPasswordPage, ResetPasswordPage } from './entry/reset-password-page.tsx'
import { SetupPage } from './entry/setup-page.tsx'
import { SignInPage } from './entry/sign-in-page.tsx'
import { HomePage } from './home/home-page.tsx'
import { IncidentPage } from './incidents/incident-page.tsx'
import { IncidentsPage } from './incidents/incidents-page.tsx'
import { JournalPage } from './journal/journal-page.tsx'
import { journalSearch } from './journal/search-form.tsx'
import { NoticesPage } from './notices/notices-page.tsx'
import { MessageLogPage } from './notify/message-log-page.tsx'
import { PageLinkPage } from './paging/page-link-page.tsx'
import { PageTimelinePage } from './paging/page-timeline-page.tsx'
import { PagesPage } from './paging/pages-page.tsx'
import { SimulatePage } from './paging/simulate-page.tsx'
import { ReferencePage } from './reference/reference-page.tsx'
import { FollowReportPage } from './reports/follow-report-page.tsx'
import { ReportPage } from './reports/report-page.tsx'
import { FollowUpsPage } from './reviews/follow-ups-page.tsx'
import { OnCallPage } from './scheduling/on-call-page.tsx'
import { TeamPage } from './scheduling/team-page.tsx'
import { SettingsPage } from './settings/settings-page.tsx'
import { Shell } from './shell/shell.tsx'

const root = createRootRoute({
  component: Outlet,
  notFoundComponent: NotFoundPage,
})
const inside = createRoute({ getParentRoute: () => root, id: 'inside', component: Shell })
const page = <Path extends string>(path: Path, component: () => React.ReactNode) => createRoute({ getParentRoute: () => inside, path, component })
const outside = <Path extends string>(path: Path, component: () => React.ReactNode) => createRoute({ getParentRoute: () => root, path, component })

/** Which tab is open is in the address. */
const incident = createRoute({
  getParentRoute: () => inside,
  path: '/incidents/$id',
  component: IncidentPage,
  validateSearch: ({ tab }: Record<string, unknown>): { tab?: string } => (typeof tab === 'string' ? { tab } : {}),
})

/** Whose pages are listed is in the address. */
const pages = createRoute({
  getParentRoute: () => inside,
  path: '/pages',
  component: PagesPage,
  validateSearch: ({ view }: Record<string, unknown>): { view?: 'all' } => (view === 'all' ? { view } : {}),
})

/** Which alerts are listed, and which is open, is in the address. */
const alerts = createRoute({ getParentRoute: () => inside, path: '/alerts', component: AlertsPage, validateSearch: readSelection })

/** Which service a page is simulated for is in the address. */
const simulate = createRoute({
  getParentRoute: () => inside,
  path: '/on-call/simulate',
  component: SimulatePage,
  validateSearch: ({ service }: Record<string, unknown>): { service?: string } => (typeof service === 'string' ? { service } : {}),
})

/** What the audit log is searched for is in the address. */
const journal = createRoute({ getParentRoute: () => inside, path: '/journal', component: JournalPage, validateSearch: journalSearch })

const tree = root.addChildren([
  inside.addChildren([
    page('/', HomePage),
    alerts,
    page('/alerts/$id', AlertPage),
    page('/silences', SilencesPage),
    page('/incidents', IncidentsPage),
    incident,
    page('/detection', DetectionPage),
    page('/detection/new', NewRulePage),
    page('/detection/rules/$id', RulePage),
    page('/notices', NoticesPage),
    page('/follow-ups', FollowUpsPage),
    page('/on-call', OnCallPage),
    simulate,
    page('/on-call/$id', TeamPage),
    pages,
    page('/pages/$id', PageTimelinePage),
    page('/services', ServicesPage),
    page('/customers', CustomersPage),
    page('/people', PeoplePage),
    page('/messages', MessageLogPage),
    journal,
    page('/settings', SettingsPage),
    page('/account', AccountPage),
    page('/reference', ReferencePage),
  ]),
  outside('/sign-in', SignInPage),
  outside('/forgot-password', ForgotPasswordPage),
  outside('/reset-password/$token', ResetPasswordPage),
  outside('/setup/$token', SetupPage),
  outside('/invite/$token', InvitePage),
  outside('/report', () => <ReportPage audience="employee" />),
  outside('/report/customer', () => <ReportPage audience="customer" />),
  outside('/r/$token', FollowReportPage),
  outside('/a/$token', PageLinkPage),
])

export const router = createRouter({ routeTree: tree, defaultPreload: 'intent' })

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
