-- name: members_page
-- So many members, admins first, after the one that the page before ended with; from the beginning for an empty role.
SELECT user_id, email, role, removed, source_updated_at, sequence
FROM members
WHERE workspace_id = :workspace_id AND NOT removed
  AND (:after_role::text = '' OR (role, email, user_id) > (:after_role::text, :after_email::text, :after_user_id::text))
ORDER BY role, email, user_id
LIMIT :members;

-- name: members_count
-- How many members there are.
SELECT count(*)
FROM members
WHERE workspace_id = :workspace_id AND NOT removed;

-- name: admins_staying
-- The admins that remain when what has been asked of Clerk, and not been heard of yet, has happened. An intent counts for as long as its call
-- may be under way; the workspace's row is the lock.
SELECT m.user_id
FROM members m
WHERE m.workspace_id = :workspace_id AND m.role = 'admin' AND NOT m.removed
  AND NOT EXISTS (
      SELECT FROM intents i
      WHERE i.workspace_id = :workspace_id AND i.target = m.user_id
        AND (i.kind = 'remove' OR i.kind = 'change_role' AND i.wanted = 'member')
        AND i.created_at > clock_timestamp() - make_interval(secs => :seconds::float8));

-- name: invitation_read
-- One invitation, whatever became of it. The workspace's row is the lock.
SELECT id, email, role, state, invited_at, expires_at, source_updated_at, sequence
FROM invitations
WHERE workspace_id = :workspace_id AND id = :id;

-- name: invitation_save
-- Writes one invitation as it is now.
INSERT INTO invitations (workspace_id, id, email, role, state, invited_at, expires_at, source_updated_at, sequence)
VALUES (:workspace_id, :id, :email, :role, :state, :invited_at, :expires_at, :source_updated_at, :sequence)
ON CONFLICT (workspace_id, id) DO UPDATE
SET email = excluded.email, role = excluded.role, state = excluded.state, expires_at = excluded.expires_at,
    source_updated_at = excluded.source_updated_at, sequence = excluded.sequence;

-- name: invitations_pending
-- The newest invitations that can still be accepted.
SELECT id, email, role, state, invited_at, expires_at, source_updated_at, sequence
FROM invitations
WHERE workspace_id = :workspace_id AND state = 'pending' AND (expires_at IS NULL OR expires_at > clock_timestamp())
ORDER BY invited_at DESC, id
LIMIT :invitations;

-- name: intent_insert
-- Notes what is about to be asked of Clerk, and by whom.
INSERT INTO intents (workspace_id, id, kind, target, wanted, actor_id, actor_email, source)
VALUES (:workspace_id, :id, :kind, :target, :wanted, :actor_id, :actor_email, :source);

-- name: intent_delete
-- Forgets an intent whose outcome is known.
DELETE FROM intents
WHERE workspace_id = :workspace_id AND id = :id;

-- name: intent_take
-- Takes the intent that a change at Clerk came from: one for just this, whose call may have been under way when it happened.
DELETE FROM intents
WHERE workspace_id = :workspace_id AND id = (
    SELECT i.id
    FROM intents i
    WHERE i.workspace_id = :workspace_id AND i.kind = :kind AND i.target = :target AND i.wanted = :wanted
      AND i.created_at BETWEEN :happened_at::timestamptz - make_interval(secs => :seconds::float8)
                           AND :happened_at::timestamptz + make_interval(secs => :skew::float8)
    ORDER BY i.created_at, i.id
    LIMIT 1)
RETURNING actor_id, actor_email, source;

-- name: intents_forget
-- Forgets intents that no webhook will ask for any more: Clerk gives up sending one long before.
DELETE FROM intents
WHERE workspace_id = :workspace_id AND created_at < clock_timestamp() - make_interval(days => :days::int);

-- name: settings_save
-- Writes timezone and preferences; no row touched when somebody else has saved since they were read.
UPDATE workspaces
SET timezone = :timezone, mask_personal_data = :mask_personal_data, other_provider_fallback = :other_provider_fallback,
    settings_version = settings_version + 1, sequence = :sequence
WHERE workspace_id = :workspace_id AND settings_version = :settings_version;
