import { type AlertInput, createClient } from '@tocsin/api'
import type { Output } from './output.ts'

interface Options {
  readonly title: string
  readonly severity: AlertInput['severity']
  readonly service?: string
  readonly dedupKey?: string
  readonly source: string
  readonly description?: string
}

/** Sends one alert through the API. */
export async function alertSend(output: Output, api: { origin: string; apiKey: string | undefined }, options: Options): Promise<void> {
  const call = createClient({ origin: api.origin, retries: 2, ...(api.apiKey === undefined ? {} : { apiKey: api.apiKey }) })
  const { alerts } = await call('createAlerts', { body: options })
  const [alert] = alerts
  output.say([alert?.isNew ? `Alert ${alert.number} created.` : `Alert ${alert?.number} already exists (${alert?.count} occurrences).`], alert)
}
