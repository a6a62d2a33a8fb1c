ALTER TABLE "reports" ADD COLUMN "origin" text;--> statement-breakpoint
ALTER TABLE "reports" ADD COLUMN "file_bytes" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "reports" ADD COLUMN "paging" text;--> statement-breakpoint
CREATE INDEX "reports_received" ON "reports" USING btree ("received_at");--> statement-breakpoint
ALTER TABLE "reports" ADD CONSTRAINT "reports_paging_known" CHECK ("reports"."paging" in ('own', 'bundle', 'none'));