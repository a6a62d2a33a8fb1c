import { Anchor, Badge, Button, Code, Group, NumberInput, Select, Stack, Table, TagsInput, Text, Textarea, TextInput } from '@mantine/core'
import type { DeadLetter } from '@tocsin/api'
import { useState } from 'react'
import { useApi, useCommand } from '../api.ts'
import { ServiceSelect } from '../directory/service-select.tsx'
import { useRouteForm } from '../forms.ts'
import { confirmed } from '../parts/confirm.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { Empty, FormProblem, isAbsent, Loaded, LoadMore, Section } from '../parts/page.tsx'
import { usePages } from '../parts/pages.ts'
import { Secret } from '../parts/secret.tsx'
import { Time } from '../parts/time.tsx'
import { useMay } from '../session.ts'

export function LogSources() {
  const mayRead = useMay('responder')
  const mayWrite = useMay('lead')
  const sources = useApi('logSources', {}, { isEnabled: mayRead })
  const revoke = useCommand('revokeLogSource', { done: 'Revoked.' })
  const assign = useCommand('assignLogSource', { done: 'Service saved.' })
  const [isAdding, setIsAdding] = useState(false)
  if (!mayRead) return <Empty title="Responders only">Log sources are visible to responders.</Empty>
  return (
    <Section
      title="Log sources"
      isFlush
      actions={
        mayWrite ? (
          <Anchor component="button" size="sm" onClick={() => setIsAdding(true)}>
            Add log source
          </Anchor>
        ) : null
      }
    >
      <Loaded query={sources} rows={2}>
        {list =>
          list.length === 0 ? (
            <Empty title="No log sources yet" action={mayWrite ? <Button onClick={() => setIsAdding(true)}>Add log source</Button> : undefined}>
              Send logs from Filebeat, Winlogbeat, Fluent Bit, Vector, Logstash or OpenTelemetry. Each log source has its own secret URL.
            </Empty>
          ) : (
            <Table.ScrollContainer minWidth={820}>
              <Table>
                <Table.Tbody>
                  {list.map(source => (
                    <Table.Tr key={source.id}>
                      <Table.Td>
                        <Text fw={550}>{source.name}</Text>
                        <Text size="sm" className="quiet">
                          {[source.logsource.product, source.logsource.category, source.logsource.service].filter(Boolean).join(' / ') ||
                            'detected from events'}
                          {source.files.length > 0 ? ` · tails ${source.files.join(', ')}` : ''}
                        </Text>
                        {source.problem && !source.revokedAt ? (
                          <Text size="sm" c="var(--mantine-color-error)">
                            {source.problem}
                          </Text>
                        ) : null}
                      </Table.Td>
                      <Table.Td w={200}>
                        <ServiceSelect
                          size="xs"
                          aria-label={`Service of ${source.name}`}
                          placeholder="No service"
                          value={source.service?.id ?? null}
                          readOnly={!mayWrite || source.revokedAt !== null}
                          onChange={serviceId => assign.mutate({ params: { id: source.id }, body: { serviceId } })}
                        />
                      </Table.Td>
                      <Table.Td className="numeric">{source.events.toLocaleString()} events</Table.Td>
                      <Table.Td className="quiet">
                        {source.revokedAt ? 'revoked' : source.lastSeenAt ? <Time at={source.lastSeenAt} isRelative /> : 'No data'}{' '}
                        {source.isSilent && !source.revokedAt ? <Badge color="red">no data</Badge> : null}
                      </Table.Td>
                      <Table.Td className="quiet">
                        {source.gapMinutes === null ? 'no alert on missing data' : `alerts after ${source.gapMinutes} min without data`}
                      </Table.Td>
                      <Table.Td>
                        {mayWrite && !source.revokedAt ? (
                          <Button
                            size="xs"
                            variant="default"
                            aria-label={`Revoke ${source.name}`}
                            onClick={() =>
                              confirmed(
                                {
                                  title: `Revoke ${source.name}?`,
                                  consequence: 'Its logs are refused from now on, and no rule sees them. To receive them again, add a new log source.',
                                  action: 'Revoke',
                                  isDanger: true,
                                },
                                () => revoke.mutate({ params: { id: source.id } }),
                              )
                            }
                          >
                            Revoke
                          </Button>
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
      {isAdding ? <LogSourceModal onClose={() => setIsAdding(false)} /> : null}
    </Section>
  )
}

const kinds: Record<string, { label: string; logsource: Record<string, string> }> = {
  said: { label: 'Windows, Sysmon, CloudTrail, Kubernetes…: detected from events', logsource: {} },
  sshd: { label: 'Linux sign-ins (sshd)', logsource: { product: 'linux', service: 'sshd' } },
  auditd: { label: 'Linux audit (auditd)', logsource: { product: 'linux', service: 'auditd' } },
  process: { label: 'Linux processes', logsource: { product: 'linux', category: 'process_creation' } },
  files: { label: 'Linux files', logsource: { product: 'linux', category: 'file_event' } },
  okta: { label: 'Okta', logsource: { product: 'okta', service: 'okta' } },
  entra: { label: 'Entra ID sign-ins', logsource: { product: 'azure', service: 'signinlogs' } },
  github: { label: 'GitHub audit', logsource: { product: 'github', service: 'audit' } },
  proxy: { label: 'Web proxy', logsource: { category: 'proxy' } },
  webserver: { label: 'Web server', logsource: { category: 'webserver' } },
}

function LogSourceModal({ onClose }: { onClose: () => void }) {
  const [url, setUrl] = useState<string>()
  const { form, submit, isBusy } = useRouteForm(
    'createLogSource',
    { name: '', serviceId: null as string | null, kind: 'said', senders: [] as string[], files: [] as string[], gapMinutes: 60 as number | string },
    {
      toBody: values => ({
        name: values.name,
        logsource: kinds[values.kind]?.logsource ?? {},
        serviceId: values.serviceId,
        senders: values.senders,
        files: values.files,
        gapMinutes: values.gapMinutes === '' ? null : values.gapMinutes,
      }),
      onDone: (reply: { url: string }) => setUrl(reply.url),
    },
  )
  return (
    <Dialog onClose={onClose} title="Add log source">
      {url === undefined ? (
        <form onSubmit={submit} noValidate>
          <Stack>
            <FormProblem errors={form.errors} />
            <TextInput label="Name" required {...form.getInputProps('name')} />
            <Select
              label="Log type"
              description="Decides which rules run on these logs"
              data={Object.entries(kinds).map(([value, { label }]) => ({ value, label }))}
              allowDeselect={false}
              {...form.getInputProps('kind')}
            />
            <ServiceSelect
              label="Service"
              description="What alerts on these logs are about: they page its team. A rule that has a service goes first"
              {...form.getInputProps('serviceId')}
            />
            <TagsInput
              label="Syslog senders"
              description="IP addresses or networks, such as 192.0.2.0/24. Leave empty for other protocols."
              clearable
              {...form.getInputProps('senders')}
            />
            <TagsInput
              label="Tail files on the server"
              description="Absolute paths, such as /var/log/auth.log or /var/log/nginx/*.log, inside the folders of TOCSIN_FOLLOW_FOLDERS"
              clearable
              {...form.getInputProps('files')}
            />
            <NumberInput
              label="Alert after minutes without data"
              description="Leave empty for no alert"
              min={1}
              max={10_080}
              allowDecimal={false}
              {...form.getInputProps('gapMinutes')}
            />
            <FormActions submit="Add" isBusy={isBusy} onCancel={onClose} />
          </Stack>
        </form>
      ) : (
        <Stack>
          <Text>This URL is secret and shown only once.</Text>
          <Secret value={url} label="Address" />
          <Text size="sm">Filebeat, Winlogbeat, Logstash, Fluent Bit, Vector: use the Elasticsearch output with this host.</Text>
          <Code block>{`output.elasticsearch:\n  hosts: ["${url}/elastic"]\nsetup.template.enabled: false\nsetup.ilm.enabled: false`}</Code>
          <Text size="sm">Anything else: newline-delimited JSON.</Text>
          <Code block style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>{`curl --data-binary @events.ndjson ${url}/events`}</Code>
          <Text size="sm" className="quiet">
            OpenTelemetry (OTLP over HTTP): {'…/v1/logs'}.
          </Text>
          <Group justify="flex-end">
            <Button onClick={onClose}>Done</Button>
          </Group>
        </Stack>
      )}
    </Dialog>
  )
}

/** Lines that were not valid events: read, fixed, matched again. */
export function DeadLetters() {
  const mayRead = useMay('responder')
  const letters = usePages<DeadLetter>('deadLetters', {}, { isEnabled: mayRead })
  const [fixing, setFixing] = useState<DeadLetter>()
  if (!mayRead || isAbsent(letters, () => letters.items?.length === 0)) return null
  return (
    <Section title="Rejected lines" isFlush>
      <Loaded query={letters}>
        {() =>
          letters.items?.map(deadLetter => (
            <Group key={deadLetter.id} className="list-row" gap="sm" wrap="nowrap" align="flex-start">
              <div style={{ minWidth: 0, flex: 1 }}>
                <Text className="mono" lineClamp={2}>
                  {deadLetter.text}
                </Text>
                <Text size="sm" className="quiet" component="div">
                  {deadLetter.source} · <Time at={deadLetter.receivedAt} isRelative /> · {deadLetter.reason}
                </Text>
              </div>
              <Button size="xs" variant="default" onClick={() => setFixing(deadLetter)}>
                Fix
              </Button>
            </Group>
          ))
        }
      </Loaded>
      <LoadMore list={letters} />
      {fixing ? <FixModal deadLetter={fixing} onClose={() => setFixing(undefined)} /> : null}
    </Section>
  )
}

function FixModal({ deadLetter, onClose }: { deadLetter: DeadLetter; onClose: () => void }) {
  const mayWrite = useMay('lead')
  const [text, setText] = useState(deadLetter.text)
  const replay = useCommand('replayDeadLetters', { done: 'Line replayed.', onDone: onClose })
  return (
    <Dialog onClose={onClose} title="Rejected line">
      <Stack>
        <Text size="sm">{deadLetter.reason}</Text>
        <Textarea
          label="Line"
          autosize
          minRows={4}
          maxRows={16}
          value={text}
          onChange={event => setText(event.currentTarget.value)}
          styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)', fontSize: 13 } }}
        />
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button disabled={!mayWrite} loading={replay.isPending} onClick={() => replay.mutate({ body: { letters: [{ id: deadLetter.id, text }] } })}>
            Replay line
          </Button>
        </Group>
      </Stack>
    </Dialog>
  )
}
