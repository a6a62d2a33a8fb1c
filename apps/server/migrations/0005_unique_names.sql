DROP INDEX "team_channels_team";--> statement-breakpoint
DROP INDEX "policies_team";--> statement-breakpoint
DROP INDEX "schedules_team";--> statement-breakpoint
CREATE UNIQUE INDEX "team_channels_name" ON "team_channels" USING btree ("team_id","name");--> statement-breakpoint
CREATE UNIQUE INDEX "policies_name" ON "policies" USING btree ("team_id","name");--> statement-breakpoint
CREATE UNIQUE INDEX "schedules_name" ON "schedules" USING btree ("team_id","name");