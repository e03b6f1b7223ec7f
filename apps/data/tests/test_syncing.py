"""Sources: fetched, imported, and only when they changed."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from apps.data.models import Import, Record, Source
from apps.data.tasks import sync_data_task
from apps.data.tests.making import PEOPLE, dataset
from apps.jobs.errors import ArgumentError, PermanentError
from tests.sites import answer, served

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def local_site(settings: Any) -> None:
    settings.SYNC_ALLOWED_HOSTS = ["127.0.0.1"]


def source(url: str, **fields: Any) -> Source:
    return Source.objects.create(name="crm", url=url, target=dataset(key="id"), **fields)


def sync(name: str = "crm", job_id: str | None = None) -> dict[str, Any]:
    result: dict[str, Any] = sync_data_task.apply(args=(name,), task_id=job_id).get()
    return result


def test_a_source_comes_into_its_dataset() -> None:
    with served(answer(PEOPLE.encode(), ETag='"1"')) as url:
        row = source(url)
        result = sync()
    assert (result["changed"], result["count"], result["dataset"]) == (True, 3, "people")
    row.refresh_from_db()
    assert (row.etag, row.last_error) == ('"1"', "")
    assert row.last_run


def test_a_source_that_did_not_change_is_not_imported_again() -> None:
    with served(versioned(PEOPLE.encode(), '"1"')) as url:
        source(url)
        assert [sync()["changed"] for _ in range(3)] == [True, False, False]
    assert Import.objects.count() == 1


def test_a_source_is_found_by_its_number_too() -> None:
    with served(answer(PEOPLE.encode())) as url:
        assert sync(str(source(url).pk))["count"] == 3


def test_a_second_delivery_goes_on_with_the_import_that_was_made() -> None:
    with served(answer(PEOPLE.encode())) as url:
        source(url)
        first, second = (sync(job_id="job-1") for _ in range(2))
    assert first == second
    assert Import.objects.count() == 1


def test_a_file_that_can_not_be_imported_is_noted_and_fetched_again() -> None:
    with served(answer(b"a,a\n1,2\n", ETag='"1"')) as url:
        row = source(url)
        with pytest.raises(PermanentError, match="more than once"):
            sync()
    row.refresh_from_db()
    assert (row.etag, "more than once" in row.last_error) == ("", True)


def test_a_site_that_refuses_is_noted() -> None:
    with served(answer(status=404)) as url:
        row = source(url)
        with pytest.raises(PermanentError):
            sync()
    row.refresh_from_db()
    assert "404" in row.last_error


def test_a_disabled_source_is_skipped() -> None:
    source("http://127.0.0.1:1/", enabled=False)
    assert sync()["status"] == "skipped"


@pytest.mark.parametrize("name", ["nobody", "7", "9" * 30])
def test_an_unknown_source_is_refused_by_name(name: str) -> None:
    source("http://127.0.0.1:1/")
    with pytest.raises(ArgumentError, match="there are crm"):
        sync(name)


@pytest.mark.parametrize(
    "url", ["ftp://example.com/", "http://localhost/", "http://10.0.0.1/", "x", "http://a:b@c.de/"]
)
def test_a_source_with_a_forbidden_address_is_refused_at_the_door(url: str) -> None:
    with pytest.raises(ValidationError) as error:
        Source(name="x", url=url, target=dataset()).full_clean()
    assert list(error.value.message_dict) == ["url"]


def test_rows_that_went_away_stay_in_the_dataset() -> None:
    with served(answer(PEOPLE.encode())) as url:
        row = source(url)
        sync()
    with served(answer(b"id,name,city\n1,Ada,Paris\n")) as url:
        Source.objects.filter(pk=row.pk).update(url=url)
        assert sync()["updated"] == 1
    assert Record.objects.count() == 3


def versioned(body: bytes, etag: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def reply(request: BaseHTTPRequestHandler) -> None:
        same = request.headers["If-None-Match"] == etag
        (answer(status=304) if same else answer(body, ETag=etag))(request)

    return reply
