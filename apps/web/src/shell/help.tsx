import { Group, Kbd, Modal, Stack, Table, Text } from '@mantine/core'

const keys: [string[], string][] = [
  [['Ctrl', 'K'], 'Go to a page or an incident'],
  [['g', 'n'], 'Now'],
  [['g', 'a'], 'Alerts'],
  [['g', 'i'], 'Incidents'],
  [['g', 'c'], 'Notices and their clocks'],
  [['g', 'o'], 'On call'],
  [['j'], 'Next in a list'],
  [['k'], 'The one before'],
  [['Enter'], 'Open it'],
  [['?'], 'This help'],
]

export function HelpModal({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  return (
    <Modal opened={isOpen} onClose={onClose} title="Keys" size="md">
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
          Times are in your zone; point at one to see it in UTC. Pages are live: what others do appears without a reload.
        </Text>
      </Stack>
    </Modal>
  )
}
