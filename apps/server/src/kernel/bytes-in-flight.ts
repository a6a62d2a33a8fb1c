import { Transform } from 'node:stream'
import type { FastifyInstance, FastifyRequest, RequestPayload } from 'fastify'
import { networkOf } from './network.ts'
import { Pace } from './pace.ts'
import { AppProblem } from './problems.ts'
import { maxHereBytes } from './worker-pool.ts'

/** What large bodies may take, together. */
interface Share {
  /** Of requests that are not answered yet. */
  bytes: number
  readonly max: number
  /** As they come. */
  readonly pace: Pace
}

const shareOf = (megabytes: number, megabytesPerSecond: number): Share => ({
  ...{ bytes: 0, max: megabytes * 1_048_576 },
  pace: new Pace(megabytesPerSecond * 1_048_576),
})

/** What is refused, a second. */
const dropped = new Pace(16 * 1_048_576)

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who calls is known before the body is read. */
    isKnown?: boolean
  }
}

class TooMuchInFlight extends AppProblem {
  override readonly retryAfterSeconds = 5
  constructor() {
    super('unavailable', 'Too many large requests are being received. Try again in a few seconds.')
  }
}

/** What one request holds, until it is answered. */
class Hold {
  readonly #share: Share
  readonly #sender: string
  #bytes = 0
  #isOver = false

  constructor(share: Share, sender: string) {
    this.#share = share
    this.#sender = sender
  }

  /** @throws AppProblem unavailable where that much is not free; a single request always fits */
  assertRoom(bytes: number): void {
    if (this.#share.bytes > this.#bytes && this.#share.bytes + bytes > this.#share.max) throw new TooMuchInFlight()
  }

  /** @throws AppProblem unavailable as {@link assertRoom} */
  take(bytes: number): void {
    if (this.#isOver || bytes <= 0) return
    this.assertRoom(bytes)
    this.#bytes += bytes
    this.#share.bytes += bytes
  }

  /** Ends when a piece that was taken is due. */
  pass(bytes: number): Promise<void> {
    return this.#share.pace.pass(bytes, this.#sender)
  }

  release(): void {
    this.#share.bytes -= this.#bytes
    this.#bytes = 0
    this.#isOver = true
  }
}

const holds = new WeakMap<FastifyRequest, Hold>()

/** Counts what a request needs beside its body, such as what was unpacked from it. @throws AppProblem unavailable */
export function holdBytes(request: FastifyRequest, bytes: number): void {
  holds.get(request)?.take(bytes)
}

/** Bounds the memory that bodies take: however many come at once, what does not fit is asked for again later. Small ones are not counted, nor files. */
export function boundBytesInFlight(http: FastifyInstance): void {
  // Whoever has a key or session has a share of its own: strangers take nothing of its room, nor of its rate.
  const [known, strangers] = [shareOf(64, 24), shareOf(16, 8)]
  http.addHook('preParsing', async (request, reply, payload) => {
    const { 'content-length': length = 0, 'content-type': type = '', 'transfer-encoding': encoding } = request.headers
    if ((Number(length) === 0 && encoding === undefined) || type.startsWith('multipart/')) return payload
    const hold = new Hold(request.routeOptions.config.isKnown === true ? known : strangers, networkOf(request.ip))
    holds.set(request, hold)
    reply.raw.once('close', () => hold.release())
    if (encoding === undefined && Number(length) <= maxHereBytes) return payload
    // What will not fit is refused before it comes. Only what has come takes room: a sender that is slow, or never goes on, keeps nobody else out.
    if (Number(length) <= request.routeOptions.bodyLimit) hold.assertRoom(Number(length))
    return counted(payload, hold)
  })
}

/** Reads what is still to come of a body and drops it, so that the answer arrives: a connection that is closed while the other side sends is reset. */
export function dropRest(payload: RequestPayload): void {
  payload.on('data', (piece: Buffer) => {
    payload.pause()
    void dropped.pass(piece.length, 'all').then(() => payload.resume())
  })
  // One that was read before does not go on by itself.
  payload.resume()
}

/** A body that is counted as it comes. */
function counted(payload: RequestPayload, hold: Hold): RequestPayload {
  let received = 0
  const counter = new Transform({
    transform: (piece: Buffer, _, done) => {
      const before = received
      received += piece.length
      try {
        if (received <= maxHereBytes) return done(null, piece)
        // Once it is large, all of it.
        hold.take(before > maxHereBytes ? piece.length : received)
        void hold.pass(piece.length).then(() => done(null, piece))
      } catch (error) {
        payload.unpipe(counter)
        dropRest(payload)
        done(error instanceof Error ? error : new Error(String(error)))
      }
    },
  })
  payload.once('error', error => counter.destroy(error))
  return payload.pipe(counter)
}
