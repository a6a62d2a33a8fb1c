import { Alert, Badge, Group, SegmentedControl, Select, Stack, Text, TextInput, Timeline } from '@mantine/core'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { type PageSimulation, severities } from '@tocsin/api'
import { useState } from 'react'
import { useApi } from '../api.ts'
import { ServiceSelect } from '../directory/service-select.tsx'
import { Tone } from '../parts/badges.tsx'
import { Empty, Loaded, Page, Section } from '../parts/page.tsx'
import { Time } from '../parts/time.tsx'

type Severity = PageSimulation['severity']

/** Who would be told what, by which channel, at which minute, if a service raised an alert now or later. Which service is in the address. */
export function SimulatePage() {
  const { service } = useSearch({ strict: false })
  const navigate = useNavigate()
  const [severity, setSeverity] = useState<Severity>('critical')
  const [isLater, setIsLater] = useState(false)
  const [local, setLocal] = useState('')
  const isReady = service !== undefined && !(isLater && local === '')
  return (
    <Page
      title="Simulate a page"
      lead="Who would be told, by which channel and when, if a service raised an alert and nobody acknowledged it. Nothing is sent."
    >
      <Section title="Alert">
        <Group align="flex-end" gap="md">
          <ServiceSelect
            label="Service"
            placeholder="Choose a service"
            clearable={false}
            value={service ?? null}
            onChange={chosen => chosen && void navigate({ to: '/on-call/simulate', search: { service: chosen }, replace: true })}
          />
          <Select
            label="Severity"
            data={[...severities].toReversed()}
            allowDeselect={false}
            value={severity}
            onChange={value => setSeverity(severities.find(one => one === value) ?? 'critical')}
          />
          <Stack gap={4}>
            <Text size="sm" fw={500} id="simulate-when">
              When
            </Text>
            <SegmentedControl
              aria-labelledby="simulate-when"
              value={isLater ? 'later' : 'now'}
              onChange={value => setIsLater(value === 'later')}
              data={[
                { value: 'now', label: 'Now' },
                { value: 'later', label: 'Later' },
              ]}
            />
          </Stack>
          {isLater ? (
            <TextInput type="datetime-local" label="Date and time (your time zone)" value={local} onChange={event => setLocal(event.currentTarget.value)} />
          ) : null}
        </Group>
      </Section>
      {isReady ? (
        <Result serviceId={service} severity={severity} at={isLater ? new Date(local).toISOString() : undefined} />
      ) : (
        <Empty title={service === undefined ? 'Choose a service' : 'Choose a date and time'} />
      )}
    </Page>
  )
}

function Result({ serviceId, severity, at }: { serviceId: string; severity: Severity; at: string | undefined }) {
  const simulation = useApi('simulatePage', { params: { id: serviceId }, query: { severity, ...(at === undefined ? {} : { at }) } })
  return (
    <Section title="Escalation">
      <Loaded query={simulation}>
        {({ outcome, reason, warnings, escalations }) => (
          <Stack>
            <Text aria-live="polite">{reason}</Text>
            {warnings.map(warning => (
              <Alert key={warning} color="yellow">
                {warning}
              </Alert>
            ))}
            {outcome === 'paged' ? (
              <Timeline bulletSize={14} lineWidth={2}>
                {escalations.map(escalation => (
                  <Timeline.Item key={escalation.at} title={<Moment escalation={escalation} />}>
                    <Recipients escalation={escalation} />
                  </Timeline.Item>
                ))}
              </Timeline>
            ) : null}
          </Stack>
        )}
      </Loaded>
    </Section>
  )
}

type Escalation = PageSimulation['escalations'][number]

function Moment({ escalation: { afterMinutes, at } }: { escalation: Escalation }) {
  return (
    <Group gap={8}>
      <Text span fw={550} className="numeric">
        {afterMinutes === 0 ? 'At once' : `After ${afterMinutes} min`}
      </Text>
      <Text span size="sm" className="quiet">
        <Time at={at} />
      </Text>
    </Group>
  )
}

function Recipients({ escalation: { people, channels, why, isLast } }: { escalation: Escalation }) {
  return (
    <Stack gap={6} mt={4}>
      {people.length + channels.length === 0 ? <Text size="sm">{why ?? 'Nobody is paged: the level only waits.'}</Text> : null}
      {people.map(person => (
        <div key={person.id}>
          <Group gap={8}>
            <Text size="sm" fw={500}>
              {person.name}
            </Text>
            {person.isShadow ? <Tone color="gray">shadow</Tone> : null}
            {person.messages.map(message => (
              <Badge key={`${message.channel} ${message.afterMinutes}`} variant="default">
                {message.channel}, {message.afterMinutes} min
              </Badge>
            ))}
            {person.messages.length === 0 ? <Tone color="red">no working contact method</Tone> : null}
          </Group>
          {person.why && !isLast ? (
            <Text size="sm" className="quiet">
              {person.why}
            </Text>
          ) : null}
        </div>
      ))}
      {channels.length > 0 ? <Text size="sm">Posted to {channels.join(', ')}</Text> : null}
      {isLast ? (
        <Text size="sm" className="quiet">
          Every level was paged, so the leads are told. It does not escalate further.
        </Text>
      ) : null}
    </Stack>
  )
}
