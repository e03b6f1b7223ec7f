"""The page of one job, in every state."""

import json
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.test import Client
from django.utils import timezone

from apps.console.tests.cast import PAINT, RAN, SECRETIVE, failure, job, missing
from apps.jobs.models import DeadLetter, Job
from apps.jobs.progress import progress_key
from apps.jobs.state import state_redis
from apps.jobs.submitting import submit
from apps.jobs.tests.making import attempt

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
SOON = timezone.now() + timedelta(hours=1)


def shown(client: Client, job_id: str = "job-0", **headers: str) -> str:
    answer = client.get(f"/jobs/{job_id}/", headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


def remember(job_id: str, **meta: Any) -> None:
    """What the result backend keeps in Redis."""
    backend = current_app.backend
    meta = {"status": "SUCCESS", "result": None, "traceback": None, "children": [], **meta}
    backend.set(backend.get_key_for_task(job_id), json.dumps(meta))


def say_progress(job_id: str, done: int, total: int, message: str = "painting") -> None:
    mapping: Any = {"done": done, "total": total, "message": message, "started": 1000, "updated": 1010}
    state_redis().hset(progress_key(job_id), mapping=mapping)


@pytest.mark.parametrize(
    ("state", "columns", "texts", "polls"),
    [
        ("PENDING", {}, ["waits for a worker"], True),
        ("PENDING", {"eta": SOON}, ["waits for its time", "Held"], True),
        ("PENDING", {"published_at": None, "outbox": {}}, ["not yet published"], True),
        ("PENDING", {"reason": "worker_lost"}, ["Worker lost", "waits to be delivered again"], True),
        ("PENDING", {"reason": "snoozed"}, ["It put itself off"], True),
        ("STARTED", {"worker": "w1@host"}, ["says nothing of its progress", "w1@host", "Waited"], True),
        ("RETRY", {"error": "E: wet"}, ["last try failed", "E: wet"], True),
        ("SUCCESS", {"result": {"rows": 3}}, ["&quot;rows&quot;: 3", "Ran", "2.0 s"], False),
        ("SUCCESS", {}, ["ended without returning anything"], False),
        ("FAILURE", {"error": "E", "reason": "time_limit"}, ["Error", "longer than its time limit"], False),
        ("FAILURE", {"error": "E", "reason": "delivery_limit"}, ["the broker gave it up"], False),
        ("REVOKED", {"error": "TaskRevokedError: expired", "reason": "expired"},
         ["did not run to its end", "Its time was over"], False),
        ("ODD", {"reason": "odd"}, ["ODD"], True),
    ],
)  # fmt: skip
def test_each_state_has_its_page(
    admin_client: Client, state: str, columns: dict[str, Any], texts: list[str], polls: bool
) -> None:
    job(state, **columns)
    page = shown(admin_client)
    assert missing(page, "Paint", "north", *texts) == []
    assert ('hx-get="/jobs/job-0/" hx-trigger="every 1s"' in " ".join(page.split())) == polls


def test_progress_shows_with_the_time_left(admin_client: Client) -> None:
    job("STARTED")
    say_progress("job-0", 25, 100)
    page = " ".join(shown(admin_client).split())
    assert "25 of 100 · 25 %" in page
    assert "about 30 seconds left" in page
    assert 'value="25" max="100"' in page


def test_progress_is_not_shown_once_the_job_has_ended(admin_client: Client) -> None:
    job("SUCCESS")
    say_progress("job-0", 25, 100)
    assert "25 of 100" not in shown(admin_client)


def test_a_live_part_comes_alone_with_the_badge_and_the_buttons(admin_client: Client) -> None:
    job("SUCCESS")
    part = shown(admin_client, **HTMX)
    assert part.strip().startswith('<div id="job"')
    assert part.count('hx-swap-oob="true"') == 2
    assert "<html" not in part
    assert 'hx-swap-oob="true"' not in shown(admin_client)


def test_a_live_part_of_a_job_that_has_ended_asks_no_more(admin_client: Client) -> None:
    job("SUCCESS")
    assert "hx-trigger" not in shown(admin_client, **HTMX)
    job("STARTED")
    assert "hx-trigger" in shown(admin_client, "job-1", **HTMX)


def test_pages_of_jobs_are_never_cached(admin_client: Client) -> None:
    job()
    assert "no-store" in admin_client.get("/jobs/job-0/")["Cache-Control"]


@pytest.mark.parametrize("path", ["no-such", "%00", "x" * 256, "a/b", "../etc/passwd"])
def test_an_unknown_job_is_not_found(admin_client: Client, path: str) -> None:
    assert admin_client.get(f"/jobs/{path}/").status_code == 404


def test_an_unknown_job_is_named_and_escaped(admin_client: Client) -> None:
    page = admin_client.get("/jobs/<b>/").content.decode()
    assert "No job has the id &lt;b&gt;." in page


@pytest.mark.parametrize("job_id", ["import/2026-01-02", "with space", "ümlaut", "50%", "a?b#c"])
def test_a_job_may_have_any_text_as_its_id(admin_client: Client, job_id: str) -> None:
    job(id=job_id)
    listed = admin_client.get("/jobs/")
    assert listed.status_code == 200
    answer = admin_client.get(next(iter(hrefs(listed.content.decode()))))
    assert answer.status_code == 200


def hrefs(page: str) -> list[str]:
    parts = page.split('<td class="nowrap">')[1:]
    return [part.partition('href="')[2].partition('"')[0] for part in parts]


def test_a_job_that_only_redis_knows_has_a_page(admin_client: Client) -> None:
    remember(
        "lonely", name=PAINT, args=["north"], kwargs={"coats": 4}, result="done", retries=1, queue="data"
    )
    page = shown(admin_client, "lonely")
    assert "Success" in page
    assert "done" in page
    assert "data" in page
    assert "coats" in page


def test_without_redis_the_page_shows_the_rest(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    job("STARTED")
    dead = current_app.backend._create_client(host="127.0.0.1", port=1, db=0)
    monkeypatch.setattr(current_app.backend, "client", dead)
    monkeypatch.setattr("apps.jobs.progress.state_redis", lambda: dead)
    assert "north" in shown(admin_client)


def test_arguments_that_the_ledger_left_out_come_from_redis(admin_client: Client) -> None:
    job(args=None, kwargs=None)
    assert "They are not known any more." in shown(admin_client)
    remember("job-0", args=[], kwargs={"wall": "north by northwest"})
    assert "north by northwest" in shown(admin_client)


def test_hidden_arguments_are_named(admin_client: Client) -> None:
    job(kwargs={"wall": "[redacted]"}, redacted=["wall"])
    assert "secrets hidden: wall" in shown(admin_client)


def test_every_attempt_shows_its_error_and_trace(admin_client: Client) -> None:
    row = failure(attempts=2)
    attempt(row, "worker_lost", worker="w7@host", instance="w7@host#abc")
    attempt(row, "failure", error_kind="ValueError", error_message="no paint", trace="line 7")
    page = shown(admin_client)
    part = page[page.index('id="attempts-title"') :]
    wanted = ["Worker lost", "w7@host#abc", "Failure", "ValueError: no paint", "<summary>Trace</summary>"]
    assert missing(part.replace("worker lost", "Worker lost").replace("failure", "Failure"), *wanted) == []
    assert "line 7" in part


def test_where_a_job_comes_from_and_went_through_is_told(admin_client: Client) -> None:
    job(
        source="page", submitter="ann", key="order-7", tags=["bulk"], note="its result is large",
        priority=3, queue="urgent", instance="w1@host#abc", worker="w1@host", resends=1,
    )  # fmt: skip
    page = shown(admin_client)
    wanted = ["ann", "order-7", "?tag=bulk", "its result is large", "urgent", "w1@host#abc", "once"]
    assert missing(page, *wanted, "First started", "Published", "Waited") == []


def test_its_dead_letters_are_linked_for_those_who_may_see_them(
    admin_client: Client, staff_client: Client
) -> None:
    failure(reason="rejected")
    letter = DeadLetter.objects.create(job_id="job-0", digest="d", body=b"", died_at=timezone.now())
    assert f"/admin/jobs/deadletter/{letter.pk}/change/" in shown(admin_client)
    assert "deadletter" not in shown(staff_client)


def test_everything_from_a_job_is_escaped(admin_client: Client) -> None:
    evil = "<script>alert(1)</script>"
    kwargs = {"wall": evil, evil: evil}
    row = job(
        result={evil: evil}, kwargs=kwargs, worker=evil, schedule=evil, note=evil, key=evil, tags=[evil],
        submitter=evil, redacted=[evil], instance=evil, queue=evil,
    )  # fmt: skip
    attempt(row, evil[:20], error_kind=evil, error_message=evil, trace=evil, worker=evil)
    failure(evil, task=evil, retry_of="job-0")
    for page in (shown(admin_client), shown(admin_client, "job-1")):
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)" in page


def test_text_that_is_no_utf_8_shows_escaped(admin_client: Client) -> None:
    remember("lonely", name=PAINT, args=[], kwargs={"wall": "\ud800"}, result="\ud800")
    assert "\\ud800" in shown(admin_client, "lonely")


def test_a_huge_result_is_cut(admin_client: Client) -> None:
    job("SUCCESS", result="x" * 60_000)
    page = shown(admin_client)
    assert "10000 characters more" in page
    assert len(page) < 80_000


def test_relatives_are_shown_as_a_tree(admin_client: Client) -> None:
    job()
    job("STARTED", parent="job-0", root="job-0", group="g")
    failure(parent="job-1")
    job(parent="job-0", group="g")
    job(retry_of="job-1")
    page = shown(admin_client, "job-1")
    tree = page[page.index("Related jobs") :]
    links = [f"/jobs/job-{number}/" in tree for number in range(5)]
    assert links == [True, False, True, True, True]


def test_looking_at_a_job_does_not_run_its_task(admin_client: Client) -> None:
    RAN.clear()
    job(task=SECRETIVE, kwargs={})
    shown(admin_client)
    admin_client.get(f"/run/{SECRETIVE}/")
    assert RAN == []


def test_a_job_of_a_task_that_is_gone_still_shows(admin_client: Client) -> None:
    job(task="old.app.tasks.gone_task", args=[1])
    page = shown(admin_client)
    assert "Gone" in page
    assert "#1" in page
    assert "Run again" not in page


def test_a_page_costs_few_queries(admin_client: Client, django_assert_max_num_queries: Any) -> None:
    for number in range(9):
        job("STARTED", parent=f"job-{number - 1}", group="g", retry_of="job-0")
    with django_assert_max_num_queries(14):
        shown(admin_client)


def test_run_again_hands_in_the_same_arguments(painter_client: Client) -> None:
    failure(tags=["bulk"], priority=2)
    answer = painter_client.post("/jobs/job-0/again/")
    again = Job.objects.exclude(id="job-0").get()
    assert answer["Location"] == f"/jobs/{again.id}/"
    assert (again.task, again.kwargs, again.retry_of) == (PAINT, {"wall": "north"}, "job-0")
    assert (again.tags, again.priority, again.source, again.submitter) == (["bulk"], 2, "page", "alice")


def test_a_job_whose_key_another_has_is_not_run_again(
    painter_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    failure()
    monkeypatch.setattr(current_app.tasks[PAINT], "unique_key", ("wall",), raising=False)
    other = submit(PAINT, kwargs={"wall": "north"})
    page = painter_client.post("/jobs/job-0/again/", follow=True).content.decode()
    assert f"job {other.id}, which is PENDING, has the key" in page
    assert "This is the new job" not in page
    assert Job.objects.count() == 2


def test_a_dead_job_that_is_run_again_needs_no_more_attention(painter_client: Client) -> None:
    failure()
    assert "attention-dead" in painter_client.get("/").content.decode()
    painter_client.post("/jobs/job-0/again/")
    assert "attention-dead" not in painter_client.get("/").content.decode()


def test_run_again_is_offered_to_those_who_may_once_the_job_has_ended(
    painter_client: Client, staff_client: Client
) -> None:
    failure()
    job("STARTED")
    assert "/again/" in shown(painter_client)
    assert "/again/" not in shown(painter_client, "job-1")


def test_staff_without_the_permission_see_no_button(staff_client: Client) -> None:
    failure()
    page = shown(staff_client)
    assert "/again/" not in page
    assert "from-job" not in page


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"args": None}, "its arguments are not known any more"),
        ({"kwargs": {"door": 1}}, "wall: missing"),
        ({"kwargs": {"wall": "[redacted]"}, "redacted": ["wall"]}, "not known any more (wall)"),
    ],
)
def test_run_again_says_why_it_could_not(painter_client: Client, columns: dict[str, Any], why: str) -> None:
    failure(**columns)
    page = painter_client.post("/jobs/job-0/again/", follow=True).content.decode()
    assert why in page
    assert Job.objects.count() == 1


def test_a_job_that_runs_is_not_run_again(painter_client: Client) -> None:
    job("STARTED")
    page = painter_client.post("/jobs/job-0/again/", follow=True).content.decode()
    assert "only a job that has ended is run again" in page
    assert Job.objects.count() == 1


def test_run_again_of_an_unknown_job_is_not_found(painter_client: Client) -> None:
    assert painter_client.post("/jobs/no-such/again/").status_code == 404


def test_scripts_read_a_job_as_json(staff_client: Client) -> None:
    job("STARTED")
    say_progress("job-0", 25, 100)
    found = staff_client.get("/jobs/job-0.json").json()
    assert found["state"] == "STARTED"
    assert not found["ended"]
    assert found["progress"] == {"done": 25, "total": 100, "message": "painting", "seconds_left": 30}


def test_scripts_read_results_and_errors(staff_client: Client) -> None:
    job(result={"rows": 3})
    failure()
    found = staff_client.get("/jobs/job-0.json").json()
    assert (found["ended"], found["result"], found["error"]) == (True, {"rows": 3}, None)
    found = staff_client.get("/jobs/job-1.json").json()
    assert (found["result"], found["error"]) == (None, "ValueError: no paint")


def test_scripts_get_404_for_an_unknown_job(staff_client: Client) -> None:
    answer = staff_client.get("/jobs/no-such.json")
    assert (answer.status_code, answer.json()) == (404, {"error": "No job has the id no-such."})
