import { isDeepStrictEqual } from 'node:util'
import type { Customer, CustomerInput } from '@tocsin/api'
import { asc, eq, inArray } from 'drizzle-orm'
import type { z } from 'zod'
import type { Caller } from '../access/index.ts'
import { markRecords, record } from '../journal/index.ts'
import { holdLock, type Reader, type Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { isNameTaken } from '../kernel/names.ts'
import { changedMeanwhile, conflict, invalid, notFound } from '../kernel/problems.ts'
import { calendars, customerServices, customers, services } from './tables.ts'

type Input = z.output<typeof CustomerInput> & { id?: string | undefined; version?: number | undefined }

/** The customers by name, or those with these ids. */
export async function listCustomers(reader: Reader, ids?: readonly string[]): Promise<Customer[]> {
  if (ids?.length === 0) return []
  const rows = await reader.db
    .select({ customer: customers, calendar: { id: calendars.id, name: calendars.name } })
    .from(customers)
    .leftJoin(calendars, eq(calendars.id, customers.calendarId))
    .where(ids ? inArray(customers.id, [...ids]) : undefined)
    .orderBy(asc(customers.name))
  const used = await reader.db
    .select({ customerId: customerServices.customerId, id: services.id, name: services.name })
    .from(customerServices)
    .innerJoin(services, eq(services.id, customerServices.serviceId))
    .where(ids ? inArray(customerServices.customerId, [...ids]) : undefined)
    .orderBy(asc(services.name))
  const byCustomer = Map.groupBy(used, use => use.customerId)
  return rows.map(({ customer: { noticeStart: start, noticeAmount: amount, noticeUnit: unit, calendarId: _, ...customer }, calendar }) => ({
    ...customer,
    noticeTerm: { start, amount, unit, calendar },
    services: (byCustomer.get(customer.id) ?? []).map(({ id, name }) => ({ id, name })),
  }))
}

const termsOf = ({ name, region, terms, noticeTerm: { calendar, ...term }, contacts, services: used }: Customer) => ({
  ...{ name, region, terms, noticeTerm: { ...term, calendarId: calendar?.id ?? null }, contacts },
  serviceIds: used.map(service => service.id),
})

/** True when both say the same; the order of services means nothing. */
const isSame = (a: ReturnType<typeof termsOf>, b: ReturnType<typeof termsOf>) =>
  isDeepStrictEqual({ ...a, serviceIds: a.serviceIds.toSorted() }, { ...b, serviceIds: b.serviceIds.toSorted() })

const defaultTerm = { start: 'declared', amount: 72, unit: 'hours', calendarId: null } as const

/** @throws AppProblem invalid where there is no such calendar */
async function assertCalendar(reader: Reader, id: string | null): Promise<void> {
  if (id === null) return
  const found = await reader.db.select({ id: calendars.id }).from(calendars).where(eq(calendars.id, id))
  if (found.length === 0) throw invalid('noticeTerm.calendarId', 'must be the ID of an existing calendar, or null for Monday to Friday in UTC')
}

/** Adds a customer, or changes the one whose id and version are given. Saving it as it is changes nothing. */
export async function saveCustomer(tx: Tx, caller: Caller, input: Input, isDemo = false): Promise<Customer> {
  await holdLock(tx, 'organization')
  const id = input.id ?? newId()
  if (await isNameTaken(tx, customers, input.name, id)) throw conflict(`A customer named ${input.name} already exists.`)
  const serviceIds = [...new Set(input.serviceIds)]
  const known = serviceIds.length === 0 ? [] : await tx.db.select({ id: services.id }).from(services).where(inArray(services.id, serviceIds))
  if (known.length !== serviceIds.length) throw invalid('serviceIds', 'must be services in the catalog')
  const [before] = input.id === undefined ? [] : await listCustomers(tx, [id])
  const { name, region, terms, contacts } = input
  // Whoever corrects a contact and says nothing of the contract does not change its deadlines.
  const noticeTerm = input.noticeTerm ?? (before === undefined ? defaultTerm : termsOf(before).noticeTerm)
  await assertCalendar(tx, noticeTerm.calendarId)
  const data = { name, region, terms, noticeTerm, contacts, serviceIds }
  const values = {
    ...{ name, region, terms, contacts },
    ...{ noticeStart: noticeTerm.start, noticeAmount: noticeTerm.amount, noticeUnit: noticeTerm.unit, calendarId: noticeTerm.calendarId },
  }
  if (input.id === undefined) {
    await tx.db.insert(customers).values({ ...values, id, isDemo })
    if (isDemo) await markRecords(tx, [id], { isDemo })
  } else {
    if (input.version === undefined) throw invalid('version', 'is required to update a customer')
    const [locked] = await tx.db.select({ version: customers.version }).from(customers).where(eq(customers.id, id)).for('update')
    if (!locked) throw notFound('customer')
    if (locked.version !== input.version) throw changedMeanwhile()
    if (before && isSame(data, termsOf(before))) return before
    await tx.db
      .update(customers)
      .set({ ...values, version: locked.version + 1 })
      .where(eq(customers.id, id))
    await tx.db.delete(customerServices).where(eq(customerServices.customerId, id))
  }
  if (serviceIds.length > 0) await tx.db.insert(customerServices).values(serviceIds.map(serviceId => ({ customerId: id, serviceId })))
  const entry = { actor: caller.actor, subject: { kind: 'customer', id } } as const
  if (before) await record(tx, { ...entry, type: 'customer.changed', data: { ...data, before: termsOf(before) } })
  else await record(tx, { ...entry, type: 'customer.added', data })
  const [customer] = await listCustomers(tx, [id])
  if (!customer) throw notFound('customer')
  return customer
}
