CREATE TABLE "calendars" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"time_zone" text NOT NULL,
	"workdays" jsonb NOT NULL,
	"holidays" jsonb NOT NULL,
	"version" integer DEFAULT 1 NOT NULL
);
--> statement-breakpoint
CREATE TABLE "incident_facts" (
	"id" uuid PRIMARY KEY NOT NULL,
	"incident_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"at" timestamptz(3) NOT NULL,
	"source" text NOT NULL,
	"basis" text NOT NULL,
	"reason" text,
	"state" text NOT NULL,
	"recorded_by_id" uuid NOT NULL,
	"recorded_at" timestamptz(3) NOT NULL,
	"decided_by_id" uuid,
	"decided_at" timestamptz(3),
	CONSTRAINT "incident_facts_kind_known" CHECK ("incident_facts"."kind" in ('occurred', 'detected', 'aware', 'discovered', 'determined', 'contained')),
	CONSTRAINT "incident_facts_state_known" CHECK ("incident_facts"."state" in ('current', 'proposed', 'superseded', 'rejected'))
);
--> statement-breakpoint
ALTER TABLE "customers" ADD COLUMN "notice_start" text DEFAULT 'declared' NOT NULL;--> statement-breakpoint
ALTER TABLE "customers" RENAME COLUMN "notice_hours" TO "notice_amount";--> statement-breakpoint
ALTER TABLE "customers" ALTER COLUMN "notice_amount" SET DEFAULT 72;--> statement-breakpoint
ALTER TABLE "customers" ADD COLUMN "notice_unit" text DEFAULT 'hours' NOT NULL;--> statement-breakpoint
ALTER TABLE "customers" ADD COLUMN "calendar_id" uuid;--> statement-breakpoint
ALTER TABLE "incident_customers" ADD COLUMN "found_at" timestamptz(3);--> statement-breakpoint
-- Who was listed before there was this column was found when the audit log first lists them; as the fold of the entries has it.
UPDATE "incident_customers" listed SET "found_at" = coalesce(
  (SELECT max(entry."at") FROM "journal" entry
    WHERE entry."subject_id" = listed."incident_id"::text AND entry."type" = 'incident.customers-set'
      AND entry."data" -> 'customers' @> jsonb_build_array(jsonb_build_object('id', listed."customer_id"))
      AND NOT coalesce(entry."data" #> '{before,customers}' @> jsonb_build_array(jsonb_build_object('id', listed."customer_id")), false)
      AND NOT coalesce(entry."data" #> '{before,customerIds}' @> jsonb_build_array(listed."customer_id"), false)),
  (SELECT "opened_at" FROM "incidents" WHERE "id" = listed."incident_id"));--> statement-breakpoint
ALTER TABLE "incident_customers" ALTER COLUMN "found_at" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "obligations" ADD COLUMN "term" jsonb;--> statement-breakpoint
ALTER TABLE "obligations" ADD COLUMN "found_at" timestamptz(3);--> statement-breakpoint
ALTER TABLE "obligations" ADD COLUMN "found_due_at" timestamptz(3);--> statement-breakpoint
ALTER TABLE "incident_facts" ADD CONSTRAINT "incident_facts_incident_id_incidents_id_fk" FOREIGN KEY ("incident_id") REFERENCES "public"."incidents"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "incident_facts" ADD CONSTRAINT "incident_facts_recorded_by_id_people_id_fk" FOREIGN KEY ("recorded_by_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "incident_facts" ADD CONSTRAINT "incident_facts_decided_by_id_people_id_fk" FOREIGN KEY ("decided_by_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "calendars_name" ON "calendars" USING btree ("name");--> statement-breakpoint
CREATE INDEX "incident_facts_incident" ON "incident_facts" USING btree ("incident_id");--> statement-breakpoint
CREATE UNIQUE INDEX "incident_facts_current" ON "incident_facts" USING btree ("incident_id","kind") WHERE state = 'current';--> statement-breakpoint
CREATE UNIQUE INDEX "incident_facts_proposed" ON "incident_facts" USING btree ("incident_id","kind") WHERE state = 'proposed';--> statement-breakpoint
ALTER TABLE "customers" ADD CONSTRAINT "customers_calendar_id_calendars_id_fk" FOREIGN KEY ("calendar_id") REFERENCES "public"."calendars"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
-- Until now all hours ran from the declaration. Before it, what the contract gives then is taken at the declaration.
UPDATE "obligations" SET "term" = jsonb_build_object('start', 'declared', 'amount', "hours", 'unit', 'hours', 'calendar', null) WHERE "hours" IS NOT NULL AND "state" <> 'pending';--> statement-breakpoint
ALTER TABLE "obligations" DROP COLUMN "hours";--> statement-breakpoint
ALTER TABLE "customers" ADD CONSTRAINT "customers_notice_start_known" CHECK ("customers"."notice_start" in ('declared', 'found', 'aware'));--> statement-breakpoint
ALTER TABLE "customers" ADD CONSTRAINT "customers_notice_unit_known" CHECK ("customers"."notice_unit" in ('hours', 'calendar-days', 'business-days'));