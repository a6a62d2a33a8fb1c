import type { z } from 'zod'

/** What a person may do in the whole organization; each role can do all that the ones before it can. */
export const roles = ['observer', 'responder', 'lead', 'administrator'] as const
export type Role = (typeof roles)[number]

/** What an API key may be used for. A service account acts with its scopes and never beyond its role. */
export const scopes = [
  'alerts:read',
  'alerts:write',
  'incidents:read',
  'incidents:write',
  'catalog:read',
  'catalog:write',
  'journal:read',
  'journal:write',
  'detection:read',
  'detection:write',
] as const
export type Scope = (typeof scopes)[number]

/**
 * Who may call a route. There is no default: a route that does not say so does not compile.
 * - `public`: anybody; `because` says why that is safe. One that is for monitors can be closed to others by a setting.
 * - `signed-in`: a person with a session, also one who has still to give the second factor.
 * - `role`: a person with at least this role, or an API key that has the scope (`null`: no key may).
 */
export type Access =
  | { readonly kind: 'public'; readonly because: string; readonly isForMonitors?: boolean }
  | { readonly kind: 'signed-in' }
  | { readonly kind: 'role'; readonly role: Role; readonly scope: Scope | null }

export const open = (because: string): Access => ({ kind: 'public', because })
/** Public, unless the operator sets a token for monitors: then for whoever sends that, or has signed in. */
export const openToMonitors = (because: string): Access => ({ kind: 'public', because, isForMonitors: true })
export const signedIn: Access = { kind: 'signed-in' }
export const atLeast = (role: Role, scope: Scope | null = null): Access => ({ kind: 'role', role, scope })

/** True when `role` is `needed` or above it. */
export function includesRole(role: Role, needed: Role): boolean {
  return roles.indexOf(role) >= roles.indexOf(needed)
}

type Shape = z.ZodType | undefined

/** One HTTP operation: from it come validation, the OpenAPI document, the typed client and the form messages. */
export interface Route<Params extends Shape = Shape, Query extends Shape = Shape, Body extends Shape = Shape, Reply extends Shape = Shape> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Path with parameters in braces, as OpenAPI writes it. */
  readonly path: `/${string}`
  readonly summary: string
  readonly access: Access
  /** A person must have given a factor in this session within the last ten minutes; refused as `reauthentication-required`, after which the request can be repeated. */
  readonly needsRecentFactor?: true
  readonly params?: Params
  readonly query?: Query
  readonly body?: Body
  /** The JSON reply; without it the reply is 204, or what `produces` names. */
  readonly reply?: Reply
  readonly status?: 200 | 201 | 202
  /** A reply that is not JSON: its media type. */
  readonly produces?: string
  /** A request that is not JSON: `multipart/form-data`, with the fields described by `body`. */
  readonly consumes?: 'multipart/form-data'
  /** The body comes from software that follows another product's format: texts are cleaned and cut rather than refused, as nobody sends again what was refused. */
  readonly isFromOtherSoftware?: true
  /** The largest JSON body, where the product whose format it is takes no larger one itself. */
  readonly bodyBytes?: number
  /** The largest file that a form may carry; without it that of all forms. */
  readonly fileBytes?: number
  /** A read that is itself put on record, so it runs in a transaction that may write. */
  readonly isReadRecorded?: boolean
  /** Requests a minute that one caller may make here, where the general limit is too high. */
  readonly perMinute?: number
}

/** The largest JSON body of a route that is open to everybody, and of the others. */
const bodyLimits = { open: 65_536, other: 4 * 1_048_576 } as const

/**
 * Bytes that the JSON body of a route may have. What other software sends at the address of its key may be as large as what a caller with a role sends: a
 * notification of Alertmanager has all alerts of a group, and is not sent again in parts.
 */
export function maxBodyBytes({ access, isFromOtherSoftware, bodyBytes }: Route): number {
  if (bodyBytes !== undefined) return bodyBytes
  return access.kind === 'public' && isFromOtherSoftware !== true ? bodyLimits.open : bodyLimits.other
}

/** What a form may carry. */
export const uploadLimits = { fileBytes: 20 * 1_048_576, files: 5 } as const

/** Gives a route its exact type. */
export function route<Params extends Shape = undefined, Query extends Shape = undefined, Body extends Shape = undefined, Reply extends Shape = undefined>(
  definition: Route<Params, Query, Body, Reply>,
): Route<Params, Query, Body, Reply> {
  return definition
}

// An optional property reads as `T | undefined`: what was given is T, and never when nothing was.
type Schema<S> = [NonNullable<S>] extends [never] ? undefined : NonNullable<S>
type Output<S> = Schema<S> extends z.ZodType ? z.output<Schema<S>> : undefined
type Input<S> = Schema<S> extends z.ZodType ? z.input<Schema<S>> : undefined

/** What a handler gets. */
export interface RouteInput<R extends Route> {
  readonly params: Output<R['params']>
  readonly query: Output<R['query']>
  readonly body: Output<R['body']>
}

/** What a handler returns; undefined where the route has no JSON reply. */
export type RouteReply<R extends Route> = Input<R['reply']>

type Given<Name extends string, S> =
  Schema<S> extends z.ZodType ? ({} extends z.input<Schema<S>> ? { [K in Name]?: z.input<Schema<S>> } : { [K in Name]: z.input<Schema<S>> }) : {}

/** What a caller of the client gives: only the parts that the route has. */
export type CallInput<R extends Route> = Given<'params', R['params']> & Given<'query', R['query']> & Given<'body', R['body']>
export type CallReply<R extends Route> = Output<R['reply']>
export type BodyOf<R extends Route> = Input<R['body']>
