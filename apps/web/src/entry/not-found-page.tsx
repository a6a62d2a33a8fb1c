import { Anchor, Text } from '@mantine/core'
import { EntryFrame } from './frame.tsx'

/** For addresses that lead nowhere, whoever asks. */
export function NotFoundPage() {
  return (
    <EntryFrame title="Page not found">
      <Text>There is no page at this address.</Text>
      <Anchor href="/">Go to the home page</Anchor>
    </EntryFrame>
  )
}
