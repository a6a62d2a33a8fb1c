import type { IncidentClass, SeverityCriteria } from '@tocsin/api'
import type { Person } from './world.ts'

/** Criteria by which an incident is severe. */
export const criteria: SeverityCriteria = {
  ...({ privacy: 'confirmed', impact: 'degraded', scope: 'one-service', customers: 'several' } as const),
  ...({ region: 'one', data: 'confidential', recoverability: 'regular' } as const),
}

const versionOf = async ({ call }: Person, id: string) => (await call('incident', { params: { id } })).version

/** Assesses and classifies an incident, so that it can be declared. */
export async function assess(person: Person, id: string, kind: IncidentClass = 'customer-reportable'): Promise<void> {
  const params = { id }
  await person.call('assessSeverity', { params, body: { version: await versionOf(person, id), criteria } })
  await person.call('classifyIncident', { params, body: { version: await versionOf(person, id), class: kind, reason: 'It was seen.' } })
}

/** Assesses, classifies and declares an incident. @param by who declares it, where that is somebody else */
export async function declare(
  person: Person,
  id: string,
  { class: kind, by = person }: { readonly class?: IncidentClass; readonly by?: Person } = {},
): Promise<void> {
  await assess(person, id, kind)
  await by.call('declareIncident', { params: { id }, body: { version: await versionOf(by, id), reason: 'It is confirmed.' } })
}
