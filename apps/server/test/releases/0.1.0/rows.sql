insert into settings (name, value) values ('organization', '"Bright Ledger"');
insert into people (id, name, email, role, created_at, totp_confirmed_at) values ('00000000-0000-7000-8000-000000000001', 'Ada', 'ada@tocsin.test', 'administrator', '2026-11-23T08:00:00Z', '2026-11-23T08:00:00Z');
-- The session whose token is a-token-of-0.1.0.
insert into sessions (id, person_id, token_digest, assurance, device, created_at, last_seen_at, expires_at) values ('00000000-0000-7000-8000-000000000002', '00000000-0000-7000-8000-000000000001', '2667f153323288e4805c28875bc053efa3decf96056fea92e691401bbfad31bf', 'full', 'test', '2026-11-23T08:00:00Z', '2026-11-23T08:00:00Z', '2036-11-23T08:00:00Z');
insert into teams (id, name, kind) values ('00000000-0000-7000-8000-000000000003', 'Security', 'security');
insert into team_members (team_id, person_id) values ('00000000-0000-7000-8000-000000000003', '00000000-0000-7000-8000-000000000001');
insert into services (id, name, description, security_team_id, engineering_team_id, page_from) values ('00000000-0000-7000-8000-000000000004', 'Billing', '', '00000000-0000-7000-8000-000000000003', '00000000-0000-7000-8000-000000000003', 'high');
insert into customers (id, name, region, terms, notice_hours, contacts) values ('00000000-0000-7000-8000-000000000005', 'Orchard Bank', 'EU', '', 72, '[]');
insert into incidents (id, title, status, class, responsibility, data_touched, opened_at, is_restricted) values ('00000000-0000-7000-8000-000000000006', 'Keys in a repository', 'suspected', 'suspected', 'us', '{"customerData":"unknown","personalData":"unknown","description":""}', '2026-11-23T08:00:00Z', false);
insert into jobs (id, kind, lane, priority, destination, key, data, run_at, scheduled_at) values
  ('0193b5a0-0000-7000-8000-0000000000f1', 'pull-indicators', 'pulls', 1, '', 'pull-indicators 0193b5a0-0000-7000-8000-0000000000f2', '{"id": "0193b5a0-0000-7000-8000-0000000000f2"}', '2099-01-01', '2026-11-26');
