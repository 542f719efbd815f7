-- Runs once, when the database directory is empty. Passwords come from the environment, never from a command line.
-- Dagster's storage opens hundreds of short connections: its role has a budget of its own, so that it cannot starve the warehouse.
\set ON_ERROR_STOP on
\getenv loader_password SHOP_LOADER_PASSWORD
\getenv reader_password SHOP_READER_PASSWORD
\getenv dagster_password SHOP_DAGSTER_PASSWORD

CREATE ROLE shop_loader LOGIN PASSWORD :'loader_password' CONNECTION LIMIT 60;
CREATE ROLE shop_reader LOGIN PASSWORD :'reader_password' CONNECTION LIMIT 40;
CREATE ROLE shop_dagster LOGIN PASSWORD :'dagster_password' CONNECTION LIMIT 80;

CREATE DATABASE warehouse OWNER shop_loader;
CREATE DATABASE dagster OWNER shop_dagster;

REVOKE ALL ON DATABASE warehouse FROM PUBLIC;
REVOKE ALL ON DATABASE dagster FROM PUBLIC;
GRANT CONNECT ON DATABASE warehouse TO shop_reader;

-- What a reader may see, the loader grants by name; long questions end after five minutes.
ALTER ROLE shop_reader SET default_transaction_read_only = on;
ALTER ROLE shop_reader SET statement_timeout = '5min';
ALTER ROLE shop_reader SET idle_in_transaction_session_timeout = '5min';
