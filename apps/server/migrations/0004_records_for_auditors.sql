CREATE TABLE "review_requirements" (
	"incident_id" uuid PRIMARY KEY NOT NULL,
	"rule" text NOT NULL,
	CONSTRAINT "review_requirements_rule_known" CHECK ("review_requirements"."rule" in ('customer-reportable', 'privacy-breach', 'affected-data', 'affected-customers'))
);
--> statement-breakpoint
ALTER TABLE "alerts" ADD COLUMN "rule" jsonb;--> statement-breakpoint
ALTER TABLE "obligations" ADD COLUMN "missed_due_at" timestamptz(3);--> statement-breakpoint
ALTER TABLE "review_requirements" ADD CONSTRAINT "review_requirements_incident_id_incidents_id_fk" FOREIGN KEY ("incident_id") REFERENCES "public"."incidents"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
-- Deadlines that run already get the job that puts them on record when they are missed, and so do those that have passed.
INSERT INTO "jobs" ("id", "kind", "lane", "priority", "destination", "key", "data", "run_at", "scheduled_at")
SELECT gen_random_uuid(), 'notices.deadline', 'clocks', 1, '', 'deadline:' || "incident_id" || ':' || "hours",
  jsonb_build_object('incidentId', "incident_id"), max("due_at") + interval '1 millisecond', now()
FROM "obligations" WHERE "state" IN ('due', 'deferred') AND "due_at" IS NOT NULL
GROUP BY "incident_id", "hours";
