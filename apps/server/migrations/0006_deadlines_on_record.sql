-- Deadlines that run already get the job that puts them on record when they are missed, and so do those that have passed.
INSERT INTO "jobs" ("id", "kind", "lane", "priority", "destination", "key", "data", "run_at", "scheduled_at")
SELECT gen_random_uuid(), 'notices.deadline', 'clocks', 1, '', 'deadline:' || "incident_id" || ':' || "hours",
  jsonb_build_object('incidentId', "incident_id"), max("due_at") + interval '1 millisecond', now()
FROM "obligations" WHERE "state" IN ('due', 'deferred') AND "due_at" IS NOT NULL
GROUP BY "incident_id", "hours";
