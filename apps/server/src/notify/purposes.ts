/** Whom a message is for: people who work here, or somebody outside, whom nothing of an exercise may reach. */
type Audience = 'staff' | 'customer' | 'authority' | 'public'

/**
 * The purposes of messages, each with whom it addresses. The only place that decides what an exercise may send: a message of a purpose that is not here is not
 * posted, and what is stored under a name that is not here is taken as one for outside.
 */
const audiences = {
  'account-changed': 'staff',
  'alert-assignment': 'staff',
  'contact-code': 'staff',
  cover: 'staff',
  coverage: 'staff',
  'follow-up': 'staff',
  handoff: 'staff',
  'incident-restricted': 'staff',
  'incident-role': 'staff',
  invitation: 'staff',
  notice: 'customer',
  'on-call': 'staff',
  'one-time-codes': 'staff',
  page: 'staff',
  'page-answer': 'staff',
  'page-bundle': 'staff',
  'parent-incident': 'staff',
  'password-changed': 'staff',
  'password-reset': 'staff',
  task: 'staff',
  'test-email': 'staff',
  'wrong-passwords': 'staff',
} as const satisfies Readonly<Record<string, Audience>>

const audienceOf: ReadonlyMap<string, Audience> = new Map(Object.entries(audiences))

/** @throws Error for a purpose of which nobody has said whom it addresses */
export function assertKnownPurpose(purpose: string): void {
  if (!audienceOf.has(purpose)) throw new Error(`the purpose ${purpose} is to be listed in notify/purposes.ts, with whom it addresses`)
}

/** True where messages of a purpose go to people outside: a customer's contact, an authority, the public. */
export const isForOutside = (purpose: string): boolean => audienceOf.get(purpose) !== 'staff'
