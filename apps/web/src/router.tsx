import { createRootRoute, createRoute, createRouter, Outlet } from '@tanstack/react-router'
import { AccountPage } from './account/account-page.tsx'
import { AlertPage } from './alerts/alert-page.tsx'
import { AlertsPage } from './alerts/alerts-page.tsx'
import { SilencesPage } from './alerts/silences-page.tsx'
import { CustomersPage } from './catalog/customers-page.tsx'
import { ServicesPage } from './catalog/services-page.tsx'
import { DetectionPage } from './detection/detection-page.tsx'
import { NewRulePage, RulePage } from './detection/rule-page.tsx'
import { InvitePage } from './entry/invite-page.tsx'
import { SetupPage } from './entry/setup-page.tsx'
import { SignInPage } from './entry/sign-in-page.tsx'
import { IncidentPage } from './incidents/incident-page.tsx'
import { IncidentsPage } from './incidents/incidents-page.tsx'
import { JournalPage } from './journal/journal-page.tsx'
import { NoticesPage } from './notices/notices-page.tsx'
import { NowPage } from './now/now-page.tsx'
import { OnCallPage } from './oncall/on-call-page.tsx'
import { OutboxPage } from './oncall/outbox-page.tsx'
import { PageLinkPage } from './oncall/page-link-page.tsx'
import { PageStoryPage } from './oncall/page-story-page.tsx'
import { PagesPage } from './oncall/pages-page.tsx'
import { TeamPage } from './oncall/team-page.tsx'
import { Page } from './parts/page.tsx'
import { PeoplePage } from './people/people-page.tsx'
import { ReferencePage } from './reference/reference-page.tsx'
import { FollowReportPage } from './reports/follow-report-page.tsx'
import { ReportPage } from './reports/report-page.tsx'
import { ImprovementsPage } from './reviews/improvements-page.tsx'
import { SettingsPage } from './settings/settings-page.tsx'
import { Shell } from './shell/shell.tsx'

const root = createRootRoute({
  component: Outlet,
  notFoundComponent: () => <Page title="There is nothing here">The address is not one of Tocsin’s pages.</Page>,
})
const inside = createRoute({ getParentRoute: () => root, id: 'inside', component: Shell })
const page = <Path extends string>(path: Path, component: () => React.ReactNode) => createRoute({ getParentRoute: () => inside, path, component })
const outside = <Path extends string>(path: Path, component: () => React.ReactNode) => createRoute({ getParentRoute: () => root, path, component })

const tree = root.addChildren([
  inside.addChildren([
    page('/', NowPage),
    page('/alerts', AlertsPage),
    page('/alerts/$id', AlertPage),
    page('/silences', SilencesPage),
    page('/incidents', IncidentsPage),
    page('/incidents/$id', IncidentPage),
    page('/detection', DetectionPage),
    page('/detection/new', NewRulePage),
    page('/detection/rules/$id', RulePage),
    page('/notices', NoticesPage),
    page('/improvements', ImprovementsPage),
    page('/on-call', OnCallPage),
    page('/on-call/$id', TeamPage),
    page('/pages', PagesPage),
    page('/pages/$id', PageStoryPage),
    page('/services', ServicesPage),
    page('/customers', CustomersPage),
    page('/people', PeoplePage),
    page('/outbox', OutboxPage),
    page('/journal', JournalPage),
    page('/settings', SettingsPage),
    page('/account', AccountPage),
    page('/reference', ReferencePage),
  ]),
  outside('/sign-in', SignInPage),
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
