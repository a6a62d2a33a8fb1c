ALTER TABLE "page_notifications" ADD COLUMN "instead_of" uuid;--> statement-breakpoint
CREATE INDEX "page_notifications_message" ON "page_notifications" USING btree ("message_id");