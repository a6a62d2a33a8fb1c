import { ActionIcon, Button, Group, MultiSelect, NumberInput, Select, Stack, Text } from '@mantine/core'
import { IconArrowDown, IconArrowUp } from '@tabler/icons-react'
import type { EscalationLevelInput, PageTarget, SetUpTarget } from '@tocsin/api'
import { RemoveButton } from '../parts/remove-button.tsx'

/** A step as the form holds it: targets as text, so that one list offers all kinds. What the form does not show is kept. */
export interface LevelDraft {
  readonly key: string
  /** Of a level that is stored: open pages find it by its ID. */
  readonly id?: string | undefined
  targets: string[]
  /** Empty while somebody types another one. */
  waitMinutes: number | ''
  acknowledgements: number
  urgency: string
  whenEmpty: string
  readonly when?: EscalationLevelInput['when']
}

export interface TargetChoice {
  readonly value: string
  readonly label: string
}

const targetKey = (target: PageTarget | SetUpTarget): string => JSON.stringify(target)

type Draftable = Omit<EscalationLevelInput, 'targets'> & { readonly targets: readonly (PageTarget | SetUpTarget)[] }

export const draftOf = (level: Draftable, place: number): LevelDraft => ({
  key: level.id ?? `level ${place}`,
  id: level.id,
  targets: level.targets.map(targetKey),
  waitMinutes: level.waitMinutes,
  acknowledgements: level.acknowledgements ?? 1,
  urgency: level.urgency ?? '',
  whenEmpty: level.whenEmpty ?? 'fallback',
  ...(level.when ? { when: level.when } : {}),
})

/** The keys of the choices are what was made of the targets here, so that they read back as they were. */
export const levelOf = <Target = PageTarget>(draft: LevelDraft): Omit<EscalationLevelInput, 'targets'> & { targets: Target[] } => ({
  ...(draft.id === undefined ? {} : { id: draft.id }),
  targets: draft.targets.map(text => JSON.parse(text) as Target),
  waitMinutes: draft.waitMinutes === '' ? Number.NaN : draft.waitMinutes,
  ...(draft.acknowledgements > 1 ? { acknowledgements: draft.acknowledgements } : {}),
  ...(draft.urgency === 'high' || draft.urgency === 'low' ? { urgency: draft.urgency } : {}),
  ...(draft.whenEmpty === 'skip' || draft.whenEmpty === 'wait' ? { whenEmpty: draft.whenEmpty } : {}),
  ...(draft.when ? { when: draft.when } : {}),
})

export const choice = (target: PageTarget | SetUpTarget, label: string): TargetChoice => ({ value: targetKey(target), label })

/** The steps of an escalation policy, in order. */
export function LevelsEditor({
  levels,
  choices,
  isShort = false,
  onChange,
}: {
  levels: readonly LevelDraft[]
  choices: readonly TargetChoice[]
  /** Only whom and how long. */
  isShort?: boolean
  onChange: (levels: LevelDraft[]) => void
}) {
  const set = (place: number, change: Partial<LevelDraft>) => onChange(levels.map((level, i) => (i === place ? { ...level, ...change } : level)))
  const move = (place: number, by: number) => {
    const next = [...levels]
    const [taken] = next.splice(place, 1)
    if (taken) next.splice(place + by, 0, taken)
    onChange(next)
  }
  return (
    <Stack gap="sm">
      <Text fw={550} size="sm">
        Escalation
      </Text>
      {levels.map((level, place) => (
        <Stack key={level.key} gap={6} className="step-card">
          <Group align="flex-end" wrap="nowrap" gap="xs">
            <MultiSelect
              label={place === 0 ? 'Page' : 'Then'}
              data={[...choices]}
              value={level.targets}
              onChange={targets => set(place, { targets })}
              placeholder={level.targets.length === 0 ? 'Nobody (wait only)' : ''}
              searchable
              flex={1}
              miw={0}
            />
            <NumberInput
              label="Wait (min)"
              min={0}
              max={1_440}
              w={92}
              value={level.waitMinutes}
              onChange={value => set(place, { waitMinutes: value === '' ? '' : Number(value) })}
            />
            <ActionIcon
              variant="subtle"
              color="gray"
              size={36}
              aria-label="Move level up"
              disabled={place === 0}
              onClick={() => move(place, -1)}
              visibleFrom="xs"
            >
              <IconArrowUp size={16} />
            </ActionIcon>
            <ActionIcon
              variant="subtle"
              color="gray"
              size={36}
              aria-label="Move level down"
              disabled={place === levels.length - 1}
              onClick={() => move(place, 1)}
              visibleFrom="xs"
            >
              <IconArrowDown size={16} />
            </ActionIcon>
            <RemoveButton label="Remove level" isDisabled={levels.length === 1} onClick={() => onChange(levels.filter((_, i) => i !== place))} />
          </Group>
          {isShort ? null : (
            <Group gap="xs" align="flex-end">
              <NumberInput
                label="Acknowledgements needed"
                size="xs"
                min={1}
                max={10}
                w={120}
                value={level.acknowledgements}
                onChange={value => set(place, { acknowledgements: Number(value) })}
              />
              <Select
                label="Urgency"
                size="xs"
                w={150}
                allowDeselect={false}
                data={[
                  { value: '', label: 'any urgency' },
                  { value: 'high', label: 'high urgency' },
                  { value: 'low', label: 'low urgency' },
                ]}
                value={level.urgency}
                onChange={value => set(place, { urgency: value ?? '' })}
              />
              <Select
                label="If nobody is on call"
                size="xs"
                w={170}
                allowDeselect={false}
                data={[
                  { value: 'fallback', label: 'page the fallback' },
                  { value: 'skip', label: 'skip to the next level' },
                  { value: 'wait', label: 'wait' },
                ]}
                value={level.whenEmpty}
                onChange={value => set(place, { whenEmpty: value ?? 'fallback' })}
              />
              {level.when ? (
                <Text size="xs" className="quiet" pb={6}>
                  active only in some hours
                </Text>
              ) : null}
            </Group>
          )}
        </Stack>
      ))}
      <div>
        <Button
          variant="default"
          size="xs"
          onClick={() =>
            onChange([
              ...levels,
              {
                key: crypto.randomUUID(),
                targets: [targetKey({ kind: 'everyone' })],
                waitMinutes: 10,
                acknowledgements: 1,
                urgency: '',
                whenEmpty: 'fallback',
              },
            ])
          }
        >
          Add level
        </Button>
      </div>
    </Stack>
  )
}
