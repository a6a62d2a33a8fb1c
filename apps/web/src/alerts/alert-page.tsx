import { Badge, Button, Grid, Group, Stack, Table, Text } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { IconArrowUpRight, IconX } from '@tabler/icons-react'
import { useParams } from '@tanstack/react-router'
import type { Alert } from '@tocsin/api'
import { useApi, useCommand } from '../api.ts'
import { AlertMatches } from '../detection/alert-matches.tsx'
import { DemoBadge, ExerciseBadge, markedTitle, SeverityBadge, StateBadge } from '../parts/badges.tsx'
import { External, Loaded, Page, Section } from '../parts/page.tsx'
import { RouteLink } from '../parts/route-link.tsx'
import { Time } from '../parts/time.tsx'
import { useMay } from '../session.ts'
import { DismissModal, EscalateModal } from './disposition.tsx'
import { ReportDetails } from './report-details.tsx'

export function AlertPage() {
  const { id } = useParams({ strict: false }) as { id: string }
  const alert = useApi('alert', { params: { id } })
  return <Loaded query={alert}>{found => <AlertView alert={found} />}</Loaded>
}

function AlertView({ alert }: { alert: Alert }) {
  const canRespond = useMay('responder')
  const [isDismissing, dismiss] = useDisclosure()
  const [isEscalating, escalate] = useDisclosure()
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
        ) : null
      }
    >
      <Grid gap="lg">
        <Grid.Col span={{ base: 12, md: 8 }}>
          <Stack>
            {alert.disposition ? <Disposition alert={alert} disposition={alert.disposition} /> : null}
            <Section title="Description">
              <Text className="prewrap">{alert.description || 'No description.'}</Text>
            </Section>
            {alert.kind === 'report' ? <ReportDetails alertId={alert.id} /> : null}
            {alert.source === 'detection' && (alert.labels.rule || alert.labels.indicator) ? <AlertMatches alert={alert} /> : null}
            {alert.observables.length > 0 ? (
              <Section title="Observables" isFlush>
                <Table highlightOnHover={false}>
                  <Table.Tbody>
                    {alert.observables.map(observable => (
                      <Table.Tr key={`${observable.kind} ${observable.value}`}>
                        <Table.Td w={150} className="quiet">
                          {observable.kind}
                        </Table.Td>
                        <Table.Td className="mono">{observable.value}</Table.Td>
                      </Table.Tr>
                    ))}
                  </Table.Tbody>
                </Table>
              </Section>
            ) : null}
          </Stack>
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 4 }}>
          <Facts alert={alert} />
        </Grid.Col>
      </Grid>
      <DismissModal alert={alert} isOpen={isDismissing} onClose={dismiss.close} />
      <EscalateModal alert={alert} isOpen={isEscalating} onClose={escalate.close} />
    </Page>
  )
}

function Disposition({ alert, disposition }: { alert: Alert; disposition: NonNullable<Alert['disposition']> }) {
  return (
    <Section title="Disposition">
      <Text component="div">
        <strong>{disposition.by}</strong> {disposition.outcome === 'dismissed' ? `dismissed as ${disposition.value?.replaceAll('-', ' ')}` : 'escalated'}{' '}
        <Time at={disposition.at} />. Responsibility: {disposition.responsibility}.
      </Text>
      <Text mt={6} className="prewrap">
        {disposition.reason}
      </Text>
      {alert.incident ? (
        <RouteLink to="/incidents/$id" params={{ id: alert.incident.id }} mt={6} display="inline-block">
          Incident {alert.incident.number}
        </RouteLink>
      ) : null}
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
      <Table highlightOnHover={false}>
        <Table.Tbody>
          {rows.map(([name, value]) => (
            <Table.Tr key={name}>
              <Table.Td className="quiet" w={120} style={{ verticalAlign: 'top' }}>
                {name}
              </Table.Td>
              <Table.Td style={{ overflowWrap: 'anywhere' }}>{value}</Table.Td>
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
