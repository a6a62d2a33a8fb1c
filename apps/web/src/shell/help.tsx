import { Group, Kbd, Stack, Table, Text } from '@mantine/core'
import { Dialog } from '../parts/dialog.tsx'
import { useShortcutsOn } from '../parts/shortcuts.ts'

const keys: [string[], string][] = [
  [['Ctrl', 'K'], 'Go to a page or incident'],
  [['g', 'n'], 'Home'],
  [['g', 'a'], 'Alerts'],
  [['g', 'i'], 'Incidents'],
  [['g', 'c'], 'Customer notifications'],
  [['g', 'o'], 'On call'],
  [['j'], 'Next item'],
  [['k'], 'Previous item'],
  [['Enter'], 'Open item'],
  [['u'], 'Undo the latest act, while that is offered'],
  [['Ctrl', 'Enter'], 'Submit the form of a dialog'],
  [['?'], 'Keyboard shortcuts'],
]

export function HelpModal({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const areOn = useShortcutsOn()
  return (
    <Dialog isOpen={isOpen} onClose={onClose} title="Keyboard shortcuts" size="md">
      <Stack>
        <Table withRowBorders highlightOnHover={false}>
          <Table.Tbody>
            {keys.map(([combination, meaning]) => (
              <Table.Tr key={meaning}>
                <Table.Td w={120}>
                  <Group gap={4}>
                    {combination.map(key => (
                      <Kbd key={key}>{key}</Kbd>
                    ))}
                  </Group>
                </Table.Td>
                <Table.Td>{meaning}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
        <Text size="sm" className="quiet">
          {areOn ? 'Single letters can be switched off under Account.' : 'Single letters are switched off. Switch them on under Account.'} Times are in your
          time zone; hover to see UTC.
        </Text>
      </Stack>
    </Dialog>
  )
}
