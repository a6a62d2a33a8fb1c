import { channelNames } from '@tocsin/api'

/** What people call a channel, as a label: with a capital, but for ntfy, which has none. */
export function channelLabel(kind: keyof typeof channelNames): string {
  const name = channelNames[kind]
  return name === 'ntfy' ? name : `${name.slice(0, 1).toUpperCase()}${name.slice(1)}`
}
