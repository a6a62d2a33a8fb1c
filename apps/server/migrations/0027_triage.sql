-- Trigrams make searches for parts of words, and for words with typing errors, use an index. It is a trusted extension: the owner of the database may create it.
CREATE EXTENSION IF NOT EXISTS pg_trgm;--> statement-breakpoint
-- A value is cut at 500 characters, so that each fits into the index.
CREATE FUNCTION "alert_entities"("observables" jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  select coalesce(array_agg(distinct entity.text), '{}') from (
    select (one ->> 'kind') || '=' || left(lower(one ->> 'value'), 500) as text
    from jsonb_array_elements(case when jsonb_typeof(observables) = 'array' then observables else '[]'::jsonb end) as one
    where one ->> 'kind' in ('host', 'user-account', 'ipv4-addr', 'ipv6-addr', 'domain-name', 'url', 'file-hash', 'email-addr')
  ) as entity where entity.text is not null
$$;--> statement-breakpoint
CREATE FUNCTION "alert_search_text"("title" text, "description" text, "observables" jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  select lower(title || E'\n' || description || coalesce(E'\n' || string_agg(one ->> 'value', E'\n'), ''))
  from jsonb_array_elements(case when jsonb_typeof(observables) = 'array' then observables else '[]'::jsonb end) as one
$$;--> statement-breakpoint
CREATE TABLE "saved_views" (
	"id" uuid PRIMARY KEY NOT NULL,
	"list" text NOT NULL,
	"name" text NOT NULL,
	"view" text NOT NULL,
	"filter" text NOT NULL,
	"sort" text,
	"grouping" text,
	"columns" jsonb NOT NULL,
	"owner_id" uuid NOT NULL,
	"is_shared" boolean NOT NULL,
	"updated_at" timestamptz(3) NOT NULL,
	"version" integer DEFAULT 1 NOT NULL,
	CONSTRAINT "saved_views_list_known" CHECK ("saved_views"."list" in ('alerts', 'incidents')),
	CONSTRAINT "saved_views_view_known" CHECK ("saved_views"."view" in ('triage', 'open', 'all')),
	CONSTRAINT "saved_views_sort_known" CHECK ("saved_views"."sort" in ('severity', 'newest', 'oldest', 'lastSeen', 'count'))
);
--> statement-breakpoint
CREATE TABLE "alert_acts" (
	"id" uuid PRIMARY KEY NOT NULL,
	"act" text NOT NULL,
	"person_id" uuid NOT NULL,
	"at" timestamptz(3) NOT NULL,
	"changes" jsonb NOT NULL,
	"undone_at" timestamptz(3),
	CONSTRAINT "alert_acts_act_known" CHECK ("alert_acts"."act" in ('acknowledge', 'dismiss', 'reopen', 'assign', 'unassign', 'correct', 'escalate'))
);
--> statement-breakpoint
ALTER TABLE "services" ALTER COLUMN "engineering_team_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "alerts" ADD COLUMN "storm_page_id" uuid;--> statement-breakpoint
ALTER TABLE "alerts" ADD COLUMN "assignee_id" uuid;--> statement-breakpoint
ALTER TABLE "alerts" ADD COLUMN "entities" text[] GENERATED ALWAYS AS (alert_entities(observables)) STORED NOT NULL;--> statement-breakpoint
ALTER TABLE "alerts" ADD COLUMN "search_text" text GENERATED ALWAYS AS (alert_search_text(title, description, observables)) STORED NOT NULL;--> statement-breakpoint
ALTER TABLE "detection_rules" ADD COLUMN "service_id" uuid;--> statement-breakpoint
ALTER TABLE "log_sources" ADD COLUMN "service_id" uuid;--> statement-breakpoint
ALTER TABLE "saved_views" ADD CONSTRAINT "saved_views_owner_id_people_id_fk" FOREIGN KEY ("owner_id") REFERENCES "public"."people"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "alert_acts" ADD CONSTRAINT "alert_acts_person_id_people_id_fk" FOREIGN KEY ("person_id") REFERENCES "public"."people"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "saved_views_owner" ON "saved_views" USING btree ("owner_id");--> statement-breakpoint
CREATE INDEX "saved_views_shared" ON "saved_views" USING btree ("name") WHERE "saved_views"."is_shared";--> statement-breakpoint
CREATE INDEX "alert_acts_at" ON "alert_acts" USING btree ("at");--> statement-breakpoint
ALTER TABLE "alerts" ADD CONSTRAINT "alerts_storm_page_id_pages_id_fk" FOREIGN KEY ("storm_page_id") REFERENCES "public"."pages"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "alerts" ADD CONSTRAINT "alerts_assignee_id_people_id_fk" FOREIGN KEY ("assignee_id") REFERENCES "public"."people"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "detection_rules" ADD CONSTRAINT "detection_rules_service_id_services_id_fk" FOREIGN KEY ("service_id") REFERENCES "public"."services"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "log_sources" ADD CONSTRAINT "log_sources_service_id_services_id_fk" FOREIGN KEY ("service_id") REFERENCES "public"."services"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "alerts_assignee" ON "alerts" USING btree ("assignee_id") WHERE "alerts"."assignee_id" is not null and "alerts"."disposition_at" is null;--> statement-breakpoint
CREATE INDEX "alerts_storm" ON "alerts" USING btree ("storm_page_id") WHERE "alerts"."storm_page_id" is not null;--> statement-breakpoint
CREATE INDEX "alerts_urgency" ON "alerts" USING btree (array_position(array['critical', 'high', 'medium', 'low', 'info'], "severity"),"first_seen_at","number");--> statement-breakpoint
CREATE INDEX "alerts_queue_urgency" ON "alerts" USING btree (array_position(array['critical', 'high', 'medium', 'low', 'info'], "severity"),"first_seen_at","number") WHERE "alerts"."disposition_at" is null;--> statement-breakpoint
CREATE INDEX "alerts_last_seen" ON "alerts" USING btree ("last_seen_at","number");--> statement-breakpoint
CREATE INDEX "alerts_count" ON "alerts" USING btree ("count","number");--> statement-breakpoint
CREATE INDEX "alerts_service" ON "alerts" USING btree ("service_id","number");--> statement-breakpoint
CREATE INDEX "alerts_source" ON "alerts" USING btree (lower("source"),"number");--> statement-breakpoint
CREATE INDEX "alerts_first_seen" ON "alerts" USING brin ("first_seen_at");--> statement-breakpoint
CREATE INDEX "alerts_entities" ON "alerts" USING gin ("entities");--> statement-breakpoint
CREATE INDEX "alerts_labels" ON "alerts" USING gin ("labels" jsonb_path_ops);--> statement-breakpoint
CREATE INDEX "alerts_rule" ON "alerts" USING btree (("rule" ->> 'id'),"number") WHERE "alerts"."rule" is not null;--> statement-breakpoint
CREATE INDEX "alerts_search_text" ON "alerts" USING gin ("search_text" gin_trgm_ops);--> statement-breakpoint
CREATE INDEX "incidents_text" ON "incidents" USING gin (lower("title" || E'\n' || "summary" || E'\n' || coalesce("codename", '')) gin_trgm_ops);