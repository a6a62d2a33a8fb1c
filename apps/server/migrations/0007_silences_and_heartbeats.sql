CREATE TABLE "heartbeats" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"service_id" uuid,
	"severity" text NOT NULL,
	"every_minutes" integer NOT NULL,
	"token_digest" text NOT NULL,
	"state" text NOT NULL,
	"last_beat_at" timestamptz(3),
	"created_at" timestamptz(3) NOT NULL
);
--> statement-breakpoint
CREATE TABLE "silences" (
	"id" uuid PRIMARY KEY NOT NULL,
	"matchers" jsonb NOT NULL,
	"reason" text NOT NULL,
	"hours" jsonb,
	"start" timestamptz(3) NOT NULL,
	"end" timestamptz(3) NOT NULL,
	"author_id" uuid NOT NULL,
	"created_at" timestamptz(3) NOT NULL
);
--> statement-breakpoint
ALTER TABLE "alerts" ADD COLUMN "silenced_by_id" uuid;--> statement-breakpoint
ALTER TABLE "heartbeats" ADD CONSTRAINT "heartbeats_service_id_services_id_fk" FOREIGN KEY ("service_id") REFERENCES "public"."services"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "silences" ADD CONSTRAINT "silences_author_id_people_id_fk" FOREIGN KEY ("author_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "heartbeats_token" ON "heartbeats" USING btree ("token_digest");--> statement-breakpoint
CREATE INDEX "silences_end" ON "silences" USING btree ("end");--> statement-breakpoint
ALTER TABLE "alerts" ADD CONSTRAINT "alerts_silenced_by_id_silences_id_fk" FOREIGN KEY ("silenced_by_id") REFERENCES "public"."silences"("id") ON DELETE no action ON UPDATE no action;