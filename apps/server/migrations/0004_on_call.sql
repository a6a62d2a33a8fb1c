CREATE TABLE "apprenticeships" (
	"team_id" uuid NOT NULL,
	"person_id" uuid NOT NULL,
	"started_at" timestamptz(3) NOT NULL,
	"finished_at" timestamptz(3),
	"finished_by_id" uuid,
	CONSTRAINT "apprenticeships_team_id_person_id_pk" PRIMARY KEY("team_id","person_id")
);
--> statement-breakpoint
CREATE TABLE "calendar_feeds" (
	"id" uuid PRIMARY KEY NOT NULL,
	"token_digest" text NOT NULL,
	"person_id" uuid NOT NULL,
	"schedule_id" uuid,
	"created_at" timestamptz(3) NOT NULL
);
--> statement-breakpoint
CREATE TABLE "handoff_notes" (
	"id" uuid PRIMARY KEY NOT NULL,
	"team_id" uuid NOT NULL,
	"text" text NOT NULL,
	"written_by_id" uuid NOT NULL,
	"written_at" timestamptz(3) NOT NULL
);
--> statement-breakpoint
CREATE TABLE "notification_rules" (
	"person_id" uuid NOT NULL,
	"urgency" text NOT NULL,
	"steps" jsonb NOT NULL,
	CONSTRAINT "notification_rules_person_id_urgency_pk" PRIMARY KEY("person_id","urgency")
);
--> statement-breakpoint
CREATE TABLE "schedule_overrides" (
	"id" uuid PRIMARY KEY NOT NULL,
	"schedule_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"turn" integer DEFAULT 0 NOT NULL,
	"participant_ids" jsonb NOT NULL,
	"name" text,
	"layers" jsonb,
	"merge" text,
	"start" timestamptz(3) NOT NULL,
	"end" timestamptz(3) NOT NULL,
	"reason" text NOT NULL,
	"created_by_id" uuid,
	"created_at" timestamptz(3) NOT NULL
);
--> statement-breakpoint
CREATE TABLE "page_bundles" (
	"id" uuid PRIMARY KEY NOT NULL,
	"person_id" uuid NOT NULL,
	"due_at" timestamptz(3) NOT NULL,
	"sent_at" timestamptz(3)
);
--> statement-breakpoint
CREATE TABLE "policies" (
	"id" uuid PRIMARY KEY NOT NULL,
	"team_id" uuid NOT NULL,
	"name" text NOT NULL,
	"steps" jsonb NOT NULL,
	"repeats" integer NOT NULL,
	"business_hours" jsonb,
	"version" integer DEFAULT 1 NOT NULL
);
--> statement-breakpoint
CREATE TABLE "schedules" (
	"id" uuid PRIMARY KEY NOT NULL,
	"team_id" uuid NOT NULL,
	"name" text NOT NULL,
	"time_zone" text NOT NULL,
	"merge" text NOT NULL,
	"layers" jsonb NOT NULL,
	"needs_apprenticeship" boolean DEFAULT false NOT NULL,
	"version" integer DEFAULT 1 NOT NULL
);
--> statement-breakpoint
CREATE TABLE "shift_records" (
	"id" uuid PRIMARY KEY NOT NULL,
	"team_id" uuid NOT NULL,
	"schedule_id" uuid NOT NULL,
	"schedule_name" text NOT NULL,
	"turn" integer NOT NULL,
	"participant_ids" jsonb NOT NULL,
	"shadow_ids" jsonb NOT NULL,
	"start" timestamptz(3) NOT NULL,
	"end" timestamptz(3),
	"entry_id" uuid NOT NULL
);
--> statement-breakpoint
CREATE TABLE "team_channels" (
	"id" uuid PRIMARY KEY NOT NULL,
	"team_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"name" text NOT NULL,
	"address" text NOT NULL,
	"secret" text
);
--> statement-breakpoint
CREATE TABLE "teams_on_call" (
	"team_id" uuid PRIMARY KEY NOT NULL,
	"settings" jsonb NOT NULL,
	"version" integer DEFAULT 1 NOT NULL
);
--> statement-breakpoint
CREATE TABLE "time_off" (
	"id" uuid PRIMARY KEY NOT NULL,
	"person_id" uuid NOT NULL,
	"start" timestamptz(3) NOT NULL,
	"end" timestamptz(3) NOT NULL,
	"reason" text NOT NULL
);
--> statement-breakpoint
ALTER TABLE "page_notifications" DROP CONSTRAINT "page_notifications_person_id_people_id_fk";
--> statement-breakpoint
ALTER TABLE "page_notifications" ALTER COLUMN "person_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "page_notifications" ALTER COLUMN "message_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "contact_methods" ADD COLUMN "label" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "contact_methods" ADD COLUMN "verified_at" timestamptz(3);--> statement-breakpoint
ALTER TABLE "contact_methods" ADD COLUMN "code_digest" text;--> statement-breakpoint
ALTER TABLE "contact_methods" ADD COLUMN "code_expires_at" timestamptz(3);--> statement-breakpoint
ALTER TABLE "contact_methods" ADD COLUMN "code_attempts" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "page_notifications" ADD COLUMN "method_id" uuid;--> statement-breakpoint
ALTER TABLE "page_notifications" ADD COLUMN "bundle_id" uuid;--> statement-breakpoint
ALTER TABLE "pages" ADD COLUMN "urgency" text DEFAULT 'high' NOT NULL;--> statement-breakpoint
ALTER TABLE "pages" ADD COLUMN "service_id" uuid;--> statement-breakpoint
ALTER TABLE "pages" ADD COLUMN "needed" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "pages" ADD COLUMN "acknowledgements" jsonb DEFAULT '[]'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "pages" ADD COLUMN "snoozed_until" timestamptz(3);--> statement-breakpoint
ALTER TABLE "pages" ADD COLUMN "progress_at" timestamptz(3);--> statement-breakpoint
ALTER TABLE "apprenticeships" ADD CONSTRAINT "apprenticeships_team_id_teams_id_fk" FOREIGN KEY ("team_id") REFERENCES "public"."teams"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "apprenticeships" ADD CONSTRAINT "apprenticeships_person_id_people_id_fk" FOREIGN KEY ("person_id") REFERENCES "public"."people"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "apprenticeships" ADD CONSTRAINT "apprenticeships_finished_by_id_people_id_fk" FOREIGN KEY ("finished_by_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "calendar_feeds" ADD CONSTRAINT "calendar_feeds_person_id_people_id_fk" FOREIGN KEY ("person_id") REFERENCES "public"."people"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "calendar_feeds" ADD CONSTRAINT "calendar_feeds_schedule_id_schedules_id_fk" FOREIGN KEY ("schedule_id") REFERENCES "public"."schedules"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "handoff_notes" ADD CONSTRAINT "handoff_notes_team_id_teams_id_fk" FOREIGN KEY ("team_id") REFERENCES "public"."teams"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "handoff_notes" ADD CONSTRAINT "handoff_notes_written_by_id_people_id_fk" FOREIGN KEY ("written_by_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "notification_rules" ADD CONSTRAINT "notification_rules_person_id_people_id_fk" FOREIGN KEY ("person_id") REFERENCES "public"."people"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "schedule_overrides" ADD CONSTRAINT "schedule_overrides_schedule_id_schedules_id_fk" FOREIGN KEY ("schedule_id") REFERENCES "public"."schedules"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "schedule_overrides" ADD CONSTRAINT "schedule_overrides_created_by_id_people_id_fk" FOREIGN KEY ("created_by_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "page_bundles" ADD CONSTRAINT "page_bundles_person_id_people_id_fk" FOREIGN KEY ("person_id") REFERENCES "public"."people"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "policies" ADD CONSTRAINT "policies_team_id_teams_id_fk" FOREIGN KEY ("team_id") REFERENCES "public"."teams"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "schedules" ADD CONSTRAINT "schedules_team_id_teams_id_fk" FOREIGN KEY ("team_id") REFERENCES "public"."teams"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "shift_records" ADD CONSTRAINT "shift_records_team_id_teams_id_fk" FOREIGN KEY ("team_id") REFERENCES "public"."teams"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "team_channels" ADD CONSTRAINT "team_channels_team_id_teams_id_fk" FOREIGN KEY ("team_id") REFERENCES "public"."teams"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "teams_on_call" ADD CONSTRAINT "teams_on_call_team_id_teams_id_fk" FOREIGN KEY ("team_id") REFERENCES "public"."teams"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "time_off" ADD CONSTRAINT "time_off_person_id_people_id_fk" FOREIGN KEY ("person_id") REFERENCES "public"."people"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "calendar_feeds_token" ON "calendar_feeds" USING btree ("token_digest");--> statement-breakpoint
CREATE INDEX "handoff_notes_team" ON "handoff_notes" USING btree ("team_id","written_at");--> statement-breakpoint
CREATE INDEX "schedule_overrides_schedule" ON "schedule_overrides" USING btree ("schedule_id","end");--> statement-breakpoint
CREATE UNIQUE INDEX "page_bundles_open" ON "page_bundles" USING btree ("person_id") WHERE "page_bundles"."sent_at" is null;--> statement-breakpoint
CREATE INDEX "policies_team" ON "policies" USING btree ("team_id");--> statement-breakpoint
CREATE INDEX "schedules_team" ON "schedules" USING btree ("team_id");--> statement-breakpoint
CREATE INDEX "shift_records_team" ON "shift_records" USING btree ("team_id","start");--> statement-breakpoint
CREATE UNIQUE INDEX "shift_records_open" ON "shift_records" USING btree ("schedule_id","turn") WHERE "shift_records"."end" is null;--> statement-breakpoint
CREATE INDEX "team_channels_team" ON "team_channels" USING btree ("team_id");--> statement-breakpoint
CREATE INDEX "time_off_end" ON "time_off" USING btree ("end");--> statement-breakpoint
ALTER TABLE "page_notifications" ADD CONSTRAINT "page_notifications_bundle_id_page_bundles_id_fk" FOREIGN KEY ("bundle_id") REFERENCES "public"."page_bundles"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "page_notifications" ADD CONSTRAINT "page_notifications_person_id_people_id_fk" FOREIGN KEY ("person_id") REFERENCES "public"."people"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "page_notifications_person" ON "page_notifications" USING btree ("person_id","at");--> statement-breakpoint
CREATE INDEX "page_notifications_bundle" ON "page_notifications" USING btree ("bundle_id");--> statement-breakpoint
CREATE INDEX "pages_open" ON "pages" USING btree ("next_step_at") WHERE "pages"."state" = 'triggered';