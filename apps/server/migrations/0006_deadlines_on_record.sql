-- Deadlines that run already get the job that puts them on record when they are missed, and so do those that have passed.
INSERT INTO "jobs" ("id", "kind", "lane", "priority", "destination", "key", "data", "run_at", "scheduled_at")
SELECT gen_random_uuid(), 'notices.deadline', 'clocks', 1, '', 'deadline:' || "incident_id" || ':' || "hours",
  jsonb_build_object('incidentId', "incident_id"), max("due_at") + interval '1 millisecond', now()
FROM "obligations" WHERE "state" IN ('due', 'deferred') AND "due_at" IS NOT NULL
GROUP BY "incident_id", "hours";--> statement-breakpoint
-- Incidents that were declared before require their review since then: what is recorded from now on is not of them.
INSERT INTO "review_requirements" ("incident_id", "rule")
SELECT "id", CASE
  WHEN "class" IN ('customer-reportable', 'privacy-breach') THEN "class"
  WHEN "data_touched" ->> 'customerData' = 'yes' OR "data_touched" ->> 'personalData' = 'yes' THEN 'affected-data'
  ELSE 'affected-customers' END
FROM "incidents" WHERE "declared_at" IS NOT NULL AND (
  "class" IN ('customer-reportable', 'privacy-breach') OR "data_touched" ->> 'customerData' = 'yes' OR "data_touched" ->> 'personalData' = 'yes'
  OR EXISTS (SELECT FROM "incident_customers" WHERE "incident_customers"."incident_id" = "incidents"."id"));
