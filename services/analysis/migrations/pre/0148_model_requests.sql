-- depends: 0130_metering
-- What went out to language models: kinds of data and sizes, never content. And which models have answered each call.
SET lock_timeout = '3s';

ALTER TABLE analyses ADD COLUMN models text[] NOT NULL DEFAULT '{}';

-- One row a request that left, whatever came of it; written in the transaction that stores that.
CREATE TABLE model_requests (
    workspace_id text NOT NULL,
    id uuid NOT NULL,
    run_id uuid NOT NULL,
    -- NULL where the request was about the whole run.
    call_id text,
    task text NOT NULL,
    part integer NOT NULL,
    parts integer NOT NULL,
    provider text NOT NULL,
    model text NOT NULL,
    provider_model text NOT NULL,
    data_classes text[] NOT NULL,
    -- Placeholders in what was sent, by kind.
    masked jsonb NOT NULL,
    bytes_sent integer NOT NULL,
    -- 'off': the provider's switch for storage was set so; 'none': its API has no such switch.
    storage text NOT NULL CHECK (storage IN ('off', 'none')),
    input_tokens integer NOT NULL,
    cached_tokens integer NOT NULL,
    cache_write_tokens integer NOT NULL,
    output_tokens integer NOT NULL,
    -- What the provider charges us, by its price list of the day. No page of a workspace reads it, and the role that serves them may not.
    cost_micro_dollars bigint NOT NULL,
    outcome text NOT NULL,
    status integer NOT NULL,
    started_at timestamptz NOT NULL,
    took_ms integer NOT NULL,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, run_id) REFERENCES runs (workspace_id, id),
    FOREIGN KEY (workspace_id, run_id, call_id) REFERENCES run_calls (workspace_id, run_id, call_id),
    CHECK (part BETWEEN 1 AND parts)
);
CREATE INDEX model_requests_of_run ON model_requests (workspace_id, run_id, id);
ALTER TABLE model_requests ENABLE ROW LEVEL SECURITY;
ALTER TABLE model_requests FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON model_requests TO analysis_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
CREATE POLICY sweep ON model_requests TO analysis_sweep USING (true);
GRANT INSERT ON model_requests TO analysis_app;
GRANT SELECT (workspace_id, id, run_id, call_id, task, part, parts, provider, model, provider_model, data_classes, masked, bytes_sent,
              storage, input_tokens, cached_tokens, output_tokens, outcome, status, started_at, took_ms)
    ON model_requests TO analysis_app;
GRANT SELECT (workspace_id, run_id, provider, model, input_tokens, cached_tokens, cache_write_tokens, output_tokens, cost_micro_dollars,
              outcome, started_at)
    ON model_requests TO analysis_sweep;
