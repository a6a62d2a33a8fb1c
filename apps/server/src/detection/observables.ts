import { isIP } from 'node:net'
import type { AlertInput } from '@tocsin/api'
import { type EventView, observableFields } from '@tocsin/sigma'

type Observable = AlertInput['observables'][number]

const hosts = ['Computer', 'host.name', 'hostname', 'host']
const users = ['User', 'TargetUserName', 'SubjectUserName', 'user.name', 'userIdentity.arn', 'actor.alternateId', 'user']
const processes = ['Image', 'NewProcessName', 'process.executable', 'exe']
const { address: addresses, domain: domains, url: urls, hash: hashes } = observableFields

const nothing = new Set(['', '-', 'N/A', '::', '0.0.0.0'])
const maxObservables = 30

const textsOf = (event: EventView, fields: readonly string[]): string[] =>
  fields.flatMap(field => event.field(field).texts).filter(text => !nothing.has(text) && text.length <= 2_000)

/**
 * What an event says of hosts, users, addresses, names, files and processes, under the names that the field's logs use.
 * @param first stands before all others
 */
export function observablesOf(event: EventView, first?: Observable): Observable[] {
  const of = (kind: Observable['kind'], values: readonly string[]) => values.map(value => ({ kind, value }))
  const found: Observable[] = [
    ...(first === undefined ? [] : [first]),
    ...of('host', textsOf(event, hosts)),
    ...of('user-account', textsOf(event, users)),
    ...textsOf(event, addresses).flatMap((value): Observable[] => {
      const version = isIP(value)
      return version === 0 ? [] : [{ kind: version === 4 ? 'ipv4-addr' : 'ipv6-addr', value }]
    }),
    ...of('domain-name', textsOf(event, domains)),
    ...of('url', textsOf(event, urls)),
    ...of('process', textsOf(event, processes)),
    // Sysmon writes MD5=…,SHA256=…,IMPHASH=… into one field.
    ...of(
      'file-hash',
      textsOf(event, hashes)
        .flatMap(text => text.split(',').map(part => part.replace(/^.*=/, '').trim()))
        .filter(text => /^[0-9a-f]{32,128}$/i.test(text)),
    ),
  ]
  const seen = new Map(found.map(observable => [`${observable.kind} ${observable.value}`, observable]))
  return [...seen.values()].slice(0, maxObservables)
}

/** Who or what an alert is about: matches of a rule about the same are one alert. */
export function entityOf(event: EventView): string {
  const [host = ''] = textsOf(event, hosts)
  const [user = ''] = textsOf(event, users)
  const [address = ''] = host === '' && user === '' ? textsOf(event, addresses) : []
  return [host, user, address].join(' ').trim()
}
