-- name: journal_add
-- Records a use before it happens; no row for a grant that was recorded before.
INSERT INTO access_journal (workspace_id, grant_id, provider, credential_version, requester, purpose, subject_id)
VALUES (:workspace_id, :grant_id, :provider, :credential_version, :requester, :purpose, :subject_id)
ON CONFLICT (workspace_id, grant_id) DO NOTHING;

-- name: journal_version
-- Which version of a provider's credential a requester was granted.
SELECT credential_version
FROM access_journal
WHERE workspace_id = :workspace_id AND grant_id = :grant_id AND provider = :provider AND requester = :requester;
