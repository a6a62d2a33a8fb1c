import { Anchor, Checkbox, Group, NumberInput, Select, Stack, Table, Text, Textarea, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import type { Incident } from '@tocsin/api'
import { useRecordForm } from '../forms.ts'
import { Defanged } from '../parts/defanged.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { RequestErasure } from '../parts/erasure.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { FormProblem, Section } from '../parts/page.tsx'
import { Time } from '../parts/time.tsx'
import { useMay, useMayLead } from '../session.ts'
import { LegalHold } from './legal-hold.tsx'
import { MonitoringModal } from './transition-modal.tsx'

const answers = ['unknown', 'no', 'yes']
const capitalized = (word: string) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`

export function FactsSection({ incident }: { incident: Incident }) {
  const [isEditing, editing] = useDisclosure()
  const canRespond = useMay('responder') && incident.status !== 'closed'
  const rows: [string, React.ReactNode][] = [
    ['Opened', <Time key="opened" at={incident.openedAt} />],
    ...(incident.declaredAt ? ([['Declared', <Time key="declared" at={incident.declaredAt} />]] as [string, React.ReactNode][]) : []),
    ...(incident.stoodDownAt ? ([['Stood down', <Time key="stood-down" at={incident.stoodDownAt} />]] as [string, React.ReactNode][]) : []),
    ...(incident.round > 1 ? ([['Round', incident.round]] as [string, React.ReactNode][]) : []),
    ...(incident.monitorUntil || incident.status === 'recovered'
      ? ([['Monitor until', <Monitoring key="monitoring" incident={incident} />]] as [string, React.ReactNode][])
      : []),
    ...(incident.closedAt ? ([['Closed', <Time key="closed" at={incident.closedAt} />]] as [string, React.ReactNode][]) : []),
    ['Responsibility', capitalized(incident.responsibility)],
    ['Users affected', incident.approximateUsers === null ? 'Unknown' : `About ${incident.approximateUsers.toLocaleString('en')}`],
    ['Customer data', capitalized(incident.dataTouched.customerData)],
    ['Personal data', capitalized(incident.dataTouched.personalData)],
    ['Legal hold', <LegalHold key="hold" incident={incident} />],
  ]
  return (
    <Section
      title="Details"
      isFlush
      actions={
        canRespond ? (
          <Anchor component="button" size="sm" onClick={editing.open}>
            Edit
          </Anchor>
        ) : null
      }
    >
      <Table highlightOnHover={false} verticalSpacing={7}>
        <Table.Tbody>
          {rows.map(([name, value]) => (
            <Table.Tr key={name}>
              <Table.Th scope="row" fw={400} className="quiet" style={{ whiteSpace: 'nowrap' }}>
                {name}
              </Table.Th>
              <Table.Td>{value}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      {incident.summary ? (
        <Text p="md" size="sm" className="prewrap">
          <Defanged text={incident.summary} />
        </Text>
      ) : null}
      {incident.summary || incident.dataTouched.description ? (
        <Group px="md" pb="md">
          <RequestErasure target={{ kind: 'incident', incidentId: incident.id }} />
        </Group>
      ) : null}
      {isEditing ? <FactsModal incident={incident} onClose={editing.close} /> : null}
    </Section>
  )
}

/** Until when services are monitored, and a way to make that later. */
function Monitoring({ incident }: { incident: Incident }) {
  const [isExtending, extending] = useDisclosure()
  const mayExtend = useMay('responder') && incident.status === 'recovered'
  return (
    <>
      {incident.monitorUntil ? `${incident.monitorUntil} UTC` : 'Not monitored'}{' '}
      {mayExtend ? (
        <Anchor component="button" size="sm" onClick={extending.open}>
          {incident.monitorUntil ? 'Extend' : 'Start'}
        </Anchor>
      ) : null}
      {isExtending ? <MonitoringModal incident={incident} onClose={extending.close} /> : null}
    </>
  )
}

function FactsModal({ incident, onClose }: { incident: Incident; onClose: () => void }) {
  const mayLead = useMayLead(incident)
  const mayTurn = mayLead || incident.lead === null
  const { form, submit, isBusy, newer } = useRecordForm(
    'changeIncident',
    incident,
    ({ title, summary, responsibility, approximateUsers, dataTouched, isRestricted, codename }) => ({
      title,
      summary,
      responsibility: responsibility as string,
      approximateUsers: (approximateUsers ?? '') as number | '',
      customerData: dataTouched.customerData as string,
      personalData: dataTouched.personalData as string,
      description: dataTouched.description,
      isRestricted,
      codename: codename ?? '',
      reason: '',
    }),
    {
      around: () => ({ params: { id: incident.id } }),
      restsOn: ({ title, summary, responsibility, approximateUsers, dataTouched, isRestricted, codename }) => [
        ...[title, summary, responsibility],
        ...[approximateUsers, dataTouched, isRestricted, codename],
      ],
      toBody: ({ customerData, personalData, description, approximateUsers, codename, reason, ...rest }) => ({
        ...rest,
        ...(rest.isRestricted && codename.trim() !== '' ? { codename } : {}),
        ...(reason.trim() === '' ? {} : { reason }),
        approximateUsers: approximateUsers === '' ? null : approximateUsers,
        dataTouched: { customerData, personalData, description },
      }),
      done: 'Saved.',
      onDone: onClose,
    },
  )
  const { values } = form
  const isPlayedDown =
    incident.declaredAt !== null && (['customerData', 'personalData'] as const).some(name => incident.dataTouched[name] === 'yes' && values[name] !== 'yes')
  const reasonFor =
    values.isRestricted !== incident.isRestricted
      ? values.isRestricted
        ? 'Why it is restricted'
        : 'Why it is not restricted any more'
      : isPlayedDown
        ? 'Why data was not affected after all'
        : undefined
  return (
    <Dialog onClose={onClose} title="Details">
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} newer={newer} />
          <TextInput label="Title" {...form.getInputProps('title')} />
          <Textarea label="Summary" autosize minRows={3} {...form.getInputProps('summary')} />
          <Group grow align="flex-start">
            <Select label="Customer data affected" data={answers} allowDeselect={false} {...form.getInputProps('customerData')} />
            <Select label="Personal data affected" data={answers} allowDeselect={false} {...form.getInputProps('personalData')} />
          </Group>
          <Textarea label="Data description" autosize minRows={2} {...form.getInputProps('description')} />
          <Group grow align="flex-start">
            <NumberInput label="Approximate users affected" min={0} thousandSeparator=" " placeholder="Unknown" {...form.getInputProps('approximateUsers')} />
            <Select label="Responsibility" data={['us', 'customer', 'shared']} allowDeselect={false} {...form.getInputProps('responsibility')} />
          </Group>
          <Checkbox
            label="Restricted"
            description="Visible only to people with a role and people you add; pages nobody by rota"
            disabled={!mayTurn}
            {...form.getInputProps('isRestricted', { type: 'checkbox' })}
          />
          {form.values.isRestricted ? (
            <TextInput label="Codename" description="Used in messages instead of the title" placeholder="Chosen for you" {...form.getInputProps('codename')} />
          ) : null}
          {reasonFor === undefined ? null : <Textarea label="Reason" description={reasonFor} autosize minRows={2} required {...form.getInputProps('reason')} />}
          <FormActions submit="Save" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}
