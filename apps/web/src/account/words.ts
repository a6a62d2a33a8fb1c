import type { ContactMethod } from '@tocsin/api'
import { channelLabel } from '../parts/channels.ts'

export const kindLabel = (kind: ContactMethod['kind']) => (kind === 'push' ? 'This browser' : channelLabel(kind))

export const nameOf = (method: ContactMethod) => `${method.kind === 'push' ? 'Browser' : channelLabel(method.kind)}, ${method.label || method.address}`
