ALTER TABLE "api_keys" ADD COLUMN "role" text;--> statement-breakpoint
ALTER TABLE "api_keys" ADD COLUMN "sees_restricted" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "api_keys" ADD COLUMN "networks" jsonb DEFAULT '[]'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "api_keys" ADD COLUMN "expires_at" timestamptz(3);--> statement-breakpoint
ALTER TABLE "api_keys" ADD COLUMN "last_used_from" text;--> statement-breakpoint
-- Keys that are there keep the role that they had, that of who created them, for a year from now. One whose creator was deactivated opened nothing: it is revoked.
UPDATE "api_keys" SET "role" = "people"."role", "expires_at" = now() + interval '365 days',
  "revoked_at" = coalesce("api_keys"."revoked_at", CASE WHEN NOT "people"."is_active" THEN now() END)
FROM "people" WHERE "people"."id" = "api_keys"."created_by";--> statement-breakpoint
ALTER TABLE "api_keys" ALTER COLUMN "role" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "api_keys" ALTER COLUMN "expires_at" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_role_known" CHECK ("api_keys"."role" in ('observer', 'responder', 'lead', 'administrator'));
--> statement-breakpoint
CREATE TABLE "numbers" (
	"kind" text PRIMARY KEY NOT NULL,
	"last" bigint NOT NULL
);
--> statement-breakpoint
INSERT INTO "numbers" ("kind", "last") SELECT 'incidents', coalesce(max("number"), 0) FROM "incidents";--> statement-breakpoint
CREATE FUNCTION "next_number"("of_kind" text) RETURNS bigint LANGUAGE sql VOLATILE AS $$
  UPDATE "numbers" SET "last" = "last" + 1 WHERE "kind" = "of_kind" RETURNING "last"
$$;--> statement-breakpoint
ALTER TABLE "incidents" ALTER COLUMN "number" SET DATA TYPE bigint;--> statement-breakpoint
ALTER TABLE "incidents" ALTER COLUMN "number" SET DEFAULT next_number('incidents');--> statement-breakpoint
DROP SEQUENCE "incidents_number_seq";
