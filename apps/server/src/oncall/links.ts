import type { pagingRoutes, RouteReply } from '@tocsin/api'
import { and, desc, eq, isNotNull, type SQL } from 'drizzle-orm'
import { findPerson, type House } from '../identity/index.ts'
import type { Actor } from '../journal/index.ts'
import type { Reader, Tx } from '../platform/database.ts'
import { AppProblem } from '../platform/problems.ts'
import { openToken } from '../platform/secrets.ts'
import type { PageRow } from './climb.ts'
import { pagesIn } from './notify.ts'
import { pageNotifications, pages } from './tables.ts'

/** Whom a private link was made for, and what it is about: one page, or the pages of a bundle. */
export interface Holder {
  readonly pages: readonly PageRow[]
  readonly personId: string
  readonly actor: Actor
}

/** @throws AppProblem not-found for a link that was not signed here, or whose holder has left. */
export async function holderOf(tx: Tx, house: House, token: string): Promise<Holder> {
  const claims = openToken(house.secrets, 'page', token) ?? []
  const [first, second, third] = claims
  const personId = first === 'bundle' ? third : second
  const person = personId === undefined ? undefined : await findPerson(tx, personId)
  const found =
    first === 'bundle' && second !== undefined
      ? await pagesIn(tx, second)
      : first === undefined
        ? []
        : await tx.db.select().from(pages).where(eq(pages.id, first))
  if (found.length === 0 || !person?.isActive)
    throw new AppProblem('not-found', 'This link is not right, or what it led to is gone. Open Tocsin and look there.')
  return { pages: found, personId: person.id, actor: { kind: 'person', id: person.id, name: person.name } }
}

/** Whom the latest message went to, of those that fit, and the page or bundle that it was about. */
export async function holderBy(tx: Tx, fits: SQL): Promise<Holder | undefined> {
  const [latest] = await tx.db
    .select()
    .from(pageNotifications)
    .where(and(fits, isNotNull(pageNotifications.messageId)))
    .orderBy(desc(pageNotifications.at), desc(pageNotifications.id))
    .limit(1)
  const person = latest?.personId ? await findPerson(tx, latest.personId) : undefined
  if (!latest || !person?.isActive) return undefined
  const found = latest.bundleId === null ? await tx.db.select().from(pages).where(eq(pages.id, latest.pageId)) : await pagesIn(tx, latest.bundleId)
  return { pages: found, personId: person.id, actor: { kind: 'person', id: person.id, name: person.name } }
}

/** Does something to each page of a link, and shows how they stand then. */
export async function throughLink(
  tx: Tx,
  house: House,
  token: string,
  work: (holder: Holder, page: PageRow) => Promise<unknown>,
): Promise<RouteReply<typeof pagingRoutes.pageByLink>> {
  const holder = await holderOf(tx, house, token)
  for (const page of holder.pages) await work(holder, page)
  return viewOf(tx, await holderOf(tx, house, token))
}

const rank = ['triggered', 'exhausted', 'acknowledged', 'resolved']

async function viewOf(reader: Reader, holder: Holder): Promise<RouteReply<typeof pagingRoutes.pageByLink>> {
  const [page] = holder.pages.toSorted((a, b) => rank.indexOf(a.state) - rank.indexOf(b.state))
  if (!page) throw new AppProblem('not-found', 'What this link led to is gone.')
  const acknowledgedBy = page.acknowledgedById === null ? undefined : await findPerson(reader, page.acknowledgedById)
  const many = holder.pages.length
  return {
    title: many === 1 ? page.title : `${many} pages`,
    summary: many === 1 ? page.summary : holder.pages.map(one => `[${one.severity.toUpperCase()}] ${one.title}`).join('\n'),
    severity: page.severity,
    state: page.state,
    you: holder.actor.name,
    acknowledgedBy: acknowledgedBy?.name ?? null,
    acknowledgedAt: page.acknowledgedAt,
    waitsFor: page.state === 'triggered' ? Math.max(0, page.needed - page.acknowledgements.length) : 0,
    snoozedUntil: page.snoozedUntil,
    isDrill: page.subjectKind === 'drill',
    createdAt: page.createdAt,
  }
}
