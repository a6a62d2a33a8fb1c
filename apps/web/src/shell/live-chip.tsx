import { Text } from '@mantine/core'
import { dataAsOf, useLiveState } from '../live.ts'
import { clockTime, useNow } from '../parts/time.tsx'

/** Whether what is shown follows what happens, and of when it is where it does not. */
export function LiveChip() {
  const { state, since } = useLiveState()
  useNow(5_000)
  const isDown = state === 'reconnecting' || state === 'offline'
  const words = {
    connecting: 'Connecting',
    live: 'Live',
    reconnecting: 'Reconnecting',
    offline: since === null ? 'Offline' : `Offline since ${clockTime(since)}`,
  }
  return (
    <Text component="div" className="live-chip" data-state={state} role="status" aria-label="Connection">
      <span>
        {words[state]}
        {isDown && since !== null ? <small>Data as of {clockTime(dataAsOf(since))}</small> : null}
      </span>
    </Text>
  )
}
