CREATE TABLE "review_requirements" (
	"incident_id" uuid PRIMARY KEY NOT NULL,
	"rule" text NOT NULL,
	CONSTRAINT "review_requirements_rule_known" CHECK ("review_requirements"."rule" in ('customer-reportable', 'privacy-breach', 'affected-data', 'affected-customers'))
);
--> statement-breakpoint
DROP INDEX "team_channels_team";--> statement-breakpoint
DROP INDEX "policies_team";--> statement-breakpoint
DROP INDEX "schedules_team";--> statement-breakpoint
ALTER TABLE "alerts" ADD COLUMN "rule" jsonb;--> statement-breakpoint
ALTER TABLE "teams" ADD COLUMN "version" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "obligations" ADD COLUMN "missed_due_at" timestamptz(3);--> statement-breakpoint
ALTER TABLE "pages" ADD COLUMN "progress" jsonb;--> statement-breakpoint
ALTER TABLE "review_requirements" ADD CONSTRAINT "review_requirements_incident_id_incidents_id_fk" FOREIGN KEY ("incident_id") REFERENCES "public"."incidents"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "team_channels_name" ON "team_channels" USING btree ("team_id","name");--> statement-breakpoint
CREATE UNIQUE INDEX "policies_name" ON "policies" USING btree ("team_id","name");--> statement-breakpoint
CREATE UNIQUE INDEX "schedules_name" ON "schedules" USING btree ("team_id","name");