"""The job list: what is found, page by page."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from apps.jobs.models import Job
from apps.jobs.reading import planning, searching, seeking
from apps.jobs.reading.counting import Count
from apps.jobs.reading.criteria import Criteria
from apps.jobs.reading.searching import Page, count, count_newer, newer_than, older_than
from apps.jobs.tests.making import ADD, failure, job

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
DAY = timedelta(days=1)
MAIL, IMPORT = "apps.email.tasks.send_email_task", "apps.data.tasks.batch_import_task"
OLD = "apps.email.tasks.gone_task"


def ids(page: Page) -> list[str]:
    return [line.id for line in page.rows]


def found(**wanted: Any) -> list[str]:
    return ids(older_than(None, Criteria(**wanted), 50))


def walk(size: int, **wanted: Any) -> list[list[str]]:
    """Every page from the first to the last."""
    pages, place = [], None
    for _ in range(30):
        page = older_than(place, Criteria(**wanted), size)
        pages.append(ids(page))
        if page.older is None:
            return pages
        place = page.older
    raise AssertionError("the pages do not end")


@pytest.fixture
def cast() -> None:
    """One job for each thing that can be asked for."""
    job(id="plain", created=NOON)
    failure(id="failed", task=MAIL, queue="email", worker="w1@host")
    failure(id="again", task=OLD)
    job(id="retry", retry_of="again", task=MAIL, schedule="nightly")
    job("PENDING", id="held", eta=timezone.now() + DAY)
    job("PENDING", id="due", eta=timezone.now() - DAY, reason="worker_lost")
    job("PENDING", id="unsent", outbox={}, tags=["a", "b"])
    job("STARTED", id="50%_off", key="order-1", tags=["b"], task=IMPORT)


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({"state": "FAILURE"}, {"failed", "again"}),
        ({"state": "SUCCESS"}, {"plain", "retry"}),
        ({"state": "dead"}, {"failed"}),
        ({"state": "held"}, {"held"}),
        ({"state": "lost"}, {"due"}),
        ({"state": "unsent"}, {"unsent"}),
        ({"task": MAIL}, {"failed", "retry"}),
        ({"task": MAIL, "state": "FAILURE"}, {"failed"}),
        ({"task": "gone.tasks.old"}, set()),
        ({"family": "email"}, {"failed", "again", "retry"}),
        ({"family": "email", "state": "dead"}, {"failed"}),
        ({"family": "email", "task": IMPORT}, set()),
        ({"family": "nobody"}, set()),
        ({"queue": "email"}, {"failed"}),
        ({"worker": "w1@host"}, {"failed"}),
        ({"worker": "w1@host", "state": "SUCCESS"}, set()),
        ({"schedule": "nightly"}, {"retry"}),
        ({"schedule": "nightly", "state": "FAILURE"}, set()),
        ({"tag": "b"}, {"unsent", "50%_off"}),
        ({"tag": "b", "state": "unsent"}, {"unsent"}),
        ({"tag": "b", "task": IMPORT, "queue": "default"}, {"50%_off"}),
        ({"text": "re"}, {"retry"}),
        ({"text": "etry"}, set()),
        ({"text": "50%_"}, {"50%_off"}),
        ({"text": "%"}, set()),
        ({"text": "_0"}, set()),
        ({"text": "\\"}, set()),
        ({"text": "order-1"}, {"50%_off"}),
        ({"text": "order"}, set()),
        ({"text": "order-1", "state": "SUCCESS"}, set()),
        ({"since": NOON, "until": NOON + DAY}, {"plain"}),
        ({"until": NOON}, set()),
        ({"since": NOON + DAY, "state": "SUCCESS", "task": MAIL}, {"retry"}),
        ({"since": NOON - DAY, "until": NOON + DAY, "state": "SUCCESS", "task": ADD}, {"plain"}),
    ],
)
def test_what_is_wanted_is_found(cast: None, wanted: dict[str, Any], names: set[str]) -> None:
    assert set(found(**wanted)) == names
    assert count(Criteria(**wanted)) == Count(len(names))


@pytest.mark.parametrize("few", [0, 2_000])
@pytest.mark.parametrize("branches", [0, 60])
@pytest.mark.parametrize(
    "wanted",
    [
        {"tag": "b"},
        {"text": "5"},
        {"family": "email"},
        {"family": "email", "state": "FAILURE"},
        {"task": MAIL},
    ],
)
def test_whichever_way_is_chosen_the_same_is_found(
    cast: None, monkeypatch: pytest.MonkeyPatch, few: int, branches: int, wanted: dict[str, Any]
) -> None:
    usual = found(**wanted)
    monkeypatch.setattr(planning, "FEW", few)
    monkeypatch.setattr(planning, "BRANCHES_MOST", branches)
    assert found(**wanted) == usual != []


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
@pytest.mark.parametrize("wanted", [{}, {"task": ADD}, {"queue": "default"}, {"tag": "b"}])
def test_paging_visits_every_job_once_over_equal_moments(size: int, wanted: dict[str, Any]) -> None:
    moments = [NOON, NOON, NOON, NOON - timedelta(microseconds=1), NOON, NOON + timedelta(seconds=1), NOON]
    rows = [job(created=moment, tags=["b"]) for moment in moments]
    in_order = [row.id for row in sorted(rows, key=lambda row: (row.submitted_at, row.id), reverse=True)]
    pages = walk(size, **wanted)
    assert [job_id for page in pages for job_id in page] == in_order
    assert all(len(page) == size for page in pages[:-1])


@pytest.mark.parametrize("wanted", [{}, {"task": ADD}, {"queue": "default"}])
def test_one_may_page_back(wanted: dict[str, Any]) -> None:
    for _ in range(7):
        job(created=NOON)
    asked = Criteria(**wanted)
    first = older_than(None, asked, 3)
    second = older_than(first.older, asked, 3)
    third = older_than(second.older, asked, 3)
    assert third.newer
    assert second.newer
    assert ids(newer_than(third.newer, asked, 3)) == ids(second)
    top = newer_than(second.newer, asked, 3)
    assert (ids(top), top.newer) == (ids(first), None)


def test_a_new_job_does_not_shift_the_next_page() -> None:
    for _ in range(4):
        job(created=NOON)
    first = older_than(None, Criteria(), 2)
    job(created=NOON + timedelta(seconds=1))
    second = older_than(first.older, Criteria(), 2)
    assert ids(second) == ["job-1", "job-0"]
    assert second.older is None


@pytest.mark.parametrize(
    "place", [(datetime(1970, 1, 1, tzinfo=UTC), "0"), (datetime(5138, 1, 1, tzinfo=UTC), "z")]
)
def test_a_place_beyond_the_ends_shows_what_there_is(place: tuple[datetime, str]) -> None:
    job()
    assert ids(older_than(place, Criteria(), 10)) == ids(newer_than(place, Criteria(), 10)) == ["job-0"]


def test_where_no_index_helps_a_window_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeking, "WINDOW", 4)
    for number in range(10):
        job(created=NOON + timedelta(minutes=number), queue="rare" if number in (0, 1, 8) else "default")
    pages = walk(2, queue="rare")
    assert pages == [["job-8"], [], ["job-1", "job-0"]]
    first = older_than(None, Criteria(queue="rare"), 2)
    assert first.searched_to == NOON + timedelta(minutes=6)
    assert first.older == (first.searched_to, "job-6")
    assert count(Criteria(queue="rare")) == Count(1, more=True)


def test_a_window_leads_back_up_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeking, "WINDOW", 3)
    for number in range(9):
        job(created=NOON + timedelta(minutes=number), queue="rare" if number in (0, 7, 8) else "default")
    place: Any = (NOON + timedelta(minutes=1), "job-1")
    page = newer_than(place, Criteria(queue="rare"), 2)
    assert (ids(page), page.newer) == ([], (NOON + timedelta(minutes=4), "job-4"))
    assert page.newer
    assert ids(newer_than(page.newer, Criteria(queue="rare"), 2)) == ["job-7"]


def test_counts_are_exact_up_to_a_limit_and_estimated_beyond_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(30):
        job(worker="w1@host")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE jobs_job")
    assert count(Criteria()) == Count(30)
    monkeypatch.setattr(searching, "COUNTED", 10)
    assert count(Criteria()) == Count(30, about=True)
    assert count(Criteria(task=ADD)) == Count(30, about=True)
    assert count(Criteria(worker="w1@host")) == Count(10, more=True)


def test_newer_jobs_are_counted_up_to_a_limit() -> None:
    job(created=NOON)
    page = older_than(None, Criteria(), 5)
    assert count_newer(page.top, Criteria(), 2) == Count(0)
    for _ in range(3):
        failure(created=NOON + timedelta(seconds=1))
    assert count_newer(page.top, Criteria(), 2) == Count(2, more=True)
    assert count_newer(page.top, Criteria(state="SUCCESS"), 2) == Count(0)


def test_what_comes_after_an_empty_list_is_new() -> None:
    page = older_than(None, Criteria(), 5)
    job(created=timezone.now() + timedelta(seconds=1))
    assert count_newer(page.top, Criteria(), 2) == Count(1)


def test_a_page_takes_few_queries(django_assert_max_num_queries: Callable[[int], Any]) -> None:
    for _ in range(60):
        job()
    with django_assert_max_num_queries(2):
        assert len(older_than(None, Criteria(task=ADD), 50).rows) == 50
    assert Job.objects.count() == 60
