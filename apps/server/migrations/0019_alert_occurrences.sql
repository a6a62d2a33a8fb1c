CREATE TABLE "alert_occurrences" (
	"alert_id" uuid NOT NULL,
	"number" integer NOT NULL,
	"at" timestamptz(3) NOT NULL,
	"severity" text NOT NULL,
	"title" text NOT NULL,
	"description" text NOT NULL,
	"observables" jsonb NOT NULL,
	"links" jsonb NOT NULL,
	"labels" jsonb NOT NULL,
	CONSTRAINT "alert_occurrences_alert_id_number_pk" PRIMARY KEY("alert_id","number"),
	CONSTRAINT "alert_occurrences_severity_known" CHECK ("alert_occurrences"."severity" in ('info', 'low', 'medium', 'high', 'critical'))
);
--> statement-breakpoint
ALTER TABLE "alerts" DROP CONSTRAINT "alerts_disposition_value_known";--> statement-breakpoint
DROP INDEX "alerts_open_key";--> statement-breakpoint
ALTER TABLE "alerts" ADD COLUMN "duplicate_of_id" uuid;--> statement-breakpoint
ALTER TABLE "alert_occurrences" ADD CONSTRAINT "alert_occurrences_alert_id_alerts_id_fk" FOREIGN KEY ("alert_id") REFERENCES "public"."alerts"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "alerts" ADD CONSTRAINT "alerts_duplicate_of_id_alerts_id_fk" FOREIGN KEY ("duplicate_of_id") REFERENCES "public"."alerts"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "alerts_duplicates" ON "alerts" USING btree ("duplicate_of_id") WHERE "alerts"."duplicate_of_id" is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "alerts_open_key" ON "alerts" USING btree ("dedup_scope","dedup_key",coalesce("service_id", '00000000-0000-0000-0000-000000000000')) WHERE "alerts"."is_open";--> statement-breakpoint
ALTER TABLE "alerts" ADD CONSTRAINT "alerts_disposition_value_known" CHECK ("alerts"."disposition_value" in ('true-positive', 'false-positive', 'benign-true-positive', 'not-security', 'duplicate'));