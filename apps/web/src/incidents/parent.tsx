import { Anchor, MultiSelect, Stack, Text, Textarea } from '@mantine/core'
import type { Alert, Incident, IncidentSummary } from '@tocsin/api'
import { useState } from 'react'
import { useRecordForm } from '../forms.ts'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { FormProblem, Section } from '../parts/page.tsx'
import { useChoices } from '../parts/pages.ts'
import { RouteLink } from '../parts/route-link.tsx'
import { RollUp } from './roll-up.tsx'

/** What one event causes in many places has one lead: the alerts and incidents that it covers. */
export function ParentIncident({ incident, canRespond }: { incident: Incident; canRespond: boolean }) {
  const [isDeclaring, setIsDeclaring] = useState(false)
  const { parent, children } = incident
  return (
    <Section
      title={children.length > 0 ? 'Linked incidents' : 'Parent incident'}
      count={children.length}
      actions={
        canRespond && parent === null ? (
          <Anchor component="button" size="sm" onClick={() => setIsDeclaring(true)}>
            {children.length > 0 ? 'Link more' : 'Make parent incident'}
          </Anchor>
        ) : null
      }
    >
      {parent ? (
        <Text>
          Linked to parent{' '}
          <RouteLink to="/incidents/$id" params={{ id: parent.id }}>
            incident {parent.number}: {parent.title}
          </RouteLink>
          , which has one lead. This incident keeps its own audit log. Customers of both get one notice, from the parent.
        </Text>
      ) : children.length > 0 ? (
        <RollUp incident={incident} canRespond={canRespond} />
      ) : (
        <Text className="quiet">
          When many incidents share one cause, make this one the parent: its lead is paged once, the other pages are resolved, and their leads are added.
        </Text>
      )}
      {isDeclaring ? <DeclareModal incident={incident} onClose={() => setIsDeclaring(false)} /> : null}
    </Section>
  )
}

function DeclareModal({ incident, onClose }: { incident: Incident; onClose: () => void }) {
  const alerts = useChoices<Alert>('alerts', { view: 'triage' })
  const incidents = useChoices<IncidentSummary>('incidents', { view: 'open' })
  const { form, submit, isBusy, newer } = useRecordForm('makeParent', incident, () => ({ reason: '', alertIds: [] as string[], incidentIds: [] as string[] }), {
    restsOn: one => [one.parent, one.children],
    around: () => ({ params: { id: incident.id } }),
    done: 'Parent incident set. Its lead was paged, and the other leads were added.',
    onDone: onClose,
  })
  const known = new Set(incident.children.map(part => part.id))
  return (
    <Dialog onClose={onClose} title={`Make incident ${incident.number} a parent incident`} size="lg">
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} newer={newer} />
          <MultiSelect
            label="Linked incidents"
            description={incidents.hint}
            searchable
            data={incidents.items
              .filter(one => one.id !== incident.id && !known.has(one.id))
              .map(one => ({ value: one.id, label: `${one.number}: ${one.title}` }))}
            {...form.getInputProps('incidentIds')}
          />
          <MultiSelect
            label="Alerts to include"
            description={alerts.hint}
            searchable
            data={alerts.items.map(one => ({ value: one.id, label: `${one.number}: ${one.title}` }))}
            {...form.getInputProps('alertIds')}
          />
          <Textarea label="Details" autosize minRows={2} {...form.getInputProps('reason')} />
          <FormActions submit="Make parent incident" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}
