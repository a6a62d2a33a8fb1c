import type { Obligation } from '@tocsin/api'

/** What is due first, with its own incident; how many others there are says nothing of whose they are. */
export function clockText({ kind, customer, incident }: Pick<Obligation, 'kind' | 'customer' | 'incident'>, others: number): string {
  const what = customer === null ? 'to list the affected customers' : kind === 'update' ? `to update ${customer.name}` : `to notify ${customer.name}`
  return `${what} · incident ${incident.number}${others > 0 ? `, and ${others.toLocaleString('en')} more due` : ''}`
}
