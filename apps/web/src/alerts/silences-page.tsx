import { Button, CloseButton, Group, MultiSelect, NumberInput, Select, Stack, Switch, Text, TextInput } from '@mantine/core'
import { type Silence, severities } from '@tocsin/api'
import { useState } from 'react'
import { useApi, useCommand } from '../api.ts'
import { useRouteForm } from '../forms.ts'
import { SeverityBadge, Tone } from '../parts/badges.tsx'
import { ServiceMultiSelect, ServiceSelect } from '../parts/choices.tsx'
import { serverNow } from '../parts/clock.ts'
import { confirmed } from '../parts/confirm.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { fromLocalInput, toLocalInput } from '../parts/local-time.ts'
import { Empty, FormProblem, Loaded, Page, Section } from '../parts/page.tsx'
import { Secret } from '../parts/secret.tsx'
import { Time } from '../parts/time.tsx'
import { dayChoices, dayNames } from '../parts/weekdays.ts'
import { useMay } from '../session.ts'

/** What is kept from paging for a time, and what is expected to give a sign of life. */
export function SilencesPage() {
  const mayLead = useMay('lead')
  const [opened, setOpened] = useState<'silence' | 'heartbeat'>()
  return (
    <Page
      title="Silences and heartbeat monitors"
      lead="Silences stop alerts from paging for a while. Heartbeat monitors page when a job stops reporting."
      actions={
        mayLead ? (
          <>
            <Button variant="default" onClick={() => setOpened('heartbeat')}>
              Add heartbeat monitor
            </Button>
            <Button onClick={() => setOpened('silence')}>Add silence</Button>
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
  const end = useCommand('endSilence', { done: 'Silence ended. Open alerts will page.' })
  const names = new Map((services.data ?? []).map(service => [service.id, service.name]))
  return (
    <Section title="Silences" isFlush>
      <Loaded query={silences}>
        {list =>
          list.length === 0 ? (
            <Empty title="No active silences">Silence expected alerts before planned work. They stay in the triage queue without paging.</Empty>
          ) : (
            list.map(one => (
              <Group key={one.id} className="list-row" justify="space-between" align="flex-start">
                <div>
                  <Group gap={8}>
                    <Text fw={550}>{matcherWords(one, names)}</Text>
                    <Tone color={one.isActive ? 'orange' : 'gray'}>{one.isActive ? 'active' : 'later'}</Tone>
                  </Group>
                  <Text>{one.reason}</Text>
                  <Text size="sm" className="quiet" component="div">
                    {one.author}, <Time at={one.start} /> – <Time at={one.end} />
                    {one.hours
                      ? `, ${one.hours.hours.map(hours => `${hours.days?.map(day => dayNames[day]).join(' ') ?? 'daily'} ${hours.from}–${hours.until}`).join(', ')} ${one.hours.timeZone}`
                      : ''}
                    {one.held > 0 ? ` · ${one.held} suppressed` : ''}
                  </Text>
                </div>
                {mayLead ? (
                  <Button
                    size="xs"
                    variant="default"
                    onClick={() =>
                      confirmed(
                        {
                          title: 'End this silence?',
                          consequence: `${one.held > 0 ? `Of ${one.held} suppressed alerts, those that are still open page now.` : 'Alerts that match it page again.'} An ended silence cannot be resumed.`,
                          action: 'End silence',
                          isDanger: true,
                        },
                        () => end.mutate({ params: { id: one.id } }),
                      )
                    }
                  >
                    End silence
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
    matchers.severities?.length ? `with severity ${matchers.severities.join(' or ')}` : '',
    matchers.serviceIds?.length ? `in ${matchers.serviceIds.map(id => names.get(id) ?? 'a service').join(' or ')}` : '',
    matchers.source ? `from ${matchers.source}` : '',
    matchers.titleContains ? `whose title has “${matchers.titleContains}”` : '',
  ].filter(part => part !== '')
  return `Alerts ${parts.join(', ')}`
}

function Heartbeats() {
  const heartbeats = useApi('heartbeats')
  const mayLead = useMay('lead')
  const remove = useCommand('removeHeartbeat', { done: 'Heartbeat monitor removed.' })
  const tones = { new: 'gray', healthy: 'teal', silent: 'red' } as const
  return (
    <Section title="Heartbeat monitors" isFlush>
      <Loaded query={heartbeats}>
        {list =>
          list.length === 0 ? (
            <Empty title="No heartbeat monitors">Have a job call a URL when it finishes, and get paged when it does not.</Empty>
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
                        Last heartbeat <Time at={one.lastHeartbeatAt} isRelative />
                      </>
                    ) : (
                      'No heartbeat yet'
                    )}
                    , next due <Time at={one.expectedBy} />
                  </Text>
                </div>
                {mayLead ? (
                  <CloseButton
                    aria-label={`Remove heartbeat monitor ${one.name}`}
                    onClick={() =>
                      confirmed(
                        {
                          title: `Remove ${one.name}?`,
                          consequence: 'Its URL no longer works, and nobody is paged when the job stops reporting.',
                          action: 'Remove',
                          isDanger: true,
                        },
                        () => remove.mutate({ params: { id: one.id } }),
                      )
                    }
                  />
                ) : null}
              </Group>
            ))
          )
        }
      </Loaded>
    </Section>
  )
}

function SilenceModal({ onClose }: { onClose: () => void }) {
  const { form, submit, isBusy } = useRouteForm(
    'addSilence',
    {
      matchers: { serviceIds: [] as string[], severities: [] as string[], source: '', titleContains: '' },
      reason: '',
      start: toLocalInput(new Date(serverNow())),
      end: toLocalInput(new Date(serverNow() + 2 * 3_600_000)),
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
      done: 'Silence added. Alerts still open when it ends will page.',
      onDone: onClose,
    },
  )
  return (
    <Dialog onClose={onClose} title="Silence" size="lg">
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} />
          {form.errors.matchers ? <FormProblem errors={{ form: form.errors.matchers }} /> : null}
          <Group grow align="flex-start">
            <ServiceMultiSelect label="Services" {...form.getInputProps('matchers.serviceIds')} />
            <MultiSelect label="Severities" data={[...severities]} {...form.getInputProps('matchers.severities')} />
          </Group>
          <Group grow align="flex-start">
            <TextInput label="Source" {...form.getInputProps('matchers.source')} />
            <TextInput label="Title contains" {...form.getInputProps('matchers.titleContains')} />
          </Group>
          <TextInput label="Reason" description="Shown to responders" {...form.getInputProps('reason')} />
          <Group grow align="flex-start">
            <TextInput label="From" type="datetime-local" {...form.getInputProps('start')} />
            <TextInput label="Until" type="datetime-local" {...form.getInputProps('end')} />
          </Group>
          <Switch label="Recurring maintenance: only during these hours" {...form.getInputProps('isRecurring', { type: 'checkbox' })} />
          {form.values.isRecurring ? (
            <Group align="flex-start">
              <TextInput label="From" type="time" {...form.getInputProps('from')} />
              <TextInput label="Until" type="time" {...form.getInputProps('until')} />
              <MultiSelect
                label="On"
                placeholder={form.values.days.length === 0 ? 'every day' : ''}
                data={dayChoices}
                flex={1}
                miw={160}
                {...form.getInputProps('days')}
              />
            </Group>
          ) : null}
          <FormActions submit="Add silence" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}

function HeartbeatModal({ onClose }: { onClose: () => void }) {
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
      done: 'Heartbeat monitor added.',
      onDone: (reply: { url: string }) => setUrl(reply.url),
    },
  )
  return (
    <Dialog onClose={onClose} title="Add heartbeat monitor" size="lg">
      {url ? (
        <Stack>
          <Text>Have the job call this URL when it finishes. The URL is shown only once.</Text>
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
              <NumberInput label="Alert after (hours)" min={0.02} max={960} {...form.getInputProps('everyHours')} error={form.errors.everyMinutes} />
              <Select label="Alert severity" allowDeselect={false} data={[...severities]} {...form.getInputProps('severity')} />
            </Group>
            <ServiceSelect label="Service" placeholder="None: pages the security team" clearable {...form.getInputProps('serviceId')} />
            <FormActions submit="Add monitor" isBusy={isBusy} onCancel={onClose} />
          </Stack>
        </form>
      )}
    </Dialog>
  )
}
