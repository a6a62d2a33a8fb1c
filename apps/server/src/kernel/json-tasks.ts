import { type RouteName, routes } from '@tocsin/api'
import { parse, readOwnJson, schemaOf } from './own-body.ts'

/** The bodies of our own API: what passes the schema of its route is given back, and nothing else. */
export const jsonTasks = {
  own: ({ bytes, name }: { bytes: Uint8Array; name: RouteName }): unknown => parse(schemaOf(routes[name], 'body'), readOwnJson(bytes), 'body'),
}
