ALTER TABLE "people" ADD COLUMN "wrong_codes" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "people" ADD COLUMN "codes_locked_until" timestamptz(3);--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "mac" text DEFAULT '' NOT NULL;