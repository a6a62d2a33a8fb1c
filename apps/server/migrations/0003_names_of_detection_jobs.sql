-- Jobs are named after the module that runs them. The kind is stored with each job, and begins its key.
UPDATE "jobs" SET
  "kind" = renamed."after",
  "key" = renamed."after" || substr("jobs"."key", length(renamed."before") + 1)
FROM (VALUES
  ('end-detection-exceptions', 'detection.end-exceptions'),
  ('end-indicators', 'detection.end-indicators'),
  ('watch-log-sources', 'detection.watch-log-sources'),
  ('pull-indicators', 'detection.pull-indicators')
) AS renamed ("before", "after")
WHERE "jobs"."kind" = renamed."before" AND starts_with("jobs"."key", renamed."before");
