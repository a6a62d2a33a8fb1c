import { Button, Group, Paper, SegmentedControl } from '@mantine/core'
import { Link, useNavigate } from '@tanstack/react-router'
import type { Alert } from '@tocsin/api'
import { useState } from 'react'
import { useListKeys } from '../parts/list-keys.ts'
import { Empty, Loaded, Page } from '../parts/page.tsx'
import { usePages } from '../parts/pages.ts'
import { AlertRow } from './alert-row.tsx'

export function AlertsPage() {
  const [view, setView] = useState<'triage' | 'all'>('triage')
  const navigate = useNavigate()
  const alerts = usePages<Alert>('alerts', { view })
  const selected = useListKeys(alerts.items?.map(alert => alert.id) ?? [], id => void navigate({ to: '/alerts/$id', params: { id } }))
  return (
    <Page
      title="Alerts"
      lead="Each waits for a verdict: dismissed with a reason, or escalated to an incident."
      actions={
        <>
          <Button variant="default" component={Link} to="/silences">
            Silences
          </Button>
          <SegmentedControl
            value={view}
            onChange={value => setView(value === 'all' ? 'all' : 'triage')}
            data={[
              { value: 'triage', label: 'Queue' },
              { value: 'all', label: 'All' },
            ]}
          />
        </>
      }
    >
      <Paper>
        <Loaded query={alerts}>
          {() =>
            alerts.items?.length === 0 ? (
              <Empty title={view === 'triage' ? 'The queue is empty' : 'No alert has come in yet'}>
                {view === 'triage'
                  ? 'Every alert has its verdict.'
                  : 'Point a source at Tocsin under Settings, or send one: npx tocsin alert send --title "Hello"'}
              </Empty>
            ) : (
              alerts.items?.map(alert => <AlertRow key={alert.id} alert={alert} isSelected={alert.id === selected} />)
            )
          }
        </Loaded>
      </Paper>
      {alerts.hasNextPage ? (
        <Group justify="center">
          <Button variant="default" loading={alerts.isFetchingNextPage} onClick={() => void alerts.fetchNextPage()}>
            Show more
          </Button>
        </Group>
      ) : null}
    </Page>
  )
}
