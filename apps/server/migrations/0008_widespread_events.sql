ALTER TABLE "incidents" ADD COLUMN "covered_by_id" uuid;--> statement-breakpoint
CREATE INDEX "incidents_covered" ON "incidents" USING btree ("covered_by_id");