-- Partitions of the audit log for the three months after this one, made whenever `migrate` runs: at each roll-out and once a month. Entries
-- whose month has none yet go to entries_stray and move from there when it is made. Numbered rather than named after their month, so that a
-- fresh database looks the same at any time.
SET lock_timeout = '3s';

DO $ahead$
DECLARE
    months_ahead CONSTANT integer := 3;
    month timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
    high uuid;
    latest uuid;
    part text;
BEGIN
    IF to_regclass('public.entries_stray') IS NULL THEN
        RETURN;
    END IF;
    -- One at a time, also where somebody runs this by hand.
    LOCK TABLE public.entries IN SHARE UPDATE EXCLUSIVE MODE;
    FOR ahead IN 0..months_ahead LOOP
        high := (lpad(to_hex((extract(epoch FROM (month + make_interval(months => ahead + 1)) AT TIME ZONE 'UTC') * 1000)::bigint), 12, '0')
            || repeat('0', 20))::uuid;
        -- Where the last partition ends. A month that was slept through belongs to the partition after it.
        SELECT max(substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''([0-9a-f-]+)''\)'))::uuid INTO latest
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'public.entries'::regclass;
        CONTINUE WHEN latest >= high;
        SELECT format('entries_%s', lpad((count(*) - 1)::text, 4, '0')) INTO part
        FROM pg_inherits i WHERE i.inhparent = 'public.entries'::regclass;
        EXECUTE format('CREATE TABLE public.%I (LIKE public.entries INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', part);
        ALTER TABLE public.entries_stray NO FORCE ROW LEVEL SECURITY;
        EXECUTE format('WITH moved AS (DELETE FROM public.entries_stray WHERE id >= %L AND id < %L RETURNING *)
            INSERT INTO public.%I SELECT * FROM moved', latest, high, part);
        ALTER TABLE public.entries_stray FORCE ROW LEVEL SECURITY;
        EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', part);
        EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', part);
        EXECUTE format($policy$CREATE POLICY workspace ON public.%I TO audit_app
            USING (workspace_id = current_setting('app.workspace_id'))
            WITH CHECK (workspace_id = current_setting('app.workspace_id'))$policy$, part);
        EXECUTE format('ALTER TABLE public.entries ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)', part, latest, high);
    END LOOP;
END
$ahead$;
