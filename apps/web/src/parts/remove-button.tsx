import { ActionIcon } from '@mantine/core'
import { IconTrash } from '@tabler/icons-react'

/** Takes one of several out of a form. */
export function RemoveButton({ label, isDisabled = false, onClick }: { label: string; isDisabled?: boolean; onClick: () => void }) {
  return (
    <ActionIcon variant="subtle" color="gray" size={36} aria-label={label} disabled={isDisabled} onClick={onClick}>
      <IconTrash size={16} />
    </ActionIcon>
  )
}
