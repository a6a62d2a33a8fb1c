CREATE TABLE "incident_proposals" (
	"id" uuid PRIMARY KEY NOT NULL,
	"incident_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"change" jsonb NOT NULL,
	"reason" text NOT NULL,
	"state" text NOT NULL,
	"proposed_by_id" uuid NOT NULL,
	"proposed_at" timestamptz(3) NOT NULL,
	"decided_by_id" uuid,
	"decided_at" timestamptz(3),
	CONSTRAINT "incident_proposals_kind_known" CHECK ("incident_proposals"."kind" in ('stand-down', 'lower-class', 'lower-severity', 'close')),
	CONSTRAINT "incident_proposals_state_known" CHECK ("incident_proposals"."state" in ('open', 'approved', 'rejected', 'withdrawn', 'void'))
);
--> statement-breakpoint
ALTER TABLE "review_requirements" DROP CONSTRAINT "review_requirements_rule_known";--> statement-breakpoint
DROP INDEX "reviews_incident";--> statement-breakpoint
ALTER TABLE "incidents" ADD COLUMN "stood_down_at" timestamptz(3);--> statement-breakpoint
ALTER TABLE "incidents" ADD COLUMN "round" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "reviews" ADD COLUMN "round" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "incident_proposals" ADD CONSTRAINT "incident_proposals_incident_id_incidents_id_fk" FOREIGN KEY ("incident_id") REFERENCES "public"."incidents"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "incident_proposals" ADD CONSTRAINT "incident_proposals_proposed_by_id_people_id_fk" FOREIGN KEY ("proposed_by_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "incident_proposals" ADD CONSTRAINT "incident_proposals_decided_by_id_people_id_fk" FOREIGN KEY ("decided_by_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "incident_proposals_incident" ON "incident_proposals" USING btree ("incident_id","proposed_at");--> statement-breakpoint
CREATE UNIQUE INDEX "incident_proposals_open_once" ON "incident_proposals" USING btree ("incident_id","kind") WHERE state = 'open';--> statement-breakpoint
CREATE UNIQUE INDEX "reviews_round" ON "reviews" USING btree ("incident_id","round");--> statement-breakpoint
CREATE UNIQUE INDEX "reviews_draft" ON "reviews" USING btree ("incident_id") WHERE state = 'draft';--> statement-breakpoint
ALTER TABLE "review_requirements" ADD CONSTRAINT "review_requirements_rule_known" CHECK ("review_requirements"."rule" in ('customer-reportable', 'privacy-breach', 'affected-data', 'affected-customers', 'notified-in-error'));