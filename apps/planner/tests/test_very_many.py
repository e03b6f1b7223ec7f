"""A hundred thousand schedules: their list asks little and reads little."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.jobs.tests.many import MANY, rows_read
from apps.schedules.tests.making import LIST, make_many

pytestmark = [pytest.mark.slow, pytest.mark.own_rows, pytest.mark.django_db]
PAGE_ROWS, STATEMENTS_MOST = 50, 10
EMPTY = "TRUNCATE django_celery_beat_periodictask, django_celery_beat_intervalschedule CASCADE"


@pytest.fixture(scope="module")
def hundred_thousand(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        make_many(MANY)
        yield
        with connection.cursor() as cursor:
            cursor.execute(
                "TRUNCATE django_celery_beat_periodictask, django_celery_beat_intervalschedule CASCADE"
            )


@pytest.mark.parametrize(
    ("query", "reads_most"),
    [
        ("", PAGE_ROWS),
        ("?enabled__exact=1", PAGE_ROWS),
        ("?kind=interval", PAGE_ROWS),
        ("?p=1999", MANY),  # the last page: what comes before it is passed over
        ("?q=schedule+77777", MANY + 1),  # words within a name: no index knows them
    ],
)
def test_the_list_of_very_many_asks_and_reads_little(
    hundred_thousand: None, admin_client: Client, query: str, reads_most: int
) -> None:
    with CaptureQueriesContext(connection) as asked:
        page = admin_client.get(f"{LIST}{query}")
    assert page.status_code == 200
    assert 1 <= len(page.context["cl"].result_list) <= PAGE_ROWS
    assert len(asked) <= STATEMENTS_MOST
    reads = [one["sql"].replace("%", "%%") for one in asked.captured_queries]
    selects = [sql for sql in reads if sql.startswith("SELECT") and "COUNT(*)" not in sql]
    assert max(map(rows_read, selects)) <= reads_most
    assert len([sql for sql in reads if "COUNT(*)" in sql]) == 1
