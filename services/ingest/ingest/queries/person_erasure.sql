-- What ingest has of people whose data is erased, by their ids. All that begins with `person_erase_` is run by messaging.erasure.people, with
-- what every service has, in this order; a test holds the statements and `person:` in migrations/erasure.yaml together.

-- name: person_own_keys
-- The API keys that some people made.
SELECT id
FROM api_keys
WHERE workspace_id = :workspace_id AND created_by = ANY(:user_ids::text[])
ORDER BY id;

-- name: person_strangers
-- Which of these people are no member, as far as Clerk has told.
SELECT u.user_id
FROM unnest(:user_ids::text[]) AS u (user_id)
WHERE NOT EXISTS (SELECT FROM members m WHERE m.workspace_id = :workspace_id AND m.user_id = u.user_id AND NOT m.removed)
ORDER BY u.user_id;

-- name: person_invited
-- Invitations to addresses of people who have left.
SELECT v.id
FROM invitations v
WHERE v.workspace_id = :workspace_id AND EXISTS (
    SELECT FROM members m
    WHERE m.workspace_id = :workspace_id AND m.user_id = ANY(:user_ids::text[]) AND m.removed AND lower(m.email) = lower(v.email))
ORDER BY v.id;

-- name: person_erase_api_keys
-- Keys that people who have left had made; those that could still be used were taken back before.
DELETE FROM api_keys
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(
    SELECT x.ctid FROM api_keys x
    WHERE x.workspace_id = :workspace_id AND x.created_by = ANY(:user_ids::text[]) AND x.revoked_at IS NOT NULL
    LIMIT :most));

-- name: person_erase_intents
-- What they were about to ask of Clerk, and what others were for them.
DELETE FROM intents
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(
    SELECT x.ctid FROM intents x
    WHERE x.workspace_id = :workspace_id AND (x.actor_id = ANY(:user_ids::text[]) OR x.target = ANY(:user_ids::text[]) OR EXISTS (
        SELECT FROM members m
        WHERE m.workspace_id = :workspace_id AND m.user_id = ANY(:user_ids::text[]) AND m.removed AND lower(m.email) = lower(x.target)))
    LIMIT :most));

-- name: person_erase_invitations
-- Invitations to their addresses. What Clerk has said of one until now is not noted again.
DELETE FROM invitations
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(
    SELECT x.ctid FROM invitations x
    WHERE x.workspace_id = :workspace_id AND EXISTS (
        SELECT FROM members m
        WHERE m.workspace_id = :workspace_id AND m.user_id = ANY(:user_ids::text[]) AND m.removed AND lower(m.email) = lower(x.email))
    LIMIT :most));

-- name: person_erase_members
-- Who has left. What Clerk has said of them until now is not noted again. Whoever is a member stays: Clerk tells of their leaving.
DELETE FROM members
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(
    SELECT x.ctid FROM members x
    WHERE x.workspace_id = :workspace_id AND x.user_id = ANY(:user_ids::text[]) AND x.removed
    LIMIT :most));
