import type { FastifyInstance } from 'fastify'
import type { Database } from './database.ts'
import { AppProblem } from './problems.ts'

/** Requests in flight are answered for so long after the server was told to stop. */
const patienceMs = 10_000
/** What commits at the end of that time still gets its answer. */
const lastAnswersMs = 2_000

const stopping = () => new AppProblem('unavailable', 'Tocsin is stopping. Try again in a moment.')

/**
 * Ends the HTTP server without cutting anybody off: no connection or request is taken any more, those in flight are answered, and what is not
 * done in time is rolled back, so that nothing is committed whose caller is not told.
 */
export class Drain {
  #isDraining = false
  #isOver = false
  #inFlight = 0
  #whenIdle: (() => void) | undefined

  /** Counts the requests of a server from now on, and refuses them once it is told to stop. */
  watch(http: FastifyInstance): void {
    http.addHook('onRequest', async (_request, reply) => {
      if (this.#isDraining) {
        reply.header('connection', 'close')
        throw stopping()
      }
      this.#inFlight += 1
      reply.raw.once('close', () => {
        this.#inFlight -= 1
        if (this.#inFlight === 0) this.#whenIdle?.()
      })
    })
    // A connection that is kept alive ends with the answer that it waits for.
    http.addHook('onSend', async (_request, reply) => {
      if (this.#isDraining) reply.header('connection', 'close')
    })
  }

  /** The database as a request may use it: what it does after the time for answers has run out is rolled back. */
  guard(database: Database): Database {
    return {
      ...database,
      get connections() {
        return database.connections
      },
      transaction: (work, signal) =>
        database.transaction(async tx => {
          const result = await work(tx)
          if (this.#isOver) throw stopping()
          return result
        }, signal),
    }
  }

  /** @param endStreams ends replies that have no end of their own */
  async run(http: FastifyInstance, endStreams: () => void): Promise<void> {
    this.#isDraining = true
    const closed = new Promise<void>(resolve => http.server.close(() => resolve()))
    endStreams()
    await this.#idleWithin(patienceMs)
    this.#isOver = true
    await this.#idleWithin(lastAnswersMs)
    http.server.closeAllConnections()
    await closed
    await http.close()
  }

  async #idleWithin(ms: number): Promise<void> {
    if (this.#inFlight === 0) return
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>(resolve => {
      this.#whenIdle = resolve
      timer = setTimeout(resolve, ms)
    })
    clearTimeout(timer)
  }
}
