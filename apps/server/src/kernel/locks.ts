/**
 * Advisory locks of the database, each with a number of its own: PostgreSQL knows them by nothing else. Versions of the program that run beside each
 * other during an upgrade must agree, so that a number is never given to something else.
 */
export const locks = {
  /** One server migrates at a time. */
  migrations: 7236001,
  /** The first of two keys; the second is a worker that holds leases on jobs. */
  jobWorkers: 7236002,
  /** The first of two keys; the second tells the writers of the journal apart. */
  journalWriters: 7236003,
  /** Changes of who is an administrator, so that the last stays one. */
  administrators: 7236004,
  /** Changes of teams, services, customers, schedules, escalation policies, team channels and on-call settings, which name one another. */
  organization: 7236005,
  /** Invitations, so that a newer one ends every earlier one. */
  invitations: 7236006,
  /** Public reports while they are counted, so that many at once are no more than the limit. */
  reports: 7236007,
  /** Checkpoints of other installations, so that each is compared with the one before. */
  witnessing: 7236008,
} as const
