/** The pagers whose exports can be read. */
export const importers = ['opsgenie', 'pagerduty', 'grafana-oncall', 'goalert'] as const
export type Importer = (typeof importers)[number]
