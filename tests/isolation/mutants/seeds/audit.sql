-- Rows of every table of the service; every workspace has the same ids.
INSERT INTO entries (workspace_id, id, type, actor_kind, actor_id, actor_email, source, target_kind, target_id, diff, occurred_at)
SELECT '@w', ('0000000' || n || '-0000-4000-8000-000000000001')::uuid, 'workspace.updated', 'user', 'user_1', '@w@example.com', 'web', 'workspace', '@w', '{}',
       '2026-01-01T00:00:00Z'
FROM generate_series(1, 3) AS n;
INSERT INTO word_entries (workspace_id, word, since, arrival_id, entries)
SELECT '@w', 'word' || n, '2026-01-01T00:00:00Z', ('0000000' || n || '-0000-4000-8000-000000000001')::uuid,
       ARRAY[('0000000' || n || '-0000-4000-8000-000000000001')::uuid]
FROM generate_series(1, 3) AS n;
INSERT INTO entry_names (workspace_id, kind, id, name, told_at, told_by)
SELECT '@w', 'actor', 'user_' || n, '@w@example.com', '2026-01-01T00:00:00Z', ('0000000' || n || '-0000-4000-8000-000000000001')::uuid
FROM generate_series(1, 3) AS n;
INSERT INTO workspaces (workspace_id, timezone, sequence) VALUES ('@w', 'Asia/Tokyo', 1);
INSERT INTO log_keys (workspace_id, subject, key)
SELECT '@w', 'user_' || n, decode(repeat('0@n', 32), 'hex') FROM generate_series(1, 2) AS n;
INSERT INTO log_forgotten (workspace_id, person, until)
SELECT '@w', decode(repeat('0@n', 31) || '0' || n, 'hex'), '2026-01-0@nT00:00:00Z' FROM generate_series(1, 2) AS n;
INSERT INTO log_heads (workspace_id, size, frontier, checkpoint, epoch) VALUES ('@w', @n, decode(repeat('0@n', 32), 'hex'), 'of @w', @n);
INSERT INTO log_arrivals (workspace_id, id, entries, leaves, epoch)
VALUES ('@w', '00000001-0000-4000-8000-000000000001', ARRAY['00000001-0000-4000-8000-000000000001'::uuid], decode(repeat('0@n', 32), 'hex'), @n);
INSERT INTO log_seals (workspace_id, first_index, entries)
VALUES ('@w', 0, ARRAY['00000002-0000-4000-8000-000000000001'::uuid]);
INSERT INTO log_tiles (workspace_id, level, number, hashes) VALUES ('@w', 0, 0, decode(repeat('0@n', 32), 'hex'));
INSERT INTO log_erasures (workspace_id, id, request_id, scope, firsts, lasts, erased_at)
VALUES ('@w', '00000001-0000-4000-8000-000000000001', 'of @w', 'person', ARRAY[0], ARRAY[@n], '2026-01-0@nT00:00:00Z');
INSERT INTO log_redactions (workspace_id, entry_id, part, commitment, erasure_id)
VALUES ('@w', '00000001-0000-4000-8000-000000000001', 'actor', decode(repeat('0@n', 32), 'hex'), '00000001-0000-4000-8000-000000000001');
INSERT INTO log_anchors (workspace_id, size, checkpoint, blind, global_index)
VALUES ('@w', @n, 'of @w', decode(repeat('0@n', 32), 'hex'), @n);
INSERT INTO streams (workspace_id, url, state, next_index, batch_end, version, due_at)
VALUES ('@w', 'https://siem.@n.example.com/in', 'active', 0, @n, 1, '2026-01-0@nT00:00:00Z');
INSERT INTO stream_grants (workspace_id, asked_id, asked_at, denied, grant_id, sealed, sealing_key_id, expires_at)
VALUES ('@w', '00000001-0000-4000-8000-000000000001', '2026-01-0@nT00:00:00Z', '', '00000002-0000-4000-8000-000000000001',
        decode(repeat('0@n', 32), 'hex'), 'key of @w', '2026-01-0@nT00:00:00Z');
INSERT INTO staff_grants (workspace_id, id, staff, service, reason, ticket, minutes, asked_at, leaf_id)
SELECT '@w', ('0000000' || n || '-0000-4000-8000-000000000001')::uuid, 'ada@callmine.example', 'analysis', 'support', 'SUP-@n', 10 + n,
       '2026-01-01T00:00:00Z', CASE n WHEN 1 THEN '00000001-0000-4000-8000-000000000001'::uuid END
FROM generate_series(1, 3) AS n;
INSERT INTO staff_decisions (workspace_id, grant_id, kind, staff, decided_by, by_staff, decided_at, leaf_id)
SELECT '@w', '00000001-0000-4000-8000-000000000001', kind, 'ada@callmine.example', 'of-@n@callmine.example', true, '2026-01-01T00:01:00Z',
       CASE kind WHEN 'approved' THEN '00000002-0000-4000-8000-000000000001'::uuid END
FROM unnest(ARRAY['approved', 'ended']) AS kind;
INSERT INTO staff_reads (workspace_id, grant_id, statement_id, step, service, staff, question, reads, about, rows, told_at, leaf_id)
SELECT '@w', '00000001-0000-4000-8000-000000000001', '00000001-0000-4000-8000-000000000001', step, 'analysis', 'ada@callmine.example', 'runs',
       'of @w', '', CASE step WHEN 'shown' THEN @n ELSE 0 END, '2026-01-01T00:02:00Z',
       CASE step WHEN 'asked' THEN '00000003-0000-4000-8000-000000000001'::uuid END
FROM unnest(ARRAY['asked', 'shown']) AS step;
