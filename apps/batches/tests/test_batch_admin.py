"""Batches in the admin and by `manage.py batch`."""

import json
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from apps.batches import open_batch
from apps.batches.handles import BatchHandle
from apps.batches.models import Batch
from apps.batches.tests.living import all_callbacks, end, settled
from apps.batches.tests.sample_tasks import part_task
from apps.jobs.models import Job, RunnableTask
from apps.jobs.permissions import codename
from apps.jobs.tests.ledger import own_stream  # noqa: F401 - a fixture

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_stream")]

LIST = "admin:batches_batch_changelist"


@pytest.fixture
def broken() -> BatchHandle:
    """One of three members has failed."""
    with open_batch("import", **all_callbacks()) as batch:
        jobs = batch.add_many(part_task, [[number] for number in range(3)])
    end(jobs[:1], "FAILURE")
    end(jobs[1:])
    settled(batch.id)
    return batch


def client_of(user: User, *permissions: str) -> Client:
    user.user_permissions.add(*Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def act(client: Client, action: str, *batches: BatchHandle) -> Any:
    data = {"action": action, "_selected_action": [batch.id for batch in batches]}
    return client.post(reverse(LIST), data, follow=True)


def run(*words: Any, **options: Any) -> str:
    out = StringIO()
    call_command("batch", *map(str, words), stdout=out, **options)
    return out.getvalue()


def test_pages_show_how_far_batches_are(broken: BatchHandle, admin_client: Client) -> None:
    inner = open_batch("outer").open_batch("inner")
    inner.add(part_task)
    text = admin_client.get(reverse(LIST)).content.decode()
    assert "3 of 3 done (100 %), 1 failed" in text
    assert "0 of 1 done (0 %)" in text
    text = admin_client.get(reverse(LIST), {"state": "failed"}).content.decode()
    assert ("import" in text, "outer" in text) == (True, False)
    text = admin_client.get(reverse("admin:batches_batch_change", args=[broken.id])).content.decode()
    link = f"{reverse('admin:jobs_job_changelist')}?batch={broken.id}:failed"
    assert link in text
    assert "2 succeeded" in text
    assert "on_failure" in text
    parent = inner.row().parent_id
    text = admin_client.get(reverse("admin:batches_batch_change", args=[parent])).content.decode()
    assert f"{inner.id} inner" in text
    failed = Job.objects.get(state="FAILURE")
    found = admin_client.get(link).content.decode()
    assert failed.id in found
    others = Job.objects.filter(state="SUCCESS").values_list("id", flat=True)
    assert not [job_id for job_id in others if job_id in found]
    job_page = admin_client.get(reverse("admin:jobs_job_change", args=[failed.id])).content.decode()
    assert reverse("admin:batches_batch_change", args=[broken.id]) in job_page
    for odd in (f"{broken.id}:gone", "x", "9" * 30):
        page = admin_client.get(reverse("admin:jobs_job_changelist"), {"batch": odd})
        assert (page.status_code, failed.id in page.content.decode()) == (200, False)


def test_each_action_needs_its_permission(broken: BatchHandle, staff: User) -> None:
    client = client_of(staff, "view_batch")
    assert act(client, "cancel_batches", broken).status_code == 403
    assert act(client, "retry_batches", broken).status_code == 403
    assert client.get(reverse(LIST)).status_code == 200
    assert broken.row().round == 1


def test_failed_jobs_run_again_if_one_may_run_them(broken: BatchHandle, staff: User) -> None:
    client = client_of(staff, "view_batch", "retry_batch")
    text = act(client, "retry_batches", broken).content.decode()
    assert f"you may not run {part_task.name}" in text
    assert broken.row().round == 1
    content_type = ContentType.objects.get_for_model(RunnableTask)
    Permission.objects.get_or_create(codename=codename(part_task.name), content_type=content_type)
    client = client_of(staff, codename(part_task.name))
    text = act(client, "retry_batches", broken).content.decode()
    assert "1 job runs again" in text
    assert Job.objects.get(retry_of__isnull=False).submitter == "alice"
    assert broken.row().round == 2


def test_batches_are_cancelled(broken: BatchHandle, staff: User) -> None:
    batch = open_batch("open")
    batch.add(part_task)
    client = client_of(staff, "view_batch", "cancel_batch")
    text = act(client, "cancel_batches", batch, broken).content.decode()
    assert "1 batch is being cancelled" in text
    row = batch.row()
    assert (row.cancelled_by, row.cancelled_at is not None, row.closed_at is not None) == (
        "alice",
        True,
        True,
    )
    assert broken.row().cancelled_at is None


def test_the_page_of_a_batch_has_buttons_for_those_who_may(broken: BatchHandle, staff: User) -> None:
    page = reverse("admin:batches_batch_change", args=[broken.id])
    client = client_of(staff, "view_batch")
    names = {word: f"admin:batches_batch_{word}_batch" for word in ("cancel", "retry")}
    urls = {word: reverse(name, args=[broken.id]) for word, name in names.items()}
    for url in urls.values():
        assert url not in client.get(page).content.decode()
        assert (client.get(url).status_code, client.post(url).status_code) == (403, 403)
    client = client_of(staff, "cancel_batch", "retry_batch")
    assert all(url in client.get(page).content.decode() for url in urls.values())
    assert "there is nothing to cancel" in client.get(urls["cancel"]).content.decode()
    assert "Run failed jobs" in client.get(urls["retry"]).content.decode()
    text = client.post(urls["retry"], follow=True).content.decode()
    assert f"you may not run {part_task.name}" in text
    assert broken.row().round == 1
    staff.is_superuser = True
    staff.save()
    assert "1 job runs again" in client.post(urls["retry"], follow=True).content.decode()
    assert "at most 1000" in client.post(urls["cancel"], {"why": "x" * 1001}).content.decode()
    text = client.post(urls["cancel"], {"why": "enough", "kill": "on"}, follow=True).content.decode()
    assert "1 batch is being cancelled" in text
    row = broken.row()
    assert (row.cancelled_by, row.cancelled_why, row.kill) == ("alice", "enough", True)
    text = client.post(urls["retry"], follow=True).content.decode()
    assert "is being cancelled; try again" in text
    gone = reverse(names["cancel"], args=[broken.id + 1])
    assert client.get(gone).status_code == 302


def test_the_command_shows_cancels_and_runs_again(broken: BatchHandle) -> None:
    (found,) = json.loads(run("list", "--json"))
    assert (found["id"], found["state"], found["percent"], found["failed"]) == (broken.id, "failed", 100, 1)
    assert "3 of 3 done (100 %), 1 failed  import" in run("list", "--state", "failed")
    assert run("list", "--state", "open").strip() == "no batch"
    assert json.loads(run("show", broken.id, "--json"))["callbacks"].keys() == broken.row().callbacks.keys()
    assert "3 of 3 done" in run("show", broken.id)
    assert "finished already" in run("cancel", broken.id)
    assert json.loads(run("retry", broken.id, "--by", "bob", "--json"))["retried"] == 1
    assert json.loads(run("cancel", broken.id, "--why", "enough", "--json"))["cancelled"] is True
    assert broken.row().cancelled_why == "enough"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show", "999999999"], "no batch has the id"),
        (["cancel", str(2**80)], "no batch has the id"),
        (["retry", "0"], "no batch has the id"),
        (["list", "--state", "ended"], "state: expected one of"),
        (["list", "--limit", "0"], "limit: expected"),
        (["cancel", "1", "--by", "x" * 151], "by: expected"),
    ],
)
def test_bad_input_ends_with_two(words: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said) as caught:
        run(*words)
    assert caught.value.returncode == 2
    assert not Batch.objects.exists()
