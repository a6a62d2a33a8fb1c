/** A message as a channel gets it: whole, with the private link written in. */
export interface OutboundMessage {
  /** The same for every retry, so that a receiver can recognize one. */
  readonly id: string
  readonly address: string
  readonly purpose: string
  /** What it is about: a page, a bundle. */
  readonly purposeId: string
  readonly subject: string
  readonly text: string
  /** The same without the paragraph of the private link, for a channel that has buttons instead. */
  readonly brief: string
  /** The private link of a page, and the token in it; undefined where there is nothing to act on. */
  readonly link: { readonly url: string; readonly token: string; readonly purpose: string } | undefined
  /** What the channel needs to reach or convince its receiver. */
  readonly secret: string | undefined
  /** The server's own origin, for callbacks. */
  readonly origin: string
  /** Where replies by email are received; undefined where there is nothing to answer, or incoming mail is not configured. */
  readonly replyTo: string | undefined
  /** Milliseconds since 1970. */
  readonly sentAt: number
}

/**
 * Delivers a message and returns the provider's response. When `signal` fires it closes what it has opened and throws.
 * @throws Undeliverable where no retry can help, Error where one may
 */
export type Send = (message: OutboundMessage, signal: AbortSignal) => Promise<string>

/** The purpose of the token in the buttons of a team's channel: it names a page and nobody, so that whoever presses has to be known there. */
export const teamChannelPurpose = 'page-in-channel'

/** True for a page or a bundle of them that went to one person: whoever holds the link acknowledges as that person. */
export const isPage = ({ link }: OutboundMessage): boolean => link?.purpose === 'page'

/** True for what has buttons to answer with, where a channel can say who pressed. */
export const isAnswerable = (message: OutboundMessage): boolean => isPage(message) || message.link?.purpose === teamChannelPurpose

/** The address with details: the private link of a page, or the page itself for whoever signs in. */
export const whereToOpen = (message: OutboundMessage): string =>
  isPage(message) && message.link ? message.link.url : message.purpose === 'page' ? `${message.origin}/pages/${message.purposeId}` : message.origin

/** How long a button can snooze a page. */
export const snoozeChoices = [
  { label: '30 minutes', minutes: 30 },
  { label: '1 hour', minutes: 60 },
  { label: '4 hours', minutes: 240 },
] as const

/** A provider calls more often than a person would: so many times a minute from one address. */
export const callbackLimit = { config: { rateLimit: { max: 600, timeWindow: 60_000 } } }
