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
ALTER TABLE "alert_acts" ADD CONSTRAINT "alert_acts_person_id_people_id_fk" FOREIGN KEY ("person_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "alert_acts_at" ON "alert_acts" USING btree ("at");