-- name: stream
-- The workspace's stream, with the log's size; no row where there is none.
SELECT s.url, s.state, s.next_index, coalesce(h.size, 0) AS size, s.version, s.attempts, s.failing_since, s.due_at, s.waiting, s.delivered_at,
    s.last_at, s.last_status, s.last_reason, s.last_milliseconds
FROM streams s
LEFT JOIN log_heads h ON h.workspace_id = :workspace_id
WHERE s.workspace_id = :workspace_id;

-- name: stream_lock
-- The workspace's stream stays as it is until the transaction ends.
SELECT version FROM streams WHERE workspace_id = :workspace_id FOR UPDATE;

-- name: stream_add
-- A stream from a position on; no row touched where there is one.
INSERT INTO streams (workspace_id, url, next_index, due_at)
VALUES (:workspace_id, :url, :next_index, :now)
ON CONFLICT (workspace_id) DO NOTHING;

-- name: stream_move
-- Another address: what is on its way to the one before counts for nothing any more.
UPDATE streams
SET url = :url, version = version + 1, fence = fence + 1, leased_until = :now, due_at = :now, attempts = 0, failing_since = NULL,
    state = CASE WHEN state = 'failing' THEN 'active' ELSE state END
WHERE workspace_id = :workspace_id AND version = :version;

-- name: stream_pause
-- Nothing more is sent; what is on its way counts.
UPDATE streams SET state = 'paused', version = version + 1
WHERE workspace_id = :workspace_id AND version = :version;

-- name: stream_resume
-- It goes on where it stopped.
UPDATE streams SET state = 'active', version = version + 1, attempts = 0, failing_since = NULL, due_at = :now
WHERE workspace_id = :workspace_id AND version = :version;

-- name: stream_remove
-- There is no stream any more.
DELETE FROM streams WHERE workspace_id = :workspace_id AND version = :version;

-- name: stream_claimed
-- What whoever has claimed the stream is to deliver; no row once somebody else has it, or it is not to be sent any more.
SELECT url, next_index, batch_end, attempts, failing_since
FROM streams
WHERE workspace_id = :workspace_id AND fence = :fence AND state = 'active'
FOR UPDATE;

-- name: stream_batch
-- Decides where the batch ends, before it is sent for the first time.
UPDATE streams SET batch_end = :batch_end, waiting = false
WHERE workspace_id = :workspace_id AND fence = :fence;

-- name: stream_delivered
-- The batch was taken: the position moves behind it. No row touched where the claim is lost, or it has moved already.
UPDATE streams
SET next_index = :batch_end, batch_end = NULL, attempts = 0, failing_since = NULL, due_at = :now, leased_until = :now, delivered_at = :now,
    last_at = :now, last_status = :status, last_reason = :reason, last_milliseconds = :milliseconds,
    state = CASE WHEN state = 'failing' THEN 'active' ELSE state END
WHERE workspace_id = :workspace_id AND fence = :fence AND next_index = :next_index AND batch_end = :batch_end;

-- name: stream_failed
-- The batch was not taken: it is sent again later, or not before an admin says so.
UPDATE streams
SET attempts = attempts + 1, failing_since = coalesce(failing_since, :now), due_at = :due_at, leased_until = :now,
    last_at = :now, last_status = :status, last_reason = :reason, last_milliseconds = :milliseconds,
    state = CASE WHEN state = 'active' AND :over::boolean THEN 'failing' ELSE state END,
    version = CASE WHEN state = 'active' AND :over::boolean THEN version + 1 ELSE version END
WHERE workspace_id = :workspace_id AND fence = :fence
RETURNING state, version;

-- name: stream_put_off
-- Nothing was sent, and nothing is wrong with the destination: there is nothing to sign with.
UPDATE streams SET waiting = true, due_at = :due_at, leased_until = :now
WHERE workspace_id = :workspace_id AND fence = :fence;

-- name: stream_wake
-- There is something to sign with: what waited for it is due.
UPDATE streams SET waiting = false, due_at = :now
WHERE workspace_id = :workspace_id AND waiting;

-- name: stream_test
-- Takes the turn of a test event; no row touched where there was one a moment ago.
UPDATE streams SET tested_at = :now
WHERE workspace_id = :workspace_id AND tested_at <= :now::timestamptz - make_interval(secs => :seconds::float8);

-- name: stream_grant
-- What the vault has granted and was asked for; no row before it was asked.
SELECT asked_id, asked_at, denied, grant_id, sealed, sealing_key_id, expires_at
FROM stream_grants
WHERE workspace_id = :workspace_id;

-- name: stream_grant_ask
-- The vault is asked, unless it was since :asked_before and has not answered. What it gave before is kept meanwhile.
INSERT INTO stream_grants (workspace_id, asked_id, asked_at)
VALUES (:workspace_id, :id, :now)
ON CONFLICT (workspace_id) DO UPDATE
SET asked_id = excluded.asked_id, asked_at = excluded.asked_at
WHERE stream_grants.workspace_id = :workspace_id
  AND (stream_grants.asked_at IS NULL OR stream_grants.asked_at <= :asked_before::timestamptz);

-- name: stream_grant_granted
-- The vault has given it. No row touched where another one was asked for since.
UPDATE stream_grants
SET asked_id = NULL, asked_at = NULL, denied = '', grant_id = :id, sealed = :sealed, sealing_key_id = :sealing_key_id, expires_at = :expires_at
WHERE workspace_id = :workspace_id AND asked_id = :id;

-- name: stream_grant_denied
-- The vault gives nothing, and what it gave is not used any more.
UPDATE stream_grants
SET asked_id = NULL, asked_at = NULL, denied = :reason, grant_id = NULL, sealed = NULL, sealing_key_id = NULL, expires_at = NULL
WHERE workspace_id = :workspace_id AND asked_id = :id;

-- name: stream_grant_forget
-- Nothing is signed any more.
DELETE FROM stream_grants WHERE workspace_id = :workspace_id;
