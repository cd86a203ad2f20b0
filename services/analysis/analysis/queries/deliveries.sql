-- name: delivery_settings
-- Where the workspace's finished reports go; no row while nobody has chosen.
SELECT channel_id, channel_name, covers, version FROM delivery_settings WHERE workspace_id = :workspace_id;

-- name: delivery_settings_insert
-- Nobody has chosen: the row that is locked while somebody does. Nothing is changed where there is one.
INSERT INTO delivery_settings (workspace_id, version) VALUES (:workspace_id, 0)
ON CONFLICT (workspace_id) DO NOTHING;

-- name: delivery_settings_for_update
-- The same, locked until the transaction ends.
SELECT channel_id, channel_name, covers, version FROM delivery_settings WHERE workspace_id = :workspace_id FOR UPDATE;

-- name: delivery_settings_save
-- Another choice for settings that are locked.
UPDATE delivery_settings
SET channel_id = :channel_id, channel_name = :channel_name, covers = :covers, version = version + 1, updated_at = now()
WHERE workspace_id = :workspace_id;

-- name: schedule_delivery
-- What the schedule that has made a run says of its reports; no row for a run that a person asked for. A deleted one still says it.
SELECT s.delivery, s.channel_id, s.channel_name
FROM schedule_firings f
JOIN schedules s ON s.workspace_id = f.workspace_id AND s.id = f.schedule_id
WHERE f.workspace_id = :workspace_id AND f.run_id = :run_id;

-- name: delivery_insert
-- A delivery that waits for Slack's credential; no row touched where the run has one of that kind.
INSERT INTO deliveries (workspace_id, id, run_id, kind, report_id, channel_id, channel_name, grant_id)
VALUES (:workspace_id, :id, :run_id, :kind, :report_id, :channel_id, :channel_name, :grant_id)
ON CONFLICT (workspace_id, run_id, kind) DO NOTHING;

-- name: delivery_of_run
-- What became of a run's deliveries, the newest first.
SELECT id, run_id, kind, report_id, channel_id, channel_name, state, reason, created_at, ended_at FROM deliveries
WHERE workspace_id = :workspace_id AND run_id = :run_id
ORDER BY created_at DESC;

-- name: deliveries_latest
-- The workspace's latest deliveries.
SELECT d.id, d.run_id, d.kind, d.report_id, d.channel_id, d.channel_name, d.state, d.reason, d.created_at, d.ended_at
FROM deliveries d
JOIN runs r ON r.workspace_id = d.workspace_id AND r.id = d.run_id
WHERE d.workspace_id = :workspace_id
ORDER BY d.created_at DESC, d.id
LIMIT :limit;

-- name: delivery_for_update
-- One delivery, locked until the transaction ends.
SELECT id, run_id, kind, report_id, channel_id, channel_name, state, reason, created_at, ended_at FROM deliveries
WHERE workspace_id = :workspace_id AND id = :id
FOR UPDATE;

-- name: delivery_repeat
-- A person has it posted (again), to where the workspace or the schedule says by now. It is a new message, and so has a new id.
UPDATE deliveries
SET id = :new_id, state = 'waiting', reason = '', grant_id = :grant_id, channel_id = :channel_id, channel_name = :channel_name,
    asked_at = NULL, refused_version = NULL, attempts = 0, fence = fence + 1, created_at = now(), ended_at = NULL
WHERE workspace_id = :workspace_id AND id = :id AND state IN ('unclear', 'skipped', 'failed');

-- name: delivery_answered
-- The vault has answered: what waits for it can be worked on. A delivery whose grant was asked for again keeps its place.
UPDATE deliveries SET state = 'ready', lease_until = now()
WHERE workspace_id = :workspace_id AND grant_id = :grant_id AND state = 'waiting';

-- name: delivery_claimed
-- What a worker needs to know of the delivery it has claimed; no row when another has taken it since.
SELECT d.id, d.run_id, d.kind, d.report_id, d.channel_id, d.channel_name, d.refused_version, d.asked_at,
    coalesce(extract(epoch FROM clock_timestamp() - d.asked_at), 0)::float8 AS asked_seconds_ago,
    d.created_at <= now() - make_interval(secs => :longest_seconds::float8) AS is_old,
    g.id AS grant_id, g.state AS grant_state, g.reason AS grant_reason, g.sealed, g.sealing_key_id, g.expires_at, g.credential_version,
    coalesce(g.expires_at <= clock_timestamp() + make_interval(secs => :margin_seconds::float8), true) AS grant_expired
FROM deliveries d
JOIN slack_grants g ON g.workspace_id = d.workspace_id AND g.id = d.grant_id
WHERE d.workspace_id = :workspace_id AND d.id = :id AND d.fence = :fence AND d.state = 'ready';

-- name: delivery_renew
-- Keeps the claim; no row touched when it is lost.
UPDATE deliveries SET lease_until = now() + make_interval(secs => :seconds::float8)
WHERE workspace_id = :workspace_id AND id = :id AND fence = :fence AND state = 'ready';

-- name: delivery_asking
-- Slack is about to be asked to post it. From here on only who asked, or a look into the channel, can tell that nothing was posted.
UPDATE deliveries SET asked_at = clock_timestamp()
WHERE workspace_id = :workspace_id AND id = :id AND fence = :fence AND state = 'ready' AND asked_at IS NULL;

-- name: delivery_not_asked
-- Nothing was posted, for certain: it is due again in a while. A pause that Slack asked for does not count as a failure.
UPDATE deliveries
SET asked_at = NULL, lease_until = now() + make_interval(secs => :seconds::float8),
    attempts = CASE WHEN :counts::boolean THEN attempts ELSE greatest(attempts - 1, 0) END
WHERE workspace_id = :workspace_id AND id = :id AND fence = :fence AND state = 'ready';

-- name: delivery_put_back
-- It is looked at again in a while, with what is known of it.
UPDATE deliveries
SET lease_until = now() + make_interval(secs => :seconds::float8),
    attempts = CASE WHEN :counts::boolean THEN attempts ELSE greatest(attempts - 1, 0) END
WHERE workspace_id = :workspace_id AND id = :id AND fence = :fence AND state = 'ready';

-- name: delivery_refused
-- Slack has refused the granted credential.
UPDATE deliveries SET refused_version = :version, lease_until = now() + make_interval(secs => :seconds::float8)
WHERE workspace_id = :workspace_id AND id = :id AND fence = :fence AND state = 'ready';

-- name: delivery_ask_again
-- Its grant is over: it waits for another one.
UPDATE deliveries SET state = 'waiting', grant_id = :grant_id
WHERE workspace_id = :workspace_id AND id = :id AND fence = :fence AND state = 'ready';

-- name: delivery_end
-- It ends, well or badly.
UPDATE deliveries SET state = :state, reason = :reason, message_ts = :message_ts, ended_at = now()
WHERE workspace_id = :workspace_id AND id = :id AND fence = :fence AND state = 'ready';

-- name: slack_grant_insert
-- The vault is asked for Slack's credential.
INSERT INTO slack_grants (workspace_id, id) VALUES (:workspace_id, :id);

-- name: slack_grant_state
-- What is known of a grant, locked until the transaction ends; no row for one that was asked for by something else.
SELECT state FROM slack_grants WHERE workspace_id = :workspace_id AND id = :id FOR UPDATE;

-- name: slack_grant_granted
-- The credential has come.
UPDATE slack_grants
SET state = 'granted', sealed = :sealed, sealing_key_id = :sealing_key_id, expires_at = :expires_at, credential_version = :credential_version
WHERE workspace_id = :workspace_id AND id = :id AND state = 'asked';

-- name: slack_grant_denied
-- There is no credential.
UPDATE slack_grants SET state = 'denied', reason = :reason
WHERE workspace_id = :workspace_id AND id = :id AND state = 'asked';

-- name: slack_grant_over
-- What it was for has ended, or it is not to be used again: nothing is left of it.
UPDATE slack_grants SET state = 'over', sealed = NULL, sealing_key_id = NULL, expires_at = NULL
WHERE workspace_id = :workspace_id AND id = :id AND state = 'granted';

-- name: channel_list
-- How asking Slack for its channels went.
SELECT state, reason, truncated, asked_at, listed_at FROM channel_lists WHERE workspace_id = :workspace_id;

-- name: channel_list_ask
-- An admin wants to choose. No row touched while Slack is being asked already.
INSERT INTO channel_lists (workspace_id, grant_id) VALUES (:workspace_id, :grant_id)
ON CONFLICT (workspace_id) DO UPDATE
SET state = 'waiting', reason = '', grant_id = :grant_id, refused_version = NULL, attempts = 0, fence = channel_lists.fence + 1,
    asked_at = now()
WHERE channel_lists.workspace_id = :workspace_id
  AND (channel_lists.state IN ('listed', 'failed') OR channel_lists.asked_at <= now() - make_interval(secs => :seconds::float8));

-- name: channel_list_answered
-- The vault has answered: the list that waits for it can be worked on.
UPDATE channel_lists SET state = 'ready', lease_until = now()
WHERE workspace_id = :workspace_id AND grant_id = :grant_id AND state = 'waiting';

-- name: channel_list_claimed
-- What a worker needs to know of the list it has claimed; no row when another has taken it since.
SELECT l.refused_version, g.id AS grant_id, g.state AS grant_state, g.reason AS grant_reason, g.sealed, g.sealing_key_id, g.expires_at,
    g.credential_version,
    coalesce(g.expires_at <= clock_timestamp() + make_interval(secs => :margin_seconds::float8), true) AS grant_expired
FROM channel_lists l
JOIN slack_grants g ON g.workspace_id = l.workspace_id AND g.id = l.grant_id
WHERE l.workspace_id = :workspace_id AND l.fence = :fence AND l.state = 'ready';

-- name: channel_list_renew
-- Keeps the claim; no row touched when it is lost.
UPDATE channel_lists SET lease_until = now() + make_interval(secs => :seconds::float8)
WHERE workspace_id = :workspace_id AND fence = :fence AND state = 'ready';

-- name: channel_list_put_back
-- It is asked for again in a while. A pause that Slack asked for does not count as a failure.
UPDATE channel_lists
SET lease_until = now() + make_interval(secs => :seconds::float8),
    attempts = CASE WHEN :counts::boolean THEN attempts ELSE greatest(attempts - 1, 0) END
WHERE workspace_id = :workspace_id AND fence = :fence AND state = 'ready';

-- name: channel_list_refused
-- Slack has refused the granted credential.
UPDATE channel_lists SET refused_version = :version, lease_until = now() + make_interval(secs => :seconds::float8)
WHERE workspace_id = :workspace_id AND fence = :fence AND state = 'ready';

-- name: channel_list_ask_again
-- Its grant is over: it waits for another one.
UPDATE channel_lists SET state = 'waiting', grant_id = :grant_id
WHERE workspace_id = :workspace_id AND fence = :fence AND state = 'ready';

-- name: channel_list_failed
-- There is no list; the one before stays.
UPDATE channel_lists SET state = 'failed', reason = :reason
WHERE workspace_id = :workspace_id AND fence = :fence AND state = 'ready';

-- name: channel_list_listed
-- The channels were read.
UPDATE channel_lists SET state = 'listed', reason = '', truncated = :truncated, listed_at = now()
WHERE workspace_id = :workspace_id AND fence = :fence AND state = 'ready';

-- name: channels_forget
-- Slack is another one, or none: its channels are nothing to choose from.
DELETE FROM slack_channels WHERE workspace_id = :workspace_id;

-- name: channels_insert
-- The channels of a list, all at once.
INSERT INTO slack_channels (workspace_id, id, name, joined)
SELECT :workspace_id, c.id, c.name, c.joined FROM unnest(:ids::text[], :names::text[], :joined::boolean[]) AS c (id, name, joined);

-- name: channels
-- The channels to choose from, those first that Callmine's app is in.
SELECT id, name, joined FROM slack_channels WHERE workspace_id = :workspace_id ORDER BY joined DESC, name, id;

-- name: channel_by_id
-- One of them.
SELECT id, name, joined FROM slack_channels WHERE workspace_id = :workspace_id AND id = :id;

-- name: page_notice_insert
-- Something to tell a person, or the admins; told again when it happens again after it was dismissed.
INSERT INTO page_notices AS known (workspace_id, id, recipient, kind, run_id)
VALUES (:workspace_id, :id, :recipient, :kind, :run_id)
ON CONFLICT (workspace_id, run_id, kind, recipient) DO UPDATE SET id = excluded.id, created_at = now(), dismissed_at = NULL
WHERE known.workspace_id = :workspace_id;

-- name: page_notices_superseded
-- Of deliveries the admins are told the latest only: the others are on the settings' page.
UPDATE page_notices SET dismissed_at = now()
WHERE workspace_id = :workspace_id AND kind = 'delivery' AND dismissed_at IS NULL;

-- name: page_notices_open
-- What stands above somebody's pages, the newest first; nothing of a run that the plan hides, or of a failure that was gone on from.
SELECT n.id, n.kind, n.run_id, n.created_at, r.request, r.report_id, r.state AS run_state, d.channel_id, d.channel_name, d.state, d.reason
FROM page_notices n
JOIN runs r ON r.workspace_id = n.workspace_id AND r.id = n.run_id
LEFT JOIN LATERAL (
    SELECT l.channel_id, l.channel_name, l.state, l.reason FROM deliveries l
    WHERE l.workspace_id = :workspace_id AND l.run_id = n.run_id AND n.kind = 'delivery'
    ORDER BY l.created_at DESC
    LIMIT 1
) d ON true
WHERE n.workspace_id = :workspace_id AND n.recipient = ANY(:recipients::text[]) AND n.dismissed_at IS NULL
  AND (n.kind <> 'failure' OR r.state = 'failed')
ORDER BY n.created_at DESC, n.id
LIMIT :limit;

-- name: page_notice_dismiss
-- Somebody has seen it; no row touched for one that is not theirs.
UPDATE page_notices SET dismissed_at = now()
WHERE workspace_id = :workspace_id AND id = :id AND recipient = ANY(:recipients::text[]) AND dismissed_at IS NULL;

-- name: page_notice_known
-- Whether there is such a notice for somebody, dismissed or not.
SELECT EXISTS (
    SELECT FROM page_notices WHERE workspace_id = :workspace_id AND id = :id AND recipient = ANY(:recipients::text[])
);

-- name: page_notices_seen
-- Who has opened the report needs not be told of it any more.
UPDATE page_notices SET dismissed_at = now()
WHERE workspace_id = :workspace_id AND run_id = :run_id AND kind = 'report' AND recipient = :recipient AND dismissed_at IS NULL;

-- name: page_notices_settled
-- It was posted after all: what was told of its failure is no news.
UPDATE page_notices SET dismissed_at = now()
WHERE workspace_id = :workspace_id AND run_id = :run_id AND kind = 'delivery' AND dismissed_at IS NULL;
