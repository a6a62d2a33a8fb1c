import type { Integration } from '@tocsin/api'
import type { AppContext } from '../access/index.ts'
import { receiveAlerts } from '../alerts/index.ts'
import type { Tx } from '../kernel/database.ts'
import { actorOfIntegration, openIntegration, scopeOfIntegration } from './integrations.ts'

const dedupKey = 'tocsin: notification too large'

/**
 * Something came from an integration that is too large to be read, and that nobody sends again in parts. What it was about is not known, so one alert says so,
 * which pages as a severe one does; while it is open, further ones are its repetitions.
 * @param sentence what it is too large for
 */
export async function takeUnread(tx: Tx, context: AppContext, kind: Integration['kind'], key: string, sentence: string): Promise<{ dedupKey: string }> {
  const source = await openIntegration(tx, kind, key, 1)
  const alert = {
    ...{ title: `Alerts of ${source.name} were too large to be read`, severity: 'high' as const, dedupKey, source: kind, serviceId: source.serviceId },
    description: `${sentence} None of the alerts in it was taken. Look at them in ${source.name}, and have it send fewer alerts at once (Alertmanager: group_by, max_alerts).`,
    ...{ labels: {}, links: [], observables: [] },
  }
  await receiveAlerts(tx, context, actorOfIntegration(source), scopeOfIntegration(source), [alert], { isDemo: source.isDemo })
  return { dedupKey }
}
