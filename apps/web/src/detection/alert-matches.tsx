import { Anchor, Code, Group, Mark, Select, Stack, Table, Text, Textarea, TextInput } from '@mantine/core'
import type { Alert } from '@tocsin/api'
import { useState } from 'react'
import { act, useApi } from '../api.ts'
import { useRouteForm } from '../forms.ts'
import { serverNow } from '../parts/clock.ts'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { FormProblem, Loaded, Section } from '../parts/page.tsx'
import { RouteLink } from '../parts/route-link.tsx'
import { Time } from '../parts/time.tsx'
import { offerUndo } from '../parts/undo.tsx'
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
      title="Matched events"
      isFlush
      actions={
        canRespond && (latest?.rule || alert.labels.indicator) ? (
          <Anchor component="button" size="sm" onClick={() => setIsExcepting(true)}>
            {alert.labels.indicator ? 'Ignore indicator' : 'Add exception'}
          </Anchor>
        ) : null
      }
    >
      <Loaded query={matches} rows={3}>
        {list =>
          list.map((match, place) => (
            <details key={match.id} className="test match" open={place === 0}>
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
                <summary className="quiet">Full event</summary>
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
            <RouteLink to="/detection/rules/$id" params={{ id: latest.rule.id }}>
              {latest.rule.title}
            </RouteLink>
          </Text>
        </Group>
      ) : null}
      {isExcepting && alert.labels.indicator ? <IgnoreModal alertId={alert.id} value={alert.labels.indicator} onClose={() => setIsExcepting(false)} /> : null}
      {isExcepting && latest?.rule ? <ExceptModal alert={alert} fields={latest.fields} onClose={() => setIsExcepting(false)} /> : null}
    </Section>
  )
}

const lengths: Record<string, { label: string; days: number | null }> = {
  '7': { label: '7 days', days: 7 },
  '30': { label: '30 days', days: 30 },
  '90': { label: '90 days', days: 90 },
  never: { label: 'Never', days: null },
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
          expiresAt: days === null ? null : new Date(serverNow() + days * 86_400_000).toISOString(),
        }
      },
      done: 'Exception added.',
      onDone: onClose,
    },
  )
  return (
    <Dialog onClose={onClose} title="Add exception">
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} />
          <Text size="sm">The rule stays enabled; events with this value no longer match it. The exception is stored as a Sigma filter.</Text>
          <Select
            label="Field"
            data={Object.keys(offered)}
            allowDeselect={false}
            {...form.getInputProps('field')}
            onChange={field => form.setValues({ field: field ?? '', value: offered[field ?? ''] ?? '' })}
          />
          <TextInput label="Value" required {...form.getInputProps('value')} />
          <Textarea label="Reason" description="Kept in the audit log." autosize minRows={2} required {...form.getInputProps('reason')} />
          <Select
            label="Expires after"
            data={Object.entries(lengths).map(([value, { label }]) => ({ value, label }))}
            allowDeselect={false}
            {...form.getInputProps('lasts')}
          />
          <FormActions submit="Add exception" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}

function IgnoreModal({ alertId, value, onClose }: { alertId: string; value: string; onClose: () => void }) {
  const mayRestore = useMay('lead')
  const { form, submit, isBusy } = useRouteForm(
    'ignoreIndicator',
    { value, reason: '', alertId },
    mayRestore
      ? {
          onDone: () => {
            onClose()
            offerUndo({ message: 'Indicator ignored.', undo: () => act('restoreIndicator', { body: { value } }), undone: 'Indicator restored.' })
          },
        }
      : { done: 'Indicator ignored.', onDone: onClose },
  )
  return (
    <Dialog onClose={onClose} title="Ignore indicator">
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} />
          <Text size="sm">
            <span className="mono">{value}</span> will no longer raise alerts, whichever list contains it. Restore it under Detection, Indicators.
          </Text>
          <Textarea label="Reason" description="Kept in the audit log." autosize minRows={2} required {...form.getInputProps('reason')} />
          <FormActions submit="Ignore" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}
