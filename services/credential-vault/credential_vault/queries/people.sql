-- What the vault has of one person; `person_erase_` and `person_empty_` as in messaging's people.sql.

-- name: person_erase_oauth_states
-- Consents that some people were about to give, so many at once.
DELETE FROM oauth_states
WHERE workspace_id = :workspace_id AND user_id = ANY(:user_ids::text[]) AND ctid = ANY(ARRAY(
    SELECT x.ctid FROM oauth_states x
    WHERE x.workspace_id = :workspace_id AND x.user_id = ANY(:user_ids::text[])
    LIMIT :most));

-- name: person_empty_credentials
-- Who connected an account, here and at the provider. The connection is the workspace's, and goes on.
UPDATE credentials
SET connected_by = '', provider_user = ''
WHERE workspace_id = :workspace_id AND connected_by = ANY(:user_ids::text[]) AND ctid = ANY(ARRAY(
    SELECT x.ctid FROM credentials x
    WHERE x.workspace_id = :workspace_id AND x.connected_by = ANY(:user_ids::text[])
    LIMIT :most));
