import { ActionIcon, Alert, Anchor, Badge, Box, Button, Grid, Group, Menu, Stack, Tabs, Text, Tooltip } from '@mantine/core'
import { IconDots, IconDownload, IconFileText, IconLock, IconUsers } from '@tabler/icons-react'
import { useLocation, useNavigate, useParams } from '@tanstack/react-router'
import { type Incident, incidentStatuses, type Proposal, proposalKinds } from '@tocsin/api'
import { useEffect, useRef, useState } from 'react'
import { download, tellProblem, useApi } from '../api.ts'
import { DemoBadge, ExerciseBadge, IncidentSeverityBadge, markedTitle } from '../parts/badges.tsx'
import { lazyPart } from '../parts/lazy-page.tsx'
import { LoadedPage, Page } from '../parts/page.tsx'
import { RouteLink } from '../parts/route-link.tsx'
import { useMay, useMayLead } from '../session.ts'
import { AssessmentSection } from './assessment.tsx'
import { FactsSection } from './facts.tsx'
import { KeyDatesSection } from './key-dates.tsx'
import { OpenProposals, ProposeModal, proposalTitles } from './proposals.tsx'
import { OpenHandovers, RolesSection } from './roles.tsx'
import { SecondLooks } from './segregation.tsx'
import { TimelineTab } from './timeline-tab.tsx'
import { TransitionModal } from './transition-modal.tsx'

const IncidentNotices = lazyPart(async () => (await import('../notices/incident-notices.tsx')).IncidentNotices)
const ReviewTab = lazyPart(async () => (await import('../reviews/review-tab.tsx')).ReviewTab)
const NotesTab = lazyPart(async () => (await import('./notes-tab.tsx')).NotesTab)
const ScopeTab = lazyPart(async () => (await import('./scope-tab.tsx')).ScopeTab)
const TasksTab = lazyPart(async () => (await import('./tasks-tab.tsx')).TasksTab)
const ReopenModal = lazyPart(async () => (await import('./reopen-modal.tsx')).ReopenModal)

const actionLabels: Record<string, string> = {
  declare: 'Declare',
  contain: 'Mark contained…',
  eradicate: 'Mark eradicated…',
  recover: 'Mark recovered…',
  close: 'Close',
  reopen: 'Reopen',
}

export function IncidentPage() {
  const { id } = useParams({ strict: false }) as { id: string }
  const incident = useApi('incident', { params: { id } })
  return (
    <LoadedPage title="Incident" wayOut={<RouteLink to="/incidents">All incidents</RouteLink>} query={incident}>
      {found => <IncidentView incident={found} />}
    </LoadedPage>
  )
}

function IncidentView({ incident }: { incident: Incident }) {
  const navigate = useNavigate()
  const tab = useLocation({ select: location => (location.search as { tab?: string }).tab ?? 'timeline' })
  const isClosed = incident.status === 'closed'
  const list = useRef<HTMLDivElement>(null)
  // biome-ignore lint/correctness/useExhaustiveDependencies: with another tab, another one is to be seen where they do not all fit
  useEffect(() => {
    const shown = list.current?.querySelector<HTMLElement>('[aria-selected="true"]')
    if (list.current && shown) list.current.scrollLeft = shown.offsetLeft - (list.current.clientWidth - shown.offsetWidth) / 2
  }, [tab])
  const openTasks = incident.tasks.filter(task => task.doneAt === null).length
  return (
    <Page
      title={markedTitle(incident)}
      lead={
        <Group gap={8} component="span">
          <IncidentSeverityBadge severity={incident.severity} />
          <Badge variant="default">{incident.class.replaceAll('-', ' ')}</Badge>
          {incident.isRestricted ? (
            <Badge variant="default" h="auto" styles={{ label: { whiteSpace: 'normal' } }} leftSection={<IconLock size={12} />}>
              restricted{incident.codename === null ? '' : ` · ${incident.codename}`}
            </Badge>
          ) : null}
          {incident.stoodDownAt === null ? null : <Badge variant="default">stood down</Badge>}
          {incident.round > 1 ? <Badge variant="default">reopened</Badge> : null}
          <DemoBadge isDemo={incident.isDemo} />
          <ExerciseBadge isExercise={incident.isExercise} />
          <span>
            Incident {incident.number}
            {incident.parent ? (
              <>
                , linked to parent{' '}
                <RouteLink to="/incidents/$id" params={{ id: incident.parent.id }} inherit>
                  incident {incident.parent.number}
                </RouteLink>
              </>
            ) : null}
            {incident.children.length > 0 ? (
              <>
                , parent of{' '}
                <RouteLink to="/incidents/$id" params={{ id: incident.id }} search={{ tab: 'scope' }} inherit>
                  {incident.children.length === 1 ? '1 incident' : `${incident.children.length} incidents`}
                </RouteLink>
              </>
            ) : null}
          </span>
        </Group>
      }
      actions={<Actions incident={incident} />}
    >
      <Lifecycle incident={incident} />
      {incident.isExercise ? <Alert color="blue">This is an exercise: it pages people, and nothing of it reaches a customer.</Alert> : null}
      {incident.nextActions
        .flatMap(({ because }) => because)
        .map(sentence => (
          <Alert key={sentence} color="yellow">
            {sentence}
          </Alert>
        ))}
      <OpenHandovers incident={incident} />
      {isClosed ? null : <OpenProposals incident={incident} />}
      {isClosed ? null : <SecondLooks incident={incident} />}
      {incident.stoodDownAt !== null && !isClosed ? (
        <Alert color="gray">This incident was stood down: it was declared in error. It can be closed once the customers who were notified are told.</Alert>
      ) : null}
      {isClosed ? (
        <Alert color="gray">
          {incident.stoodDownAt === null
            ? 'This incident is closed and read-only.'
            : 'This incident was declared in error and stood down. It is closed and read-only.'}{' '}
          Track remaining work under Follow-up actions.
        </Alert>
      ) : null}
      <Grid gap="lg">
        <Grid.Col span={{ base: 12, md: 8 }}>
          <Tabs
            value={tab}
            onChange={value => void navigate({ to: '/incidents/$id', params: { id: incident.id }, search: { tab: value ?? 'timeline' }, replace: true })}
            keepMounted={false}
          >
            {/* On a phone they come after a long list. */}
            <Anchor href="#details" size="sm" hiddenFrom="md" mb="xs" display="inline-block">
              Roles, severity and details
            </Anchor>
            <Tabs.List mb="md" className="tabs-in-a-row" ref={list}>
              <Tabs.Tab value="timeline">Timeline</Tabs.Tab>
              <Tabs.Tab value="tasks">Tasks{openTasks > 0 ? ` ${openTasks}` : ''}</Tabs.Tab>
              <Tabs.Tab value="notes">Notes{incident.noteCount > 0 ? ` ${incident.noteCount}` : ''}</Tabs.Tab>
              <Tabs.Tab value="scope">Scope</Tabs.Tab>
              <Tabs.Tab value="notices">Customer notifications</Tabs.Tab>
              <Tabs.Tab value="review">Review</Tabs.Tab>
            </Tabs.List>
            <Tabs.Panel value="timeline">
              <TimelineTab incident={incident} />
            </Tabs.Panel>
            <Tabs.Panel value="tasks">
              <TasksTab incident={incident} />
            </Tabs.Panel>
            <Tabs.Panel value="notes">
              <NotesTab incident={incident} />
            </Tabs.Panel>
            <Tabs.Panel value="scope">
              <ScopeTab incident={incident} />
            </Tabs.Panel>
            <Tabs.Panel value="notices">
              <IncidentNotices incident={incident} />
            </Tabs.Panel>
            <Tabs.Panel value="review">
              <ReviewTab incident={incident} />
            </Tabs.Panel>
          </Tabs>
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 4 }}>
          <Stack id="details">
            <RolesSection incident={incident} />
            <AssessmentSection incident={incident} />
            <FactsSection incident={incident} />
            <KeyDatesSection incident={incident} />
          </Stack>
        </Grid.Col>
      </Grid>
    </Page>
  )
}

/** Where it stands on its way from suspicion to closure. */
function Lifecycle({ incident }: { incident: Incident }) {
  const at = incidentStatuses.indexOf(incident.status)
  return (
    <ol className="steps" aria-label="Lifecycle">
      {incidentStatuses.map((status, position) => {
        const state = position < at ? 'done' : position === at ? 'now' : 'ahead'
        return (
          <li key={status} data-state={state} aria-current={state === 'now' ? 'step' : undefined}>
            <span>
              {status[0]?.toUpperCase()}
              {status.slice(1)}
            </span>
          </li>
        )
      })}
    </ol>
  )
}

function Actions({ incident }: { incident: Incident }) {
  const mayRespond = useMay('responder')
  const mayLead = useMay('lead')
  const mayLeadThis = useMayLead(incident)
  const [action, setAction] = useState<string>()
  const [proposed, setProposed] = useState<Proposal['kind']>()
  if (!mayRespond) return null
  const isOffered = (name: string) => mayLead || !['declare', 'close', 'reopen'].includes(name)
  // The way forward is the button that stands out; the way back stands beside it.
  const offered = incident.nextActions.filter(next => isOffered(next.action))
  const forward = offered.find(next => incidentStatuses.indexOf(next.to) > incidentStatuses.indexOf(incident.status)) ?? offered[0]
  const isDeclared = incident.declaredAt !== null && incident.stoodDownAt === null && incident.status !== 'closed'
  const open = incident.proposals.filter(({ state }) => state === 'open').map(({ kind }) => kind)
  const isProposable = (kind: Proposal['kind']) =>
    kind === 'close' ? mayLeadThis && incident.status === 'recovered' : kind === 'stand-down' ? mayLeadThis : true
  const proposable = isDeclared ? proposalKinds.filter(kind => !open.includes(kind) && isProposable(kind)) : []
  return (
    <>
      {offered.map(next => {
        const label = next.action === 'contain' && incident.status !== 'declared' ? 'Back to contained…' : (actionLabels[next.action] ?? next.action)
        const button = (
          <Button key={next.action} variant={next === forward && next.blockedBy.length === 0 ? 'filled' : 'default'} onClick={() => setAction(next.action)}>
            {label}
          </Button>
        )
        return next.blockedBy.length === 0 ? (
          button
        ) : (
          <Tooltip key={next.action} label={<BlockedBy sentences={next.blockedBy} />} multiline maw={320}>
            <Box>{button}</Box>
          </Tooltip>
        )
      })}
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon variant="default" size={36} aria-label="More">
            <IconDots size={18} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {proposable.length > 0 ? <Menu.Label>Takes a second person</Menu.Label> : null}
          {proposable.map(kind => (
            <Menu.Item key={kind} leftSection={<IconUsers size={16} />} onClick={() => setProposed(kind)}>
              {proposalTitles[kind]}…
            </Menu.Item>
          ))}
          <Menu.Label>Export</Menu.Label>
          <Menu.Item
            leftSection={<IconDownload size={16} />}
            onClick={() => void download('exportIncident', { params: { id: incident.id } }, `incident-${incident.number}.json`).catch(tellProblem)}
          >
            Signed JSON export
          </Menu.Item>
          <Menu.Item
            leftSection={<IconFileText size={16} />}
            onClick={() => void download('printIncident', { params: { id: incident.id } }, `incident-${incident.number}.html`).catch(tellProblem)}
          >
            HTML report
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {proposed ? <ProposeModal incident={incident} kind={proposed} onClose={() => setProposed(undefined)} /> : null}
      {action === 'reopen' ? <ReopenModal incident={incident} onClose={() => setAction(undefined)} /> : null}
      {action && action !== 'reopen' ? (
        <TransitionModal
          incident={incident}
          action={action}
          blockedBy={offered.find(next => next.action === action)?.blockedBy ?? []}
          onClose={() => setAction(undefined)}
        />
      ) : null}
    </>
  )
}

export function BlockedBy({ sentences }: { sentences: readonly string[] }) {
  return (
    <Stack gap={2}>
      {sentences.map(sentence => (
        <Text key={sentence} size="sm">
          {sentence}
        </Text>
      ))}
    </Stack>
  )
}
