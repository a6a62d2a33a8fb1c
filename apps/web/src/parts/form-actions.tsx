import { Button, Group } from '@mantine/core'

/** The end of a form in a dialog: back, and the act in its own words. */
export function FormActions({ submit, isBusy, isBlocked = false, onCancel }: { submit: string; isBusy: boolean; isBlocked?: boolean; onCancel: () => void }) {
  return (
    <Group justify="flex-end">
      <Button variant="default" onClick={onCancel}>
        Cancel
      </Button>
      <Button type="submit" loading={isBusy} disabled={isBlocked}>
        {submit}
      </Button>
    </Group>
  )
}
