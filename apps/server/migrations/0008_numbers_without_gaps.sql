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
