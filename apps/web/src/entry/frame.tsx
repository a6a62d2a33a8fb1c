import { Group, Paper, Stack, Text, Title } from '@mantine/core'
import { type ReactNode, useEffect } from 'react'
import { titleOf } from '../parts/title.ts'

/** The frame of pages that stand outside: sign-in, links, public forms. */
export function EntryFrame({ title, lead, children, width = 440 }: { title: string; lead?: ReactNode; children: ReactNode; width?: number }) {
  useEffect(() => {
    titleOf.page(title)
  }, [title])
  return (
    <main className="entry-frame">
      <Stack w="100%" maw={width} gap="lg">
        <Group gap={10} justify="center">
          <img src="/bell.svg" alt="" width={30} height={30} />
          <Text fw={680} size="xl">
            Tocsin
          </Text>
        </Group>
        <Paper p={{ base: 'lg', sm: 'xl' }} shadow="xs">
          <Stack>
            <div>
              <Title order={1}>{title}</Title>
              {lead ? (
                <Text className="quiet" mt={6} component="div">
                  {lead}
                </Text>
              ) : null}
            </div>
            {children}
          </Stack>
        </Paper>
      </Stack>
    </main>
  )
}
