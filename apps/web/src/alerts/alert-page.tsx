import { ActionIcon, Badge, Box, Button, Grid, Group, Menu, Stack, Table, Text } from '@mantine/core'
import { IconArrowUpRight, IconDots, IconX } from '@tabler/icons-react'
import { useParams } from '@tanstack/react-router'
import type { Alert, AlertOccurrence } from '@tocsin/api'
import { patternText } from '@tocsin/filter'
import { useState } from 'react'
import { useApi } from '../api.ts'
import { AlertMatches } from '../detection/alert-matches.tsx'
import { DemoBadge, ExerciseBadge, markedTitle, SeverityBadge, StateBadge } from '../parts/badges.tsx'
import { Defanged, ObservableValue } from '../parts/defanged.tsx'
import { External, Loaded, LoadedPage, LoadMore, Page, Section } from '../parts/page.tsx'
import { usePages } from '../parts/pages.ts'
import { RouteLink } from '../parts/route-link.tsx'
import { Time } from '../parts/time.tsx'
import { useMay, useMe } from '../session.ts'
import { AssignDialog, CorrectDialog, DismissDialog, EscalateDialog, useQuickActs } from './acts.tsx'
import { MoveModal, ReopenModal } from './disposition.tsx'
import { ReportDetails } from './report-details.tsx'

export function AlertPage() {
  const { id } = useParams({ strict: false }) as { id: string }
  const alert = useApi('alert', { params: { id } })
  return (
    <LoadedPage title="Alert" wayOut={<RouteLink to="/alerts">All alerts</RouteLink>} query={alert}>
      {found => <AlertView alert={found} />}
    </LoadedPage>
  )
}

function AlertView({ alert }: { alert: Alert }) {
  return (
    <Page
      title={markedTitle(alert)}
      lead={
        <Group gap={8} component="span">
          <SeverityBadge severity={alert.severity} />
          <StateBadge state={alert.status} />
          {alert.kind === 'report' ? <Badge variant="default">report</Badge> : null}
          <DemoBadge isDemo={alert.isDemo} />
          <ExerciseBadge isExercise={alert.isExercise} />
          <span>Alert {alert.number}</span>
        </Group>
      }
      actions={<AlertActions alert={alert} />}
    >
      <AlertContent alert={alert} />
    </Page>
  )
}

/** What can be done with an alert. @param onActed what a list that it is in makes of that */
export function AlertActions({
  alert,
  onActed = () => undefined,
  size = 'sm',
}: {
  alert: Alert
  onActed?: (ids: readonly string[], what: string) => void
  size?: 'xs' | 'sm'
}) {
  const canRespond = useMay('responder')
  const me = useMe()
  const [opened, setOpened] = useState<'dismiss' | 'escalate' | 'assign' | 'correct' | 'undo'>()
  const quick = useQuickActs(onActed)
  if (!canRespond) return null
  const close = () => setOpened(undefined)
  const acted = { ids: [alert.id], one: alert }
  if (alert.disposition !== null)
    return (
      <>
        {alert.status === 'dismissed' || alert.incident ? (
          <Button size={size} variant="default" onClick={() => setOpened('undo')}>
            {alert.status === 'dismissed' ? 'Reopen…' : 'Move…'}
          </Button>
        ) : null}
        {opened === 'undo' && alert.incident ? <MoveModal alert={alert} incident={alert.incident} onClose={close} /> : null}
        {opened === 'undo' && alert.status === 'dismissed' ? <ReopenModal alert={alert} onClose={close} /> : null}
      </>
    )
  return (
    <>
      {alert.status === 'open' ? (
        <Button size={size} variant="default" loading={quick.isBusy} onClick={() => quick.acknowledge([alert.id])}>
          Acknowledge
        </Button>
      ) : null}
      <Button size={size} variant="default" leftSection={<IconX size={16} />} onClick={() => setOpened('dismiss')}>
        Dismiss
      </Button>
      <Button size={size} leftSection={<IconArrowUpRight size={16} />} onClick={() => setOpened('escalate')}>
        Escalate
      </Button>
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon variant="default" size={size === 'xs' ? 30 : 36} aria-label="More about this alert">
            <IconDots size={17} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {me && alert.assignee?.id !== me.person.id ? (
            <Menu.Item onClick={() => quick.assign([alert.id], me.person.id, me.person.name)}>Assign to me</Menu.Item>
          ) : null}
          <Menu.Item onClick={() => setOpened('assign')}>Assign…</Menu.Item>
          <Menu.Item onClick={() => setOpened('correct')}>Correct severity or service…</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {opened === 'dismiss' ? <DismissDialog acted={acted} onClose={close} onActed={onActed} /> : null}
      {opened === 'escalate' ? <EscalateDialog acted={acted} onClose={close} onActed={onActed} /> : null}
      {opened === 'assign' ? <AssignDialog acted={acted} onClose={close} onActed={onActed} /> : null}
      {opened === 'correct' ? <CorrectDialog acted={acted} onClose={close} onActed={onActed} /> : null}
    </>
  )
}

/** What an alert says. @param isNarrow beside a list: in one column */
export function AlertContent({ alert, isNarrow = false }: { alert: Alert; isNarrow?: boolean }) {
  const facts = <Facts alert={alert} />
  const content = (
    <Stack>
      {alert.disposition ? <Disposition alert={alert} disposition={alert.disposition} /> : null}
      <Section title="Description">
        <Text className="prewrap" component="div">
          <Defanged text={alert.description || 'No description.'} />
        </Text>
      </Section>
      {alert.kind === 'report' ? <ReportDetails alertId={alert.id} /> : null}
      {alert.source === 'detection' && (alert.labels.rule || alert.labels.indicator) ? <AlertMatches alert={alert} /> : null}
      {alert.observables.length > 0 ? <Observables alert={alert} /> : null}
      {isNarrow ? facts : null}
      {alert.count > 1 ? <Occurrences alert={alert} /> : null}
    </Stack>
  )
  if (isNarrow) return content
  return (
    <Grid gap="lg">
      <Grid.Col span={{ base: 12, md: 8 }}>{content}</Grid.Col>
      <Grid.Col span={{ base: 12, md: 4 }}>{facts}</Grid.Col>
    </Grid>
  )
}

/** What identifies things, each with the way to every alert that names it. */
function Observables({ alert }: { alert: Alert }) {
  return (
    <Section title="Observables" isFlush>
      <Table highlightOnHover={false}>
        <Table.Tbody>
          {alert.observables.map(({ kind, value }) => (
            <Table.Tr key={`${kind} ${value}`}>
              <Table.Th scope="row" fw={400} w={112} className="quiet">
                {kind}
              </Table.Th>
              <Table.Td>
                <ObservableValue value={value} />
              </Table.Td>
              <Table.Td w={64}>
                <RouteLink
                  to="/alerts"
                  search={{ view: 'all', filter: `observable:${patternText([value])}` }}
                  size="sm"
                  aria-label={`Find alerts with ${kind} ${value}`}
                >
                  Find
                </RouteLink>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Section>
  )
}

function Disposition({ alert, disposition }: { alert: Alert; disposition: NonNullable<Alert['disposition']> }) {
  return (
    <Section title="Disposition">
      <Text component="div">
        <strong>{disposition.by}</strong> {disposition.outcome === 'dismissed' ? `dismissed as ${disposition.value?.replaceAll('-', ' ')}` : 'escalated'}{' '}
        {disposition.duplicateOf ? (
          <>
            of{' '}
            <RouteLink to="/alerts/$id" params={{ id: disposition.duplicateOf.id }}>
              alert {disposition.duplicateOf.number}
            </RouteLink>{' '}
          </>
        ) : null}
        <Time at={disposition.at} />. Responsibility: {disposition.responsibility}.
      </Text>
      <Text mt={6} className="prewrap" component="div">
        <Defanged text={disposition.reason} />
      </Text>
      {alert.incident ? (
        <RouteLink to="/incidents/$id" params={{ id: alert.incident.id }} mt={6} display="inline-block">
          Incident {alert.incident.number}
        </RouteLink>
      ) : null}
    </Section>
  )
}

/** What the alert said each time, newest first. */
function Occurrences({ alert }: { alert: Alert }) {
  const occurrences = usePages<AlertOccurrence>('alertOccurrences', {}, { params: { id: alert.id } })
  const shown = occurrences.items ?? []
  return (
    <Section title="Occurrences" isFlush>
      <Loaded query={occurrences}>
        {() => (
          <>
            {shown.map(occurrence => (
              <Box key={occurrence.number} className="list-row">
                <Group gap={8} wrap="nowrap" align="flex-start">
                  <SeverityBadge severity={occurrence.severity} />
                  <Box style={{ minWidth: 0, flex: 1, overflowWrap: 'anywhere' }}>
                    <Text fw={550}>{occurrence.title}</Text>
                    <Text size="sm" className="quiet" component="div">
                      {occurrence.number} of {alert.count} · <Time at={occurrence.at} />
                    </Text>
                    {occurrence.description ? (
                      <Text size="sm" className="prewrap" component="div" lineClamp={4}>
                        <Defanged text={occurrence.description} />
                      </Text>
                    ) : null}
                  </Box>
                </Group>
              </Box>
            ))}
            {!occurrences.hasNextPage && shown.length < alert.count ? (
              <Text size="sm" className="quiet" p="md">
                Only the latest 50 occurrences of this alert are kept.
              </Text>
            ) : null}
          </>
        )}
      </Loaded>
      <LoadMore list={occurrences} />
    </Section>
  )
}

function Facts({ alert }: { alert: Alert }) {
  const rows: [string, React.ReactNode][] = [
    ['Service', alert.service?.name ?? 'None'],
    ['Assignee', alert.assignee?.name ?? 'Unassigned'],
    ['Source', alert.source],
    ['Occurrences', String(alert.count)],
    ['First seen', <Time key="first" at={alert.firstSeenAt} />],
    ['Last seen', <Time key="last" at={alert.lastSeenAt} />],
    ...(alert.acknowledgedAt ? ([['Acknowledged by', alert.acknowledgedBy ?? 'the source']] as [string, React.ReactNode][]) : []),
    ...(alert.sourceResolvedAt ? ([['Resolved by source', <Time key="over" at={alert.sourceResolvedAt} />]] as [string, React.ReactNode][]) : []),
    ...Object.entries(alert.labels),
  ]
  return (
    <Section title="Details" isFlush>
      <Table highlightOnHover={false} layout="fixed">
        <Table.Tbody>
          {rows.map(([name, value]) => (
            <Table.Tr key={name}>
              <Table.Th scope="row" fw={400} className="quiet" w={130} style={{ verticalAlign: 'top' }}>
                {name}
              </Table.Th>
              <Table.Td>{value}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      {alert.links.length > 0 ? (
        <Stack gap={4} p="md">
          {alert.links.map(link => (
            <External key={link.url} href={link.url}>
              {link.text || link.url}
            </External>
          ))}
        </Stack>
      ) : null}
    </Section>
  )
}
