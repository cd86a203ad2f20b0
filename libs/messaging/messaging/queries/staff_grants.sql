-- name: known_staff_grant_save
-- Notes what audit says of a grant, in whatever order and however often it comes: an end is for good, and terms never change.
INSERT INTO known_staff_grants AS known (workspace_id, grant_id, staff, granted_at, expires_at, ended)
VALUES (:workspace_id, :grant_id, :staff, :granted_at, :expires_at, :ended)
ON CONFLICT (workspace_id, grant_id) DO UPDATE
SET staff = coalesce(known.staff, excluded.staff), granted_at = coalesce(known.granted_at, excluded.granted_at),
    expires_at = coalesce(known.expires_at, excluded.expires_at), ended = known.ended OR excluded.ended;

-- name: known_staff_grant_read
-- Whom a grant lets in, and whether it is over by now; no row for one that was not told of.
SELECT staff, ended OR coalesce(expires_at <= clock_timestamp(), true) AS over
FROM known_staff_grants
WHERE workspace_id = :workspace_id AND grant_id = :grant_id;

-- name: staff_grant_in_force
-- Whether the grant that was entered is in force at this moment: the staff role's policy shows no other. A row, or none.
SELECT grant_id
FROM known_staff_grants
WHERE workspace_id = :workspace_id AND grant_id = :grant_id;
