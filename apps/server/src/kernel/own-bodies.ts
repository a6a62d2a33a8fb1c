import { type Route, type RouteName, routes } from '@tocsin/api'
import { jsonTasks } from './json-tasks.ts'
import { bodyLimits, maxHereBytes, WorkerPool } from './worker-pool.ts'

const names = new Map<Route, RouteName>(Object.entries(routes).map(([name, route]) => [route, name as RouteName]))

/** Reads the JSON of our own API by the schema of its route: small bodies at once, large ones on a worker, so that nothing else waits for them. */
export class OwnBodies {
  readonly #pool = new WorkerPool<typeof jsonTasks>(new URL('./json-worker.ts', import.meta.url), bodyLimits)

  /** @throws AppProblem */
  async read(route: Route, bytes: Buffer): Promise<unknown> {
    const name = names.get(route)
    if (name === undefined) throw new Error(`${route.method} ${route.path} is no route of the contract`)
    return bytes.length <= maxHereBytes ? jsonTasks.own({ bytes, name }) : this.#pool.request('own', { bytes, name }, bytes)
  }

  close(): Promise<void> {
    return this.#pool.close()
  }
}
