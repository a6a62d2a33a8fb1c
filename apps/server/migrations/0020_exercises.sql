ALTER TABLE "alerts" ADD COLUMN "is_exercise" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "integrations" ADD COLUMN "severities" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "incidents" ADD COLUMN "is_exercise" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "obligations" ADD COLUMN "is_exercise" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "messages" ADD COLUMN "is_exercise" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "pages" ADD COLUMN "is_exercise" boolean DEFAULT false NOT NULL;