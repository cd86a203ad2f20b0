-- name: notices_shown
-- An admin was shown some sub-processors; those shown before keep the first moment.
INSERT INTO sub_processor_notices (workspace_id, recipient, listed_on, user_id)
SELECT :workspace_id, shown.recipient, shown.listed_on, :user_id
FROM unnest(:recipients::text[], :listed::date[]) AS shown (recipient, listed_on)
ON CONFLICT (workspace_id, recipient, listed_on, user_id) DO NOTHING;

-- name: announcement_note
-- The workspace is being told of a new sub-processor; nothing where it was.
INSERT INTO sub_processor_announcements (workspace_id, recipient, listed_on)
VALUES (:workspace_id, :recipient, :listed_on)
ON CONFLICT (workspace_id, recipient, listed_on) DO NOTHING;

-- name: notices_told
-- Who was shown what, the latest first.
SELECT recipient, listed_on, user_id, shown_at
FROM sub_processor_notices
WHERE workspace_id = :workspace_id
ORDER BY shown_at DESC, recipient, user_id
LIMIT :most;
