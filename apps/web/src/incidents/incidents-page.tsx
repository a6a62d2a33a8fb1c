import { Button, Checkbox, Group, Modal, Paper, SegmentedControl, Select, Stack, Textarea, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { IconPlus } from '@tabler/icons-react'
import { useNavigate } from '@tanstack/react-router'
import type { IncidentSummary } from '@tocsin/api'
import { useState } from 'react'
import { useRouteForm } from '../forms.ts'
import { ServiceMultiSelect } from '../parts/choices.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { useListKeys } from '../parts/list-keys.ts'
import { Empty, FormProblem, Loaded, Page } from '../parts/page.tsx'
import { usePages } from '../parts/pages.ts'
import { useMay } from '../session.ts'
import { IncidentRow } from './incident-row.tsx'

export function IncidentsPage() {
  const [view, setView] = useState<'open' | 'all'>('open')
  const [isOpening, opening] = useDisclosure()
  const navigate = useNavigate()
  const mayOpen = useMay('responder')
  const incidents = usePages<IncidentSummary>('incidents', { view })
  const selected = useListKeys(incidents.items?.map(incident => incident.id) ?? [], id => void navigate({ to: '/incidents/$id', params: { id } }))
  return (
    <Page
      title="Incidents"
      lead="From suspicion to closure. A reasonable suspicion is enough to open one."
      actions={
        <>
          <SegmentedControl
            value={view}
            onChange={value => setView(value === 'all' ? 'all' : 'open')}
            data={[
              { value: 'open', label: 'Open' },
              { value: 'all', label: 'All' },
            ]}
          />
          {mayOpen ? (
            <Button leftSection={<IconPlus size={16} />} onClick={opening.open}>
              Open incident
            </Button>
          ) : null}
        </>
      }
    >
      <Paper>
        <Loaded query={incidents}>
          {() =>
            incidents.items?.length === 0 ? (
              <Empty title={view === 'open' ? 'No open incidents' : 'No incidents yet'}>Escalate an alert, or open an incident when you suspect one.</Empty>
            ) : (
              incidents.items?.map(incident => <IncidentRow key={incident.id} incident={incident} isSelected={incident.id === selected} />)
            )
          }
        </Loaded>
      </Paper>
      {incidents.hasNextPage ? (
        <Group justify="center">
          <Button variant="default" loading={incidents.isFetchingNextPage} onClick={() => void incidents.fetchNextPage()}>
            Show more
          </Button>
        </Group>
      ) : null}
      {isOpening ? <OpenModal onClose={opening.close} /> : null}
    </Page>
  )
}

function OpenModal({ onClose }: { onClose: () => void }) {
  const navigate = useNavigate()
  const { form, submit, isBusy } = useRouteForm(
    'openIncident',
    { title: '', reason: '', responsibility: 'us', serviceIds: [] as string[], isRestricted: false, isExercise: false },
    { onDone: (incident: { id: string }) => void navigate({ to: '/incidents/$id', params: { id: incident.id } }) },
  )
  return (
    <Modal opened onClose={onClose} title="Open suspected incident">
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} />
          <TextInput label="Title" required autoFocus {...form.getInputProps('title')} />
          <Textarea
            label="Reason"
            description="What you suspect and why. Kept in the audit log."
            autosize
            minRows={3}
            required
            {...form.getInputProps('reason')}
          />
          <ServiceMultiSelect label="Affected services" description="Pages their engineering teams" {...form.getInputProps('serviceIds')} />
          <Select
            label="Responsibility"
            data={[
              { value: 'us', label: 'Us' },
              { value: 'customer', label: 'Customer' },
              { value: 'shared', label: 'Shared' },
            ]}
            allowDeselect={false}
            {...form.getInputProps('responsibility')}
          />
          <Checkbox
            label="Restricted"
            description="Visible only to people with a role, people you add, and administrators"
            {...form.getInputProps('isRestricted', { type: 'checkbox' })}
          />
          <Checkbox
            label="Exercise"
            description="Pages people, marked as an exercise. Nothing of it reaches a customer"
            {...form.getInputProps('isExercise', { type: 'checkbox' })}
          />
          <FormActions submit="Open incident" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Modal>
  )
}
