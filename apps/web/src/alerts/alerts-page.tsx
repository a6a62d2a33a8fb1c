import { Button, Group, Paper, SegmentedControl } from '@mantine/core'
import { Link, useNavigate } from '@tanstack/react-router'
import type { Alert } from '@tocsin/api'
import { useState } from 'react'
import { useHeldRows } from '../parts/held-rows.ts'
import { useListKeys } from '../parts/list-keys.ts'
import { Empty, Loaded, Page } from '../parts/page.tsx'
import { usePages } from '../parts/pages.ts'
import { AlertRow } from './alert-row.tsx'

export function AlertsPage() {
  const [view, setView] = useState<'triage' | 'all'>('triage')
  const navigate = useNavigate()
  const alerts = usePages<Alert>('alerts', { view })
  const { rows, hold } = useHeldRows(alerts.items)
  const selected = useListKeys(
    rows.map(({ row }) => row.id),
    id => void navigate({ to: '/alerts/$id', params: { id } }),
  )
  return (
    <Page
      title="Alerts"
      lead="Triage each alert: dismiss it with a disposition, or escalate it to an incident."
      actions={
        <>
          <Button variant="default" component={Link} to="/silences">
            Silences
          </Button>
          <SegmentedControl
            value={view}
            onChange={value => setView(value === 'all' ? 'all' : 'triage')}
            data={[
              { value: 'triage', label: 'Triage queue' },
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
              <Empty title={view === 'triage' ? 'No alerts to triage' : 'No alerts yet'}>
                {view === 'triage'
                  ? 'Every alert has been triaged.'
                  : 'Add an integration in Settings, or send a test alert: npx tocsin alert send --title "Hello"'}
              </Empty>
            ) : (
              <div {...hold}>
                {rows.map(({ row, hasLeft }) => (
                  <AlertRow key={row.id} alert={row} isSelected={row.id === selected} hasLeft={hasLeft} />
                ))}
              </div>
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
