"""The job list: filters and pages."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from apps.console.paging import NEWER, OLDER, beside, page_of
from apps.console.tests.cast import PAINT, SECRETIVE, failure, job, missing, query
from apps.jobs import reading

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def ids(client: Client, **filters: str) -> list[str]:
    answer = client.get("/jobs/", filters)
    assert answer.status_code == 200
    return [one.id for one in answer.context["listed"].rows]


def walk(size: int, **asked: str) -> list[list[int]]:
    """Every page from the first to the last, as row ids."""
    found, text = [], dict(asked)
    for _ in range(20):
        page = page_of(reading.rows(), query(text), size)
        found.append([row.id for row in page.rows])
        if page.older is None:
            return found
        text = arguments_of(page.older)
    raise AssertionError("the pages do not end")


def arguments_of(link: str) -> dict[str, Any]:
    return dict(parse_qsl(link.removeprefix("?")))


def test_the_newest_job_comes_first(admin_client: Client) -> None:
    for minutes in (3, 1, 2):
        job(created=timezone.now() - timedelta(minutes=minutes))
    assert ids(admin_client) == ["job-1", "job-2", "job-0"]


def test_each_job_shows_its_task_state_times_and_outcome(admin_client: Client) -> None:
    job(result='{"rows": 3}', periodic_task_name="Every night")
    failure("no paint left")
    page = admin_client.get("/jobs/").content.decode()
    wanted = ["Paint", "badge-success", "badge-failure", "2.0 s", "Every night", "no paint left"]
    assert missing(page, *wanted, "{&quot;rows&quot;: 3}") == []


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"state": "FAILURE"}, ["job-1"]),
        ({"task": SECRETIVE}, ["job-2"]),
        ({"task": "gone.tasks.old"}, []),
        ({"schedule": "Every night"}, ["job-3"]),
        ({"id": "job-2"}, ["job-2"]),
        ({"id": " job-"}, ["job-3", "job-2", "job-1", "job-0"]),
        ({"id": "ob-2"}, []),
        ({"id": "%"}, []),
        ({"day": "2026-03-04"}, ["job-0"]),
        ({"day": "2026-03-05"}, []),
        ({"state": "SUCCESS", "task": PAINT}, ["job-3", "job-0"]),
    ],
)
def test_filters_narrow_the_list(admin_client: Client, filters: dict[str, str], found: list[str]) -> None:
    job(created=NOON)
    failure()
    job(task_name=SECRETIVE)
    job(periodic_task_name="Every night")
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
        ({"id": "a\x00"}, "Null characters are not allowed."),
        ({"schedule": "x" * 201}, "at most 200 characters"),
        ({"task": "\x00"}, "Null characters are not allowed."),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(
    admin_client: Client, filters: dict[str, str], problem: str
) -> None:
    job()
    page = admin_client.get("/jobs/", filters).content.decode()
    assert problem in page
    assert "No jobs to show" in page


def test_an_empty_list_says_why(admin_client: Client) -> None:
    assert "No jobs yet" in admin_client.get("/jobs/").content.decode()
    job()
    assert "No job fits these filters" in admin_client.get("/jobs/", {"id": "x"}).content.decode()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
def test_paging_visits_every_job_once_over_equal_moments(size: int) -> None:
    moments = [NOON, NOON, NOON, NOON - timedelta(microseconds=1), NOON, NOON + timedelta(seconds=1), NOON]
    rows = [job(created=moment) for moment in moments]
    wanted = [row.id for row in sorted(rows, key=lambda row: (row.date_created, row.id), reverse=True)]
    pages = walk(size)
    assert [row_id for page in pages for row_id in page] == wanted
    assert all(len(page) == size for page in pages[:-1])


def test_one_may_page_back() -> None:
    for _ in range(7):
        job(created=NOON)
    first = page_of(reading.rows(), query({}), 3)
    second = page_of(reading.rows(), query(arguments_of(first.older or "")), 3)
    third = page_of(reading.rows(), query(arguments_of(second.older or "")), 3)
    back = page_of(reading.rows(), query(arguments_of(third.newer or "")), 3)
    assert back.rows == second.rows
    top = page_of(reading.rows(), query(arguments_of(second.newer or "")), 3)
    assert (top.rows, top.newer) == (first.rows, None)


def test_a_new_job_does_not_shift_the_next_page() -> None:
    for _ in range(4):
        job(created=NOON)
    first = page_of(reading.rows(), query({}), 2)
    job(created=NOON + timedelta(seconds=1))
    second = page_of(reading.rows(), query(arguments_of(first.older or "")), 2)
    assert not set(first.rows) & set(second.rows)
    assert second.older is None


@pytest.mark.parametrize(
    "place", ["", "abc", "1", "1-", "-1", "1-2-3", "9" * 40 + "-1", "1-" + "9" * 40, "١-٢", "1e3-1"]
)
@pytest.mark.parametrize("direction", [OLDER, NEWER])
def test_a_place_that_makes_no_sense_is_the_first_page(place: str, direction: str) -> None:
    row = job()
    assert page_of(reading.rows(), query({direction: place}), 10).rows == [row]


@pytest.mark.parametrize("place", ["0-0", "99999999999999999-999999999999999999"])
@pytest.mark.parametrize("direction", [OLDER, NEWER])
def test_a_place_beyond_the_ends_shows_what_there_is(place: str, direction: str) -> None:
    row = job()
    assert page_of(reading.rows(), query({direction: place}), 10).rows == [row]


def test_links_to_other_pages_keep_the_filters(admin_client: Client) -> None:
    for _ in range(51):
        job()
    listed = admin_client.get("/jobs/", {"state": "SUCCESS", OLDER: "nonsense"}).context["listed"]
    asked = arguments_of(listed.older)
    assert (set(asked), asked["state"]) == ({"state", OLDER}, "SUCCESS")


def test_a_page_costs_few_queries(admin_client: Client, django_assert_max_num_queries: Any) -> None:
    for _ in range(60):
        job()
    with django_assert_max_num_queries(4):
        assert len(ids(admin_client)) == 50


def test_the_plan_of_a_late_page_begins_at_its_place() -> None:
    """Not at the first row: the index on the date must take the condition."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = reading.rows().filter(beside((NOON, 5), "lt"))[:10].explain()
    assert "Index Cond: (date_created <=" in plan
