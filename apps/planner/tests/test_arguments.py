"""The task's own form inside the form of its schedule, and JSON as the other way."""

import json
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.test import Client
from django_celery_beat.models import PeriodicTask

from apps.jobs.permissions import codename, create_run_permissions
from apps.planner.tests.test_form import change
from apps.schedules.tests.making import ADD, LIST, allow, change_url, errors, filled_in, make_schedule

URL = f"{LIST}arguments/"
COUNT = "apps.jobs.tests.sample_tasks.count_task"
NOOP = "bench.noop"
VIEW = "django_celery_beat.view_periodictask"


def stored(schedule: PeriodicTask) -> tuple[list[Any], dict[str, Any]]:
    schedule.refresh_from_db()
    return json.loads(schedule.args), json.loads(schedule.kwargs)


def test_a_schedule_is_made_field_by_field(admin_client: Client) -> None:
    data = filled_in(admin_client.get(f"{LIST}add/"), name="new", task=ADD, rule="every 5 minutes")
    data |= {"arguments_of": ADD, "argument-left": "4", "argument-right": "1"}
    assert data["arguments_as"] == "form"
    assert admin_client.post(f"{LIST}add/", data).status_code == 302
    assert stored(PeriodicTask.objects.get()) == ([], {"left": 4})


def test_the_form_begins_with_what_is_stored(admin_client: Client) -> None:
    page = admin_client.get(change_url(make_schedule(args=[4], kwargs={"right": 2})))
    inside = page.context["adminform"].form.call_form
    assert {field.html_name: field.value() for field in inside} == {"argument-left": 4, "argument-right": 2}


@pytest.mark.parametrize(
    ("args", "kwargs"), [([4], {}), ([], {"left": 4, "right": 1}), ([4, 1], {}), ([], {"left": "4"})]
)
def test_what_nobody_touches_stays_as_it_was_written(
    admin_client: Client, args: list[Any], kwargs: dict[str, Any]
) -> None:
    schedule = make_schedule(args=args, kwargs=kwargs)
    assert change(admin_client, schedule, description="new") == {}
    assert stored(schedule) == (args, kwargs)


def test_rule_and_arguments_can_change_together(admin_client: Client) -> None:
    schedule = make_schedule()
    changes = {"rule": "once 2100-01-01 00:00", "argument-left": "5"}
    assert change(admin_client, schedule, **changes) == {}
    assert stored(schedule) == ([], {"left": 5})
    assert schedule.clocked is not None


def test_a_default_that_was_given_is_kept_beside_a_change(admin_client: Client) -> None:
    schedule = make_schedule(kwargs={"left": 4, "right": 1})
    assert change(admin_client, schedule, **{"argument-left": "5"}) == {}
    assert stored(schedule) == ([], {"left": 5, "right": 1})


def test_a_bad_argument_is_refused_at_its_field(admin_client: Client) -> None:
    schedule = make_schedule()
    data = filled_in(admin_client.get(change_url(schedule)), **{"argument-left": "many"})
    page = admin_client.post(change_url(schedule), data)
    assert errors(page) == {"arguments_as": ["Please correct the arguments below."]}
    assert page.context["adminform"].form.call_form.errors == {"argument:left": ["Enter a whole number."]}
    assert 'value="many"' in page.content.decode()


def test_another_task_without_its_arguments_is_asked_for_them(admin_client: Client) -> None:
    """Without script the page comes back with the fields of the new task."""
    schedule = make_schedule()
    data = filled_in(admin_client.get(change_url(schedule)), task=COUNT)
    page = admin_client.post(change_url(schedule), data)
    assert "fill in its arguments" in errors(page)["arguments_as"][0]
    assert 'name="argument-total"' in page.content.decode()
    data = {**data, "arguments_of": COUNT, "argument-total": "3"}
    assert admin_client.post(change_url(schedule), data).status_code == 302
    assert stored(schedule) == ([], {"total": 3})


def test_a_task_without_arguments_needs_none(admin_client: Client) -> None:
    schedule = make_schedule()
    assert change(admin_client, schedule, task=NOOP) == {}
    assert stored(schedule) == ([], {})


def test_json_is_the_other_way(admin_client: Client) -> None:
    schedule = make_schedule()
    data = filled_in(admin_client.get(change_url(schedule)), kwargs='{"left": 7}')
    data |= {"argument-left": "9", "arguments_of": ADD}
    assert admin_client.post(change_url(schedule), data).status_code == 302
    assert stored(schedule) == ([], {"left": 7})


def test_bad_json_that_nobody_sees_does_no_harm(admin_client: Client) -> None:
    schedule = make_schedule()
    data = filled_in(admin_client.get(change_url(schedule)), **{"argument-left": "9"})
    assert admin_client.post(change_url(schedule), {**data, "kwargs": "{"}).status_code == 302
    assert stored(schedule) == ([], {"left": 9})


@pytest.mark.parametrize(
    "fields", [{"task": "old.tasks.gone"}, {"task": "celery.backend_cleanup"}, {"kwargs": {"wrong": 1}}]
)
def test_what_the_form_cannot_show_is_shown_as_json(admin_client: Client, fields: dict[str, Any]) -> None:
    page = admin_client.get(change_url(make_schedule(**fields)))
    assert page.context["adminform"].form.initial["arguments_as"] == "json"
    assert "JSON" in page.context["adminform"].form.fields["arguments"].widget.part["why"]


def test_an_unknown_task_field_by_field_is_refused(admin_client: Client) -> None:
    schedule = make_schedule(task="old.tasks.gone")
    found = change(admin_client, schedule, arguments_as="form")
    assert found == {"arguments_as": ["This task's arguments can only be given as JSON."]}


def test_the_fields_of_a_task_are_loaded_empty(admin_client: Client) -> None:
    page = admin_client.get(URL, {"task": ADD, "pk": make_schedule(task=COUNT, kwargs={"total": 9}).pk})
    html = page.content.decode()
    assert 'name="argument-left"' in html
    assert f'name="arguments_of" value="{ADD}"' in html
    assert 'value="9"' not in html


def test_those_of_its_own_task_are_loaded_as_stored(admin_client: Client) -> None:
    page = admin_client.get(URL, {"task": ADD, "pk": make_schedule(kwargs={"left": 77}).pk})
    assert 'value="77"' in page.content.decode()


@pytest.mark.parametrize("task", ["", "nowhere.at_all", "celery.backend_cleanup", "x" * 5000, "\x00"])
def test_a_task_that_is_not_there_is_told(admin_client: Client, task: str) -> None:
    page = admin_client.get(URL, {"task": task})
    assert page.status_code == 200
    assert page.context["form"] is None
    assert page.context["why"]


@pytest.fixture
def alice(staff: User, client: Client) -> User:
    create_run_permissions(apps.get_app_config("jobs"))
    allow(staff, VIEW)
    client.force_login(staff)
    return staff


def test_only_tasks_that_one_may_run_show_their_arguments(alice: User, client: Client) -> None:
    assert client.get(URL, {"task": ADD}).status_code == 403
    assert client.get(URL, {"task": ADD, "pk": make_schedule().pk}).status_code == 200
    allow(alice, f"jobs.{codename(ADD)}")
    assert client.get(URL, {"task": ADD}).status_code == 200
    assert client.post(URL, {"task": ADD}).status_code == 405


def test_without_any_right_the_arguments_are_not_shown(staff: User, client: Client) -> None:
    client.force_login(staff)
    assert client.get(URL, {"task": ADD, "pk": make_schedule().pk}).status_code == 403


def test_arguments_changed_field_by_field_need_the_right_to_the_task(alice: User, client: Client) -> None:
    allow(alice, "django_celery_beat.change_periodictask")
    schedule = make_schedule()
    assert "may not run" in change(client, schedule, **{"argument-left": "9"})["task"][0]
    assert change(client, schedule, description="new") == {}
