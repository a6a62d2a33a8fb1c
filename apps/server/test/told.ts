import { expect } from 'vitest'

/** Bounds of what the search costs, for worlds in which thousands of things are done. */
const maxTexts = 1_000
const maxLogChars = 2_000_000
const secretsIn = /"(?:secret|key|token|link|url|codes)":\s*\[?"([^"\\]{10,})"/g

/** True for a text that can be nothing but what somebody wrote, a name, an address or a secret: no word of the program, ID, time or path. */
const isTelling = (text: string) =>
  text.length >= 10 && /[\s@\d]/.test(text) && !/^[\d:TZ.+-]+$/.test(text) && !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text) && !text.startsWith('/')

function* textsIn(value: unknown): Generator<string> {
  if (typeof value === 'string') yield value
  else if (typeof value === 'object' && value !== null) for (const one of Object.values(value)) yield* textsIn(one)
}

/** The process log of a server, and what it was told that must not be in it. */
export class ToldAndLogged {
  readonly #texts = new Set<string>()
  #log = ''

  /** Takes a line of the log. */
  write(line: string): void {
    if (this.#log.length < maxLogChars) this.#log += line
  }

  tell(...texts: readonly string[]): void {
    for (const text of texts) if (this.#texts.size < maxTexts && isTelling(text)) this.#texts.add(JSON.stringify(text.slice(0, 200)).slice(1, -1))
  }

  /** Takes the body of a request, and of the response to it what is shown only once. */
  exchange(body: unknown, reply: string): void {
    if (typeof body === 'string' && body.startsWith('{')) this.tell(...textsIn(JSON.parse(body)))
    this.tell(...[...reply.matchAll(secretsIn)].map(([, secret = '']) => secret))
  }

  /** Nothing of what the server was told, or has shown once, is in its log. */
  assertUnlogged(): void {
    expect(
      [...this.#texts].filter(text => this.#log.includes(text)),
      'told to the server, and in its process log',
    ).toEqual([])
  }
}
