import { and, eq, exists, gt, inArray, isNotNull, isNull, or, type SQLWrapper, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import type { AppContext } from '../access/index.ts'
import { type Actor, system } from '../journal/index.ts'
import type { Tx } from '../kernel/database.ts'
import { cancel } from '../kernel/jobs/schedule.ts'
import { restrictedName, restrictedSummary } from '../notify/index.ts'
import { escalateAnew } from './escalation.ts'
import { notifyKey } from './notifications.ts'
import { resolvePages, wakeKey } from './pages.ts'
import { pageNotifications, pages, unacknowledged } from './tables.ts'

/** An incident has taken alerts in: it decides from now on who may see their pages, and what was sent about them. */
export async function movePagesInto(
  tx: Tx,
  alertIds: readonly string[],
  incident: { readonly id: string; readonly number: number; readonly codename: string | null; readonly isRestricted: boolean },
): Promise<void> {
  await tx.db
    .update(pages)
    .set({ withinId: incident.id })
    .where(and(eq(pages.subjectKind, 'alert'), inArray(pages.subjectId, [...alertIds])))
  if (incident.isRestricted) await redactPages(tx, incident)
}

/**
 * Alerts have left their incident, for another one or for none: their pages go with them. What a restricted incident had taken out of them is said again where
 * they are open to everybody. As many statements for many as for one.
 */
export async function movePagesOut(
  tx: Tx,
  alerts: readonly { readonly id: string; readonly title: string }[],
  incident: { readonly id: string; readonly number: number; readonly codename: string | null; readonly isRestricted: boolean } | null,
): Promise<void> {
  const about = sql`${pages.subjectKind} = 'alert' and ${pages.subjectId} = any(${sql.param(alerts.map(({ id }) => id))}::uuid[])`
  await tx.db
    .update(pages)
    .set({ withinId: incident?.id ?? null })
    .where(about)
  if (incident?.isRestricted) await redactPages(tx, incident)
  else
    await tx.db
      .update(pages)
      .set({ title: sql`said.title`, summary: sql`said.title`, isNeutral: false })
      .from(sql`jsonb_to_recordset(${JSON.stringify(alerts.map(({ id, title }) => ({ id, title })))}::jsonb) as said (id uuid, title text)`)
      .where(and(about, eq(pages.isNeutral, true), sql`${pages.subjectId} = said.id`))
}

/** Takes the details out of the pages within an incident that are not over: they escalate to people who may not see it. */
export async function redactPages(tx: Tx, incident: { readonly id: string; readonly number: number; readonly codename: string | null }): Promise<void> {
  await tx.db
    .update(pages)
    .set({ title: `${restrictedName(incident)} needs a response`, summary: restrictedSummary, isNeutral: true })
    .where(and(eq(pages.withinId, incident.id), inArray(pages.state, ['triggered', 'exhausted', 'acknowledged'])))
}

/** What the key of a page about an incident says besides whom it pages. */
const aboutOf = (key: SQLWrapper) => sql`substr(${key}, strpos(${key}, ' '))`

/**
 * An incident is restricted: its own pages go to nobody by rota any more. Those that asked a team to respond are over; what its lead is paged about goes on, to
 * these people in the place of the team.
 */
export async function endRota(tx: Tx, context: AppContext, actor: Actor, incidentId: string, personIds: readonly string[]): Promise<void> {
  const byRota = and(eq(pages.subjectId, incidentId), isNotNull(pages.teamId))
  const other = alias(pages, 'other')
  // Of several about the same, one goes on.
  const isSame = and(eq(other.subjectId, pages.subjectId), eq(other.state, 'triggered'), eq(aboutOf(other.key), aboutOf(pages.key)))
  const isLater = or(isNull(other.teamId), gt(other.id, pages.id))
  const isSuperseded = exists(tx.db.select({ id: other.id }).from(other).where(and(isSame, isLater)))
  await resolvePages(tx, context, actor, and(byRota, or(sql`${aboutOf(pages.key)} = ${` ${incidentId} `}`, isSuperseded)))
  await tx.db
    .update(pages)
    .set({
      teamId: null,
      personIds: [...personIds],
      key: sql`'people' || ${aboutOf(pages.key)}`,
      progress: null,
      levelIndex: sql`least(${pages.levelIndex}, 0)`,
    })
    .where(and(byRota, eq(pages.state, 'triggered')))
}

/**
 * Takes the pages within an incident out of the hands of its suspects: those that one of them has acknowledged or was paged about escalate anew, to somebody else.
 */
export async function takePagesFrom(tx: Tx, context: AppContext, incidentId: string, personIds: readonly string[]): Promise<void> {
  const held = await tx.db
    .select({ id: pages.id })
    .from(pages)
    .where(
      and(
        eq(pages.withinId, incidentId),
        inArray(pages.state, ['triggered', 'exhausted', 'acknowledged']),
        or(
          inArray(pages.acknowledgedById, [...personIds]),
          and(
            unacknowledged,
            exists(
              tx.db
                .select({ id: pageNotifications.id })
                .from(pageNotifications)
                .where(and(eq(pageNotifications.pageId, pages.id), inArray(pageNotifications.personId, [...personIds]))),
            ),
          ),
        ),
      ),
    )
    .orderBy(pages.id)
  await context.messenger.cancelUnsent(
    tx,
    'page',
    held.map(({ id }) => id),
  )
  await cancel(tx, ...held.flatMap(({ id }) => [wakeKey(id), ...personIds.map(personId => notifyKey(id, personId))]))
  const others = await escalateAnew(
    tx,
    context,
    held.map(({ id }) => id),
  )
  await resolvePages(tx, context, system, inArray(pages.id, others))
}
