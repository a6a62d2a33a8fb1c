import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { AppContext } from '../../access/index.ts'
import type { Config, SettingsPart } from '../../kernel/config.ts'
import { checkUrl, webhookReach } from '../../kernel/outbound.ts'
import { invalid } from '../../kernel/problems.ts'
import { randomSecret, type Secrets } from '../../kernel/secrets.ts'
import type { AnswerDesk } from '../answers.ts'

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
  /** Where mail servers report what became of an email; undefined where incoming mail is not configured. */
  readonly returnTo: string | undefined
  /** Milliseconds since 1970. */
  readonly sentAt: number
}

/**
 * Delivers a message and returns the provider's response. When `signal` fires it closes what it has opened and throws.
 * @throws Undeliverable where no retry can help, Error where one may
 */
export type Send = (message: OutboundMessage, signal: AbortSignal) => Promise<string>

/**
 * The body of a reply with a status of success. Undefined where it is not as the provider documents it: the message was taken all the same, and sending
 * it again would page twice.
 */
export function readReply<Shape extends z.ZodType>(shape: Shape, text: string): z.output<Shape> | undefined {
  try {
    return shape.parse(JSON.parse(text))
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return undefined
    throw error
  }
}

/** An address as a person enters it, their own or that of a team's channel. */
export interface GivenAddress {
  readonly of: 'person' | 'team'
  readonly address: string
  /** The keys of a browser's subscription. */
  readonly keys?: unknown
}

/** An address as it is kept. */
export interface KeptAddress {
  readonly address: string
  /** What the channel needs to reach or convince its receiver; it is sealed before it is stored. */
  readonly secret: string | null
  /** What whoever entered the address is shown once: the secret that signs their webhook. */
  readonly shownSecret?: string
  /** What it is called where a person gives it no name. */
  readonly name?: string
}

/** One way that messages leave, in a folder of its own. Its kind, and what people call it, are in `packages/events/src/channels.ts`. */
export interface Channel {
  /** Its settings, where it has some. */
  readonly settings?: SettingsPart
  /** Opens it; undefined where it is not configured. */
  readonly open: (config: Config, secrets: Secrets) => Send | undefined
  /** Checks an address, and brings it into the form in which it is kept. @throws AppProblem invalid, naming the field */
  readonly keepAddress: (given: GivenAddress, secrets: Secrets, config: Config) => KeptAddress
  /** Mounts what its provider calls when somebody answers there. */
  readonly mount?: (http: FastifyInstance, context: AppContext, desk: AnswerDesk) => void
  /** The address is a URL, and whoever knows it can write there: others are shown its host. Hosts share out the places of the channel. */
  readonly isAddressUrl?: boolean
  /** It wakes people: without rules of their own it is not used for pages of low urgency. */
  readonly isLoud?: boolean
  /** It says who pressed a button, also in a channel of a team. */
  readonly identifiesPeople?: boolean
  /** How a code is said there. */
  readonly codeWords?: (code: string) => string
}

/** @throws AppProblem invalid for what is no URL that we may call */
export function keepUrl(address: string, config: Config): URL {
  try {
    return checkUrl(address, webhookReach(config))
  } catch (error) {
    throw invalid('address', error instanceof Error ? error.message : String(error))
  }
}

/** A secret that signs messages to one receiver: as it is kept, and as they are shown it (Standard Webhooks). */
export function newSigningSecret(): { readonly secret: string; readonly shownSecret: string } {
  const secret = Buffer.from(randomSecret(24), 'base64url').toString('base64')
  return { secret, shownSecret: `whsec_${secret}` }
}

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
