import { Anchor, Modal, MultiSelect, Stack, Text, Textarea } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import type { Incident } from '@tocsin/api'
import { useState } from 'react'
import { useApi } from '../api.ts'
import { useRouteForm } from '../forms.ts'
import { FormActions } from '../parts/form-actions.tsx'
import { FormProblem, Section } from '../parts/page.tsx'

/** What one event causes in many places has one lead: the alerts and incidents that it covers. */
export function ParentIncident({ incident, canRespond }: { incident: Incident; canRespond: boolean }) {
  const [isDeclaring, setIsDeclaring] = useState(false)
  const { parent, children } = incident
  return (
    <Section
      title="Widespread event"
      actions={
        canRespond && parent === null ? (
          <Anchor component="button" size="sm" onClick={() => setIsDeclaring(true)}>
            {children.length > 0 ? 'Cover more' : 'Declare it widespread'}
          </Anchor>
        ) : null
      }
    >
      {parent ? (
        <Text>
          It is a part of{' '}
          <Anchor component={Link} to="/incidents/$id" params={{ id: parent.id } as never}>
            incident {parent.number}: {parent.title}
          </Anchor>
          , which has one lead for all of it. Its own record and duties go on here.
        </Text>
      ) : children.length > 0 ? (
        <Stack gap={4}>
          {children.map(part => (
            <Anchor key={part.id} component={Link} to="/incidents/$id" params={{ id: part.id } as never}>
              Incident {part.number}: {part.title}
            </Anchor>
          ))}
        </Stack>
      ) : (
        <Text className="quiet">
          Where one event shows in many places, let this incident cover the others: its lead is paged once, their pages end, and their leads join.
        </Text>
      )}
      {isDeclaring ? <DeclareModal incident={incident} onClose={() => setIsDeclaring(false)} /> : null}
    </Section>
  )
}

function DeclareModal({ incident, onClose }: { incident: Incident; onClose: () => void }) {
  const alerts = useApi('alerts', { query: { view: 'triage', limit: 200 } })
  const incidents = useApi('incidents', { query: { view: 'open', limit: 200 } })
  const { form, submit, isBusy } = useRouteForm(
    'makeParent',
    { reason: '', alertIds: [] as string[], incidentIds: [] as string[] },
    {
      around: () => ({ params: { id: incident.id } }),
      toBody: values => ({ ...values, version: incident.version }),
      done: 'It is widespread: its lead is paged once, and the others join.',
      onDone: onClose,
    },
  )
  const known = new Set(incident.children.map(part => part.id))
  return (
    <Modal opened onClose={onClose} title={`Incident ${incident.number} is widespread`} size="lg">
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} />
          <MultiSelect
            label="Incidents that are a part of it"
            searchable
            data={(incidents.data?.items ?? [])
              .filter(one => one.id !== incident.id && !known.has(one.id))
              .map(one => ({ value: one.id, label: `${one.number}: ${one.title}` }))}
            {...form.getInputProps('incidentIds')}
          />
          <MultiSelect
            label="Alerts that it explains"
            searchable
            data={(alerts.data?.items ?? []).map(one => ({ value: one.id, label: `${one.number}: ${one.title}` }))}
            {...form.getInputProps('alertIds')}
          />
          <Textarea label="What is known" autosize minRows={2} {...form.getInputProps('reason')} />
          <FormActions submit="Declare it widespread" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Modal>
  )
}
