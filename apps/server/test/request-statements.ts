import { AsyncLocalStorage } from 'node:async_hooks'
import { type IncomingMessage, Server } from 'node:http'
import pg from 'pg'
import { onTestFinished } from 'vitest'

const header = 'x-trace'

/**
 * Sends requests, in this test, and keeps the texts of the statements that each sends to the database, whatever else runs meanwhile.
 * @returns a fetch to servers of this process; the statements come with its response
 */
export function tracedFetch(): (url: string, init: { method?: string; headers: Record<string, string>; body?: string }) => Promise<[Response, string[]]> {
  const kept = new Map<string, string[]>()
  const current = new AsyncLocalStorage<string[]>()
  const { emit } = Server.prototype
  const { query } = pg.Client.prototype
  Object.assign(Server.prototype, {
    emit(this: Server, event: string, ...given: [IncomingMessage, ...unknown[]]) {
      const texts = event === 'request' ? kept.get(String(given[0].headers[header])) : undefined
      const pass = () => Reflect.apply(emit, this, [event, ...given])
      return texts === undefined ? pass() : current.run(texts, pass)
    },
  })
  Object.assign(pg.Client.prototype, {
    query(this: pg.Client, ...given: Parameters<typeof query>) {
      const [first]: readonly unknown[] = given
      const text = typeof first === 'object' && first !== null && 'text' in first ? first.text : first
      current.getStore()?.push(String(text))
      return Reflect.apply(query, this, given)
    },
  })
  onTestFinished(() => {
    Object.assign(Server.prototype, { emit })
    Object.assign(pg.Client.prototype, { query })
  })
  let count = 0
  return async (url, init) => {
    count += 1
    const trace = String(count)
    kept.set(trace, [])
    const response = await fetch(url, { ...init, headers: { ...init.headers, [header]: trace } })
    const texts = [...(kept.get(trace) ?? [])]
    kept.delete(trace)
    return [response, texts]
  }
}
