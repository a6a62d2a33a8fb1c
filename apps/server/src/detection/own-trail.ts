import type { EventType } from '@tocsin/events'
import { isExceptionFrom } from '@tocsin/sigma'
import { and, eq, gt, inArray, isNotNull, isNull, or, sql } from 'drizzle-orm'
import { type AppContext, everybody, people } from '../access/index.ts'
import { type Entry, entriesThat, entryColumns, record, system } from '../journal/index.ts'
import { addMinutes } from '../kernel/clock.ts'
import type { Tx } from '../kernel/database.ts'
import { conflict } from '../kernel/problems.ts'
import { randomSecret, secretDigest } from '../kernel/secrets.ts'
import type { EventIntake } from './intake.ts'
import { parseTasks, type RuleHead } from './parse-tasks.ts'
import type { Parsers } from './parsers.ts'
import { starterRules } from './rules.ts'
import { readPlaceholders } from './settings.ts'
import { sourceSettings } from './source-settings.ts'
import { detectionRules, logSources } from './tables.ts'

/** The log source that carries what happens in Tocsin itself; it is the same in every installation. */
export const ownSourceId = '01900000-0000-7000-8000-7a6f637369d0'
const logsource = { product: 'tocsin', service: 'audit' }
const name = 'Tocsin audit trail'
const subject = { kind: 'log-source', id: ownSourceId } as const

/** What an alert, its pages and the work on it cause must never be matched, or an alert would cause the next one. */
type CausedByAlerts = Extract<
  EventType,
  `${'alert' | 'page' | 'drill' | 'heartbeat' | 'silence' | 'incident' | 'task' | 'note' | 'obligation' | 'notice' | 'decision' | 'review' | 'follow-up' | 'detection-rule' | 'detection-rules' | 'detection-settings' | 'log-source' | 'source' | 'dead-letter' | 'indicator' | 'indicator-list' | 'journal-entry'}.${string}`
>
/** That somebody opened or took away an incident is the act of a person. */
type Fed = Exclude<EventType, CausedByAlerts> | 'incident.read' | 'incident.exported'

/** The entries that are matched: what somebody does to accounts, access, the audit log and Tocsin itself. */
const fed = [
  ...['sign-in.refused', 'sign-in.locked', 'one-time-code.refused', 'one-time-code.locked', 'session.started'],
  ...['access.refused', 'records.read', 'incident.read', 'incident.exported', 'report-file.read', 'journal.exported', 'list.exported'],
  ...['person.invited', 'person.joined', 'person.entered', 'person.changed', 'account-recovery.started'],
  ...['password.changed', 'password.reset', 'password-reset.requested', 'second-factor.enrolled', 'second-factor.removed', 'recovery-code.used'],
  ...['api-key.created', 'api-key.used', 'api-key.revoked', 'integration.added', 'integration.revoked'],
  ...['journal.foreign-entry', 'journal.restore-accepted', 'journal.witness-failed', 'journal.stream-failed', 'journal.key-replaced', 'record.altered'],
  ...['setting.changed', 'organization.applied', 'system.started', 'system.stopped', 'system.upgraded'],
] as const satisfies readonly Fed[]

/** Entries that are older when they are read are no news: as at the first start of this version on a long audit log. */
const maxAgeMinutes = 60

/** Feeds the rules with what happens in Tocsin itself, and looks after its own rules. */
export class OwnTrail {
  readonly #context: AppContext
  readonly #parsers: Parsers
  readonly #isOn: boolean

  constructor(context: AppContext, intake: EventIntake, parsers: Parsers) {
    this.#context = context
    this.#parsers = parsers
    this.#isOn = context.config.of(sourceSettings).TOCSIN_OWN_RULES
    if (!this.#isOn) return
    context.readers.follow(
      'own trail',
      async (tx, entries) => {
        const lines = await this.#eventsOf(tx, entries)
        if (lines.length === 0) return
        // At the first start, entries are read before the source was added.
        await this.#addSource(tx)
        await intake.acceptWithin(tx, ownSourceId, Buffer.from(lines.map(line => `${JSON.stringify(line)}\n`).join('')))
      },
      { types: new Set(fed) },
    )
    const changes: readonly EventType[] = [
      'detection-rule.added',
      'detection-rule.changed',
      'detection-rule.enabled',
      'detection-rule.disabled',
      'detection-rules.imported',
    ]
    // Once for all that is new, so that a long history costs little.
    context.readers.follow('own rules', tx => this.#lookAfterRules(tx), { types: new Set(changes) })
  }

  /** Adds the source where it is not there, or was revoked while the setting was off. */
  async #addSource(tx: Tx): Promise<void> {
    const given = { id: ownSourceId, name, logsource, keyDigest: secretDigest(randomSecret(24)), createdAt: tx.now }
    const added = await tx.db
      .insert(logSources)
      .values(given)
      .onConflictDoUpdate({ target: logSources.id, set: { revokedAt: null }, setWhere: isNotNull(logSources.revokedAt) })
      .returning({ id: logSources.id })
    if (added.length > 0)
      await record(tx, { actor: system, type: 'log-source.added', subject, data: { name, logsource, senders: [], files: [], gapMinutes: null } })
  }

  /** The source is there while the setting is on. That it was switched off is on record, and pages the administrators. */
  async start(tx: Tx): Promise<void> {
    const [row] = await tx.db.select().from(logSources).where(eq(logSources.id, ownSourceId)).for('update')
    if (this.#isOn) await this.#addSource(tx)
    if (!this.#isOn && row?.revokedAt === null) {
      await tx.db.update(logSources).set({ revokedAt: tx.now }).where(eq(logSources.id, ownSourceId))
      await record(tx, { actor: system, type: 'log-source.revoked', subject, data: { name } })
      await this.#context.alarms.raise(tx, {
        key: 'own-rules-off',
        title: 'Tocsin no longer watches itself',
        summary:
          'TOCSIN_OWN_RULES was switched off before this start: attacks on Tocsin itself, such as guessed passwords, raise no alerts. If nobody of you did this, somebody can change the configuration of the server.',
      })
    }
  }

  /** Pages the administrators when one of the rules about Tocsin itself does not match all that it was shipped for; resolves that when it does. */
  async #lookAfterRules(tx: Tx): Promise<void> {
    const own = ownRules()
    const { isEnabled, expiresAt, kind, origin, ruleId, text, version } = detectionRules
    const isOwn = inArray(
      ruleId,
      own.map(({ id }) => id),
    )
    const rows = new Map((await tx.db.select({ ruleId, isEnabled, origin, version }).from(detectionRules).where(isOwn)).map(row => [row.ruleId, row]))
    const filters = await tx.db
      .select({ name: ruleId, id: ruleId, text })
      .from(detectionRules)
      .where(and(eq(kind, 'filter'), eq(isEnabled, true), or(isNull(expiresAt), gt(expiresAt, tx.now))))
    // As the matching reads them: a filter may mean every rule of a log source, or one by its name.
    const { documents } = await this.#parsers.rules(filters, await readPlaceholders(tx))
    for (const rule of own) {
      const row = rows.get(rule.id)
      const hasException = rule.kind === 'rule' && documents.some(filter => filter.kind === 'filter' && isExceptionFrom(filter, rule))
      const what =
        row?.origin !== 'starter'
          ? 'was replaced, or has another ID'
          : !row.isEnabled
            ? 'was disabled'
            : row.version > 1
              ? 'was changed'
              : hasException
                ? 'has an exception'
                : undefined
      const key = `own-rule:${rule.id}`
      if (what === undefined) await this.#context.alarms.resolve(tx, key)
      else
        await this.#context.alarms.raise(tx, {
          key,
          title: `The rule "${rule.title}" ${what}`,
          summary: `This rule raises alerts about attacks on Tocsin itself. The audit log has who did it. If that was not agreed, undo it under Detection, Rules.`,
        })
    }
  }

  /** Entries as events. Of one that not everybody may see it is only said what kind of thing who did. */
  async #eventsOf(tx: Tx, entries: readonly Entry[]): Promise<Record<string, unknown>[]> {
    const { visibility } = this.#context
    const fresh = entries.filter(({ at, isDemo }) => at > addMinutes(tx.now, -maxAgeMinutes) && !isDemo)
    if (fresh.length === 0) return []
    const open = await entriesThat(
      tx,
      fresh.map(({ id }) => id),
      visibility.ofEntry(everybody, entryColumns),
    )
    const ids = fresh.flatMap(({ subject }) => (subject.kind === 'person' || subject.kind === 'caller' ? subject.id : []))
    const named = await tx.db
      .select({ id: people.id, name: people.name })
      .from(people)
      .where(and(sql`${people.id}::text = any(${sql.param(ids)}::text[])`, isNotNull(people.name)))
    const names = new Map(named.map(person => [person.id, person.name]))
    return fresh.map(entry => {
      const { actor, subject } = entry
      const user = names.get(subject.id) ?? (actor.kind === 'system' ? undefined : actor.name)
      const event = { timestamp: entry.at, id: entry.id, type: entry.type, user, actor, subject: { kind: subject.kind } }
      if (!open.has(entry.id) || entry.fault !== null) return event
      const { address, ip, addresses = [], area, reason, count = 1 } = { ...nothing, ...entry.data }
      // What is counted by account may come from many addresses: none of them is that of all.
      const counted = addresses.length === 1 || !names.has(subject.id) ? addresses[0] : undefined
      const from = entry.calledFrom?.address ?? address ?? ip ?? counted
      return {
        ...event,
        subject,
        ...(from === undefined ? {} : { source: { ip: from } }),
        device: entry.calledFrom?.device,
        area,
        reason,
        count,
        data: entry.data,
      }
    })
  }
}

const nothing: { address?: string; ip?: string; addresses?: readonly string[]; area?: string; reason?: string; count?: number } = {}

let shipped: readonly RuleHead[] | undefined
/** The rules about Tocsin itself, as they are shipped. */
function ownRules(): readonly RuleHead[] {
  shipped ??= parseTasks.rules({ files: starterRules().filter(({ name: file }) => file.startsWith('tocsin_')), placeholders: {} }).documents
  return shipped
}

/** @throws AppProblem conflict for the source that is built in */
export function assertRevocable(id: string): void {
  if (id === ownSourceId)
    throw conflict(`${name} is built in. It is switched off by the setting TOCSIN_OWN_RULES, which is recorded and pages the administrators.`)
}
