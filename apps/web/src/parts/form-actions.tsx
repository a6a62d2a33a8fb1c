import { Button, Group } from '@mantine/core'
import { confirmed } from './confirm.tsx'

/**
 * The end of a form in a dialog: back, and the act in its own words.
 * @param removing takes away the thing itself, where it is there already: asks first, in words of what will happen
 */
export function FormActions({
  submit,
  isBusy,
  isBlocked = false,
  removing,
  onCancel,
}: {
  submit: string
  isBusy: boolean
  isBlocked?: boolean
  removing?: { name: string; consequence: string; isBusy: boolean; onRemove: () => void } | undefined
  onCancel: () => void
}) {
  return (
    <Group justify={removing ? 'space-between' : 'flex-end'}>
      {removing ? (
        <Button
          variant="subtle"
          color="red"
          loading={removing.isBusy}
          onClick={() =>
            confirmed({ title: `Remove ${removing.name}?`, consequence: removing.consequence, action: 'Remove', isDanger: true }, removing.onRemove)
          }
        >
          Remove
        </Button>
      ) : null}
      <Group>
        <Button variant="default" onClick={onCancel}>
          Cancel
        </Button>
        <Button type="submit" loading={isBusy} disabled={isBlocked}>
          {submit}
        </Button>
      </Group>
    </Group>
  )
}
