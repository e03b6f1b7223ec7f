"""What the job list reads of a hundred thousand rows: as many as it shows, whatever is asked for."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from apps.jobs.models import Job
from apps.jobs.reading import searching, seeking
from apps.jobs.reading.criteria import Criteria
from apps.jobs.reading.seeking import WINDOW
from apps.jobs.tests.many import MANY, make_many_jobs, rows_read

pytestmark = [pytest.mark.slow, pytest.mark.own_rows, pytest.mark.django_db]
TASK = "shop.tasks.t3_task"
SIZE = 50
SMALL_READ = 3_000  # rows: a page of each task and state of a family, or the bounded count
TODAY = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
ASKED: dict[str, dict[str, Any]] = {
    "succeeded": {"state": "SUCCESS"},
    "failed": {"state": "FAILURE"},
    "dead": {"state": "dead"},
    "held": {"state": "held"},
    "lost": {"state": "lost"},
    "task": {"task": TASK},
    "family": {"family": "shop"},
    "day": {"since": TODAY - timedelta(days=9), "until": TODAY - timedelta(days=8)},
    "schedule": {"schedule": "schedule 3"},
    "often": {"tag": "often"},
    "rare": {"tag": "rare-7"},
    "id": {"text": "job-777"},
    "key": {"text": "key-500"},
    "queue": {"queue": "q3"},
    "worker": {"worker": "w1@host"},
}
# What an index answers whole, alone or together.
WHOLE = [
    ("succeeded", "task"), ("failed", "task"), ("succeeded", "family"), ("failed", "family"), ("task",),
    ("family",), ("failed",), ("held",), ("lost",), ("schedule",), ("rare",), ("key",), (),
]  # fmt: skip


@pytest.fixture(scope="module")
def hundred_thousand(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        make_many_jobs(MANY)
        yield
        Job.objects.all()._raw_delete("default")


@pytest.fixture
def reads(hundred_thousand: None, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each statement of a search went through."""
    found: list[int] = []

    def ask(sql: str, values: list[Any]) -> list[Any]:
        found.append(rows_read(sql, values))
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            return list(cursor.fetchall())

    monkeypatch.setattr(seeking, "ask", ask)
    return found


def wanted(names: tuple[str, ...]) -> Criteria:
    return Criteria(**{key: value for name in names for key, value in ASKED[name].items()})


def look_everywhere(asked: Criteria) -> None:
    middle = (timezone.now() - timedelta(days=15), "job-5")
    searching.older_than(None, asked, SIZE)
    searching.older_than(middle, asked, SIZE)
    searching.newer_than(middle, asked, SIZE)
    searching.count(asked)
    searching.count_newer(middle, asked, 99)


@pytest.mark.parametrize("day", [(), ("day",)])
@pytest.mark.parametrize("names", WHOLE)
def test_where_an_index_answers_a_page_reads_what_it_shows(
    reads: list[int], names: tuple[str, ...], day: tuple[str, ...]
) -> None:
    look_everywhere(wanted((*names, *day)))
    assert max(reads) <= SMALL_READ


@pytest.mark.parametrize("names", combinations(ASKED, 2), ids="-".join)
def test_no_two_filters_together_read_more_than_a_window(reads: list[int], names: tuple[str, str]) -> None:
    look_everywhere(wanted(names))
    assert max(reads) <= WINDOW + 1


def test_what_is_not_spread_evenly_costs_no_more(reads: list[int]) -> None:
    """The planner's guess is worst for a task that ran long ago only, and for statistics that are old."""
    now = datetime.now(UTC)
    Job.objects.bulk_create(
        Job(id=f"new-{number}", task="shop.tasks.new_task", state="SUCCESS", submitted_at=now, queue="new")
        for number in range(5_000)
    )
    for task in ("shop.tasks.new_task", "shop.tasks.t1_task"):
        for state in ("", "SUCCESS", "FAILURE"):
            searching.older_than(None, Criteria(task=task, state=state), SIZE)
            searching.older_than((now, "new-3"), Criteria(task=task, state=state), SIZE)
    assert max(reads) <= SMALL_READ
