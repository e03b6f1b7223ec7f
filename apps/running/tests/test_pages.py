"""Cancelling and looking into a job from its page, the admin and the command."""

import json
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from apps.jobs import submitting
from apps.jobs.linesending import key_of
from apps.jobs.models import Job
from apps.jobs.state import state_redis
from apps.jobs.tests.ledger import own_stream  # noqa: F401
from apps.jobs.tests.stages import in_state, row
from apps.running.trees import cancel_tree

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_stream")]


@pytest.fixture(autouse=True)
def unpublished(monkeypatch: pytest.MonkeyPatch) -> None:
    """No broker: what is submitted stays in the outbox."""
    monkeypatch.setattr(submitting, "publish_soon", lambda jobs: None)


@pytest.fixture
def alice(client: Client, staff: User) -> Client:
    client.force_login(staff)
    return client


def allow(user: User, *rights: str) -> None:
    user.user_permissions.add(*Permission.objects.filter(codename__in=rights))


def page(name: str, job: Job) -> str:
    return reverse(f"console:{name}", args=[job.id])


def run(*words: str) -> str:
    out = StringIO()
    call_command("job", *words, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_without_the_permission_there_is_no_button_and_no_way(alice: Client) -> None:
    job = in_state("STARTED")
    shown = alice.get(page("job", job)).content.decode()
    assert page("cancel", job) not in shown
    assert page("stack", job) not in shown
    for name, right in (("cancel", "cancel_job"), ("stack", "see_stack")):
        refused = alice.post(page(name, job))
        assert (refused.status_code, f"running.{right}" in refused.content.decode()) == (403, True)
        assert alice.get(page(name, job)).status_code == 405
    assert row(job).cancelled_at is None


def test_a_running_job_is_asked_on_its_page(alice: Client, staff: User) -> None:
    allow(staff, "cancel_job", "see_stack")
    job = in_state("STARTED")
    shown = alice.get(page("job", job)).content.decode()
    assert page("cancel", job) in shown
    assert page("stack", job) in shown
    answer = alice.post(page("cancel", job), {"why": "too <slow>"}, follow=True).content.decode()
    assert "it is asked to end, and killed after 30 s" in answer
    assert "The job is asked to end. If it goes on, its process is killed at" in answer
    assert "asked to end by alice: too &lt;slow&gt;" in answer


def test_bad_words_and_unknown_jobs_are_told(alice: Client, staff: User) -> None:
    allow(staff, "cancel_job", "see_stack")
    job = in_state("PENDING")
    answer = alice.post(page("cancel", job), {"why": "x" * 1001}, follow=True).content.decode()
    assert "why: expected a text of at most 1000 characters" in answer
    for name in ("cancel", "stack"):
        assert alice.post(reverse(f"console:{name}", args=["nobody"])).status_code == 404
    assert "it is PENDING" in alice.post(page("stack", job)).content.decode()


def test_a_tree_is_cancelled_on_the_page(alice: Client, staff: User) -> None:
    allow(staff, "cancel_job")
    top, child = in_state("PENDING"), in_state("PENDING")
    Job.objects.filter(id=child.id).update(parent=top.id)
    assert (
        "1 job below it, too." in alice.post(page("cancel", top), {"tree": "1"}, follow=True).content.decode()
    )
    assert (row(top).state, row(child).state) == ("REVOKED", "REVOKED")
    assert [result.outcome for result in cancel_tree(top.id)] == ["ended"]


def test_the_log_is_on_the_page_while_the_job_runs(alice: Client) -> None:
    job = in_state("STARTED")
    state_redis().rpush(key_of(job.id), json.dumps([1, 1, 1.0, "INFO", "shop", "<half> way"]))
    live = alice.get(page("job", job), headers={"HX-Request": "true"}).content.decode()
    assert "#1 INFO &lt;half&gt; way" in live


def test_the_admin_cancels_many(alice: Client, staff: User) -> None:
    allow(staff, "view_job")
    jobs = [in_state("PENDING"), in_state("STARTED"), in_state("SUCCESS")]
    asked = {"action": "cancel", "_selected_action": [job.id for job in jobs]}
    alice.post(reverse("admin:jobs_job_changelist"), asked)
    assert row(jobs[0]).state == "PENDING"
    allow(staff, "cancel_job")
    answer = alice.post(reverse("admin:jobs_job_changelist"), asked, follow=True).content.decode()
    assert "1 cancelled, 1 asked to end, 1 had ended." in answer
    assert row(jobs[0]).state == "REVOKED"


def test_the_command_asks_and_says_so() -> None:
    top, child = in_state("STARTED"), in_state("PENDING")
    Job.objects.filter(id=child.id).update(parent=top.id)
    found: Any = json.loads(run("cancel", top.id, "--tree", "--json"))
    assert (found["outcome"], [job["outcome"] for job in found["below"]]) == ("asked", ["cancelled"])
    assert "asked to end already" in run("cancel", top.id)


@pytest.mark.parametrize(("job_id", "code"), [("nobody", 2), (None, 1)])
def test_the_command_says_why_there_is_no_stack(job_id: str | None, code: int) -> None:
    with pytest.raises(CommandError) as error:
        run("stack", job_id or in_state("PENDING").id)
    assert error.value.returncode == code
