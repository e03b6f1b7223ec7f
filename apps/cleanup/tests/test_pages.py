"""The page /cleanup/, the command and the admin."""

import json
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from apps.cleanup import reading
from apps.cleanup.models import CleanupRun, RetentionOverride
from apps.cleanup.policies import policies
from apps.cleanup.tests.conftest import Register, add_sessions, add_user
from apps.jobs import Job
from apps.jobs.permissions import codename

pytestmark = pytest.mark.django_db
DATA = "apps.cleanup.tasks.cleanup_data_task"


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice", is_staff=True)


@pytest.fixture
def web(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


@pytest.fixture
def allowed(alice: User) -> None:
    alice.user_permissions.add(Permission.objects.get(codename=codename(DATA)))


def text(web: Client) -> str:
    return web.get(reverse("cleanup:home")).content.decode()


def submitted() -> str:
    row = Job.objects.get(task=DATA)
    return f"{row.args}{row.kwargs}"


def test_visitors_are_sent_to_the_login(client: Client) -> None:
    assert client.get(reverse("cleanup:home")).status_code == 302


def test_the_page_lists_every_policy_with_what_is_due(web: Client) -> None:
    add_sessions(7)
    shown = text(web)
    assert "expired sessions" in shown
    assert "job results" in shown
    assert ">7<" in shown.replace(" ", "").replace("\n", "")


def test_the_count_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "COUNTED_ROWS", 5)
    add_sessions(9)
    (view,) = [view for view in reading.overview() if view.name == "expired sessions"]
    assert (view.due, view.due_text) == (6, "5+")


def test_without_permission_there_are_no_buttons_and_no_way(web: Client) -> None:
    add_sessions(1)
    assert "<button" not in text(web).partition("<main")[2]
    response = web.post(reverse("cleanup:run"), {"policy": "expired sessions", "dry_run": "no"})
    assert response.status_code == 403
    assert "You may not run the cleanup" in response.content.decode()


def test_run_now_asks_first_and_shows_the_number(web: Client, allowed: None) -> None:
    assert "Yes, delete them" not in text(web)
    add_sessions(7)
    assert "This deletes 7 rows" in text(web)


@pytest.mark.parametrize(("value", "dry"), [("yes", True), ("no", False), ("", True), ("No", True)])
def test_only_a_clear_no_deletes(web: Client, allowed: None, value: str, dry: bool) -> None:
    response = web.post(reverse("cleanup:run"), {"policy": "expired sessions", "dry_run": value})
    assert response.status_code == 302
    assert str(dry) in submitted()
    assert Job.objects.filter(source="page", submitter="alice").exists()


def test_an_unknown_policy_is_told(web: Client, allowed: None) -> None:
    response = web.post(reverse("cleanup:run"), {"policy": "expired sesions"}, follow=True)
    assert "did you mean" in response.content.decode()
    assert Job.objects.count() == 0


def test_the_last_run_and_an_override_are_shown(web: Client) -> None:
    RetentionOverride.objects.create(policy="job results", keep_days=None, note="<b>audit</b>")
    CleanupRun.objects.create(policy="job results", deleted=12345, error="<b>oops</b>", job_id="j1")
    shown = text(web)
    assert "for ever" in shown
    assert "12,345 rows deleted" in shown
    assert "<b>" not in shown


def test_dry_runs_do_not_hide_the_last_real_run() -> None:
    for dry_run in (True, False, True):
        run = CleanupRun.objects.create(policy="expired sessions", dry_run=dry_run)
        last = {view.name: view.last for view in reading.overview()}["expired sessions"]
        assert last is not None
        assert last.dry_run is (run.pk == CleanupRun.objects.order_by("pk")[0].pk)


def test_the_page_costs_one_count_for_each_policy(web: Client, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(2 * len(policies()) + 8):
        text(web)


def run(*words: str) -> Any:
    out = StringIO()
    call_command("cleanup", *words, "--json", stdout=out)
    return json.loads(out.getvalue())


def test_the_command_submits_a_job() -> None:
    assert run("expired sessions", "--dry-run")["task"] == DATA
    assert "expired sessions" in submitted()
    assert Job.objects.get().source == "command"


def test_the_command_lists(register: Register) -> None:
    register()
    add_user("ann", 40)
    assert {"policy": "old users", "keep_days": 30, "due": 1} in run("--list")
    out = StringIO()
    call_command("cleanup", "--list", stdout=out)
    assert "old users" in out.getvalue()


def test_the_command_names_the_nearest_policy() -> None:
    with pytest.raises(CommandError, match="did you mean 'expired sessions'") as error:
        run("expired sesions")
    assert error.value.returncode == 2


def test_an_override_remembers_who_made_it(admin_client: Client) -> None:
    form = {"policy": "job results", "keep_days": "", "note": "audit"}
    admin_client.post(reverse("admin:cleanup_retentionoverride_add"), form)
    override = RetentionOverride.objects.get()
    assert (override.keep_days, override.changed_by) == (None, "admin")


@pytest.mark.parametrize(("field", "value"), [("keep_days", "0"), ("keep_days", "-1"), ("policy", "unknown")])
def test_a_bad_override_is_refused(admin_client: Client, field: str, value: str) -> None:
    form = {"policy": "job results", "keep_days": "5", field: value}
    assert admin_client.post(reverse("admin:cleanup_retentionoverride_add"), form).status_code == 200
    assert RetentionOverride.objects.count() == 0


def test_the_history_is_read_only_and_opens(admin_client: Client) -> None:
    run = CleanupRun.objects.create(policy="job results")
    opened = admin_client.get(reverse("admin:cleanup_cleanuprun_change", args=[run.pk]))
    listed = admin_client.get(reverse("admin:cleanup_cleanuprun_changelist"))
    added = admin_client.get(reverse("admin:cleanup_cleanuprun_add"))
    assert (opened.status_code, listed.status_code, added.status_code) == (200, 200, 403)
