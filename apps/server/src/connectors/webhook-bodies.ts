import { type Integration, IntegrationKey } from '@tocsin/api'
import type { Tx } from '../kernel/database.ts'
import type { ForeignBody } from '../kernel/http.ts'
import { bodyLimits, maxHereBytes, WorkerPool } from '../kernel/worker-pool.ts'
import { assertIntegration } from './integrations.ts'
import { webhookTasks } from './webhook-tasks.ts'

/** Reads what other tools send: small bodies at once, large ones on a worker, so that nothing else waits for them. */
export class WebhookBodies {
  /** Nobody sends again what was not read, so that a busy machine gets longer for it. */
  readonly #pool = new WorkerPool<typeof webhookTasks>(new URL('./webhook-worker.ts', import.meta.url), { ...bodyLimits, deadlineMs: 30_000 })
  readonly alertmanager = this.#read(
    bytes => webhookTasks.alertmanager({ bytes }),
    bytes => this.#pool.request('alertmanager', { bytes }, bytes),
  )
  readonly pagerDuty = this.#read(
    bytes => webhookTasks.pagerDuty({ bytes }),
    bytes => this.#pool.request('pagerDuty', { bytes }, bytes),
  )

  /**
   * The same at the address of an integration: nothing large is read without its key.
   * @param tooLarge takes note of what is too large to be read, and answers it
   */
  at<Body>(kind: Integration['kind'], body: ForeignBody<Body>, tooLarge: (tx: Tx, key: string, sentence: string) => Promise<unknown>): ForeignBody<Body> {
    return {
      ...body,
      admit: (reader, params) => assertIntegration(reader, kind, IntegrationKey.parse(params).key),
      tooLarge: (database, params, sentence) => database.transaction(tx => tooLarge(tx, IntegrationKey.parse(params).key, sentence)),
    }
  }

  #read<Body>(here: (bytes: Buffer) => Body, apart: (bytes: Buffer) => Promise<Body>): ForeignBody<Body> {
    return { read: async bytes => (bytes.length <= maxHereBytes ? here(bytes) : apart(bytes)), close: () => this.#pool.close() }
  }
}
