-- name: report_is_shown
-- A row where there is such a report that is not older than what the plan shows (the row policy sees to that).
SELECT id FROM reports WHERE workspace_id = :workspace_id AND id = :id;

-- name: lock_exports
-- One export at a time a workspace, so that they can be numbered. Released at the end of the transaction.
SELECT pg_advisory_xact_lock(hashtextextended('analysis.exports.' || :workspace_id::text, 0));

-- name: insert_export
-- A report leaves in some format; its number among the exports of that report. `version` is 0 where no file is kept.
INSERT INTO report_exports (workspace_id, report_id, number, format, exported_by, version, request_id)
SELECT :workspace_id, :report_id, coalesce(max(number), 0) + 1, :format, :exported_by, :version::integer, :request_id::uuid
FROM report_exports
WHERE workspace_id = :workspace_id AND report_id = :report_id
RETURNING number;

-- name: export_of_request
-- The number of the export that somebody's request has led to within so many seconds, if it has.
SELECT min(number)
FROM report_exports
WHERE workspace_id = :workspace_id AND report_id = :report_id AND request_id = :request_id AND format = :format
  AND exported_by = :exported_by AND version = :version AND created_at > now() - make_interval(secs => :seconds::float8);

-- name: ask_export_file
-- Have a file made, once, of a report that the plan still shows. One that could not be made is tried again.
INSERT INTO export_files (workspace_id, report_id, format, version, report_created_at)
SELECT :workspace_id, id, :format, :version::integer, created_at FROM reports WHERE workspace_id = :workspace_id AND id = :report_id
ON CONFLICT (workspace_id, report_id, format, version) DO UPDATE SET done_at = NULL, attempts = 0, lease_until = now(), asked_at = now()
WHERE export_files.object_name IS NULL AND (export_files.done_at IS NOT NULL OR export_files.attempts >= :most);

-- name: export_by_number
-- An export as the person sees who asked for it, while the plan still shows its report: the file's row policy sees to that.
SELECT e.number, e.format, e.created_at AS asked_at, f.report_created_at, f.done_at, f.attempts, f.object_name, f.sha256, f.size_bytes,
       now() AS read_at
FROM report_exports e
JOIN export_files f ON f.workspace_id = :workspace_id AND f.report_id = e.report_id AND f.format = e.format AND f.version = e.version
WHERE e.workspace_id = :workspace_id AND e.report_id = :report_id AND e.number = :number AND e.exported_by = :person;

-- name: exports_of_person
-- A person's latest exports of a report.
SELECT e.number, e.format, e.created_at AS asked_at, f.report_created_at, f.done_at, f.attempts, f.object_name, f.sha256, f.size_bytes,
       now() AS read_at
FROM report_exports e
JOIN export_files f ON f.workspace_id = :workspace_id AND f.report_id = e.report_id AND f.format = e.format AND f.version = e.version
WHERE e.workspace_id = :workspace_id AND e.report_id = :report_id AND e.exported_by = :person
ORDER BY e.number DESC
LIMIT :limit;

-- name: renew_export
-- Keeps a claim; 0 rows when somebody else has it by now.
UPDATE export_files SET lease_until = now() + make_interval(secs => :seconds::double precision)
WHERE workspace_id = :workspace_id AND report_id = :report_id AND format = :format AND version = :version
  AND fence = :fence AND done_at IS NULL;

-- name: finish_export
-- The file is there, or, without a name, cannot be made; 0 rows when the claim is not the latest.
UPDATE export_files SET done_at = now(), object_name = :object_name, sha256 = :sha256, size_bytes = :size_bytes
WHERE workspace_id = :workspace_id AND report_id = :report_id AND format = :format AND version = :version
  AND fence = :fence AND done_at IS NULL;

-- name: put_back_export
-- Gives a claim up for a while.
UPDATE export_files SET lease_until = now() + make_interval(secs => :seconds::double precision)
WHERE workspace_id = :workspace_id AND report_id = :report_id AND format = :format AND version = :version
  AND fence = :fence AND done_at IS NULL;
