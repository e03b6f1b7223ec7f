"""Small imports go to the default queue, large ones to `data`, whoever hands them in."""

from typing import Any

import pytest

from apps.data.importing import TASK, start
from apps.data.tasks import batch_import_task
from apps.data.tests.making import PEOPLE, received
from apps.jobs import submit
from apps.jobs.acting import retry
from apps.jobs.models import Job
from apps.jobs.routing import route
from apps.jobs.states import State

pytestmark = pytest.mark.django_db


def test_a_file_goes_by_its_size(settings: Any) -> None:
    imported = received(PEOPLE)
    settings.IMPORT_LARGE_BYTES = imported.size + 1
    assert start(imported).queue == "default"
    settings.IMPORT_LARGE_BYTES = imported.size
    assert start(imported).queue == "data"
    assert start(imported, queue="report").queue == "report"


@pytest.mark.parametrize(("rows", "queue"), [(999, "default"), (1000, "data")])
def test_a_list_goes_by_its_rows(rows: int, queue: str) -> None:
    given: Any = [{"id": number} for number in range(rows)]
    assert submit(TASK, args=[given]).queue == queue
    assert submit(TASK, kwargs={"data_list": given}).queue == queue
    assert route(TASK, (given,), {}, {}, batch_import_task)["queue"] == queue


@pytest.mark.parametrize("import_id", [10**9, "seven", None])
def test_an_import_that_is_none_goes_as_its_name_says(import_id: Any) -> None:
    """The job itself tells what is wrong with it."""
    assert route(TASK, (), {"import_id": import_id}, {}, batch_import_task)["queue"] == "data"


def test_it_runs_again_where_it_was(settings: Any) -> None:
    imported = received(PEOPLE)
    job = start(imported)
    Job.objects.filter(id=job.id).update(state=State.FAILURE, outbox=None)
    settings.IMPORT_LARGE_BYTES = 0
    assert retry(job.id).queue == job.queue == "default"
