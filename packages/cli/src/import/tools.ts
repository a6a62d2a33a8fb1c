/** The tools whose exports can be imported. */
export const importers = ['opsgenie', 'pagerduty', 'grafana-oncall', 'goalert'] as const
export type Importer = (typeof importers)[number]
