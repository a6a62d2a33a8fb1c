ALTER TABLE "obligations" DROP CONSTRAINT "obligations_state_known";--> statement-breakpoint
DROP INDEX "obligations_once";--> statement-breakpoint
ALTER TABLE "obligations" ALTER COLUMN "customer_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "obligations" ALTER COLUMN "hours" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "obligations" ADD COLUMN "kind" text NOT NULL DEFAULT 'initial';--> statement-breakpoint
ALTER TABLE "obligations" ALTER COLUMN "kind" DROP DEFAULT;--> statement-breakpoint
ALTER TABLE "obligations" ADD COLUMN "promised_by_id" uuid;--> statement-breakpoint
ALTER TABLE "obligations" ADD COLUMN "next_check_at" timestamptz(3);--> statement-breakpoint
ALTER TABLE "obligations" ADD COLUMN "paged_at" timestamptz(3);--> statement-breakpoint
CREATE UNIQUE INDEX "obligations_promised_once" ON "obligations" USING btree ("incident_id","customer_id") WHERE kind = 'update' and state in ('due', 'deferred');--> statement-breakpoint
CREATE UNIQUE INDEX "obligations_promised_by" ON "obligations" USING btree ("promised_by_id") WHERE promised_by_id is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "obligations_scope_once" ON "obligations" USING btree ("incident_id") WHERE kind = 'scope';--> statement-breakpoint
CREATE INDEX "obligations_check" ON "obligations" USING btree ("incident_id","next_check_at") WHERE next_check_at is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "obligations_once" ON "obligations" USING btree ("incident_id","customer_id") WHERE kind = 'initial';--> statement-breakpoint
ALTER TABLE "obligations" ADD CONSTRAINT "obligations_kind_known" CHECK ("obligations"."kind" in ('initial', 'update', 'scope'));--> statement-breakpoint
ALTER TABLE "obligations" ADD CONSTRAINT "obligations_state_known" CHECK ("obligations"."state" in ('pending', 'due', 'deferred', 'waived', 'notified', 'ended'));--> statement-breakpoint
-- Each open obligation is looked at when its next warning, its deadline or its review is; what is past is left to the next of them.
UPDATE obligations SET next_check_at = (
  SELECT min(at) FROM (VALUES
    (started_at + (due_at - started_at) * 48 / 72), (started_at + (due_at - started_at) * 66 / 72), (started_at + (due_at - started_at) * 71 / 72),
    (due_at + interval '1 millisecond'), (now() + interval '4 hours')) AS checks (at)
  WHERE at > now())
WHERE state = 'due';--> statement-breakpoint
UPDATE obligations SET next_check_at = least(
  (decision_review_on + time '09:00') AT TIME ZONE 'UTC',
  CASE WHEN missed_due_at IS DISTINCT FROM due_at THEN due_at + interval '1 millisecond' END)
WHERE state = 'deferred';--> statement-breakpoint
UPDATE obligations SET next_check_at = (decision_review_on + time '09:00') AT TIME ZONE 'UTC'
WHERE state = 'waived' AND (decision_review_on + time '09:00') AT TIME ZONE 'UTC' > now();--> statement-breakpoint
DELETE FROM jobs WHERE kind IN ('notices.warn', 'notices.deadline', 'notices.review-decision', 'notices.next-communication');--> statement-breakpoint
INSERT INTO jobs (id, kind, lane, priority, destination, key, run_at, scheduled_at, data, attempts)
SELECT gen_random_uuid(), 'notices.clock', 'clocks', 0, '', 'notices:' || incident_id, min(next_check_at), now(), jsonb_build_object('incidentId', incident_id), 0
FROM obligations WHERE next_check_at IS NOT NULL GROUP BY incident_id;
