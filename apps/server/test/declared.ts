import type { IncidentClass, SeverityCriteria } from '@tocsin/api'
import type { Person } from './world.ts'

/** Criteria by which an incident is severe. */
export const criteria: SeverityCriteria = {
  ...({ privacy: 'confirmed', impact: 'degraded', scope: 'one-service', customers: 'several' } as const),
  ...({ region: 'one', data: 'confidential', recoverability: 'regular' } as const),
}

/** Assesses, classifies and declares an incident. */
export async function declare({ call }: Person, id: string, { class: kind = 'customer-reportable' }: { readonly class?: IncidentClass } = {}): Promise<void> {
  const params = { id }
  const version = async () => (await call('incident', { params })).version
  await call('assessSeverity', { params, body: { version: await version(), criteria } })
  await call('classifyIncident', { params, body: { version: await version(), class: kind, reason: 'It was seen.' } })
  await call('declareIncident', { params, body: { version: await version(), reason: 'It is confirmed.' } })
}
