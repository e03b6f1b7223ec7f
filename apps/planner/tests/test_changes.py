"""The history of a schedule tells who changed what."""

from django.test import Client
from django_celery_beat.models import PeriodicTask

from apps.planner.tests.test_admin import text
from apps.schedules.tests.making import LIST, change_url, filled_in, make_schedule


def change(client: Client, schedule: PeriodicTask, **changes: object) -> str:
    """Saves the form with these changes; returns the history."""
    page = client.get(change_url(schedule))
    assert client.post(change_url(schedule), filled_in(page, **changes)).status_code == 302
    return text(client, f"{LIST}{schedule.pk}/history/")


def test_each_field_is_told_with_its_old_and_new_value(admin_client: Client) -> None:
    schedule = make_schedule(rule="every 5 minutes", queue="data")
    history = change(admin_client, schedule, rule="every 10 minutes", queue="", priority=3)
    assert "Rule: every 5 minutes → every 10 minutes; Queue: data → –; Priority: – → 3" in history


def test_policies_and_arguments_are_told_too(admin_client: Client) -> None:
    history = change(
        admin_client, make_schedule(), **{"timing-0-overlap": "skip", "kwargs": '{"left": 2, "right": 3}'}
    )
    assert "Arguments: left: 1 → 2; Arguments: right: – → 3" in history
    assert "While the last job is still there: run beside it → skip this run" in history


def test_saving_without_a_change_tells_none(admin_client: Client) -> None:
    assert "No fields changed." in change(admin_client, make_schedule())


def test_secrets_are_told_without_their_values(admin_client: Client) -> None:
    schedule = make_schedule(headers='{"token": "hush"}')
    history = change(admin_client, schedule, headers='{"token": "quiet"}')
    assert "Message headers: " in history
    assert "hush" not in history
    assert "quiet" not in history


def test_what_people_typed_is_shown_as_text(admin_client: Client) -> None:
    history = change(admin_client, make_schedule(), description="<script>alert(1)</script>")
    assert "<script>alert(1)" not in history
