ALTER TABLE "messages" DROP CONSTRAINT "messages_state_known";--> statement-breakpoint
ALTER TABLE "obligations" ADD COLUMN "met_by_id" uuid;--> statement-breakpoint
ALTER TABLE "obligations" ADD COLUMN "joined_to_id" uuid;--> statement-breakpoint
ALTER TABLE "messages" ADD COLUMN "report" text;--> statement-breakpoint
ALTER TABLE "messages" ADD COLUMN "reported_at" timestamptz(3);--> statement-breakpoint
CREATE INDEX "obligations_met_by" ON "obligations" USING btree ("met_by_id") WHERE met_by_id is not null;--> statement-breakpoint
CREATE INDEX "obligations_joined_to" ON "obligations" USING btree ("joined_to_id") WHERE joined_to_id is not null;--> statement-breakpoint
ALTER TABLE "messages" ADD CONSTRAINT "messages_state_known" CHECK ("messages"."state" in ('queued', 'held', 'sent', 'delayed', 'delivered', 'bounced', 'failed', 'cancelled'));