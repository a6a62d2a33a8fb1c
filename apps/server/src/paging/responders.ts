import { includesRole, type pagingRoutes, type RouteReply } from '@tocsin/api'
import { and, desc, eq, inArray, isNotNull, type SQL } from 'drizzle-orm'
import { type AppContext, findPerson, type people } from '../access/index.ts'
import type { Actor } from '../journal/index.ts'
import { addDays } from '../kernel/clock.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { AppProblem } from '../kernel/problems.ts'
import { openToken } from '../kernel/secrets.ts'
import { contactMethods, type ProviderIdentity, personAt, teamChannelPurpose } from '../notify/index.ts'
import { acknowledgerOf } from './acknowledgers.ts'
import { levelOf, type PageRow } from './escalation.ts'
import { levelSentFor, levelsIn, pagesIn, titleOf, worstFirst } from './notifications.ts'
import { pageNotifications, pages } from './tables.ts'
import { maySeePage, withoutSuspected } from './visibility.ts'

/** Whom a private link was made for, and what it is about: one page, or the pages of a bundle. */
export interface Responder {
  readonly pages: readonly PageRow[]
  /** The level that each page was at when it went out; none for what an earlier version sent. */
  readonly levels: ReadonlyMap<string, number>
  readonly personId: string
  readonly actor: Actor
}

/** The page that an answer to a responder names: a single one is named, several are only counted. */
export const pageNamed = ({ pages: found }: Responder): string | null => (found.length === 1 ? (found[0]?.id ?? null) : null)

/** Somebody who answers: by a link or a reply the same may as signed in. @throws AppProblem forbidden for an observer */
function answering({ id, name, role }: typeof people.$inferSelect): Pick<Responder, 'personId' | 'actor'> {
  if (!includesRole(role, 'responder')) throw new AppProblem('forbidden', `Responding to pages requires the responder role. Your role is ${role}.`)
  return { personId: id, actor: { kind: 'person', id, name } }
}

/** A private link, and the address for a reply, work for so long after they were sent. */
export const linkDays = 7

/** @throws AppProblem not-found for a link that was not signed here or is too old, or whose owner is no longer active. */
export async function responderOf(tx: Tx, context: AppContext, token: string): Promise<Responder> {
  const claims = openToken(context.secrets, 'page', token) ?? []
  const [first, second, third, fourth] = claims
  const [personId, minute] = first === 'bundle' ? [third, fourth] : [second, third]
  const person = personId === undefined ? undefined : await findPerson(tx, personId)
  const all =
    first === 'bundle' && second !== undefined
      ? await pagesIn(tx, second)
      : first === undefined
        ? []
        : await tx.db.select().from(pages).where(eq(pages.id, first))
  const found = person === undefined ? [] : await withoutSuspected(tx, context, all, person.id)
  // One from before links said when they were made is as old as its page.
  const oldest = addDays(tx.now, -linkDays)
  const isOver =
    found.length === 0 || (minute === undefined ? found.every(page => page.createdAt < oldest) : Number.parseInt(minute, 36) * 60_000 < Date.parse(oldest))
  if (isOver || !person?.isActive)
    throw new AppProblem('not-found', 'This link is invalid or too old, or its page no longer exists. Open Tocsin to see your pages.')
  const levels = first === 'bundle' ? await levelsIn(tx, second ?? '', person.id) : levelOfClaim(first, fourth)
  return { pages: found, levels, ...answering(person) }
}

const levelOfClaim = (pageId: string | undefined, level: string | undefined): Map<string, number> =>
  new Map(pageId === undefined || level === undefined ? [] : [[pageId, Number(level)]])

/**
 * Whom an answer from a button comes from. In a message to one person that is whom it went to; in a team's channel it is whoever pressed, known by
 * a verified method of theirs.
 * @throws AppProblem forbidden for somebody who is not known there, or may not answer pages; not-found for a page that they may not see
 */
export async function responderByButton(
  tx: Tx,
  context: AppContext,
  token: string,
  identity: ProviderIdentity,
): Promise<Responder & { readonly isInTeamChannel: boolean }> {
  const [pageId, level] = openToken(context.secrets, teamChannelPurpose, token) ?? []
  if (pageId === undefined) return { ...(await responderOf(tx, context, token)), isInTeamChannel: false }
  const person = await personAt(tx, identity)
  if (person === undefined)
    throw new AppProblem(
      'forbidden',
      'This account is not linked to a Tocsin account. Add it as a contact method in Tocsin under Account to use these buttons.',
    )
  const answerer = answering(person)
  const viewer = { personId: person.id, role: person.role, needToKnow: 'own' } as const
  const found = await tx.db
    .select()
    .from(pages)
    .where(and(eq(pages.id, pageId), maySeePage(context, viewer)))
  if (found.length === 0) throw new AppProblem('not-found', 'This page no longer exists.')
  return { pages: found, levels: levelOfClaim(pageId, level), ...answerer, isInTeamChannel: true }
}

/** Whom the latest page or bundle went to at an address, and what it was about. */
export async function responderAt(tx: Tx, context: AppContext, { kind, address }: ProviderIdentity): Promise<Responder | undefined> {
  const methods = await tx.db
    .select({ id: contactMethods.id })
    .from(contactMethods)
    .where(and(eq(contactMethods.kind, kind), eq(contactMethods.address, address), isNotNull(contactMethods.verifiedAt)))
  const ids = methods.map(method => method.id)
  return ids.length === 0 ? undefined : responderBy(tx, context, inArray(pageNotifications.methodId, ids))
}

/** Whom the latest message went to, of those that match, and the page or bundle that it was about. */
export async function responderBy(tx: Tx, context: AppContext, fits: SQL | undefined): Promise<Responder | undefined> {
  const [latest] = await tx.db
    .select()
    .from(pageNotifications)
    .where(and(fits, isNotNull(pageNotifications.messageId)))
    .orderBy(desc(pageNotifications.at), desc(pageNotifications.id))
    .limit(1)
  const person = latest?.personId ? await findPerson(tx, latest.personId) : undefined
  if (!latest || !person?.isActive) return undefined
  const { bundleId, pageId, levelIndex } = latest
  const all = bundleId === null ? await tx.db.select().from(pages).where(eq(pages.id, pageId)) : await pagesIn(tx, bundleId)
  const found = await withoutSuspected(tx, context, all, person.id)
  if (found.length === 0) return undefined
  const levels = bundleId === null ? new Map([[pageId, levelSentFor(levelIndex)]]) : await levelsIn(tx, bundleId, person.id)
  return { pages: found, levels, ...answering(person) }
}

/**
 * Does something to each of some pages. Of several, those that are over, somebody else's or have escalated since are passed over.
 * @throws AppProblem conflict when it fits none of them
 */
export async function eachPage(all: readonly PageRow[], work: (page: PageRow, place: number) => Promise<unknown>): Promise<void> {
  const refused: AppProblem[] = []
  for (const [place, page] of all.entries())
    try {
      await work(page, place)
    } catch (error) {
      if (!(error instanceof AppProblem && error.kind === 'conflict')) throw error
      refused.push(error)
    }
  const [first] = refused
  if (first !== undefined && refused.length === all.length) throw first
}

/** Does something to each page of a link, see `eachPage`, and shows their state then. */
export async function throughLink(
  tx: Tx,
  context: AppContext,
  token: string,
  work: (responder: Responder, page: PageRow, place: number) => Promise<unknown>,
): Promise<RouteReply<typeof pagingRoutes.pageByLink>> {
  const responder = await responderOf(tx, context, token)
  await eachPage(responder.pages, (page, place) => work(responder, page, place))
  return viewOf(tx, await responderOf(tx, context, token))
}

const rank = ['triggered', 'exhausted', 'acknowledged', 'resolved']

async function viewOf(reader: Reader, responder: Responder): Promise<RouteReply<typeof pagingRoutes.pageByLink>> {
  const [page] = responder.pages.toSorted((a, b) => rank.indexOf(a.state) - rank.indexOf(b.state) || worstFirst(a, b))
  if (!page) throw new AppProblem('not-found', 'The page of this link no longer exists.')
  const many = responder.pages.length
  return {
    title: many === 1 ? titleOf(page) : `${many} pages`,
    summary:
      many === 1
        ? page.summary
        : responder.pages
            .toSorted(worstFirst)
            .map(one => `[${one.severity.toUpperCase()}] ${titleOf(one)}`)
            .join('\n'),
    pageId: many === 1 ? page.id : null,
    severity: page.severity,
    state: page.state,
    levels: responder.pages.map(levelOf),
    you: responder.actor.name,
    acknowledgedBy: await acknowledgerOf(reader, page),
    acknowledgedAt: page.acknowledgedAt,
    waitsFor: page.state === 'triggered' ? Math.max(0, page.needed - page.acknowledgements.length) : 0,
    snoozedUntil: page.snoozedUntil,
    isDrill: page.subjectKind === 'drill',
    isExercise: page.isExercise,
    createdAt: page.createdAt,
  }
}
