import { Badge, Box, Button, Grid, Group, Stack, Table, Text } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { IconArrowUpRight, IconX } from '@tabler/icons-react'
import { useParams } from '@tanstack/react-router'
import type { Alert, AlertOccurrence } from '@tocsin/api'
import { useApi, useCommand } from '../api.ts'
import { AlertMatches } from '../detection/alert-matches.tsx'
import { DemoBadge, ExerciseBadge, markedTitle, SeverityBadge, StateBadge } from '../parts/badges.tsx'
import { Defanged, ObservableValue } from '../parts/defanged.tsx'
import { External, Loaded, LoadedPage, LoadMore, Page, Section } from '../parts/page.tsx'
import { usePages } from '../parts/pages.ts'
import { RouteLink } from '../parts/route-link.tsx'
import { Time } from '../parts/time.tsx'
import { useMay } from '../session.ts'
import { DismissModal, EscalateModal, MoveModal, ReopenModal } from './disposition.tsx'
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
  const canRespond = useMay('responder')
  const [isDismissing, dismiss] = useDisclosure()
  const [isEscalating, escalate] = useDisclosure()
  const [isUndoing, undo] = useDisclosure()
  const acknowledge = useCommand('acknowledgeAlert', { done: 'Alert acknowledged. Escalation stopped.' })
  const isUndecided = alert.disposition === null
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
      actions={
        canRespond && isUndecided ? (
          <>
            {alert.status === 'open' ? (
              <Button variant="default" loading={acknowledge.isPending} onClick={() => acknowledge.mutate({ params: { id: alert.id } })}>
                Acknowledge
              </Button>
            ) : null}
            <Button variant="default" leftSection={<IconX size={16} />} onClick={dismiss.open}>
              Dismiss
            </Button>
            <Button leftSection={<IconArrowUpRight size={16} />} onClick={escalate.open}>
              Escalate
            </Button>
          </>
        ) : canRespond && alert.status === 'dismissed' ? (
          <Button variant="default" onClick={undo.open}>
            Reopen…
          </Button>
        ) : canRespond && alert.incident ? (
          <Button variant="default" onClick={undo.open}>
            Move…
          </Button>
        ) : null
      }
    >
      <Grid gap="lg">
        <Grid.Col span={{ base: 12, md: 8 }}>
          <Stack>
            {alert.disposition ? <Disposition alert={alert} disposition={alert.disposition} /> : null}
            <Section title="Description">
              <Text className="prewrap" component="div">
                <Defanged text={alert.description || 'No description.'} />
              </Text>
            </Section>
            {alert.kind === 'report' ? <ReportDetails alertId={alert.id} /> : null}
            {alert.source === 'detection' && (alert.labels.rule || alert.labels.indicator) ? <AlertMatches alert={alert} /> : null}
            {alert.observables.length > 0 ? (
              <Section title="Observables" isFlush>
                <Table highlightOnHover={false}>
                  <Table.Tbody>
                    {alert.observables.map(observable => (
                      <Table.Tr key={`${observable.kind} ${observable.value}`}>
                        <Table.Td w={120} className="quiet">
                          {observable.kind}
                        </Table.Td>
                        <Table.Td>
                          <ObservableValue value={observable.value} />
                        </Table.Td>
                      </Table.Tr>
                    ))}
                  </Table.Tbody>
                </Table>
              </Section>
            ) : null}
            {alert.count > 1 ? <Occurrences alert={alert} /> : null}
          </Stack>
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 4 }}>
          <Facts alert={alert} />
        </Grid.Col>
      </Grid>
      <DismissModal alert={alert} isOpen={isDismissing} onClose={dismiss.close} />
      <EscalateModal alert={alert} isOpen={isEscalating} onClose={escalate.close} />
      {isUndoing && alert.incident ? <MoveModal alert={alert} incident={alert.incident} onClose={undo.close} /> : null}
      {isUndoing && alert.status === 'dismissed' ? <ReopenModal alert={alert} onClose={undo.close} /> : null}
    </Page>
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
