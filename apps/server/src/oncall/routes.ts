import { type Message, oncallRoutes as routes } from '@tocsin/api'
import { desc, eq } from 'drizzle-orm'
import { act, type Bindings, findPerson, type House, openAct, question, type Viewer } from '../identity/index.ts'
import type { Actor } from '../journal/index.ts'
import type { Reader, Tx } from '../platform/database.ts'
import { AppProblem, notFound } from '../platform/problems.ts'
import { openToken } from '../platform/secrets.ts'
import { messages } from '../platform/tables.ts'
import { addContactMethod, listContactMethods, removeContactMethod } from './contact-methods.ts'
import { acknowledgePage, handBackPage, listPages, type PageRow } from './pages.ts'
import { listRotas, saveRota } from './rotas.ts'
import { pages } from './tables.ts'

export function oncallBindings(house: House): Bindings {
  return [
    question(routes.rotas, reader => listRotas(reader)),
    act(routes.saveRota, (tx, { caller, params, body }) => saveRota(tx, caller, params.id, body)),
    question(routes.contactMethods, (reader, { caller }) => listContactMethods(reader, caller.personId)),
    act(routes.addContactMethod, (tx, { caller, body }) => addContactMethod(tx, house.secrets, caller, body)),
    act(routes.removeContactMethod, (tx, { caller, params }) => removeContactMethod(tx, caller, params.id)),
    question(routes.pages, (reader, { caller }) => listPages(reader, house, caller)),
    act(routes.acknowledgePage, async (tx, { caller, params }) => {
      const [seen] = await listPages(tx, house, caller, params.id)
      if (!seen) throw notFound('page')
      await acknowledgePage(tx, house, caller.actor, caller.personId, params.id)
      const [page] = await listPages(tx, house, caller, params.id)
      if (!page) throw notFound('page')
      return page
    }),
    openAct(routes.pageByLink, async (tx, { body }) => {
      const holder = await holderOf(tx, house, body.token)
      return viewOf(tx, holder, holder.page)
    }),
    openAct(routes.acknowledgeByLink, async (tx, { body }) => {
      const holder = await holderOf(tx, house, body.token)
      return viewOf(tx, holder, await acknowledgePage(tx, house, holder.actor, holder.personId, holder.page.id))
    }),
    openAct(routes.handBackByLink, async (tx, { body }) => {
      const holder = await holderOf(tx, house, body.token)
      return viewOf(tx, holder, await handBackPage(tx, house, holder.actor, holder.personId, holder.page.id))
    }),
    question(routes.outbox, (reader, { caller }) => listOutbox(reader, house, caller)),
  ]
}

interface Holder {
  readonly page: PageRow
  readonly personId: string
  readonly actor: Actor
}

/** The page and the person that a private link was made for. */
async function holderOf(tx: Tx, house: House, token: string): Promise<Holder> {
  const [pageId, personId] = openToken(house.secrets, 'page', token) ?? []
  const [page] = pageId === undefined ? [] : await tx.db.select().from(pages).where(eq(pages.id, pageId))
  const person = personId === undefined ? undefined : await findPerson(tx, personId)
  if (!page || !person?.isActive) throw new AppProblem('not-found', 'This link is not right, or what it led to is gone. Open Tocsin and look there.')
  return { page, personId: person.id, actor: { kind: 'person', id: person.id, name: person.name } }
}

async function viewOf(reader: Reader, holder: Holder, page: PageRow) {
  const acknowledgedBy = page.acknowledgedById === null ? undefined : await findPerson(reader, page.acknowledgedById)
  return {
    title: page.title,
    summary: page.summary,
    severity: page.severity,
    state: page.state,
    you: holder.actor.name,
    acknowledgedBy: acknowledgedBy?.name ?? null,
    acknowledgedAt: page.acknowledgedAt,
    createdAt: page.createdAt,
  }
}

/** The latest messages, without the private links in them. */
async function listOutbox(reader: Reader, house: House, viewer: Viewer): Promise<Message[]> {
  const rows = await reader.db.select().from(messages).where(house.visibility.condition(viewer, messages.withinId)).orderBy(desc(messages.createdAt)).limit(200)
  return rows.map(message => ({
    id: message.id,
    channel: message.channel,
    purpose: message.purpose,
    to: message.address,
    subject: message.subject,
    text: message.body,
    state: message.state,
    attempts: message.attempts,
    lastError: message.lastError,
    createdAt: message.createdAt,
    sentAt: message.sentAt,
  }))
}
