CREATE TABLE "alert_acts" (
	"id" uuid PRIMARY KEY NOT NULL,
	"act" text NOT NULL,
	"person_id" uuid NOT NULL,
	"at" timestamptz(3) NOT NULL,
	"changes" jsonb NOT NULL,
	"undone_at" timestamptz(3),
	CONSTRAINT "alert_acts_act_known" CHECK ("alert_acts"."act" in ('acknowledge', 'dismiss', 'reopen', 'assign', 'unassign', 'correct', 'escalate'))
);
--> statement-breakpoint
ALTER TABLE "alerts" ADD COLUMN "storm_page_id" uuid;--> statement-breakpoint
ALTER TABLE "alert_acts" ADD CONSTRAINT "alert_acts_person_id_people_id_fk" FOREIGN KEY ("person_id") REFERENCES "public"."people"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "alert_acts_at" ON "alert_acts" USING btree ("at");--> statement-breakpoint
ALTER TABLE "alerts" ADD CONSTRAINT "alerts_storm_page_id_pages_id_fk" FOREIGN KEY ("storm_page_id") REFERENCES "public"."pages"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "alerts_storm" ON "alerts" USING btree ("storm_page_id") WHERE "alerts"."storm_page_id" is not null;