import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django_celery_results.models import GroupResult, TaskResult

from apps.jobs.reading.counting import distinct
from apps.jobs.tests.making import failure, job
from apps.ledger.browsing.lists import steps

RESULTS, GROUPS = "/admin/django_celery_results/taskresult/", "/admin/django_celery_results/groupresult/"
SCRIPT = "<script>alert(1)</script>"


def make_job(job_id: str = "11111111-job", **fields: Any) -> TaskResult:
    given = {
        "task_name": "apps.email.tasks.send_email_task",
        "status": "SUCCESS",
        "task_args": json.dumps("()"),
        "task_kwargs": json.dumps(repr({"to_email": "ann@example.com"})),
        "result": json.dumps({"sent": 1}),
        "meta": '{"children": []}',
        **fields,
    }
    submitted = given.pop("date_created", None)
    job = TaskResult.objects.create(task_id=job_id, **given)
    if submitted:
        TaskResult.objects.filter(pk=job.pk).update(date_created=submitted)
    return job


def text(client: Client, url: str) -> str:
    page = client.get(url)
    assert page.status_code == 200
    return page.content.decode()


def listed(client: Client, query: str = "") -> list[str]:
    return [row.task_id for row in client.get(f"{RESULTS}?{query}").context["cl"].result_list]


def test_a_result_reads_like_a_report(admin_client: Client) -> None:
    row = make_job(periodic_task_name="Morning mail", worker="w1@host")
    TaskResult.objects.update(date_started=row.date_done - timedelta(seconds=2))
    listed_row = text(admin_client, RESULTS)
    for words in ("Send email", "success", "2.00 s", "w1@host", "Morning mail", "/jobs/11111111-job/"):
        assert words in listed_row
    page = text(admin_client, f"{RESULTS}{row.pk}/change/")
    for words in ("&quot;to_email&quot;: &quot;ann@example.com&quot;", "&quot;sent&quot;: 1", row.task_id):
        assert words in page


def test_a_failure_shows_its_error_and_traceback(admin_client: Client) -> None:
    failure = json.dumps({"exc_type": "OSError", "exc_message": ["disk full"]})
    row = make_job(status="FAILURE", result=failure, traceback='File "a.py", line 3\n  raise OSError')
    page = text(admin_client, f"{RESULTS}{row.pk}/change/")
    assert "OSError: disk full" in page
    assert "File &quot;a.py&quot;, line 3\n  raise OSError</pre>" in page


def test_what_jobs_say_is_shown_as_text(admin_client: Client) -> None:
    row = make_job(
        status="FAILURE", traceback=SCRIPT, worker=SCRIPT, periodic_task_name=SCRIPT, task_name=SCRIPT,
        task_kwargs=json.dumps(SCRIPT), result=json.dumps({"exc_type": SCRIPT, "exc_message": [SCRIPT]}),
    )  # fmt: skip
    for url in (RESULTS, f"{RESULTS}{row.pk}/change/", f"{RESULTS}{row.pk}/delete/"):
        assert SCRIPT not in text(admin_client, url)


@pytest.mark.parametrize(
    "fields",
    [
        {"task_name": None, "task_args": None, "task_kwargs": None, "result": None, "meta": None},
        {"status": "ODD", "result": "no json", "task_kwargs": "no json", "meta": "no json"},
        {"task_id": "an id/with ?strange&\nparts"},
        {"task_id": "11111111-1111-1111-1111-111111111111" * 7},
    ],
)
def test_odd_rows_open_too(admin_client: Client, fields: dict[str, Any]) -> None:
    row = make_job(fields.pop("task_id", "odd"), **fields)
    for url in (RESULTS, f"{RESULTS}{row.pk}/change/"):
        text(admin_client, url)


def test_the_jobs_that_a_job_started_are_listed_with_their_state(admin_client: Client) -> None:
    failure(id="child-1")
    parent = make_job("parent", meta=json.dumps({"children": [[["child-1", "parent"], None]]}))
    page = text(admin_client, f"{RESULTS}{parent.pk}/change/")
    assert "/jobs/child-1/" in page
    assert "failure" in page


def test_a_group_lists_its_jobs(admin_client: Client) -> None:
    job(id="member-1")
    members = [["g", None], [[["member-1", None], None], [["member-2", None], None]]]
    group = GroupResult.objects.create(group_id="g", result=json.dumps(members))
    page = text(admin_client, f"{GROUPS}{group.pk}/change/")
    assert "/jobs/member-1/" in page
    assert "/jobs/member-2/" in page
    assert admin_client.get(GROUPS).context["cl"].result_list[0] == group


def test_results_are_history(admin_client: Client) -> None:
    row = make_job()
    page = text(admin_client, f"{RESULTS}{row.pk}/change/")
    assert 'name="_save"' not in page
    assert 'name="_addanother"' not in page
    assert admin_client.get(f"{RESULTS}add/").status_code == 403
    assert admin_client.post(f"{RESULTS}{row.pk}/change/", {"status": "FAILURE"}).status_code == 403


def test_only_who_has_the_permission_sees_or_deletes_results(staff: User, client: Client) -> None:
    row = make_job()
    client.force_login(staff)
    delete = f"{RESULTS}{row.pk}/delete/"
    assert client.get(RESULTS).status_code == 403
    staff.user_permissions.add(Permission.objects.get(codename="view_taskresult"))
    assert (client.get(RESULTS).status_code, client.post(delete).status_code) == (200, 403)
    staff.user_permissions.add(Permission.objects.get(codename="delete_taskresult"))
    assert client.post(delete, {"post": "yes"}).status_code == 302
    assert not TaskResult.objects.exists()


def test_results_are_found_by_every_filter(admin_client: Client) -> None:
    make_job(
        "one", status="FAILURE", worker="w1", periodic_task_name="nightly", task_name="shop.tasks.a_task"
    )
    make_job("two", date_created=datetime(2026, 3, 4, 12, tzinfo=UTC))
    for query in ("status=FAILURE", "worker=w1", "periodic_task_name=nightly", "task_name=shop.tasks.a_task"):
        assert listed(admin_client, query) == ["one"]
    assert listed(admin_client, "date_created__year=2026&date_created__month=3") == ["two"]
    for search in ("on", "shop.tasks", "SHOP"):
        assert listed(admin_client, f"q={search}") == ["one"]
    assert listed(admin_client, "q=ann@example.com") == ["one", "two"]


def test_filters_offer_what_there_is(admin_client: Client) -> None:
    make_job("one", worker="w2", periodic_task_name="nightly")
    make_job("two", worker="w1", task_name=None)
    assert distinct(TaskResult, "worker") == ["w1", "w2"]
    assert distinct(TaskResult, "periodic_task_name") == ["nightly"]
    assert distinct(TaskResult, "task_name") == ["apps.email.tasks.send_email_task"]


def test_a_senseless_query_is_no_crash(admin_client: Client) -> None:
    make_job()
    for query in (
        "p=1000000000",
        "p=x",
        "status=ODD",
        "date_created__year=99999",
        "date_created__day=40",
        "o=99",
    ):
        assert admin_client.get(f"{RESULTS}?{query}", follow=True).status_code == 200


def test_the_dates_lead_from_years_to_days(admin_client: Client) -> None:
    make_job("old", date_created=datetime(2024, 12, 30, 12, tzinfo=UTC))
    make_job("new", date_created=datetime(2026, 2, 1, 12, tzinfo=UTC))
    assert "?date_created__year=2025" in text(admin_client, RESULTS)
    months = text(admin_client, f"{RESULTS}?date_created__year=2026")
    assert "February 2026" in months
    assert "March 2026" not in months
    days = text(admin_client, f"{RESULTS}?date_created__year=2024&date_created__month=12")
    assert "December 30" in days


@pytest.mark.parametrize(
    ("first", "last", "kind", "count"),
    [
        ("2024-12-31T23", "2026-01-01T00", "year", 3),
        ("2026-01-31T23", "2026-03-01T00", "month", 3),
        ("2024-02-27T23", "2024-03-01T01", "day", 4),
        ("2026-01-01T00", "2026-01-01T00", "day", 1),
    ],
)
def test_each_year_month_and_day_is_named_once(first: str, last: str, kind: str, count: int) -> None:
    found = list(steps(datetime.fromisoformat(first), datetime.fromisoformat(last), kind))
    assert len(found) == len(set(found)) == count
