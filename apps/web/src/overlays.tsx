import { Notifications } from '@mantine/notifications'
import { ConfirmIdentity } from './entry/confirm-identity.tsx'
import { Announcer } from './parts/announce.tsx'
import { Confirmations } from './parts/confirm.tsx'

/** What any page may put on top of itself, and the live regions that tell of it. */
export default function Overlays() {
  return (
    <>
      <Announcer />
      <Notifications position="bottom-right" limit={3} autoClose={5_000} aria-live="polite" />
      <Confirmations />
      <ConfirmIdentity />
    </>
  )
}
