"""The tasks themselves: arguments, results, second deliveries."""

from typing import Any

import pytest
from celery import current_app

from apps.data.importing import SLICE_SECONDS
from apps.data.models import Import, Record
from apps.data.tasks import batch_import_task
from apps.data.tests.making import PEOPLE, dataset, received, rows
from apps.jobs import catalog, submit
from apps.jobs.errors import ArgumentError

pytestmark = pytest.mark.django_db
ADA = {"id": 1, "name": "Ada", "tags": ["math"]}


def run(job_id: str | None = None, **kwargs: Any) -> dict[str, Any]:
    result: dict[str, Any] = batch_import_task.apply(kwargs=kwargs, task_id=job_id).get()
    return result


def test_a_plain_list_of_rows_is_imported() -> None:
    result = batch_import_task.apply(args=([ADA, {"id": 2}],)).get()
    assert (result["status"], result["count"]) == ("success", 2)
    assert rows("imported") == [ADA, {"id": 2}]


def test_a_list_goes_to_the_named_dataset_and_its_key() -> None:
    dataset("people", key="id")
    run(data_list=[ADA], dataset="people")
    assert run(data_list=[{"id": 1, "name": "Grace"}], dataset="people")["updated"] == 1
    assert Record.objects.get(key="1").data == {"id": 1, "name": "Grace"}


def test_a_list_that_is_delivered_twice_is_stored_once() -> None:
    first, second = (run("job-1", data_list=[ADA]) for _ in range(2))
    assert first == second
    assert Record.objects.count() == 1


def test_a_file_is_imported_by_its_number() -> None:
    imported = received(PEOPLE)
    assert run(import_id=imported.pk)["count"] == 3
    imported.refresh_from_db()
    assert imported.job_id


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({}, "expected either rows or the number"),
        ({"data_list": [ADA], "import_id": 1}, "expected either rows or the number"),
        ({"data_list": []}, "expected 1 to 10000 rows, got 0"),
        ({"data_list": [ADA, {"": 1}]}, "row 2"),
        ({"data_list": [{"a": float("nan")}]}, "row 1: not JSON"),
        ({"data_list": [{"a": "\0"}]}, "row 1: not JSON"),
        ({"data_list": [{"a": "\ud800"}]}, "row 1: not JSON"),
        ({"data_list": [ADA], "dataset": "a b"}, "expected 1 to 63 letters"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_stored(kwargs: dict[str, Any], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        run(**kwargs)
    assert not Import.objects.exists()


def test_a_list_without_key_values_is_refused_as_a_whole() -> None:
    dataset("people", key="id")
    with pytest.raises(ArgumentError, match="row 2: expected a key"):
        run(data_list=[ADA, {"name": "Nobody"}], dataset="people")
    assert not Record.objects.exists()


@pytest.mark.parametrize("rows", ["text", [1], {"a": 1}, [["a"]]])
def test_something_else_than_a_list_of_objects_is_refused_at_the_door(rows: Any) -> None:
    with pytest.raises(ArgumentError) as error:
        submit("apps.data.tasks.batch_import_task", kwargs={"data_list": rows})
    assert "data_list" in error.value.problems


def test_the_tasks_have_the_names_of_the_handbook() -> None:
    names = {"batch_import_task", "sync_data_task", "download_task", "process_task", "upload_task"}
    found = {name.rpartition(".")[2] for name in catalog.tasks() if name.startswith("apps.data.")}
    assert found == names


def test_a_long_import_may_take_longer_than_the_slice_and_less_than_the_broker_waits() -> None:
    task = current_app.tasks["apps.data.tasks.batch_import_task"]
    soft, hard = task.soft_time_limit or 0, task.time_limit or 0
    assert SLICE_SECONDS < soft < hard < 1_800
