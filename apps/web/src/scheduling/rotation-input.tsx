import { ActionIcon, Button, Group, Input, MultiSelect, Stack, Text } from '@mantine/core'
import { IconArrowUp } from '@tabler/icons-react'
import type { Schedule } from '@tocsin/api'
import { type ReactNode, useState } from 'react'
import { RemoveButton } from '../parts/remove-button.tsx'

type RotationSlot = Schedule['layers'][number]['participants'][number]
interface Person {
  readonly value: string
  readonly label: string
}

/** One person a turn is the common case: a list of names. Where a turn is of several, or of nobody, each has a row of its own. */
export function RotationInput({
  turns,
  people,
  error,
  onChange,
}: {
  turns: readonly RotationSlot[]
  people: readonly Person[]
  error: ReactNode
  onChange: (turns: RotationSlot[]) => void
}) {
  const isPlain = turns.every(position => typeof position === 'string')
  const [isRows, setRows] = useState(!isPlain)
  if (!isRows)
    return (
      <Stack gap={4}>
        <MultiSelect label="Rotation" description="In order" data={people} searchable value={turns.flat()} onChange={onChange} error={error} />
        <div>
          <Button variant="subtle" size="compact-xs" onClick={() => setRows(true)}>
            Shared or empty shifts
          </Button>
        </div>
      </Stack>
    )
  const set = (place: number, position: string[]) => onChange(turns.map((one, i) => (i === place ? simple(position) : one)))
  const moveUp = (place: number) => {
    const rest = turns.filter((_, i) => i !== place)
    onChange([...rest.slice(0, place - 1), turns[place] ?? [], ...rest.slice(place - 1)])
  }
  return (
    <Input.Wrapper labelElement="div" label="Rotation" description="People in one shift are on call together" error={error}>
      <Stack gap={6} mt={6}>
        {turns.map((position, place) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a turn has no identity but its place
          <Group key={place} gap={4} wrap="nowrap" align="flex-start">
            <Text size="sm" className="quiet numeric" w={24} ta="right" pt={7}>
              {place + 1}
            </Text>
            <MultiSelect
              aria-label={`Shift ${place + 1}`}
              data={people}
              searchable
              value={[position].flat()}
              placeholder={position.length === 0 ? 'nobody' : ''}
              onChange={ids => set(place, ids)}
              flex={1}
              miw={0}
            />
            <ActionIcon
              variant="subtle"
              color="gray"
              size={36}
              aria-label="Earlier"
              style={place === 0 ? { visibility: 'hidden' } : undefined}
              onClick={() => moveUp(place)}
            >
              <IconArrowUp size={14} />
            </ActionIcon>
            <RemoveButton label="Remove shift" onClick={() => onChange(turns.filter((_, i) => i !== place))} />
          </Group>
        ))}
        <div>
          <Button variant="subtle" size="compact-xs" onClick={() => onChange([...turns, []])}>
            Add shift
          </Button>
        </div>
      </Stack>
    </Input.Wrapper>
  )
}

/** A turn of one is their name alone. */
function simple(position: string[]): RotationSlot {
  const [only, ...more] = position
  return only !== undefined && more.length === 0 ? only : position
}
