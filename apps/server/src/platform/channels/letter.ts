/** A message as a channel gets it: whole, with the private link written in. */
export interface Letter {
  /** The same for every repetition, so that a receiver can tell one. */
  readonly id: string
  readonly address: string
  readonly purpose: string
  readonly subject: string
  readonly text: string
  /** The private link of a page, and the token in it; undefined where there is nothing to act on. */
  readonly link: { readonly url: string; readonly token: string; readonly purpose: string } | undefined
  /** What the channel needs to reach or convince its receiver. */
  readonly secret: string | undefined
  /** The server's own origin, for callbacks. */
  readonly origin: string
  /** Where a reply by e-mail is understood; undefined where there is nothing to answer, or no mail comes in. */
  readonly replyTo: string | undefined
  /** Milliseconds since 1970. */
  readonly sentAt: number
}

/** Hands a message over and returns what the other side said. @throws Undeliverable where no repetition can help, Error where one may */
export type Send = (letter: Letter) => Promise<string>

/** True for a page or a bundle of them: what can be acknowledged. */
export const isPage = ({ link }: Letter): boolean => link?.purpose === 'page'
