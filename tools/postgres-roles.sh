#!/bin/sh
# Run by the postgres image once, in an empty cluster: one role owns the tables, another serves; neither is a superuser.
set -eu
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname "$POSTGRES_DB" <<'SQL'
\getenv database POSTGRES_DB
\getenv owner_password WATCHFIRE_OWNER_PASSWORD
\getenv app_password WATCHFIRE_APP_PASSWORD
CREATE ROLE watchfire_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE watchfire_app LOGIN PASSWORD :'app_password';
ALTER DATABASE :"database" OWNER TO watchfire_owner;
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO watchfire_app;
SQL
