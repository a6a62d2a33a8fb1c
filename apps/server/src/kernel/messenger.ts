import type { messageChannels } from '@tocsin/api'
import type { Tx } from './database.ts'

/** The channels that a message can leave by. */
export type MessageChannel = (typeof messageChannels)[number]

/** Where the private link goes in a message's body. */
export const linkPlaceholder = '[private link]'

/** Where the code goes in a message's body. */
export const codePlaceholder = '[code]'

/** What leads each line that people read of an exercise. */
export const exerciseMark = '[EXERCISE]'

/** A private link: a page and the claims that are signed for it. */
export interface PrivateLink {
  /** Path up to the token, for example `/a/`. */
  readonly path: string
  readonly purpose: string
  readonly claims: readonly string[]
}

export interface NewMessage {
  readonly channel: MessageChannel
  readonly address: string
  readonly purpose: string
  readonly purposeId: string
  readonly withinId?: string | null
  /** Other incidents that the text names. */
  readonly namedIds?: readonly string[]
  /** The text says nothing of what it is about, so that whoever may not see that gets it as it is. */
  readonly isNeutral?: boolean
  readonly subject: string
  /** Plain text. {@link linkPlaceholder} becomes `link` when the message leaves, and is never stored. */
  readonly body: string
  readonly link?: PrivateLink
  /** A code for its recipient alone. {@link codePlaceholder} becomes it when the message leaves; it is stored encrypted, and until then only. */
  readonly code?: string
  /** Sealed for its address: what the channel needs to reach or convince its receiver. */
  readonly secret?: string
  readonly isDemo?: boolean
  /** It belongs to an exercise: its subject says so, and it goes to nobody outside, see `audiences`. */
  readonly isExercise?: boolean
}

/** How a message went, told to the module that wrote it, in the transaction that records it. */
export interface Delivery {
  readonly messageId: string
  readonly purposeId: string
  readonly channel: MessageChannel
  readonly address: string
  /** Sent or not; later, where a server reports it, what became of what was sent: delayed, handed on to a server that reports nothing, delivered, or returned. */
  readonly state: 'sent' | 'failed' | 'delayed' | 'relayed' | 'delivered' | 'bounced'
  /** What the receiving or reporting server said. */
  readonly receipt: string
}

/** A message that is about to be handed to its channel, as it is stored. */
export interface Leaving {
  readonly id: string
  readonly purposeId: string
  readonly address: string
  readonly subject: string
  readonly body: string
  readonly isDemo: boolean
  readonly isExercise: boolean
}

/** A message that its channel refused, or has not taken in time. */
export interface Trouble {
  readonly messageId: string
  readonly purposeId: string
  readonly channel: MessageChannel
  readonly address: string
  readonly error: string
}

/** Why a message must not leave, as a sentence for its log; undefined where it may. */
export type DeliveryGuard = (message: Leaving) => Promise<string | undefined>
export type DeliveryListener = (tx: Tx, deliveries: readonly Delivery[]) => Promise<void>
export type TroubleListener = (tx: Tx, troubles: readonly Trouble[]) => Promise<void>

/** Sends messages to people. A port: any module writes messages, `notify` stores them and hands them to their channels. */
export interface Messenger {
  /** The origin that links start with: as configured, or where the server listens. */
  readonly origin: string
  /** True when a mail server is configured, so that pages reach people. */
  readonly isLive: boolean
  /** True when mail servers can report what became of an email. */
  readonly receivesBounces: boolean
  /** True when this channel has what it needs. */
  has(channel: MessageChannel): boolean
  /** Stores a message, to leave at once; what its channel cannot send yet is held. @returns its id */
  post(tx: Tx, message: NewMessage): Promise<string>
  /** Stores many messages, each under its id: the one that every repetition carries. */
  postAll(tx: Tx, all: readonly (NewMessage & { readonly id: string })[]): Promise<void>
  /** Cancels what has not left yet of these purposes; what is just leaving has been sent if its channel accepts it. */
  cancelUnsent(tx: Tx, purpose: string, purposeIds: readonly string[]): Promise<void>
  /** The private link in full: for its holder alone. */
  linkTo(link: PrivateLink): string
  /** Asks `guard` before each attempt to hand a message of this purpose to its channel. */
  beforeDelivery(purpose: string, guard: DeliveryGuard): void
  /** Tells `listener` how messages of this purpose went. */
  onDelivery(purpose: string, listener: DeliveryListener): void
  /**
   * Messages of this purpose are urgent: calls `listener`, in a transaction of its own and once for each, when one was not taken in time, failed a second
   * time or was refused for good: time to try another channel.
   */
  onTrouble(purpose: string, listener: TroubleListener): void
}
