CREATE INDEX "pages_drills" ON "pages" USING btree ("team_id","created_at") WHERE "pages"."subject_kind" = 'drill';--> statement-breakpoint
UPDATE "teams_on_call" SET "settings" = '{"holidays":[]}'::jsonb || "settings";
