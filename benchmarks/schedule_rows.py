"""The schedules of `benchmarks.schedules`, written by PostgreSQL: the same into either database.

Of each size: 250 intervals of five seconds, 50 of them due each second; 20 single times to be edited; 10 by
the sun; half of the rest are crontabs in six zones, a tenth single times, the others intervals of days.
"""

from typing import Any

import psycopg

DUE_EACH_SECOND, INTERVAL_SECONDS = 50, 5
LOAD = DUE_EACH_SECOND * INTERVAL_SECONDS
TO_EDIT, BY_SUN = 20, 10
FIRST = 1_000_000  # their rules' ids begin after it, out of the way of those that beat makes itself
EMPTY = """
TRUNCATE django_celery_beat_periodictask, django_celery_beat_periodictasks,
    django_celery_beat_intervalschedule, django_celery_beat_crontabschedule,
    django_celery_beat_clockedschedule, django_celery_beat_solarschedule CASCADE
"""
RULES = """
INSERT INTO django_celery_beat_periodictasks (ident, last_update) VALUES (1, now());
INSERT INTO django_celery_beat_intervalschedule (id, every, period)
SELECT {first} + n, CASE n WHEN {each} THEN n ELSE n + 20 END,
    CASE n WHEN {each} THEN 'seconds' ELSE 'days' END
FROM generate_series(1, 36) AS n;
INSERT INTO django_celery_beat_crontabschedule
    (id, minute, hour, day_of_week, day_of_month, month_of_year, timezone)
SELECT {first} + n, mod(n, 60), CASE mod(n, 4) WHEN 0 THEN '*/6' ELSE mod(n / 60, 24)::text END,
    CASE mod(n, 3) WHEN 0 THEN 'mon-fri' ELSE '*' END, '*', '*',
    (ARRAY['UTC', 'Europe/Berlin', 'Asia/Shanghai', 'America/New_York', 'Australia/Lord_Howe',
        'Asia/Kolkata'])[mod(n / 7, 6) + 1]
FROM generate_series(1, 7200) AS n;
INSERT INTO django_celery_beat_solarschedule (id, event, latitude, longitude)
SELECT {first} + n, CASE mod(n, 2) WHEN 0 THEN 'sunset' ELSE 'sunrise' END, 5 * n, 10 * n
FROM generate_series(1, {by_sun}) AS n;
INSERT INTO django_celery_beat_clockedschedule (id, clocked_time)
SELECT {first} + n, now() + interval '1 day' + n * interval '1 minute'
FROM generate_series(1, {to_edit} + {size} / 10) AS n
"""
SCHEDULE = """
INSERT INTO django_celery_beat_periodictask (name, task, interval_id, crontab_id, clocked_id, solar_id, args,
    kwargs, headers, one_off, start_time, enabled, total_run_count, date_changed, description)
SELECT '{kind} ' || n, 'benchmarks.noop', {interval}, {crontab}, {clocked}, {solar}, '[]', '{{}}', '{{}}',
    {clocked} IS NOT NULL, {start}, true, 0, now(), ''
FROM generate_series(1, {count}) AS n
"""
NOW = "clock_timestamp()"
# As the admin saves it: the row, and the mark that tells stock beat of a change.
EDIT = """
UPDATE django_celery_beat_clockedschedule SET clocked_time = clock_timestamp() + %s * interval '1 second'
WHERE id = %s RETURNING extract(epoch FROM clocked_time)
"""
MARK = "UPDATE django_celery_beat_periodictasks SET last_update = clock_timestamp()"
AT_ONCE = """
WITH rule AS (INSERT INTO django_celery_beat_clockedschedule (id, clocked_time)
    VALUES (0, clock_timestamp() + %s * interval '1 second') RETURNING id, clocked_time)
INSERT INTO django_celery_beat_periodictask (name, task, clocked_id, args, kwargs, headers, one_off, enabled,
    total_run_count, date_changed, description)
SELECT 'at once ' || n, 'benchmarks.noop', rule.id, '[]', '{}', '{}', true, true, 0, now(), ''
FROM rule, generate_series(1, %s) AS n
RETURNING extract(epoch FROM (SELECT clocked_time FROM rule))
"""


def fill(database: str, size: int) -> None:
    """Replaces all schedules of the database by `size` enabled ones; those due each second come last."""
    others = size - LOAD - TO_EDIT - BY_SUN
    crontabs, singles = others // 2, others // 10
    long = others - crontabs - singles
    with psycopg.connect(database, autocommit=True) as raw:
        run(raw, EMPTY)
        run(raw, RULES.format(size=size, by_sun=BY_SUN, to_edit=TO_EDIT, each=INTERVAL_SECONDS, first=FIRST))
        run(raw, schedule("edited", TO_EDIT, clocked=f"{FIRST} + n"))
        run(raw, schedule("crontab", crontabs, crontab=f"{FIRST + 1} + mod(n, 7200)"))
        run(raw, schedule("single", singles, clocked=f"{FIRST + TO_EDIT} + n"))
        run(raw, schedule("sun", BY_SUN, solar=f"{FIRST} + n"))
        run(raw, schedule("days", long, interval=f"{FIRST + 7} + mod(n, 30)"))
        run(raw, "ANALYZE")
        start = f"{NOW} + interval '1 second' + n * interval '{1 / DUE_EACH_SECOND} seconds'"
        run(raw, schedule("load", LOAD, interval=str(FIRST + INTERVAL_SECONDS), start=start))


def schedule(kind: str, count: int, **columns: str) -> str:
    rules = dict.fromkeys(["interval", "crontab", "clocked", "solar"], "NULL::int")
    return SCHEDULE.format(**{"start": "NULL::timestamptz", **rules, **columns}, kind=kind, count=count)


def run(raw: "psycopg.Connection[Any]", statements: str) -> None:
    raw.execute(statements.encode())


def edit(database: str, number: int, seconds: float) -> float:
    """Moves a single time to so many seconds from now; returns when that is."""
    with psycopg.connect(database) as raw:
        due_at = one(raw.execute(EDIT, [seconds, FIRST + number]))
        raw.execute(MARK)
    return due_at


def make_due_at_once(database: str, count: int, seconds: float) -> float:
    """New schedules, all due in the same second so many from now; returns when that is."""
    with psycopg.connect(database) as raw:
        return one(raw.execute(AT_ONCE, [seconds, count]))


def one(cursor: "psycopg.Cursor[Any]") -> float:
    row = cursor.fetchone()
    assert row is not None
    return float(row[0])
