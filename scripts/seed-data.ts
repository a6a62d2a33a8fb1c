import pg from 'pg'

/** Rows of one statement: each is a transaction of its own. */
const batch = 25_000
const [seedServices, seedPeople] = [50, 20]

interface Seed {
  readonly alerts: number
  readonly incidents: number
  /** Also where the database has alerts or incidents. */
  readonly isForced: boolean
  readonly say: (sentence: string) => void
}

/**
 * Fills a database with made-up alerts and incidents, by SQL, so that lists and searches can be tried with much data. Nothing of it is in the audit log: a database that
 * is used for work is no place for it.
 * @param ownerUrl of the owner of the tables, who may also collect their statistics
 * @throws Error with one sentence where the database is not set up or has data
 */
export async function seed(ownerUrl: string, { alerts, incidents, isForced, say }: Seed): Promise<void> {
  const client = new pg.Client({ connectionString: ownerUrl })
  await client.connect()
  const value = async (text: string, values: readonly unknown[] = []) => Number((await client.query(text, [...values])).rows[0]?.n ?? 0)
  try {
    if ((await value(`select count(*) as n from pg_tables where tablename = 'saved_views'`)) === 0)
      throw new Error('The database is not set up for this version of Tocsin. Start Tocsin once, stop it, then seed.')
    if (
      !isForced &&
      (await value(`select (exists (select 1 from alerts where not is_demo) or exists (select 1 from incidents where not is_demo))::int as n`)) === 1
    )
      throw new Error('The database has alerts or incidents. Seed an empty one, or add --force.')
    await client.query(`
      set statement_timeout = 0;
      insert into people (id, name, email, role, created_at)
        select gen_random_uuid(), 'Seed person ' || n, 'seed.' || n || '@seed.example', 'responder', now() from generate_series(1, ${seedPeople}) as n on conflict do nothing;
      insert into teams (id, name, kind) values (gen_random_uuid(), 'Seed security', 'security'), (gen_random_uuid(), 'Seed engineering', 'engineering') on conflict do nothing;
      insert into services (id, name, description, security_team_id, engineering_team_id, page_from)
        select gen_random_uuid(), 'seed-service-' || n, '', s.id, e.id, 'critical'
        from generate_series(1, ${seedServices}) as n, teams s, teams e where s.name = 'Seed security' and e.name = 'Seed engineering' on conflict do nothing;
      create temp table seed_services as select row_number() over (order by name) - 1 as n, id from services where name like 'seed-service-%';
      create temp table seed_people as select row_number() over (order by name) - 1 as n, id from people where email like '%@seed.example';
      insert into numbers (kind, last) values ('incidents', 0) on conflict do nothing`)
    const first = await value(`update numbers set last = last + ${incidents} where kind = 'incidents' returning last - ${incidents} + 1 as n`)
    for (let from = 0; from < incidents; from += batch) {
      await client.query(incidentRows, [from, Math.min(from + batch, incidents) - 1, first, incidents])
      say(`${Math.min(from + batch, incidents).toLocaleString('en-US')} incidents`)
    }
    for (let from = 0; from < alerts; from += batch) {
      await client.query(alertRows, [from, Math.min(from + batch, alerts) - 1, alerts, first, incidents])
      say(`${Math.min(from + batch, alerts).toLocaleString('en-US')} alerts`)
    }
    for (const table of ['alerts', 'incidents', 'people', 'services', 'teams']) await client.query(`vacuum analyze ${table}`)
  } finally {
    await client.end()
  }
}

const words = (list: string) => `(array['${list.split('|').join("', '")}'])`
const titles = words(
  'Brute force on VPN|Suspicious PowerShell|Odd sign-in from new country|S3 bucket made public|MFA push denied by user|Malware quarantined|Beaconing to rare domain|Privilege escalation attempt|Impossible travel|Disabled audit logging|New administrator account|Data exfiltration over DNS|Ransom note written|Web shell in upload folder|Token used from two networks',
)

/** $1 to $2: which of $3 alerts; the newest half per cent, at least 500, wait for triage, and of each twenty one belongs to an incident. */
const alertRows = `
  with made as (
    select n, ('x' || substr(md5('a' || n), 1, 7))::bit(28)::int as r, ('x' || substr(md5('b' || n), 1, 7))::bit(28)::int as q,
      n >= $3::int - greatest(500, $3::int / 200) as is_new, $5::int > 0 and n % 20 = 7 as is_escalated
    from generate_series($1::int, $2::int) as n)
  insert into alerts (id, kind, title, severity, status, service_id, dedup_scope, dedup_key, is_open, source, labels, links, description, observables, rule, count,
    first_seen_at, last_seen_at, assignee_id, disposition_outcome, disposition_value, disposition_responsibility, disposition_reason, disposition_by_id, disposition_at, incident_id, incident_number)
  select gen_random_uuid(), case when r % 50 = 0 then 'report' else 'alert' end, ${titles}[1 + r % 15] || ' on host-' || q % 20000,
    ${words('info|low|low|low|medium|medium|medium|high|high|critical')}[1 + q % 10],
    case when is_escalated then 'escalated' when not is_new then 'dismissed' when r % 4 = 0 then 'acknowledged' else 'open' end,
    (select id from seed_services s where s.n = r % ${seedServices}), 'seed', 'seed-' || n, is_new and not is_escalated,
    ${words('detection|detection|okta|alertmanager|crowdstrike|guardduty')}[1 + q % 6],
    jsonb_build_object('env', ${words('prod|staging|dev')}[1 + r % 3], 'region', 'r' || q % 12), '[]',
    'Seen on host-' || q % 20000 || ' by user-' || r % 50000 || ' from 10.' || r % 250 || '.' || q % 250 || '.' || n % 250 || '. Session ' || md5('c' || n) || ' was used.',
    jsonb_build_array(jsonb_build_object('kind', 'host', 'value', 'host-' || q % 20000), jsonb_build_object('kind', 'user-account', 'value', 'user-' || r % 50000),
      jsonb_build_object('kind', 'ipv4-addr', 'value', '10.' || r % 250 || '.' || q % 250 || '.' || n % 250)),
    case when q % 6 < 2 then jsonb_build_object('id', 'rule-' || r % 200, 'version', 1, 'sha256', '') end, 1 + (r % 7) * (r % 3),
    now() - ($3::int - n) * interval '30 seconds', now() - ($3::int - n) * interval '29 seconds',
    case when r % 3 = 0 then (select id from seed_people p where p.n = q % ${seedPeople}) end,
    case when is_escalated then 'escalated' when not is_new then 'dismissed' end,
    case when not is_escalated and not is_new then ${words('false-positive|benign-true-positive|not-security')}[1 + r % 3] end,
    case when is_escalated or not is_new then 'us' end, case when is_escalated or not is_new then 'Seeded.' end,
    case when is_escalated or not is_new then (select id from seed_people p where p.n = r % ${seedPeople}) end,
    case when is_escalated or not is_new then now() - ($3::int - n) * interval '28 seconds' end,
    i.id, i.number
  from made left join incidents i on is_escalated and i.number = $4::int + r % greatest($5::int, 1)`

/** $1 to $2: which of $4 incidents; numbers begin at $3. One in a hundred is open, and one in fifty restricted. */
const incidentRows = `
  insert into incidents (id, number, title, summary, status, class, severity, responsibility, lead_id, data_touched, opened_at, declared_at, closed_at, is_restricted)
  select gen_random_uuid(), $3::int + n, ${titles}[1 + n % 15] || ' at site-' || n % 5000, 'Case ' || md5('i' || n) || '.',
    case when n >= $4::int - greatest(20, $4::int / 100) then ${words('suspected|declared|contained')}[1 + n % 3] else 'closed' end,
    ${words('security-incident|security-incident|customer-reportable')}[1 + n % 3], ${words('SEV1|SEV2|SEV3|SEV4')}[1 + n % 4], 'us',
    (select id from seed_people p where p.n = made.n % ${seedPeople}), '{"customerData":"no","personalData":"no","description":""}',
    now() - ($4::int - n) * interval '5 minutes', case when n % 3 > 0 then now() - ($4::int - n) * interval '4 minutes' end,
    case when n < $4::int - greatest(20, $4::int / 100) then now() - ($4::int - n) * interval '3 minutes' end, n % 50 = 0
  from generate_series($1::int, $2::int) as made (n)`
