-- depends: 0030_keys
-- The pair of 0030: rows that the code before it has written meanwhile get their key's id, which no row may lack from then on.
SET lock_timeout = '3s';

ALTER TABLE data_keys NO FORCE ROW LEVEL SECURITY;
UPDATE data_keys
SET key_id = ('x' || encode(substring(decode(convert_from(wrapped, 'UTF8')::json ->> 'encryptedKeyset', 'base64') FROM 2 FOR 4), 'hex'))
    ::bit(32)::bigint
WHERE key_id IS NULL AND wrapped IS NOT NULL;
ALTER TABLE data_keys FORCE ROW LEVEL SECURITY;

ALTER TABLE data_keys ADD CONSTRAINT data_keys_key_known CHECK ((wrapped IS NULL) = (key_id IS NULL));
