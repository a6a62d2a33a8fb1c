import { Button, CloseButton, Group, Modal, MultiSelect, NumberInput, Select, Stack, Switch, Text, TextInput } from '@mantine/core'
import { type Silence, severities } from '@tocsin/api'
import { useState } from 'react'
import { useApi, useCommand } from '../api.ts'
import { useRouteForm } from '../forms.ts'
import { SeverityBadge, Tone } from '../parts/badges.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { fromLocalInput, toLocalInput } from '../parts/local-time.ts'
import { Empty, FormProblem, Loaded, Page, Section } from '../parts/page.tsx'
import { Secret } from '../parts/secret.tsx'
import { Time } from '../parts/time.tsx'
import { useMay } from '../session.ts'

/** What is kept from paging for a time, and what is expected to give a sign of life. */
export function SilencesPage() {
  const mayLead = useMay('lead')
  const [opened, setOpened] = useState<'silence' | 'heartbeat'>()
  return (
    <Page
      title="Silences and heartbeats"
      lead="What does not page for a time, and what pages when nothing is heard of it."
      actions={
        mayLead ? (
          <>
            <Button variant="default" onClick={() => setOpened('heartbeat')}>
              Expect a heartbeat
            </Button>
            <Button onClick={() => setOpened('silence')}>Add a silence</Button>
          </>
        ) : null
      }
    >
      <Stack>
        <Silences />
        <Heartbeats />
      </Stack>
      {opened === 'silence' ? <SilenceModal onClose={() => setOpened(undefined)} /> : null}
      {opened === 'heartbeat' ? <HeartbeatModal onClose={() => setOpened(undefined)} /> : null}
    </Page>
  )
}

function Silences() {
  const silences = useApi('silences')
  const services = useApi('services')
  const mayLead = useMay('lead')
  const end = useCommand('endSilence', { done: 'It is over. What is still open pages.' })
  const names = new Map((services.data ?? []).map(service => [service.id, service.name]))
  return (
    <Section title="Silences" isFlush>
      <Loaded query={silences}>
        {list =>
          list.length === 0 ? (
            <Empty title="Nothing is silent">Before planned work, say what should not page, why, and until when. Alerts wait in the queue meanwhile.</Empty>
          ) : (
            list.map(one => (
              <Group key={one.id} className="list-row" justify="space-between" align="flex-start">
                <div>
                  <Group gap={8}>
                    <Text fw={550}>{matcherWords(one, names)}</Text>
                    <Tone color={one.isActive ? 'orange' : 'gray'}>{one.isActive ? 'silent now' : 'later'}</Tone>
                  </Group>
                  <Text>{one.reason}</Text>
                  <Text size="sm" className="quiet" component="div">
                    {one.author}, <Time at={one.start} /> – <Time at={one.end} />
                    {one.hours
                      ? `, ${one.hours.hours.map(hours => `${hours.days?.join(' ') ?? 'daily'} ${hours.from}–${hours.until}`).join(', ')} ${one.hours.timeZone}`
                      : ''}
                    {one.held > 0 ? ` · ${one.held} held back` : ''}
                  </Text>
                </div>
                {mayLead ? (
                  <Button size="xs" variant="default" onClick={() => end.mutate({ params: { id: one.id } })}>
                    End now
                  </Button>
                ) : null}
              </Group>
            ))
          )
        }
      </Loaded>
    </Section>
  )
}

function matcherWords({ matchers }: Silence, names: ReadonlyMap<string, string>): string {
  const parts = [
    matchers.severities?.length ? `of severity ${matchers.severities.join(' or ')}` : '',
    matchers.serviceIds?.length ? `in ${matchers.serviceIds.map(id => names.get(id) ?? 'a service').join(' or ')}` : '',
    matchers.source ? `from ${matchers.source}` : '',
    matchers.titleContains ? `whose title has “${matchers.titleContains}”` : '',
  ].filter(part => part !== '')
  return `Alerts ${parts.join(', ')}`
}

function Heartbeats() {
  const heartbeats = useApi('heartbeats')
  const mayLead = useMay('lead')
  const remove = useCommand('removeHeartbeat', { done: 'It is expected no longer.' })
  const tones = { new: 'gray', healthy: 'teal', silent: 'red' } as const
  return (
    <Section title="Heartbeats" isFlush>
      <Loaded query={heartbeats}>
        {list =>
          list.length === 0 ? (
            <Empty title="No heartbeat is expected">
              A backup that stops running says nothing. Let it call an address when it is done, and be paged when it does not.
            </Empty>
          ) : (
            list.map(one => (
              <Group key={one.id} className="list-row" justify="space-between">
                <div>
                  <Group gap={8}>
                    <Text fw={550}>{one.name}</Text>
                    <Tone color={tones[one.state]}>{one.state}</Tone>
                    <SeverityBadge severity={one.severity} />
                  </Group>
                  <Text size="sm" className="quiet" component="div">
                    {one.lastHeartbeatAt ? (
                      <>
                        heard <Time at={one.lastHeartbeatAt} isRelative />
                      </>
                    ) : (
                      'never heard of yet'
                    )}
                    , expected by <Time at={one.expectedBy} />
                  </Text>
                </div>
                {mayLead ? <CloseButton aria-label={`Expect ${one.name} no longer`} onClick={() => remove.mutate({ params: { id: one.id } })} /> : null}
              </Group>
            ))
          )
        }
      </Loaded>
    </Section>
  )
}

const days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']

function SilenceModal({ onClose }: { onClose: () => void }) {
  const services = useApi('services')
  const { form, submit, isBusy } = useRouteForm(
    'addSilence',
    {
      matchers: { serviceIds: [] as string[], severities: [] as string[], source: '', titleContains: '' },
      reason: '',
      start: toLocalInput(new Date()),
      end: toLocalInput(new Date(Date.now() + 2 * 3_600_000)),
      isRecurring: false,
      days: [] as string[],
      from: '22:00',
      until: '02:00',
    },
    {
      toBody: ({ matchers, reason, start, end, isRecurring, days: on, from, until }) => ({
        ...{ matchers, reason, start: fromLocalInput(start), end: fromLocalInput(end) },
        hours: isRecurring
          ? { timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone, hours: [{ ...(on.length > 0 ? { days: on } : {}), from, until }] }
          : null,
      }),
      done: 'It is silent. What is still open at the end pages then.',
      onDone: onClose,
    },
  )
  return (
    <Modal opened onClose={onClose} title="Silence" size="lg">
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} />
          {form.errors.matchers ? <FormProblem errors={{ form: form.errors.matchers }} /> : null}
          <Group grow align="flex-start">
            <MultiSelect
              label="Services"
              data={(services.data ?? []).map(service => ({ value: service.id, label: service.name }))}
              {...form.getInputProps('matchers.serviceIds')}
            />
            <MultiSelect label="Severities" data={[...severities]} {...form.getInputProps('matchers.severities')} />
          </Group>
          <Group grow align="flex-start">
            <TextInput label="Source" {...form.getInputProps('matchers.source')} />
            <TextInput label="Title has" {...form.getInputProps('matchers.titleContains')} />
          </Group>
          <TextInput label="Reason" description="For whoever wonders where the pages are" {...form.getInputProps('reason')} />
          <Group grow align="flex-start">
            <TextInput label="From" type="datetime-local" {...form.getInputProps('start')} />
            <TextInput label="Until" type="datetime-local" {...form.getInputProps('end')} />
          </Group>
          <Switch label="Recurring maintenance: only in these hours" {...form.getInputProps('isRecurring', { type: 'checkbox' })} />
          {form.values.isRecurring ? (
            <Group align="flex-start">
              <TextInput label="From" type="time" {...form.getInputProps('from')} />
              <TextInput label="Until" type="time" {...form.getInputProps('until')} />
              <MultiSelect
                label="On"
                placeholder={form.values.days.length === 0 ? 'every day' : ''}
                data={days}
                flex={1}
                miw={160}
                {...form.getInputProps('days')}
              />
            </Group>
          ) : null}
          <FormActions submit="Keep it silent" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Modal>
  )
}

function HeartbeatModal({ onClose }: { onClose: () => void }) {
  const services = useApi('services')
  const [url, setUrl] = useState<string>()
  const { form, submit, isBusy } = useRouteForm(
    'addHeartbeat',
    { name: '', serviceId: '', severity: 'high' as string, everyHours: 26 as number | string },
    {
      toBody: ({ everyHours, serviceId, ...values }) => ({
        ...values,
        serviceId: serviceId === '' ? null : serviceId,
        everyMinutes: Math.round(Number(everyHours) * 60),
      }),
      done: 'It is expected from now on.',
      onDone: (reply: { url: string }) => setUrl(reply.url),
    },
  )
  return (
    <Modal opened onClose={onClose} title="Expect a heartbeat" size="lg">
      {url ? (
        <Stack>
          <Text>Let the job call this address when it has done its work. It is shown this once.</Text>
          <Secret label="Address" value={url} />
          <Group justify="flex-end">
            <Button onClick={onClose}>Done</Button>
          </Group>
        </Stack>
      ) : (
        <form onSubmit={submit} noValidate>
          <Stack>
            <FormProblem errors={form.errors} />
            <TextInput label="Name" placeholder="Nightly backup" {...form.getInputProps('name')} />
            <Group grow align="flex-start">
              <NumberInput label="Silent after, hours" min={0.02} max={960} {...form.getInputProps('everyHours')} error={form.errors.everyMinutes} />
              <Select label="Severity of the alert" allowDeselect={false} data={[...severities]} {...form.getInputProps('severity')} />
            </Group>
            <Select
              label="Service"
              placeholder="none: the security team is paged"
              clearable
              data={(services.data ?? []).map(service => ({ value: service.id, label: service.name }))}
              {...form.getInputProps('serviceId')}
            />
            <FormActions submit="Expect it" isBusy={isBusy} onCancel={onClose} />
          </Stack>
        </form>
      )}
    </Modal>
  )
}
