"""The list of results on a hundred thousand rows."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django_celery_results.models import TaskResult

from apps.jobs.admin import COUNT_LIMIT, BoundedPaginator
from apps.jobs.tests.test_admin import MANY, RESULTS, make_many

QUERIES = 13
SMALL_READ = 25_000  # rows; a few pages of an index, the bounded count, and no whole table


@pytest.fixture(scope="module")
def hundred_thousand(django_db_setup: None, django_db_blocker: Any) -> Any:
    with django_db_blocker.unblock():
        make_many(MANY)
        yield
        TaskResult.objects.all().delete()


@pytest.mark.slow
@pytest.mark.parametrize(
    "query",
    ["", "p=40", "status=FAILURE", "worker=w1@host", "periodic_task_name=schedule 3", "q=job-777", "o=4",
     "date_created__year=2026"],
)  # fmt: skip
def test_a_page_takes_few_queries(admin_client: Client, hundred_thousand: None, query: str) -> None:
    admin_client.get(RESULTS)
    with CaptureQueriesContext(connection) as asked:
        page = admin_client.get(RESULTS, query_params=dict([query.split("=")] if query else []))
    assert page.status_code == 200
    assert len(page.context["cl"].result_list) > 0
    assert len(asked) <= QUERIES


@pytest.mark.slow
def test_no_list_counts_or_reads_the_whole_table(admin_client: Client, hundred_thousand: None) -> None:
    with CaptureQueriesContext(connection) as asked:
        admin_client.get(RESULTS)
    queries = [query["sql"] for query in asked if "taskresult" in query["sql"]]
    assert queries
    assert [sql for sql in queries if rows_read(sql) > SMALL_READ] == []


def rows_read(sql: str) -> int:
    """The most rows that any step of the query's plan went through."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}")
        return most_rows(cursor.fetchone()[0][0]["Plan"])


def most_rows(plan: dict[str, Any]) -> int:
    own = int(plan["Actual Rows"] * plan["Actual Loops"]) + int(plan.get("Rows Removed by Filter", 0))
    return max([own, *(most_rows(part) for part in plan.get("Plans", []))])


@pytest.mark.slow
def test_the_whole_table_is_estimated_and_a_part_counted_up_to_a_limit(
    db: None, hundred_thousand: None
) -> None:
    rows = TaskResult.objects.order_by("pk")
    assert MANY * 0.9 <= BoundedPaginator(rows, 50).count <= MANY * 1.1
    assert BoundedPaginator(rows.filter(status="SUCCESS"), 50).count == COUNT_LIMIT
    part = rows.filter(worker="w1@host", task_name="shop.tasks.t1_task")
    assert BoundedPaginator(part, 50).count == part.count()
