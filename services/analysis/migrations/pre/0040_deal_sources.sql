-- depends: 0003_reports
-- Who told of the deal of an analysed call; empty where nobody did, and for calls analysed before there was a second source.
SET lock_timeout = '3s';

ALTER TABLE analyses ADD COLUMN deal_source text NOT NULL DEFAULT '' CHECK (deal_source IN ('', 'gong', 'hubspot'));
