"""Whatever changes when a schedule is due, a query past Django included, is noted in its timing."""

from django.db import migrations

WHEN = ("enabled", "interval_id", "crontab_id", "clocked_id", "solar_id", "start_time", "expires", "one_off")
RULES = {
    "interval": "intervalschedule",
    "crontab": "crontabschedule",
    "clocked": "clockedschedule",
    "solar": "solarschedule",
}

NOTE_SCHEDULE = """
CREATE FUNCTION schedules_note_schedule() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO schedules_timing AS timing (periodic_task_id, stale, stale_since) VALUES (
        NEW.id,
        CASE WHEN TG_OP = 'INSERT' THEN 'created' WHEN NEW.enabled AND NOT OLD.enabled THEN 'enabled'
            ELSE 'edited' END,
        clock_timestamp())
    ON CONFLICT (periodic_task_id) DO UPDATE SET
        stale = CASE WHEN excluded.stale = 'edited' AND timing.stale <> '' THEN timing.stale
            ELSE excluded.stale END,
        stale_since = excluded.stale_since;
    PERFORM pg_notify('switchyard_timetable', '');
    RETURN NULL;
END $$
"""
ON_INSERT = """
CREATE TRIGGER schedules_created AFTER INSERT ON django_celery_beat_periodictask
FOR EACH ROW EXECUTE FUNCTION schedules_note_schedule()
"""
ON_UPDATE = f"""
CREATE TRIGGER schedules_changed AFTER UPDATE OF {", ".join(WHEN)} ON django_celery_beat_periodictask
FOR EACH ROW WHEN (({", ".join(f"OLD.{name}" for name in WHEN)})
    IS DISTINCT FROM ({", ".join(f"NEW.{name}" for name in WHEN)}))
EXECUTE FUNCTION schedules_note_schedule()
"""
NOTE_RULE = """
CREATE FUNCTION schedules_note_{kind}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE schedules_timing AS timing SET
        stale = CASE WHEN timing.stale <> '' THEN timing.stale ELSE 'edited' END,
        stale_since = clock_timestamp()
    FROM django_celery_beat_periodictask AS schedule
    WHERE schedule.{kind}_id = NEW.id AND timing.periodic_task_id = schedule.id;
    PERFORM pg_notify('switchyard_timetable', '');
    RETURN NULL;
END $$
"""
ON_RULE = """
CREATE TRIGGER schedules_rule_changed AFTER UPDATE ON django_celery_beat_{table}
FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION schedules_note_{kind}()
"""
# Schedules of a beat that was there before go on counting from their last run.
ADOPT = """
INSERT INTO schedules_timing (periodic_task_id, stale, stale_since, anchor_at)
SELECT id, 'edited', clock_timestamp(), coalesce(last_run_at, date_changed)
FROM django_celery_beat_periodictask
"""


def operations() -> list[migrations.RunSQL]:
    found = [
        (NOTE_SCHEDULE, "DROP FUNCTION schedules_note_schedule"),
        (ON_INSERT, "DROP TRIGGER schedules_created ON django_celery_beat_periodictask"),
        (ON_UPDATE, "DROP TRIGGER schedules_changed ON django_celery_beat_periodictask"),
    ]
    for kind, table in RULES.items():
        found += [
            (NOTE_RULE.format(kind=kind), f"DROP FUNCTION schedules_note_{kind}"),
            (
                ON_RULE.format(kind=kind, table=table),
                f"DROP TRIGGER schedules_rule_changed ON django_celery_beat_{table}",
            ),
        ]
    found.append((ADOPT, migrations.RunSQL.noop))
    return [migrations.RunSQL(sql, reverse_sql=reverse) for sql, reverse in found]


class Migration(migrations.Migration):
    dependencies = [("schedules", "0002_timetable")]
    operations = operations()
