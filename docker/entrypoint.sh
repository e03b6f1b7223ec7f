#!/bin/sh
# One image, many processes; the first word chooses:
#   web | worker | urgent | recorder | beat | flower   a process that runs on; a worker is of the profile
#                   that the second word names, else of general
#   migrate         prepares database, broker and schedules, then ends
#   anything else   a manage.py command
# Further words go to the process itself.
set -eu
cd "$(dirname "$0")/.."
role="${1:-web}"
[ $# -eq 0 ] || shift

# What docker/healthcheck.py looks at. The number stays right, as every process below is exec'ed.
note() {
    echo "$role $$" > "$HOME/.switchyard-process"
}

# Uploads and reports wait on the disk: /tmp is memory.
keep_temporary_files_in() {
    [ -w "$1" ] || return 0
    export TMPDIR="$1/tmp"
    mkdir -p "$TMPDIR"
    find "$TMPDIR" -type f -mmin +1440 -delete
}

# $1: the profile. Further words are options of Celery's worker.
worker() {
    note
    exec python manage.py worker "$@"
}

throw_away_key() {
    python -c 'import secrets; print(secrets.token_urlsafe(48))'
}

keep_temporary_files_in "$(dirname "${MEDIA_ROOT:-/nowhere/media}")"

case "$role" in
    web)
        note
        exec gunicorn project.wsgi --bind "0.0.0.0:${WEB_PORT:-8000}" \
            --workers "${WEB_CONCURRENCY:-2}" --threads "${WEB_THREADS:-4}" \
            --timeout 60 --graceful-timeout 30 --worker-tmp-dir /dev/shm --no-control-socket "$@"
        ;;
    worker)
        case "${1:-}" in
            "" | -*) worker general "$@" ;;
            *) worker "$@" ;;
        esac
        ;;
    urgent)
        worker urgent "$@"
        ;;
    recorder)
        note
        exec python manage.py recorder --pulse "$HOME/.switchyard-pulse" "$@"
        ;;
    beat)
        note
        exec celery -A project --quiet beat --pidfile= "$@"
        ;;
    flower)
        note
        # Flower signs nothing: it gets keys that nobody else has.
        SECRET_KEY=$(throw_away_key)
        WEBHOOK_SECRET=$(throw_away_key)
        export SECRET_KEY WEBHOOK_SECRET
        exec python manage.py flower "$@"
        ;;
    migrate)
        [ $# -eq 0 ] || exec python manage.py migrate "$@"
        python -m project.supervisor.preparing
        echo "Switchyard is ready for ${SITE_URL:-http://localhost:8000}"
        ;;
    *)
        exec python manage.py "$role" "$@"
        ;;
esac
