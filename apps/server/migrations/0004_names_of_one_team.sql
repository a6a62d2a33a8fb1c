-- Names are unique within a team from the next migration on. Where two were saved at the same moment, the later ones get the end of their ID as a suffix.
UPDATE "schedules" SET "name" = left("name", 70) || ' (' || right("id"::text, 6) || ')'
WHERE EXISTS (SELECT FROM "schedules" "earlier" WHERE "earlier"."team_id" = "schedules"."team_id" AND "earlier"."name" = "schedules"."name" AND "earlier"."id" < "schedules"."id");--> statement-breakpoint
UPDATE "policies" SET "name" = left("name", 70) || ' (' || right("id"::text, 6) || ')'
WHERE EXISTS (SELECT FROM "policies" "earlier" WHERE "earlier"."team_id" = "policies"."team_id" AND "earlier"."name" = "policies"."name" AND "earlier"."id" < "policies"."id");--> statement-breakpoint
UPDATE "team_channels" SET "name" = left("name", 70) || ' (' || right("id"::text, 6) || ')'
WHERE EXISTS (SELECT FROM "team_channels" "earlier" WHERE "earlier"."team_id" = "team_channels"."team_id" AND "earlier"."name" = "team_channels"."name" AND "earlier"."id" < "team_channels"."id");
