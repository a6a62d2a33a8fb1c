import { type Channel, channelName } from '@tocsin/api'

/** What people call a channel, as a label: with a capital, but for ntfy, which has none. */
export function channelLabel(kind: Channel): string {
  const name = channelName(kind)
  return name === 'ntfy' ? name : `${name.slice(0, 1).toUpperCase()}${name.slice(1)}`
}
