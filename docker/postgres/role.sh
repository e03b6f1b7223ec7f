#!/bin/sh
# Runs once, when the database is made: the site's own role owns its database and nothing else.
set -eu
psql --set ON_ERROR_STOP=1 --set password="$(cat "$SITE_PASSWORD_FILE")" \
    --username "$POSTGRES_USER" --dbname postgres <<'SQL'
CREATE ROLE switchyard LOGIN PASSWORD :'password';
CREATE DATABASE switchyard OWNER switchyard;
REVOKE ALL ON DATABASE switchyard FROM PUBLIC;
SQL
