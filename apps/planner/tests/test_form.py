from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from apps.schedules.models import Timing
from apps.schedules.tests.making import ADD, LIST, change_url, errors, filled_in, make_schedule
from apps.schedules.timetable.renewing import renew_stale


def change(client: Client, schedule: PeriodicTask, **changes: Any) -> dict[str, list[str]]:
    """Saves the schedule's form with these changes; returns the complaints."""
    page = client.get(change_url(schedule))
    found = errors(client.post(change_url(schedule), filled_in(page, **changes)))
    schedule.refresh_from_db()
    return found


def test_a_schedule_made_in_the_form_is_as_typed(admin_client: Client) -> None:
    page = admin_client.get(f"{LIST}add/")
    data = filled_in(
        page,
        name="nightly",
        task=ADD,
        rule="0 2 * * *",
        kwargs='{"left": 4}',
        queue="data",
        priority=3,
    )
    assert admin_client.post(f"{LIST}add/", data).status_code == 302
    made = PeriodicTask.objects.get()
    assert (made.name, made.task, made.kwargs, made.queue, made.priority) == (
        "nightly", ADD, '{"left": 4}', "data", 3,
    )  # fmt: skip
    assert made.enabled
    assert made.crontab.hour == "2"


def test_saving_without_a_change_changes_nothing(admin_client: Client) -> None:
    schedule = make_schedule(queue="data", priority=2, expire_seconds=5, start_time=timezone.now())
    before = PeriodicTask.objects.values().get()
    assert change(admin_client, schedule) == {}
    after = PeriodicTask.objects.values().get()
    assert {name: after[name] for name in after if before[name] != after[name]}.keys() <= {"date_changed"}


def test_a_run_counted_while_the_form_was_open_is_kept(admin_client: Client) -> None:
    schedule = make_schedule()
    data = filled_in(admin_client.get(change_url(schedule)), description="new")
    PeriodicTask.objects.update(total_run_count=7, last_run_at=timezone.now())
    admin_client.post(change_url(schedule), data)
    schedule.refresh_from_db()
    assert (schedule.description, schedule.total_run_count) == ("new", 7)
    assert schedule.last_run_at is not None


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("name", "two\x07bells", "control characters"),
        ("name", "", "required"),
        ("name", "n" * 201, "200"),
        ("task", "apps.jobs.tests.sample_tasks.gone_task", "not one of the available choices"),
        ("task", "", "required"),
        ("kwargs", "{left: 1}", "Expected JSON"),
        ("kwargs", "[1]", "Expected JSON such as"),
        ("kwargs", "{}", "left: missing"),
        ("kwargs", '{"left": "many"}', "left: Input should be a valid integer"),
        ("kwargs", '{"left": 1, "rigth": 2}', "rigth: the task has no such argument; did you mean right?"),
        ("args", '{"left": 1}', "Expected JSON such as"),
        ("args", "[1, 2, 3]", "too many positional arguments"),
        ("queue", "nowhere", "not one of the available choices"),
        ("priority", 10, "less than or equal to 9"),
        ("priority", -1, "greater than or equal to 0"),
        ("headers", "[]", "Expected JSON such as"),
        ("expire_seconds", -5, "greater than or equal to 0"),
    ],
)
def test_a_bad_value_is_refused_at_its_field(
    admin_client: Client, field: str, value: Any, expected: str
) -> None:
    schedule = make_schedule()
    changes = {"kwargs": "{}"} if field == "args" else {}
    found = change(admin_client, schedule, **{**changes, field: value})
    assert list(found) == [field]
    assert expected in " ".join(found[field])


def test_a_name_is_given_once(admin_client: Client) -> None:
    make_schedule("nightly")
    assert "already exists" in change(admin_client, make_schedule("other"), name="nightly")["name"][0]


def test_a_wrong_positional_argument_is_named_at_its_field(admin_client: Client) -> None:
    found = change(admin_client, make_schedule(), args='["many"]', kwargs="{}")
    assert found == {"args": ["left: Input should be a valid integer, unable to parse string as an integer"]}


def test_an_end_lies_ahead_and_after_the_start(admin_client: Client) -> None:
    now, day = timezone.now(), timedelta(days=1)
    schedule = make_schedule(start_time=now + 2 * day)
    found = change(admin_client, schedule, **moment("expires", now + day))
    assert found == {"expires": ["The end comes before the start."]}
    found = change(admin_client, make_schedule("other"), **moment("expires", now - day))
    assert found == {"expires": ["This time has passed. Choose one to come."]}


def test_an_end_and_a_limit_for_each_job_exclude_each_other(admin_client: Client) -> None:
    later = moment("expires", timezone.now() + timedelta(days=1))
    found = change(admin_client, make_schedule(), **later, expire_seconds=60)
    assert list(found) == ["expire_seconds"]


def moment(name: str, value: Any) -> dict[str, str]:
    return {f"{name}_0": f"{value:%Y-%m-%d}", f"{name}_1": f"{value:%H:%M:%S}"}


def test_switching_on_in_the_form_fires_nothing_by_surprise(admin_client: Client) -> None:
    schedule = make_schedule(enabled=False, start_time=timezone.now() - timedelta(days=9), total_run_count=1)
    assert change(admin_client, schedule, enabled="on") == {}
    assert schedule.enabled
    renew_stale()
    assert Timing.objects.filter(pk=schedule.pk, next_run_at__gt=timezone.now()).exists()


@pytest.mark.parametrize(
    ("model", "data", "field", "expected"),
    [
        ("intervalschedule", {"every": 0, "period": "seconds"}, "every", "equal to 1"),
        ("intervalschedule", {"every": 5, "period": "microseconds"}, "every", "1 second to 10 years"),
        ("intervalschedule", {"every": 2**31 - 1, "period": "days"}, "every", "1 second to 10 years"),
        ("crontabschedule", {"day_of_month": "30", "month_of_year": "2"}, "day_of_month", "never run"),
        ("crontabschedule", {"minute": "60"}, "minute", "60"),
        ("crontabschedule", {"minute": ""}, "minute", "required"),
        ("crontabschedule", {"hour": "18-8"}, "hour", "18-8"),
        ("crontabschedule", {"minute": "*/0"}, "minute", "zero"),
        ("crontabschedule", {"day_of_week": "7"}, "day_of_week", "within 0 to 6, Sunday is 0"),
        ("crontabschedule", {"minute": "1," * 2500}, "minute", "at most 240"),
        ("crontabschedule", {"timezone": "Mars/Olympus"}, "timezone", "not one of the available choices"),
        (
            "clockedschedule",
            {"clocked_time_0": "2020-01-01", "clocked_time_1": "00:00"},
            "clocked_time",
            "passed",
        ),
        ("clockedschedule", {"clocked_time_0": "x", "clocked_time_1": "9:00"}, "clocked_time", "valid date"),
        ("solarschedule", {"event": "sunset", "latitude": 91, "longitude": 0}, "latitude", "equal to 90"),
        ("solarschedule", {"event": "noon", "latitude": 1, "longitude": 0}, "event", "not one of"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_at_its_field(
    admin_client: Client, model: str, data: dict[str, Any], field: str, expected: str
) -> None:
    page = f"/admin/django_celery_beat/{model}/add/"
    inline = {"periodictask_set-TOTAL_FORMS": 0, "periodictask_set-INITIAL_FORMS": 0}
    found = errors(admin_client.post(page, filled_in(admin_client.get(page), **inline, **data)))
    assert list(found) == [field]
    assert expected in " ".join(found[field])
