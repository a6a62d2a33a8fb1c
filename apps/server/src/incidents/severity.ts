import type { IncidentSeverity, SeverityCriteria } from '@tocsin/api'

/** Of the rule in this file. One more whenever the same answers may make another severity: entries record which version was used. */
export const criteriaVersion = 1

type Level = 1 | 2 | 3 | 4

/** What each answer alone amounts to. After the functional, information and recoverability impact of NIST SP 800-61 r2, table 3-2 to 3-4. */
const weights: { readonly [K in keyof SeverityCriteria]: Readonly<Record<SeverityCriteria[K], Level>> } = {
  privacy: { none: 4, possible: 3, confirmed: 2 },
  impact: { none: 4, degraded: 3, outage: 2, destructive: 1 },
  scope: { 'one-asset': 4, 'one-service': 3, 'several-services': 2, widespread: 1 },
  customers: { none: 4, one: 3, several: 2, most: 1 },
  region: { one: 4, several: 3, global: 2 },
  data: { none: 4, internal: 3, confidential: 2, restricted: 1 },
  recoverability: { regular: 4, supplemented: 3, extended: 2, 'not-recoverable': 1 },
}

const words: Readonly<Record<keyof SeverityCriteria, string>> = {
  privacy: 'exposure of personal data',
  impact: 'impact on the service',
  scope: 'scope',
  customers: 'customers affected',
  region: 'regions',
  data: 'data touched',
  recoverability: 'recoverability',
}

/**
 * The severity that follows from the criteria: that of the most severe answer; a confirmed exposure that touches several customers is SEV1.
 * `why` names the answers that decided.
 */
export function assessSeverity(criteria: SeverityCriteria): { severity: IncidentSeverity; why: string } {
  if (criteria.privacy === 'confirmed' && (criteria.customers === 'several' || criteria.customers === 'most'))
    return { severity: 'SEV1', why: `SEV1 because exposure of personal data is confirmed and customers affected: ${criteria.customers}.` }
  const levels = (Object.keys(weights) as (keyof SeverityCriteria)[]).map(name => ({ name, answer: criteria[name], level: levelOf(name, criteria) }))
  const worst = Math.min(...levels.map(({ level }) => level))
  const deciding = levels.filter(({ level }) => level === worst).map(({ name, answer }) => `${words[name]}: ${answer.replaceAll('-', ' ')}`)
  const severity = `SEV${worst}` as IncidentSeverity
  return { severity, why: worst === 4 ? 'SEV4 because no criterion indicates a higher severity.' : `${severity} because of ${deciding.join('; ')}.` }
}

function levelOf<K extends keyof SeverityCriteria>(name: K, criteria: SeverityCriteria): Level {
  return weights[name][criteria[name]]
}
