"""The forms of rules, and ten thousand schedules at once."""

import time
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from apps.schedules.models import Firing, Timing
from apps.schedules.tests.making import LIST, errors, filled_in, make_many, make_schedule
from apps.schedules.timetable.claiming import fire_due
from apps.schedules.timetable.renewing import renew_stale

RULES = "/admin/django_celery_beat/"
STATEMENTS_MOST, SECONDS_MOST = 10, 15


def save(client: Client, model: str, pk: int | None, **changes: Any) -> dict[str, list[str]]:
    """Saves a rule's form with these changes; returns the complaints."""
    page = f"{RULES}{model}/{pk}/change/" if pk else f"{RULES}{model}/add/"
    inline = {"periodictask_set-TOTAL_FORMS": 0, "periodictask_set-INITIAL_FORMS": 0}
    return errors(client.post(page, filled_in(client.get(page), **inline, **changes)))


@pytest.mark.parametrize(
    ("model", "changes", "field", "expected"),
    [
        ("crontab", {"day_of_month": "31", "month_of_year": "2"}, "day_of_month", "never run"),
        ("crontab", {"minute": "60"}, "minute", "60"),
        ("crontab", {"minute": "*/0"}, "minute", "zero"),
        ("crontab", {"hour": ""}, "hour", "required"),
        ("crontab", {"hour": "*" * 5000}, "hour", "at most 96"),
        ("crontab", {"day_of_month": "0"}, "day_of_month", "0"),
        ("crontab", {"day_of_week": "7"}, "day_of_week", "7"),
        ("crontab", {"day_of_week": "mon,x"}, "day_of_week", "x"),
        ("crontab", {"minute": "30-10"}, "minute", "30-10"),
        ("crontab", {"minute": "5\0"}, "minute", "Null characters"),
        ("crontab", {"timezone": "Mars/Olympus"}, "timezone", "not one of the available choices"),
        ("interval", {"every": "0", "period": "seconds"}, "every", "greater than or equal to 1"),
        ("interval", {"every": "-1", "period": "seconds"}, "every", "greater than or equal to 1"),
        ("interval", {"every": "1000000000", "period": "days"}, "every", "1 second to 10 years"),
        ("interval", {"every": "9" * 5000, "period": "days"}, "every", ""),
        ("interval", {"every": "1", "period": "fortnights"}, "period", "not one of the available choices"),
        ("interval", {"every": "1e3", "period": "days"}, "every", "whole number"),
        ("clocked", {"clocked_time_0": "2026-02-30", "clocked_time_1": "9:00"}, "clocked_time", "valid date"),
        (
            "clocked",
            {"clocked_time_0": "20000-01-01", "clocked_time_1": "9:00"},
            "clocked_time",
            "valid date",
        ),
        ("clocked", {"clocked_time_0": "2020-01-01", "clocked_time_1": "9:00"}, "clocked_time", "passed"),
        ("solar", {"event": "sunset", "latitude": "NaN", "longitude": 0}, "latitude", "number"),
        ("solar", {"event": "sunset", "latitude": 0, "longitude": 181}, "longitude", "180"),
    ],
)
def test_a_bad_rule_is_refused_at_its_field(
    admin_client: Client, model: str, changes: dict[str, Any], field: str, expected: str
) -> None:
    found = save(admin_client, f"{model}schedule", None, **changes)
    assert list(found) == [field]
    assert expected in " ".join(found[field])


def test_a_zone_that_is_gone_has_to_be_replaced_by_one_that_is_there(admin_client: Client) -> None:
    schedule = make_schedule(rule="0 2 * * * Europe/Berlin")
    CrontabSchedule.objects.update(timezone="Etc/UTC")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_celery_beat_crontabschedule SET timezone = 'Mars/Olympus'")
    page = f"{RULES}crontabschedule/{schedule.crontab_id}/change/"
    shown = admin_client.get(page).content.decode()
    assert "there is no time zone “Mars/Olympus”: choose another" in shown
    assert "Mars/Olympus" in admin_client.get(f"{RULES}crontabschedule/").content.decode()
    pk = schedule.crontab_id
    assert list(save(admin_client, "crontabschedule", pk, timezone="")) == ["timezone"]
    assert save(admin_client, "crontabschedule", pk, timezone="Asia/Tokyo") == {}
    assert str(CrontabSchedule.objects.get().timezone) == "Asia/Tokyo"


def test_ten_thousand_are_enabled_at_once_and_none_fires_by_surprise(admin_client: Client) -> None:
    count = 10_000
    make_many(count, enabled=False)
    while renew_stale():
        pass
    chosen = {"_selected_action": [PeriodicTask.objects.values_list("pk", flat=True)[0]], "select_across": 1}
    began, before = time.monotonic(), timezone.now()
    with CaptureQueriesContext(connection) as asked:
        answer = admin_client.post(LIST, {"action": "enable_tasks", **chosen})
    assert answer.status_code == 302
    assert time.monotonic() - began < SECONDS_MOST
    assert len(asked) <= STATEMENTS_MOST + count // 100  # the log is written in batches
    assert Timing.objects.filter(stale="enabled").count() == count
    while renew_stale():
        pass
    assert fire_due() == 0
    assert not Firing.objects.exists()
    assert not Timing.objects.filter(next_run_at__lte=before).exists()
    assert Timing.objects.filter(next_run_at__isnull=False).count() == count
