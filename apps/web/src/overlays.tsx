import { Notifications } from '@mantine/notifications'
import { ConfirmIdentity } from './entry/confirm-identity.tsx'

/** What any page may put on top of itself. */
export default function Overlays() {
  return (
    <>
      <Notifications position="bottom-right" limit={3} autoClose={3_500} />
      <ConfirmIdentity />
    </>
  )
}
