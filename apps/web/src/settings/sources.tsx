import { Anchor, Button, Code, Group, Select, Stack, Table, Text, Textarea, TextInput } from '@mantine/core'
import { type Integration, type Severity, severities as severitiesKnown } from '@tocsin/api'
import { useState } from 'react'
import { useApi, useCommand } from '../api.ts'
import { useRouteForm } from '../forms.ts'
import { DemoBadge } from '../parts/badges.tsx'
import { ServiceSelect } from '../parts/choices.tsx'
import { confirmed } from '../parts/confirm.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { Empty, FormProblem, Loaded, Section } from '../parts/page.tsx'
import { Secret } from '../parts/secret.tsx'
import { Time } from '../parts/time.tsx'
import { useMay } from '../session.ts'

const kinds = { alertmanager: 'Prometheus Alertmanager or Grafana', pagerduty: 'PagerDuty Events API v2' } as const

export function Integrations() {
  const integrations = useApi('integrations')
  const mayLead = useMay('lead')
  const [isAdding, setIsAdding] = useState(false)
  const [mapped, setMapped] = useState<Integration>()
  const revoke = useCommand('revokeIntegration', { done: 'Revoked.' })
  return (
    <Section
      title="Integrations"
      isFlush
      actions={
        mayLead ? (
          <Anchor component="button" size="sm" onClick={() => setIsAdding(true)}>
            Add integration
          </Anchor>
        ) : null
      }
    >
      <Loaded query={integrations} rows={2}>
        {list =>
          list.length === 0 ? (
            <Empty title="No integrations yet">Each integration has its own secret URL. Any tool that can send to PagerDuty works by changing one URL.</Empty>
          ) : (
            <Table.ScrollContainer minWidth={560}>
              <Table>
                <Table.Tbody>
                  {list.map(source => (
                    <Table.Tr key={source.id}>
                      <Table.Td>
                        <Group gap={8}>
                          <Text fw={550}>{source.name}</Text>
                          <DemoBadge isDemo={source.isDemo} />
                        </Group>
                        <Text size="sm" className="quiet">
                          {kinds[source.kind]}
                        </Text>
                      </Table.Td>
                      <Table.Td className="numeric">{source.received} alerts</Table.Td>
                      <Table.Td className="quiet">
                        {source.revokedAt ? 'revoked' : source.lastSeenAt ? <Time at={source.lastSeenAt} isRelative /> : 'No data'}
                      </Table.Td>
                      <Table.Td>
                        {mayLead && !source.revokedAt ? (
                          <Group gap="xs">
                            <Button size="xs" variant="default" onClick={() => setMapped(source)}>
                              Severities
                            </Button>
                            <Button
                              size="xs"
                              variant="default"
                              aria-label={`Revoke ${source.name}`}
                              onClick={() =>
                                confirmed(
                                  {
                                    title: `Revoke ${source.name}?`,
                                    consequence:
                                      'Alerts that are sent to its URL or with its key are refused from now on. To receive them again, add a new integration.',
                                    action: 'Revoke',
                                    isDanger: true,
                                  },
                                  () => revoke.mutate({ params: { id: source.id } }),
                                )
                              }
                            >
                              Revoke
                            </Button>
                          </Group>
                        ) : null}
                      </Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
          )
        }
      </Loaded>
      {isAdding ? <IntegrationModal onClose={() => setIsAdding(false)} /> : null}
      {mapped ? <SeveritiesModal source={mapped} onClose={() => setMapped(undefined)} /> : null}
    </Section>
  )
}

/**
 * A field for what the names of severities of a tool mean, one a line: `ticket = low`.
 * @returns with `read`, what it says; undefined where a line of it cannot be read, which the field then says
 */
function useSeverities(before: Integration['severities']) {
  const [text, setText] = useState(() =>
    Object.entries(before)
      .map(([name, severity]) => `${name} = ${severity}`)
      .join('\n'),
  )
  const [wrong, setWrong] = useState<string>()
  function read(): Integration['severities'] | undefined {
    const severities: Record<string, Severity> = {}
    for (const line of text.split('\n').filter(each => each.trim() !== '')) {
      const [severity = '', ...name] = line
        .split('=')
        .map(part => part.trim())
        .toReversed()
      const named = name.toReversed().join('=')
      const known = severitiesKnown.find(one => one === severity)
      if (named === '' || known === undefined) {
        setWrong(`“${line}” must be a name, = and one of ${severitiesKnown.join(', ')}`)
        return undefined
      }
      severities[named] = known
    }
    setWrong(undefined)
    return severities
  }
  const field = (
    <Textarea
      label="Names of severities"
      description="One a line, such as “ticket = low”. Common names need none; a name that is not known counts as high, with a note."
      autosize
      minRows={2}
      value={text}
      error={wrong}
      onChange={event => setText(event.currentTarget.value)}
    />
  )
  return { field, read }
}

function SeveritiesModal({ source, onClose }: { source: Integration; onClose: () => void }) {
  const { field, read } = useSeverities(source.severities)
  const save = useCommand('saveSeverities', { done: 'Saved.', onDone: onClose })
  function submit() {
    const severities = read()
    if (severities) save.mutate({ params: { id: source.id }, body: { severities } })
  }
  return (
    <Dialog onClose={onClose} title={`Severities of ${source.name}`}>
      <form
        noValidate
        onSubmit={event => {
          event.preventDefault()
          submit()
        }}
      >
        <Stack>
          {field}
          <FormActions submit="Save" isBusy={save.isPending} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}

function IntegrationModal({ onClose }: { onClose: () => void }) {
  const [made, setMade] = useState<{ url: string; key: string; kind: string }>()
  const { field, read } = useSeverities({})
  const { form, submit, isBusy } = useRouteForm(
    'createIntegration',
    { kind: 'alertmanager', name: '', serviceId: '' },
    {
      toBody: values => ({ ...values, serviceId: values.serviceId || null, severities: read() }),
      onDone: (reply: { url: string; key: string; source: { kind: string } }) => setMade({ url: reply.url, key: reply.key, kind: reply.source.kind }),
    },
  )
  return (
    <Dialog onClose={onClose} title="Add integration">
      {made ? (
        <Stack>
          <Text>This URL is secret and shown only once.</Text>
          <Secret value={made.url} label="URL" />
          {made.kind === 'alertmanager' ? (
            <Code block>{`receivers:\n  - name: tocsin\n    webhook_configs:\n      - url: ${made.url}\n        send_resolved: true`}</Code>
          ) : (
            <Secret value={made.key} label="Routing key, if only the host can be changed" />
          )}
          <Group justify="flex-end">
            <Button onClick={onClose}>Done</Button>
          </Group>
        </Stack>
      ) : (
        <form
          noValidate
          onSubmit={event => {
            if (read() === undefined) event.preventDefault()
            else submit(event)
          }}
        >
          <Stack>
            <FormProblem errors={form.errors} />
            <Select
              label="Type"
              data={Object.entries(kinds).map(([value, label]) => ({ value, label }))}
              allowDeselect={false}
              {...form.getInputProps('kind')}
            />
            <TextInput label="Name" required {...form.getInputProps('name')} />
            <ServiceSelect
              label="Service"
              description="For alerts that do not name a service"
              clearable
              clearButtonProps={{ 'aria-label': 'None' }}
              {...form.getInputProps('serviceId')}
            />
            {field}
            <FormActions submit="Add" isBusy={isBusy} onCancel={onClose} />
          </Stack>
        </form>
      )}
    </Dialog>
  )
}
