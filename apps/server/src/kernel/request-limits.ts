import type { Route } from '@tocsin/api'
import { AppProblem } from './problems.ts'

/** Requests a minute of one kind of route, where the route has no limit of its own. */
export const perMinute = {
  /** Of one address, on a route that anybody may call. */
  public: 1_200,
  /** Of one caller, on a route that asks who calls. */
  caller: 1_200,
  /** Of one address on such a route, whoever calls: several people share an address. */
  address: 6_000,
} as const

/** The answer to a request beyond a limit. */
export const tooMany = (max: number, leftMs: number) =>
  new AppProblem('too-many', `Too many requests: the limit is ${max} per minute. Try again in ${Math.ceil(leftMs / 1_000)} seconds.`)

/** Counts the requests of callers who were verified, by route, for a minute at a time. */
export class CallerLimits {
  #counts = new Map<string, number>()
  #endsAt = 0

  /** @throws AppProblem too-many */
  count(route: Route, caller: string): void {
    const now = performance.now()
    if (now >= this.#endsAt) {
      this.#counts = new Map()
      this.#endsAt = now + 60_000
    }
    const key = `${route.method} ${route.path} ${caller}`
    const count = (this.#counts.get(key) ?? 0) + 1
    this.#counts.set(key, count)
    const max = route.perMinute ?? perMinute.caller
    if (count > max) throw tooMany(max, this.#endsAt - now)
  }
}
