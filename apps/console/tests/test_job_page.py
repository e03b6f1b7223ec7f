"""The page of one job, in every state."""

import json
from typing import Any

import pytest
from celery import current_app
from django.test import Client
from django_celery_results.models import TaskResult

from apps.console.tests.cast import PAINT, RAN, SECRETIVE, failure, job, missing
from apps.jobs.progress import key_of
from apps.jobs.state import state_redis

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
REVOKED = '{"exc_type": "TaskRevokedError", "exc_message": ["expired"], "exc_module": "celery"}'


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
    state_redis().hset(key_of(job_id), mapping=mapping)


@pytest.mark.parametrize(
    ("state", "columns", "texts", "polls"),
    [
        ("PENDING", {}, ["waits for a worker"], True),
        ("STARTED", {"worker": "w1@host"}, ["says nothing of its progress", "w1@host", "Waited"], True),
        ("RETRY", {"result": '{"exc_type": "E", "exc_message": "wet"}'}, ["last try failed", "E: wet"], True),
        ("SUCCESS", {"result": '{"rows": 3}'}, ["&quot;rows&quot;: 3", "Ran", "2.0 s"], False),
        ("SUCCESS", {}, ["ended without returning anything"], False),
        ("FAILURE", {"result": '{"exc_type": "E", "exc_message": []}', "traceback": "line 7"},
         ["Error", "line 7"], False),
        ("REVOKED", {"result": REVOKED}, ["did not run to its end", "TaskRevokedError: expired"], False),
        ("LOST", {"result": '"?"'}, ["LOST"], True),
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
    job(task_id=job_id)
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


def test_exact_arguments_come_from_redis(admin_client: Client) -> None:
    job(task_kwargs=json.dumps("{'wall': 'nort...'}"))
    assert "as far as they are known" in shown(admin_client)
    remember("job-0", args=[], kwargs={"wall": "north by northwest"})
    page = shown(admin_client)
    assert "north by northwest" in page
    assert "as far as they are known" not in page


def test_arguments_that_cant_be_read_show_as_they_were_logged(admin_client: Client) -> None:
    job(task_kwargs=json.dumps("{'wall': <object at 0x7f>}"))
    assert "&lt;object at 0x7f&gt;" in shown(admin_client)


def test_everything_from_a_job_is_escaped(admin_client: Client) -> None:
    evil = "<script>alert(1)</script>"
    kwargs = json.dumps(repr({"wall": evil}))
    job("SUCCESS", result=json.dumps({evil: evil}), task_kwargs=kwargs, worker=evil, periodic_task_name=evil)
    failure(evil, traceback=evil, task_name=evil)
    for page in (shown(admin_client), shown(admin_client, "job-1")):
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)" in page


def test_text_that_is_no_utf_8_shows_escaped(admin_client: Client) -> None:
    job("SUCCESS", result='"\\ud800"')
    assert "\\ud800" in shown(admin_client)


def test_a_huge_result_is_cut(admin_client: Client) -> None:
    job("SUCCESS", result=json.dumps("x" * 60_000))
    page = shown(admin_client)
    assert "10000 characters more" in page
    assert len(page) < 80_000


def test_relatives_are_shown_as_a_tree(admin_client: Client) -> None:
    for state in ("SUCCESS", "STARTED", "FAILURE"):
        job(state)
    group = [["a-group", None], [[["job-2", None], None]]]
    itself = [["job-1", None], None]
    remember("job-1", parent_id="job-0", children=[group, itself])
    page = shown(admin_client, "job-1")
    tree = page[page.index("Related jobs") :]
    assert ["/jobs/job-0/" in tree, "/jobs/job-1/" in tree, "/jobs/job-2/" in tree] == [True, False, True]


def test_looking_at_a_job_does_not_run_its_task(admin_client: Client) -> None:
    RAN.clear()
    job(task_name=SECRETIVE, task_kwargs=json.dumps("{}"))
    shown(admin_client)
    admin_client.get(f"/run/{SECRETIVE}/")
    assert RAN == []


def test_a_job_of_a_task_that_is_gone_still_shows(admin_client: Client) -> None:
    job(task_name="old.app.tasks.gone_task", task_args=json.dumps("(1,)"))
    page = shown(admin_client)
    assert "Gone" in page
    assert "#1" in page
    assert "Run again" not in page


def test_a_page_costs_few_queries(admin_client: Client, django_assert_max_num_queries: Any) -> None:
    for _ in range(3):
        job("STARTED")
    remember("job-0", children=[[["job-1", None], None], [["job-2", None], None]])
    with django_assert_max_num_queries(5):
        shown(admin_client)


def test_run_again_hands_in_the_same_arguments(painter_client: Client) -> None:
    failure()
    answer = painter_client.post("/jobs/job-0/again/")
    again = TaskResult.objects.exclude(task_id="job-0").get()
    assert answer["Location"] == f"/jobs/{again.task_id}/"
    assert (again.task_name, again.task_kwargs) == (PAINT, json.dumps("{'wall': 'north'}"))


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
    ("kwargs", "why"),
    [("{'wall': 'nort...'}", "the exact arguments are not known any more"), ("{'door': 1}", "wall: missing")],
)
def test_run_again_says_why_it_could_not(painter_client: Client, kwargs: str, why: str) -> None:
    failure(task_kwargs=json.dumps(kwargs))
    page = painter_client.post("/jobs/job-0/again/", follow=True).content.decode()
    assert why in page
    assert TaskResult.objects.count() == 1


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
    job(result='{"rows": 3}')
    failure()
    found = staff_client.get("/jobs/job-0.json").json()
    assert (found["ended"], found["result"], found["error"]) == (True, {"rows": 3}, None)
    found = staff_client.get("/jobs/job-1.json").json()
    assert (found["result"], found["error"]) == (None, "ValueError: no paint")


def test_scripts_get_404_for_an_unknown_job(staff_client: Client) -> None:
    answer = staff_client.get("/jobs/no-such.json")
    assert (answer.status_code, answer.json()) == (404, {"error": "No job has the id no-such."})
