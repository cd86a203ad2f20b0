-- The role that `remains` reads as, made by the administrator in each database: psql -d DATABASE -v password=… -f role.sql
-- It sees every row of every table, and can change none. Where nobody may pass row policies, as on Cloud SQL, it is made on a copy of the
-- databases in a PostgreSQL of its own: docs/erasure.md.
DO $role$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'verifier') THEN
        CREATE ROLE verifier;
    END IF;
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO verifier', current_database());
END
$role$;
ALTER ROLE verifier LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE BYPASSRLS PASSWORD :'password';
ALTER ROLE verifier SET default_transaction_read_only = on;
GRANT pg_read_all_data TO verifier;
