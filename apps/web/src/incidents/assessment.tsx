import { Anchor, Group, Select, SimpleGrid, Stack, Text, Textarea } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { type Incident, type SeverityCriteria, severityAnswers } from '@tocsin/api'
import { useApi } from '../api.ts'
import { useRecordForm } from '../forms.ts'
import { IncidentSeverityBadge } from '../parts/badges.tsx'
import { placeholderOf } from '../parts/choices.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { FormProblem, Section } from '../parts/page.tsx'
import { useMay } from '../session.ts'

const questions: Record<keyof SeverityCriteria, string> = {
  privacy: 'Exposure of personal data',
  impact: 'Impact on the service',
  scope: 'Scope',
  customers: 'Customers affected',
  region: 'Regions',
  data: 'Data touched',
  recoverability: 'Recoverability',
}

/** The criteria of the severity, in the order of the form. */
export const criteriaQuestions = (Object.keys(questions) as (keyof SeverityCriteria)[]).map(name => ({ name, question: questions[name] }))

/** Severity and class, and why they are what they are. */
export function AssessmentSection({ incident }: { incident: Incident }) {
  const [isAssessing, assessing] = useDisclosure()
  const [isClassifying, classifying] = useDisclosure()
  const canRespond = useMay('responder') && incident.status !== 'closed' && incident.stoodDownAt === null
  return (
    <Section title="Severity and class">
      <Stack gap="xs">
        <Group justify="space-between">
          <IncidentSeverityBadge severity={incident.severity} />
          {canRespond ? (
            <Anchor component="button" size="sm" onClick={assessing.open}>
              {incident.severity ? 'Reassess' : 'Assess the severity'}
            </Anchor>
          ) : null}
        </Group>
        <Text size="sm" className="quiet">
          {incident.severityWhy ?? 'Calculated from seven criteria; the reasoning is logged.'}
        </Text>
        <Group justify="space-between">
          <Text size="sm" fw={550}>
            {incident.class.replaceAll('-', ' ')}
          </Text>
          {canRespond ? (
            <Anchor component="button" size="sm" onClick={classifying.open}>
              Classify
            </Anchor>
          ) : null}
        </Group>
      </Stack>
      {isAssessing ? <AssessModal incident={incident} onClose={assessing.close} /> : null}
      {isClassifying ? <ClassifyModal incident={incident} onClose={classifying.close} /> : null}
    </Section>
  )
}

const leastSevere: SeverityCriteria = {
  privacy: 'none',
  impact: 'none',
  scope: 'one-asset',
  customers: 'none',
  region: 'one',
  data: 'none',
  recoverability: 'regular',
}

function AssessModal({ incident, onClose }: { incident: Incident; onClose: () => void }) {
  const { form, submit, isBusy, newer } = useRecordForm(
    'assessSeverity',
    incident,
    ({ severityCriteria }): Record<keyof SeverityCriteria, string> => ({ ...leastSevere, ...severityCriteria }),
    {
      around: () => ({ params: { id: incident.id } }),
      restsOn: one => one.severityCriteria,
      toBody: criteria => ({ criteria }),
      onDone: onClose,
      done: 'Severity assessed.',
    },
  )
  return (
    <Dialog onClose={onClose} title="Assess the severity">
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} newer={newer} />
          <SimpleGrid cols={{ base: 1, sm: 2 }}>
            {criteriaQuestions.map(({ name, question }) => (
              <Select
                key={name}
                label={question}
                data={severityAnswers[name].map(value => ({ value, label: value.replaceAll('-', ' ') }))}
                allowDeselect={false}
                {...form.getInputProps(name)}
              />
            ))}
          </SimpleGrid>
          <FormActions submit="Assess" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}

function ClassifyModal({ incident, onClose }: { incident: Incident; onClose: () => void }) {
  const definitions = useApi('classDefinitions')
  const { form, submit, isBusy, newer } = useRecordForm('classifyIncident', incident, one => ({ class: one.class as string, reason: '' }), {
    restsOn: one => one.class,
    around: () => ({ params: { id: incident.id } }),
    onDone: onClose,
    done: 'Incident classified.',
  })
  const definition = definitions.data?.find(each => each.class === form.values.class)
  return (
    <Dialog onClose={onClose} title="Classify incident">
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} newer={newer} />
          <Select
            label="Class"
            data={(definitions.data ?? []).map(each => ({ value: each.class, label: each.name }))}
            placeholder={placeholderOf(definitions, 'Classes')}
            allowDeselect={false}
            {...form.getInputProps('class')}
          />
          {definition ? (
            <Text size="sm" className="quiet">
              {definition.text}
            </Text>
          ) : null}
          <Textarea label="Reason" autosize minRows={3} required {...form.getInputProps('reason')} />
          <FormActions submit="Classify" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}
