"""The job list: filters, pages, and what came since."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from django.test import Client
from django.utils import timezone

from apps.console.paging import NEWER, OLDER, link, place, spelled
from apps.console.tests.cast import PAINT, SECRETIVE, failure, job, missing, query
from apps.jobs.reading import seeking

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
HTMX = {"HX-Request": "true"}


def listing(client: Client, **filters: str) -> Any:
    answer = client.get("/jobs/", filters)
    assert answer.status_code == 200
    return answer.context["listed"]


def ids(client: Client, **filters: str) -> list[str]:
    return [one.id for one in listing(client, **filters).page.rows]


def text(client: Client, **filters: str) -> str:
    return " ".join(client.get("/jobs/", filters).content.decode().split())


def arguments_of(there: str) -> dict[str, Any]:
    return dict(parse_qsl(there.removeprefix("?")))


def test_the_newest_job_comes_first(admin_client: Client) -> None:
    for minutes in (3, 1, 2):
        job(created=timezone.now() - timedelta(minutes=minutes))
    assert ids(admin_client) == ["job-1", "job-2", "job-0"]


def test_each_job_shows_its_task_state_times_and_outcome(admin_client: Client) -> None:
    job(result={"rows": 3}, schedule="Every night", tags=["bulk"])
    failure("no paint left", submitter="ann")
    page = text(admin_client)
    wanted = ["Paint", "badge-success", "badge-failure", "1.0 s", "2.0 s", "Every night", "no paint left"]
    assert missing(page, *wanted, "{&quot;rows&quot;: 3}", "ann", "?tag=bulk") == []


def test_held_and_lost_jobs_say_so(admin_client: Client) -> None:
    job("PENDING", eta=timezone.now() + timedelta(hours=1))
    job("PENDING", reason="worker_lost")
    page = text(admin_client)
    assert missing(page, "Held", "Worker lost", "waits to be delivered again") == []


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"state": "FAILURE"}, ["job-1"]),
        ({"state": "dead"}, ["job-1"]),
        ({"task": SECRETIVE}, ["job-2"]),
        ({"task": "gone.tasks.old"}, []),
        ({"family": "console"}, ["job-4", "job-3", "job-2", "job-1", "job-0"]),
        ({"family": "email"}, []),
        ({"schedule": "Every night"}, ["job-3"]),
        ({"queue": "urgent", "worker": "w1@host"}, ["job-4"]),
        ({"tag": "bulk"}, ["job-4"]),
        ({"text": " job-2 "}, ["job-2"]),
        ({"text": "order-7"}, ["job-4"]),
        ({"text": "ob-2"}, []),
        ({"day": "2026-03-04"}, ["job-0"]),
        ({"day": "2026-03-05"}, []),
        ({"day": "2026-03-01", "until": "2026-03-04"}, ["job-0"]),
        ({"until": "2026-03-03"}, []),
        ({"state": "SUCCESS", "task": PAINT, "day": "2026-03-04"}, ["job-0"]),
    ],
)
def test_filters_narrow_the_list(admin_client: Client, filters: dict[str, str], found: list[str]) -> None:
    job(created=NOON)
    failure()
    job(task=SECRETIVE)
    job(schedule="Every night")
    job(queue="urgent", worker="w1@host", tags=["bulk"], key="order-7")
    assert ids(admin_client, **filters) == found


def test_a_day_is_one_of_the_sites_time_zone(admin_client: Client, settings: Any) -> None:
    settings.TIME_ZONE = "Asia/Shanghai"
    job(created=datetime(2026, 3, 4, 15, 59, tzinfo=UTC))
    job(created=datetime(2026, 3, 4, 16, 1, tzinfo=UTC))
    assert ids(admin_client, day="2026-03-04") == ["job-0"]
    assert ids(admin_client, day="2026-03-05") == ["job-1"]


@pytest.mark.parametrize(
    ("filters", "problem"),
    [
        ({"state": "DONE"}, "Select a valid choice"),
        ({"day": "yesterday"}, "Enter a valid date."),
        ({"day": "9999-12-31"}, "less than or equal to"),
        ({"until": "0001-01-01"}, "greater than or equal to"),
        ({"text": "a\x00"}, "Null characters are not allowed."),
        ({"schedule": "x" * 256}, "at most 255 characters"),
        ({"tag": "x" * 101}, "at most 100 characters"),
        ({"task": "\x00"}, "Null characters are not allowed."),
        ({"queue": "\x00"}, "Null characters are not allowed."),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(
    admin_client: Client, filters: dict[str, str], problem: str
) -> None:
    job()
    page = text(admin_client, **filters)
    assert missing(page, problem, "No jobs to show") == []


def test_an_empty_list_says_why(admin_client: Client) -> None:
    assert "No jobs yet" in text(admin_client)
    job()
    assert "No job fits these filters" in text(admin_client, text="x")


def test_a_search_that_ended_early_says_how_far_it_went(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seeking, "WINDOW", 2)
    for number in range(5):
        job(created=NOON + timedelta(minutes=number), queue="email" if number == 0 else "data")
    page = text(admin_client, queue="email")
    assert missing(page, "None found yet", "2026-03-04 12:03:00", "Look further") == []
    further = listing(admin_client, queue="email").further
    assert ids(admin_client, **arguments_of(further)) == []
    last = listing(admin_client, **arguments_of(listing(admin_client, **arguments_of(further)).further))
    assert [one.id for one in last.page.rows] == ["job-0"]


def test_the_first_page_says_how_many_there_are(admin_client: Client) -> None:
    for _ in range(51):
        job()
    assert "51 jobs, newest first." in text(admin_client)
    assert "1 job." in text(admin_client, text="job-50")
    second = arguments_of(listing(admin_client).older)
    assert "newest first" not in text(admin_client, **second)


def test_pages_lead_to_each_other_and_keep_the_filters(admin_client: Client) -> None:
    for _ in range(101):
        job()
    older = arguments_of(listing(admin_client, state="SUCCESS", before="nonsense").older)
    assert (set(older), older["state"]) == ({"state", OLDER}, "SUCCESS")
    second = listing(admin_client, **older)
    assert len(second.page.rows) == 50
    assert len(ids(admin_client, **arguments_of(second.older))) == 1
    assert ids(admin_client, **arguments_of(second.newer)) == ids(admin_client)


@pytest.mark.parametrize("job_id", ["job-1", "a-b-c", "import/2026", "ümlaut & more", "1", "line\nend"])
def test_a_place_survives_its_link(job_id: str) -> None:
    there = (NOON + timedelta(microseconds=1), job_id)
    assert place(spelled(there)) == there
    assert place(arguments_of(link(query({"state": "x"}), OLDER, there))[OLDER]) == there


@pytest.mark.parametrize(
    "there", ["", "abc", "1", "1-", "-1", "9" * 40 + "-1", "1-" + "9" * 400, "١-٢", "1e3-1"]
)
@pytest.mark.parametrize("direction", [OLDER, NEWER])
def test_a_place_that_makes_no_sense_is_the_first_page(
    admin_client: Client, there: str, direction: str
) -> None:
    job()
    assert ids(admin_client, **{direction: there}) == ["job-0"]


@pytest.mark.parametrize("there", ["0-0", "99999999999999999-z", "1-%00"])
@pytest.mark.parametrize("direction", [OLDER, NEWER])
def test_a_place_beyond_the_ends_shows_what_there_is(
    admin_client: Client, there: str, direction: str
) -> None:
    job()
    assert ids(admin_client, **{direction: there}) == ["job-0"]


def test_the_first_page_asks_what_is_new(admin_client: Client) -> None:
    for _ in range(51):
        job(created=NOON)
    page = text(admin_client, state="SUCCESS")
    assert 'hx-trigger="every 5s"' in page
    assert "state=SUCCESS" in listing(admin_client, state="SUCCESS").top
    assert 'hx-trigger="every 5s"' not in text(admin_client, **arguments_of(listing(admin_client).older))


def test_new_jobs_are_announced_and_not_pushed_in(admin_client: Client) -> None:
    job(created=NOON)
    asked = arguments_of(listing(admin_client, task=PAINT).top)
    quiet = admin_client.get("/jobs/", asked, headers=HTMX).content.decode()
    assert "<a" not in quiet
    for _ in range(2):
        job(created=NOON + timedelta(seconds=1))
    job(task=SECRETIVE)
    part = admin_client.get("/jobs/", asked, headers=HTMX).content.decode()
    assert missing(part, "Show 2 new jobs", f'href="?task={PAINT}"', 'hx-trigger="every 5s"') == []
    assert "<html" not in part


@pytest.mark.parametrize("asked", [{}, {"after": "nonsense"}, {"after": "0-0", "state": "DONE"}])
def test_a_senseless_question_for_new_jobs_finds_none(admin_client: Client, asked: dict[str, str]) -> None:
    job()
    assert "<a" not in admin_client.get("/jobs/", asked, headers=HTMX).content.decode()


def test_what_jobs_say_is_escaped(admin_client: Client) -> None:
    evil = "<script>alert(1)</script>"
    failure(evil, schedule=evil, tags=[evil], submitter=evil, task=evil, worker=evil)
    page = text(admin_client)
    assert "<script>alert" not in page


def test_a_page_costs_few_queries(admin_client: Client, django_assert_max_num_queries: Any) -> None:
    for _ in range(60):
        job(tags=["a"], schedule="nightly")
    with django_assert_max_num_queries(8):
        assert len(ids(admin_client, state="SUCCESS", tag="a")) == 50
