"""The lists of jobs and of results on a hundred thousand rows."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django_celery_results.models import TaskResult

from apps.jobs.models import Job
from apps.jobs.reading.counting import COUNT_LIMIT
from apps.jobs.tests.many import MANY, make_many_jobs, make_many_results, rows_read
from apps.ledger.browsing.lists import BoundedPaginator

JOBS, RESULTS = "/admin/jobs/job/", "/admin/django_celery_results/taskresult/"
QUERIES = 13
SMALL_READ = 25_000  # rows; a few pages of an index, the bounded count, and no whole table

pytestmark = pytest.mark.own_rows


@pytest.fixture(scope="module")
def hundred_thousand(django_db_setup: None, django_db_blocker: Any) -> Any:
    with django_db_blocker.unblock():
        make_many_results(MANY)
        make_many_jobs(MANY)
        yield
        TaskResult.objects.all().delete()
        Job.objects.all()._raw_delete("default")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("url", "query"),
    [
        (RESULTS, ""), (RESULTS, "p=40"), (RESULTS, "status=FAILURE"), (RESULTS, "worker=w1@host"),
        (RESULTS, "periodic_task_name=schedule 3"), (RESULTS, "q=job-777"), (RESULTS, "o=4"),
        (RESULTS, "date_created__year=2026"),
        (JOBS, ""), (JOBS, "p=40"), (JOBS, "state=FAILURE"), (JOBS, "task=shop.tasks.t3_task"),
        (JOBS, "schedule=schedule 3"), (JOBS, "q=job-777"), (JOBS, "submitted_at__year=2026"),
    ],
)  # fmt: skip
def test_a_page_takes_few_queries(admin_client: Client, hundred_thousand: None, url: str, query: str) -> None:
    admin_client.get(url)
    with CaptureQueriesContext(connection) as asked:
        page = admin_client.get(url, query_params=dict([query.split("=")] if query else []))
    assert page.status_code == 200
    assert len(page.context["cl"].result_list) > 0
    assert len(asked) <= QUERIES


@pytest.mark.slow
@pytest.mark.parametrize("url", [RESULTS, JOBS, f"{JOBS}?state=REVOKED", f"{JOBS}?q=job-777"])
def test_no_list_counts_or_reads_the_whole_table(
    admin_client: Client, hundred_thousand: None, url: str
) -> None:
    with CaptureQueriesContext(connection) as asked:
        admin_client.get(url)
    queries = [query["sql"] for query in asked if "taskresult" in query["sql"] or "jobs_job" in query["sql"]]
    assert queries
    assert [sql for sql in queries if not sql.startswith("EXPLAIN") and rows_read(sql) > SMALL_READ] == []


@pytest.mark.slow
def test_the_whole_table_is_estimated_and_a_part_counted_up_to_a_limit(
    db: None, hundred_thousand: None
) -> None:
    rows = TaskResult.objects.order_by("pk")
    assert MANY * 0.9 <= BoundedPaginator(rows, 50).count <= MANY * 1.1
    assert BoundedPaginator(rows.filter(status="SUCCESS"), 50).count == COUNT_LIMIT
    part = rows.filter(worker="w1@host", task_name="shop.tasks.t1_task")
    assert BoundedPaginator(part, 50).count == part.count()
