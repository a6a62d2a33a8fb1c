CREATE TABLE "correlation_states" (
	"correlation_id" text PRIMARY KEY NOT NULL,
	"state" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "dead_letters" (
	"id" uuid PRIMARY KEY NOT NULL,
	"source_id" uuid NOT NULL,
	"received_at" timestamptz(3) NOT NULL,
	"reason" text NOT NULL,
	"text" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "detection_days" (
	"rule_id" uuid NOT NULL,
	"day" date NOT NULL,
	"matches" bigint NOT NULL,
	CONSTRAINT "detection_days_rule_id_day_pk" PRIMARY KEY("rule_id","day")
);
--> statement-breakpoint
CREATE TABLE "detection_matches" (
	"id" uuid PRIMARY KEY NOT NULL,
	"alert_id" uuid NOT NULL,
	"rule_id" uuid,
	"source_id" uuid NOT NULL,
	"at" timestamptz(3) NOT NULL,
	"fields" jsonb NOT NULL,
	"event" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "detection_rule_versions" (
	"rule_id" uuid NOT NULL,
	"version" integer NOT NULL,
	"text" text NOT NULL,
	"changed_at" timestamptz(3) NOT NULL,
	"changed_by" text NOT NULL,
	CONSTRAINT "detection_rule_versions_rule_id_version_pk" PRIMARY KEY("rule_id","version")
);
--> statement-breakpoint
CREATE TABLE "detection_rules" (
	"id" uuid PRIMARY KEY NOT NULL,
	"rule_id" text NOT NULL,
	"kind" text NOT NULL,
	"title" text NOT NULL,
	"level" text,
	"origin" text NOT NULL,
	"tags" jsonb NOT NULL,
	"logsource" jsonb NOT NULL,
	"description" text NOT NULL,
	"text" text NOT NULL,
	"is_enabled" boolean NOT NULL,
	"version" integer DEFAULT 1 NOT NULL,
	"changed_at" timestamptz(3) NOT NULL,
	"changed_by" text NOT NULL,
	"matches" bigint DEFAULT 0 NOT NULL,
	"last_match_at" timestamptz(3),
	"expires_at" timestamptz(3)
);
--> statement-breakpoint
CREATE TABLE "event_batches" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"source_id" uuid NOT NULL,
	"received_at" timestamptz(3) NOT NULL,
	"logsource" jsonb,
	"size_bytes" integer NOT NULL,
	"body" "bytea" NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE TABLE "log_sources" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"key_digest" text NOT NULL,
	"logsource" jsonb NOT NULL,
	"senders" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"gap_minutes" integer,
	"is_silent" boolean DEFAULT false NOT NULL,
	"created_at" timestamptz(3) NOT NULL,
	"last_seen_at" timestamptz(3),
	"events" bigint DEFAULT 0 NOT NULL,
	"revoked_at" timestamptz(3)
);
--> statement-breakpoint
ALTER TABLE "dead_letters" ADD CONSTRAINT "dead_letters_source_id_log_sources_id_fk" FOREIGN KEY ("source_id") REFERENCES "public"."log_sources"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "detection_days" ADD CONSTRAINT "detection_days_rule_id_detection_rules_id_fk" FOREIGN KEY ("rule_id") REFERENCES "public"."detection_rules"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "detection_matches" ADD CONSTRAINT "detection_matches_alert_id_alerts_id_fk" FOREIGN KEY ("alert_id") REFERENCES "public"."alerts"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "detection_matches" ADD CONSTRAINT "detection_matches_rule_id_detection_rules_id_fk" FOREIGN KEY ("rule_id") REFERENCES "public"."detection_rules"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "detection_matches" ADD CONSTRAINT "detection_matches_source_id_log_sources_id_fk" FOREIGN KEY ("source_id") REFERENCES "public"."log_sources"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "detection_rule_versions" ADD CONSTRAINT "detection_rule_versions_rule_id_detection_rules_id_fk" FOREIGN KEY ("rule_id") REFERENCES "public"."detection_rules"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "event_batches" ADD CONSTRAINT "event_batches_source_id_log_sources_id_fk" FOREIGN KEY ("source_id") REFERENCES "public"."log_sources"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "dead_letters_received" ON "dead_letters" USING btree ("received_at");--> statement-breakpoint
CREATE INDEX "detection_matches_alert" ON "detection_matches" USING btree ("alert_id","id");--> statement-breakpoint
CREATE UNIQUE INDEX "detection_rules_rule_id" ON "detection_rules" USING btree ("rule_id");--> statement-breakpoint
CREATE INDEX "detection_rules_title" ON "detection_rules" USING btree ("title","id");--> statement-breakpoint
CREATE UNIQUE INDEX "log_sources_key" ON "log_sources" USING btree ("key_digest");