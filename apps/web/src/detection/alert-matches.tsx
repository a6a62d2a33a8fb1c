import { Anchor, Code, Group, Mark, Modal, Select, Stack, Table, Text, Textarea, TextInput } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import type { Alert } from '@tocsin/api'
import { useState } from 'react'
import { useApi } from '../api.ts'
import { useRouteForm } from '../forms.ts'
import { FormActions } from '../parts/form-actions.tsx'
import { FormProblem, Loaded, Section } from '../parts/page.tsx'
import { Time } from '../parts/time.tsx'
import { useMay } from '../session.ts'
import { pretty } from './try-pane.tsx'

/** The events behind an alert of a rule, with what matched marked. */
export function AlertMatches({ alert }: { alert: Alert }) {
  const canRespond = useMay('responder')
  const matches = useApi('alertMatches', { params: { id: alert.id } })
  const [isExcepting, setIsExcepting] = useState(false)
  const latest = matches.data?.[0]
  return (
    <Section
      title="What matched"
      isFlush
      actions={
        canRespond && (latest?.rule || alert.labels.indicator) ? (
          <Anchor component="button" size="sm" onClick={() => setIsExcepting(true)}>
            {alert.labels.indicator ? 'Ignore this indicator' : 'Except such events'}
          </Anchor>
        ) : null
      }
    >
      <Loaded query={matches} rows={3}>
        {list =>
          list.map((match, place) => (
            <details key={match.id} className="tried match" open={place === 0}>
              <summary>
                <Time at={match.at} /> <span className="quiet">from {match.source}</span>
              </summary>
              <Table highlightOnHover={false}>
                <Table.Tbody>
                  {Object.entries(match.fields).map(([field, values]) => (
                    <Table.Tr key={field}>
                      <Table.Td w={180} className="quiet" style={{ verticalAlign: 'top' }}>
                        {field}
                      </Table.Td>
                      <Table.Td className="mono">
                        <Mark>{values.join(', ')}</Mark>
                      </Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
              <details className="match-event">
                <summary className="quiet">The whole event</summary>
                <Code block style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
                  {pretty(match.event)}
                </Code>
              </details>
            </details>
          ))
        }
      </Loaded>
      {latest?.rule ? (
        <Group px="md" py={10}>
          <Text size="sm">
            Rule:{' '}
            <Anchor component={Link} to="/detection/rules/$id" params={{ id: latest.rule.id } as never}>
              {latest.rule.title}
            </Anchor>
          </Text>
        </Group>
      ) : null}
      {isExcepting && alert.labels.indicator ? <IgnoreModal value={alert.labels.indicator} onClose={() => setIsExcepting(false)} /> : null}
      {isExcepting && latest?.rule ? <ExceptModal alert={alert} fields={latest.fields} onClose={() => setIsExcepting(false)} /> : null}
    </Section>
  )
}

const lengths: Record<string, { label: string; days: number | null }> = {
  '7': { label: 'A week', days: 7 },
  '30': { label: 'Thirty days', days: 30 },
  '90': { label: 'Ninety days', days: 90 },
  never: { label: 'It does not end', days: null },
}

function ExceptModal({ alert, fields, onClose }: { alert: Alert; fields: Record<string, string[]>; onClose: () => void }) {
  const hosts = alert.observables.filter(observable => observable.kind === 'host').map(observable => observable.value)
  const offered: Record<string, string> = {
    ...(hosts[0] ? { Computer: hosts[0] } : {}),
    ...Object.fromEntries(Object.entries(fields).map(([field, values]) => [field, values[0] ?? ''])),
  }
  const [first = ''] = Object.keys(offered)
  const { form, submit, isBusy } = useRouteForm(
    'addDetectionException',
    { field: first, value: offered[first] ?? '', reason: '', lasts: '30' },
    {
      around: () => ({ params: { id: alert.id } }),
      toBody: values => {
        const days = lengths[values.lasts]?.days ?? null
        return {
          field: values.field,
          value: values.value,
          reason: values.reason,
          expiresAt: days === null ? null : new Date(Date.now() + days * 86_400_000).toISOString(),
        }
      },
      done: 'Such events raise this alert no more.',
      onDone: onClose,
    },
  )
  return (
    <Modal opened onClose={onClose} title="Except such events">
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} />
          <Text size="sm">The rule stays; events with this value are left out of it. It becomes a Sigma filter that stands among the rules.</Text>
          <Select
            label="Field"
            data={Object.keys(offered)}
            allowDeselect={false}
            {...form.getInputProps('field')}
            onChange={field => form.setValues({ field: field ?? '', value: offered[field ?? ''] ?? '' })}
          />
          <TextInput label="Value" required {...form.getInputProps('value')} />
          <Textarea label="Reason" description="It stands in the record." autosize minRows={2} required {...form.getInputProps('reason')} />
          <Select
            label="How long"
            data={Object.entries(lengths).map(([value, { label }]) => ({ value, label }))}
            allowDeselect={false}
            {...form.getInputProps('lasts')}
          />
          <FormActions submit="Except" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Modal>
  )
}

function IgnoreModal({ value, onClose }: { value: string; onClose: () => void }) {
  const { form, submit, isBusy } = useRouteForm('ignoreIndicator', { value, reason: '' }, { done: 'It raises no alert any more.', onDone: onClose })
  return (
    <Modal opened onClose={onClose} title="Ignore this indicator">
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} />
          <Text size="sm">
            <span className="mono">{value}</span> raises no alert any more, whichever list has it. It stands under Detection, Indicators, where it can be taken
            back.
          </Text>
          <Textarea label="Reason" description="It stands in the record." autosize minRows={2} required {...form.getInputProps('reason')} />
          <FormActions submit="Ignore" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Modal>
  )
}
