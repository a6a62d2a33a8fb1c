import { ActionIcon, Box, Group, Stack, Text } from '@mantine/core'
import { IconArrowsMaximize, IconX } from '@tabler/icons-react'
import { Link } from '@tanstack/react-router'
import { useApi } from '../api.ts'
import { markedTitle, SeverityBadge, StateBadge } from '../parts/badges.tsx'
import { Loaded } from '../parts/page.tsx'
import { AlertActions, AlertContent } from './alert-page.tsx'

/** An alert beside the list that it is in. */
export function AlertPane({ id, onClose, onActed }: { id: string; onClose: () => void; onActed: (ids: readonly string[], what: string) => void }) {
  const alert = useApi('alert', { params: { id } })
  return (
    <Box component="aside" aria-label="Alert" className="alert-pane">
      <Loaded query={alert}>
        {found => (
          <Stack gap="md">
            <Group justify="space-between" wrap="nowrap" align="flex-start">
              <Box style={{ minWidth: 0 }}>
                <Group gap={8}>
                  <SeverityBadge severity={found.severity} />
                  <StateBadge state={found.status} />
                  <Text size="sm" className="quiet">
                    Alert {found.number}
                  </Text>
                </Group>
                <Text component="h2" fw={620} mt={6} style={{ overflowWrap: 'anywhere' }}>
                  {markedTitle(found)}
                </Text>
              </Box>
              <Group gap={2} wrap="nowrap">
                <ActionIcon component={Link} to={`/alerts/${found.id}`} variant="subtle" color="gray" aria-label="Open as a page">
                  <IconArrowsMaximize size={17} />
                </ActionIcon>
                <ActionIcon variant="subtle" color="gray" aria-label="Close the alert" onClick={onClose}>
                  <IconX size={18} />
                </ActionIcon>
              </Group>
            </Group>
            <Group gap="xs">
              <AlertActions alert={found} onActed={onActed} size="xs" />
            </Group>
            <AlertContent alert={found} isNarrow />
          </Stack>
        )}
      </Loaded>
    </Box>
  )
}
