import { Button, Checkbox, Group, Paper, SegmentedControl, Select, Stack, Text, Textarea, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { IconPlus } from '@tabler/icons-react'
import { useNavigate } from '@tanstack/react-router'
import type { IncidentSummary } from '@tocsin/api'
import { useState } from 'react'
import { useRouteForm } from '../forms.ts'
import { ServiceMultiSelect } from '../parts/choices.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { useListKeys } from '../parts/list-keys.ts'
import { Empty, FormProblem, Loaded, Page } from '../parts/page.tsx'
import { usePages } from '../parts/pages.ts'
import { useMay } from '../session.ts'
import { IncidentRow } from './incident-row.tsx'

export function IncidentsPage() {
  const [view, setView] = useState<'open' | 'all'>('open')
  const [isOpening, opening] = useDisclosure()
  const [isBreakingGlass, emergency] = useDisclosure()
  const isAdministrator = useMay('administrator')
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
            aria-label="Incidents shown"
            value={view}
            onChange={value => setView(value === 'all' ? 'all' : 'open')}
            data={[
              { value: 'open', label: 'Open' },
              { value: 'all', label: 'All' },
            ]}
          />
          {isAdministrator ? (
            <Button variant="default" onClick={emergency.open}>
              Emergency access…
            </Button>
          ) : null}
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
      {isBreakingGlass ? <EmergencyModal onClose={emergency.close} /> : null}
    </Page>
  )
}

function OpenModal({ onClose }: { onClose: () => void }) {
  const navigate = useNavigate()
  const { form, submit, isBusy } = useRouteForm(
    'openIncident',
    { title: '', reason: '', responsibility: 'us', serviceIds: [] as string[], isRestricted: false, codename: '', isExercise: false },
    {
      toBody: ({ codename, ...values }) => ({ ...values, ...(values.isRestricted && codename.trim() !== '' ? { codename } : {}) }),
      onDone: (incident: { id: string }) => void navigate({ to: '/incidents/$id', params: { id: incident.id } }),
    },
  )
  return (
    <Dialog onClose={onClose} title="Open suspected incident">
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
          <ServiceMultiSelect
            label="Affected services"
            description={form.values.isRestricted ? 'Nobody is paged: you lead it, and say whom to page' : 'Pages their engineering teams'}
            {...form.getInputProps('serviceIds')}
          />
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
            description="Visible only to people with a role and people you add"
            {...form.getInputProps('isRestricted', { type: 'checkbox' })}
          />
          {form.values.isRestricted ? (
            <TextInput label="Codename" description="Used in messages instead of the title" placeholder="Chosen for you" {...form.getInputProps('codename')} />
          ) : null}
          <Checkbox
            label="Exercise"
            description="Pages people, marked as an exercise. Nothing of it reaches a customer"
            {...form.getInputProps('isExercise', { type: 'checkbox' })}
          />
          <FormActions submit="Open incident" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}

/** An administrator without need-to-know opens a restricted incident, of which they have the number from elsewhere. */
function EmergencyModal({ onClose }: { onClose: () => void }) {
  const navigate = useNavigate()
  const [number, setNumber] = useState('')
  const { form, submit, isBusy } = useRouteForm(
    'breakGlass',
    { reason: '' },
    {
      around: () => ({ params: { id: number.trim() } }),
      onDone: (incident: { id: string }) => void navigate({ to: '/incidents/$id', params: { id: incident.id } }),
    },
  )
  return (
    <Dialog onClose={onClose} title="Emergency access">
      <form onSubmit={submit} noValidate>
        <Stack>
          <Text className="quiet">
            Opens a restricted incident to you for 24 hours. Its lead is paged, and a task to review your access is added to the incident.
          </Text>
          <FormProblem errors={form.errors} />
          <TextInput label="Number of the incident" inputMode="numeric" required value={number} onChange={event => setNumber(event.currentTarget.value)} />
          <Textarea label="Reason" description="Kept in the audit log." autosize minRows={3} required {...form.getInputProps('reason')} />
          <FormActions submit="Get access" isBusy={isBusy} isBlocked={number.trim() === ''} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}
