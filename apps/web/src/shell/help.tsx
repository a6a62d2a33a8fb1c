import { Group, Kbd, Modal, Stack, Table, Text } from '@mantine/core'

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
  [['?'], 'Keyboard shortcuts'],
]

export function HelpModal({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  return (
    <Modal opened={isOpen} onClose={onClose} title="Keyboard shortcuts" size="md">
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
          Times are in your time zone; hover to see UTC. Pages update live.
        </Text>
      </Stack>
    </Modal>
  )
}
