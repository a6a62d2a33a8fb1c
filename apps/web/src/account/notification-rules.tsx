import { Button, Group, NumberInput, Select, Stack, Text } from '@mantine/core'
import type { ContactMethod, NotificationRules as Rules } from '@tocsin/api'
import { useState } from 'react'
import { useApi, useCommand } from '../api.ts'
import { Loaded, Section } from '../parts/page.tsx'
import { RemoveButton } from '../parts/remove-button.tsx'
import { nameOf } from './words.ts'

const titles = { high: 'High urgency', low: 'Low urgency' } as const

/** Which method comes when; without rules every method at once. */
export function NotificationRules() {
  const rules = useApi('notificationRules')
  const methods = useApi('contactMethods')
  const [draft, setDraft] = useState<Rules>()
  const save = useCommand('saveNotificationRules', { done: 'Notification rules saved.', onDone: () => setDraft(undefined) })
  const verified = methods.data?.filter(method => method.isVerified)
  const shown = draft ?? rules.data
  if ([methods, rules].some(query => query.isError && query.data === undefined))
    return (
      <Section title="Notification rules">
        <Loaded query={rules}>{() => <Loaded query={methods}>{() => null}</Loaded>}</Loaded>
      </Section>
    )
  if (!shown || !verified || verified.length < 2) return null
  return (
    <Section title="Notification rules">
      <Stack>
        {(['high', 'low'] as const).map(urgency => (
          <Urgency
            key={urgency}
            title={titles[urgency]}
            steps={shown[urgency]}
            methods={verified}
            onChange={steps => setDraft({ ...shown, [urgency]: steps })}
          />
        ))}
        {draft ? (
          <Group justify="flex-end">
            <Button variant="default" onClick={() => setDraft(undefined)}>
              Cancel
            </Button>
            <Button loading={save.isPending} onClick={() => save.mutate({ body: draft })}>
              Save rules
            </Button>
          </Group>
        ) : null}
      </Stack>
    </Section>
  )
}

function Urgency({
  title,
  steps,
  methods,
  onChange,
}: {
  title: string
  steps: Rules['high']
  methods: readonly ContactMethod[]
  onChange: (steps: Rules['high']) => void
}) {
  const set = (place: number, change: Partial<Rules['high'][number]>) => onChange(steps.map((step, i) => (i === place ? { ...step, ...change } : step)))
  return (
    <Stack gap="xs">
      <Text fw={550} size="sm">
        {title}
      </Text>
      {steps.length === 0 ? (
        <Text size="sm" className="quiet">
          {title === titles.high ? 'All methods at once.' : 'All methods at once, except SMS and phone calls.'}
        </Text>
      ) : null}
      {steps.map((step, place) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a rule has no identity but its place
        <Group key={place} gap="xs" wrap="nowrap" align="flex-end">
          <NumberInput
            label={place === 0 ? 'After (min)' : undefined}
            aria-label="Minutes after the page"
            w={92}
            min={0}
            max={120}
            value={step.afterMinutes}
            onChange={value => set(place, { afterMinutes: Number(value) })}
          />
          <Select
            label={place === 0 ? 'Method' : undefined}
            aria-label="Method"
            flex={1}
            miw={0}
            allowDeselect={false}
            data={methods.map(method => ({ value: method.id, label: nameOf(method) }))}
            value={step.methodId}
            onChange={value => set(place, { methodId: value ?? step.methodId })}
          />
          <RemoveButton label="Remove rule" onClick={() => onChange(steps.filter((_, i) => i !== place))} />
        </Group>
      ))}
      <div>
        <Button
          variant="default"
          size="xs"
          onClick={() =>
            onChange([
              ...steps,
              {
                methodId: methods[Math.min(steps.length, methods.length - 1)]?.id ?? '',
                afterMinutes: steps.length === 0 ? 0 : (steps.at(-1)?.afterMinutes ?? 0) + 2,
              },
            ])
          }
        >
          Add rule
        </Button>
      </div>
    </Stack>
  )
}
