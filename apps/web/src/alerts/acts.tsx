import { Alert as Note, Radio, Select, Stack, Text, Textarea, TextInput } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import { type AlertRow, type IncidentSummary, severities } from '@tocsin/api'
import { act, type Reply, useApi, useCommand } from '../api.ts'
import { ServiceSelect } from '../directory/service-select.tsx'
import { useRouteForm } from '../forms.ts'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { FormProblem } from '../parts/page.tsx'
import { useChoices } from '../parts/pages.ts'
import { toast } from '../parts/toast.ts'
import { offerUndo } from '../parts/undo.tsx'
import { outcomeOf } from './selection.ts'

type Result = Reply<'actOnAlerts'>
/** Of what an act is told about: alerts, and the words for them. */
export interface Acted {
  readonly ids: readonly string[]
  /** One of them, where it is one: its title says more than a number. */
  readonly one?: Pick<AlertRow, 'id' | 'number' | 'title' | 'severity' | 'service'> | undefined
}

export const wordsFor = ({ ids, one }: Acted): string => (one && ids.length === 1 ? `alert ${one.number}` : `${ids.length.toLocaleString('en')} alerts`)

/** Says what an act did, and offers to take it back. */
export function tellActed(result: Result, verb: string): void {
  const message = outcomeOf(result, verb) || 'Nothing to do.'
  const { undo } = result
  if (undo === null) toast({ message, color: 'gray' })
  else offerUndo({ message, undo: () => act('undoAlertAct', { params: { id: undo.id } }) })
}

/** Acts that need no words: acknowledge and assign. @param onActed what the list makes of it */
export function useQuickActs(onActed: (ids: readonly string[], what: string) => void) {
  const command = useCommand('actOnAlerts')
  const run = (body: Parameters<typeof command.mutate>[0]['body'], verb: string) => {
    if (body === undefined) return
    command.mutate(
      { body },
      {
        onSuccess: result => {
          tellActed(result, verb)
          onActed(body.ids, verb)
        },
      },
    )
  }
  return {
    isBusy: command.isPending,
    acknowledge: (ids: readonly string[]) => run({ act: 'acknowledge', ids: [...ids] }, 'acknowledged'),
    assign: (ids: readonly string[], personId: string, name: string) => run({ act: 'assign', ids: [...ids], assigneeId: personId }, `assigned to ${name}`),
    unassign: (ids: readonly string[]) => run({ act: 'unassign', ids: [...ids] }, 'unassigned'),
  }
}

interface DialogProps {
  readonly acted: Acted
  readonly onClose: () => void
  readonly onActed: (ids: readonly string[], what: string) => void
}

const responsibilities = [
  { value: 'us', label: 'Us' },
  { value: 'customer', label: 'Customer' },
  { value: 'shared', label: 'Shared' },
]

export function DismissDialog({ acted, onClose, onActed }: DialogProps) {
  const { form, submit, isBusy } = useRouteForm(
    'actOnAlerts',
    { value: 'false-positive', responsibility: 'us', reason: '', duplicateOf: '' },
    {
      toBody: ({ duplicateOf, ...values }) => ({
        ...{ act: 'dismiss', ids: acted.ids, ...values },
        ...(values.value === 'duplicate' && duplicateOf ? { duplicateOf } : {}),
      }),
      onDone: (result: Result) => {
        onClose()
        tellActed(result, 'dismissed')
        onActed(acted.ids, 'dismissed')
      },
    },
  )
  return (
    <Dialog onClose={onClose} title={`Dismiss ${wordsFor(acted)}`}>
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} />
          <Textarea
            label="Reason"
            description={acted.ids.length === 1 ? 'How you know. Kept in the audit log.' : 'One reason for all of them. Kept in the audit log of each.'}
            autosize
            minRows={2}
            required
            data-autofocus
            {...form.getInputProps('reason')}
          />
          <Radio.Group label="Disposition" {...form.getInputProps('value')}>
            <Stack gap={8} mt={6}>
              <Radio value="false-positive" label="False positive" description="The rule fired wrongly" />
              <Radio value="benign-true-positive" label="Benign true positive" description="Expected activity" />
              <Radio value="true-positive" label="True positive" description="Handled without an incident" />
              <Radio
                value="not-security"
                label="Not security"
                description="A compliance matter: confidentiality, integrity and availability are not affected"
              />
              <Radio value="duplicate" label="Duplicate" description="Another alert is about the same" />
            </Stack>
          </Radio.Group>
          {form.values.value === 'duplicate' ? <DuplicateOf ids={acted.ids} field={form.getInputProps('duplicateOf')} /> : null}
          <Select label="Responsibility" data={responsibilities} allowDeselect={false} {...form.getInputProps('responsibility')} />
          <FormActions submit="Dismiss" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}

function DuplicateOf({ ids, field }: { ids: readonly string[]; field: object }) {
  const latest = useApi('alertRows', { query: { view: 'all', limit: 200 } })
  return (
    <Select
      label="Duplicate of"
      data={(latest.data?.items ?? [])
        .filter(({ id }) => !ids.includes(id))
        .map(other => ({ value: other.id, label: `Alert ${other.number}: ${other.title}` }))}
      description={latest.isError ? 'Alerts could not be loaded.' : 'One of the latest 200 alerts'}
      limit={50}
      required
      searchable
      {...field}
    />
  )
}

export function EscalateDialog({ acted, onClose, onActed }: DialogProps) {
  const navigate = useNavigate()
  const open = useChoices<IncidentSummary>('incidents', { view: 'open' })
  const { form, submit, isBusy } = useRouteForm(
    'actOnAlerts',
    { incidentId: '', title: acted.one?.title.slice(0, 200) ?? '', responsibility: 'us', reason: '' },
    {
      toBody: ({ incidentId, title, ...values }) => ({
        ...{ act: 'escalate', ids: acted.ids, ...values },
        ...(incidentId ? { incidentId } : title.trim() === '' ? {} : { title }),
      }),
      onDone: (result: Result) => {
        onClose()
        tellActed(result, 'escalated')
        onActed(acted.ids, 'escalated')
        if (result.incident) void navigate({ to: '/incidents/$id', params: { id: result.incident.id } })
      },
    },
  )
  return (
    <Dialog onClose={onClose} title={`Escalate ${wordsFor(acted)}`}>
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} />
          <Textarea
            label="Reason"
            description="Why you suspect an incident. Kept in the audit log."
            autosize
            minRows={2}
            required
            data-autofocus
            {...form.getInputProps('reason')}
          />
          <Select
            label="Escalate to"
            data={[
              { value: '', label: 'New suspected incident' },
              ...open.items.map(incident => ({ value: incident.id, label: `Incident ${incident.number}: ${incident.title}` })),
            ]}
            description={open.hint}
            allowDeselect={false}
            searchable
            {...form.getInputProps('incidentId')}
          />
          {form.values.incidentId === '' ? (
            <TextInput label="Incident title" placeholder="Title of the most severe alert" {...form.getInputProps('title')} />
          ) : null}
          <Select label="Responsibility" data={responsibilities} allowDeselect={false} {...form.getInputProps('responsibility')} />
          <FormActions submit="Escalate" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}

/** Corrects what a source said wrong: which service it is about, or how severe it is. */
export function CorrectDialog({ acted, onClose, onActed }: DialogProps) {
  const { one } = acted
  const { form, submit, isBusy } = useRouteForm(
    'actOnAlerts',
    { severity: one?.severity ?? '', serviceId: one?.service?.id ?? null, reason: '', isAboutService: one !== undefined },
    {
      toBody: ({ severity, serviceId, isAboutService, reason }) => ({
        ...{ act: 'correct', ids: acted.ids, reason },
        ...(severity === '' || severity === one?.severity ? {} : { severity }),
        ...((isAboutService ? serviceId !== (one?.service?.id ?? null) : serviceId !== null) ? { serviceId } : {}),
      }),
      onDone: (result: Result) => {
        onClose()
        tellActed(result, 'corrected')
        onActed(acted.ids, 'corrected')
      },
    },
  )
  return (
    <Dialog onClose={onClose} title={`Correct ${wordsFor(acted)}`}>
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} />
          <Text size="sm" className="quiet">
            A severity at or above the threshold of the service pages its team.
          </Text>
          <Select
            label="Severity"
            placeholder="As it is"
            data={[...severities].toReversed()}
            clearable={one === undefined}
            allowDeselect={one === undefined}
            {...form.getInputProps('severity')}
          />
          <ServiceSelect label="Service" placeholder={one === undefined ? 'As it is' : 'None'} {...form.getInputProps('serviceId')} />
          <Textarea label="Reason" description="Kept in the audit log." autosize minRows={2} required {...form.getInputProps('reason')} />
          <FormActions submit="Correct" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}

/** Makes alerts the work of somebody. */
export function AssignDialog({ acted, onClose, onActed }: DialogProps) {
  const people = useApi('people')
  const able = (people.data?.people ?? []).filter(({ isActive, role }) => isActive && role !== 'observer')
  const { form, submit, isBusy } = useRouteForm(
    'actOnAlerts',
    { assigneeId: '' },
    {
      toBody: ({ assigneeId }) => (assigneeId === '' ? { act: 'unassign', ids: acted.ids } : { act: 'assign', ids: acted.ids, assigneeId }),
      onDone: (result: Result) => {
        onClose()
        const name = able.find(({ id }) => id === form.values.assigneeId)?.name
        const verb = name === undefined ? 'unassigned' : `assigned to ${name}`
        tellActed(result, verb)
        onActed(acted.ids, verb)
      },
    },
  )
  return (
    <Dialog onClose={onClose} title={`Assign ${wordsFor(acted)}`}>
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} />
          {people.isError ? <Note color="red">People could not be loaded.</Note> : null}
          <Select
            label="Assignee"
            description="They are told by email"
            data={[{ value: '', label: 'Unassigned' }, ...able.map(({ id, name }) => ({ value: id, label: name }))]}
            searchable
            allowDeselect={false}
            {...form.getInputProps('assigneeId')}
          />
          <FormActions submit="Assign" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}
