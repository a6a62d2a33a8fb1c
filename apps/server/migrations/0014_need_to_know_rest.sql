ALTER TABLE "ignored_indicators" ADD COLUMN "alert_id" uuid;--> statement-breakpoint
ALTER TABLE "messages" ADD COLUMN "named_ids" uuid[] DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE "messages" ADD COLUMN "is_neutral" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "messages" ADD COLUMN "code" text;--> statement-breakpoint
ALTER TABLE "pages" ADD COLUMN "is_neutral" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "ignored_indicators" ADD CONSTRAINT "ignored_indicators_alert_id_alerts_id_fk" FOREIGN KEY ("alert_id") REFERENCES "public"."alerts"("id") ON DELETE set null ON UPDATE no action;