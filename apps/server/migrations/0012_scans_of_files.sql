ALTER TABLE "files" ADD COLUMN "scan" text;--> statement-breakpoint
ALTER TABLE "files" ADD COLUMN "scanned_at" timestamptz(3);--> statement-breakpoint
ALTER TABLE "files" ADD CONSTRAINT "files_scan_known" CHECK ("files"."scan" in ('clean', 'infected', 'removed'));