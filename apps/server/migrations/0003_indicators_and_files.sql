CREATE TABLE "followed_files" (
	"source_id" uuid NOT NULL,
	"path" text NOT NULL,
	"identity" text NOT NULL,
	"position" bigint NOT NULL,
	"head" text NOT NULL,
	"read_at" timestamptz(3) NOT NULL,
	CONSTRAINT "followed_files_source_id_identity_pk" PRIMARY KEY("source_id","identity")
);
--> statement-breakpoint
CREATE TABLE "ignored_indicators" (
	"key" text PRIMARY KEY NOT NULL,
	"reason" text NOT NULL,
	"ignored_at" timestamptz(3) NOT NULL,
	"ignored_by" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "indicator_lists" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"level" text NOT NULL,
	"is_enabled" boolean DEFAULT true NOT NULL,
	"url" text,
	"username" text,
	"secret_sealed" text,
	"pull_minutes" integer,
	"added_after" text,
	"generation" integer DEFAULT 0 NOT NULL,
	"last_generation" integer DEFAULT 0 NOT NULL,
	"size" bigint DEFAULT 0 NOT NULL,
	"refused" bigint DEFAULT 0 NOT NULL,
	"refused_examples" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"sightings" bigint DEFAULT 0 NOT NULL,
	"last_sighting_at" timestamptz(3),
	"updated_at" timestamptz(3),
	"problem" text,
	"created_at" timestamptz(3) NOT NULL
);
--> statement-breakpoint
CREATE TABLE "indicators" (
	"list_id" uuid NOT NULL,
	"key" text NOT NULL,
	"kind" text NOT NULL,
	"description" text NOT NULL,
	"valid_until" timestamptz(3),
	"object_id" text,
	"generation" integer NOT NULL,
	CONSTRAINT "indicators_list_id_key_generation_pk" PRIMARY KEY("list_id","key","generation")
);
--> statement-breakpoint
ALTER TABLE "log_sources" ADD COLUMN "files" jsonb DEFAULT '[]'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "followed_files" ADD CONSTRAINT "followed_files_source_id_log_sources_id_fk" FOREIGN KEY ("source_id") REFERENCES "public"."log_sources"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "indicators" ADD CONSTRAINT "indicators_list_id_indicator_lists_id_fk" FOREIGN KEY ("list_id") REFERENCES "public"."indicator_lists"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "indicators_object" ON "indicators" USING btree ("list_id","object_id") WHERE "indicators"."object_id" is not null;--> statement-breakpoint
CREATE INDEX "indicators_end" ON "indicators" USING btree ("valid_until") WHERE "indicators"."valid_until" is not null;