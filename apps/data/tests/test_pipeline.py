"""Download, process, upload."""

from pathlib import Path
from typing import Any

import pytest
from celery import chain
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from apps.data.models import Import, Record
from apps.data.pipeline import plain_names, start_pipeline
from apps.data.tasks import download_task, process_task, upload_task
from apps.data.tests.making import rows
from apps.jobs import Job
from apps.jobs.errors import ArgumentError, PermanentError
from tests.sites import answer, served
from tests.waiting import WorkerProcess, ended

STEPS = ["download_task", "process_task", "upload_task"]
MESSY = "Full Name, e-mail ,%\n Ada ,ada@x.org,1\nAda,ada@x.org,1\nGrace,grace@x.org\nGrace,grace@x.org,2\n"


def run(task: Any, *args: Any, job_id: str | None = None) -> dict[str, Any]:
    result: dict[str, Any] = task.apply(args=args, task_id=job_id).get()
    return result


def test_a_file_is_downloaded_to_storage(settings: Any) -> None:
    settings.SYNC_ALLOWED_HOSTS = ["127.0.0.1"]
    with served(answer(MESSY.encode())) as url:
        found = run(download_task, url, job_id="job-1")
    assert found == {"file": "pipeline/job-1/downloaded.csv", "name": "people.csv", "bytes": len(MESSY)}
    assert stored(found) == MESSY


def test_a_second_delivery_replaces_the_file() -> None:
    first, second = (run(download_task, "sample:customers", job_id="job-1") for _ in range(2))
    assert first == second
    assert default_storage.listdir("pipeline/job-1")[1] == ["downloaded.csv"]


def test_a_file_is_cleaned() -> None:
    found = run(process_task, reference(MESSY))
    assert (found["rows"], found["dropped"]) == (2, 2)
    assert stored(found) == "full_name,e_mail,column_3\r\nAda,ada@x.org,1\r\nGrace,grace@x.org,2\r\n"


def test_column_names_become_plain_and_stay_apart() -> None:
    names = plain_names(["Unit price (EUR)", "unit-price EUR", "Größe", "姓名", "%"])
    assert names == ["unit_price_eur", "unit_price_eur_2", "größe", "姓名", "column_5"]


def test_a_file_that_is_no_csv_is_refused() -> None:
    with pytest.raises(PermanentError, match="more than once"):
        run(process_task, reference("a,a\n1,2\n"))


@pytest.mark.django_db
def test_a_cleaned_file_is_imported_once_for_each_job() -> None:
    first, second = (run(upload_task, reference("a,b\n1,2\n"), "people", job_id="job-1") for _ in range(2))
    assert first == second
    assert (first["count"], rows(), Import.objects.count()) == (1, [{"a": "1", "b": "2"}], 1)


def test_without_a_dataset_the_file_stays_and_is_named() -> None:
    data = reference("a,b\n1,2\n")
    assert run(upload_task, data)["file"] == data["file"]


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../settings.py",
        "pipeline/../x/y.csv",
        "reports/1.csv",
        "pipeline/job/gone.csv",
        "",
        None,
        7,
    ],
)
@pytest.mark.parametrize("task", [process_task, upload_task])
def test_only_files_of_pipelines_are_taken(task: Any, path: object) -> None:
    default_storage.save("reports/1.csv", ContentFile(b"a,b\n1,2\n"))
    with pytest.raises(ArgumentError, match="expected what the step before returned"):
        run(task, {"file": path})


@pytest.mark.parametrize(
    ("url", "dataset", "field"),
    [
        ("sample:nobody", "people", "url"),
        ("sample:../models", "people", "url"),
        ("file:///etc/passwd", "people", "url"),
        ("http://169.254.169.254/", "people", "url"),
        ("sample:customers", "no spaces", "dataset"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_starts(url: str, dataset: str, field: str) -> None:
    with pytest.raises(ArgumentError) as error:
        start_pipeline(url, dataset)
    assert list(error.value.problems) == [field]


@pytest.mark.django_db
def test_the_three_jobs_wait_for_the_transaction(django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        jobs = start_pipeline("sample:customers", "people", submitter="alice")
    assert len(callbacks) == 1
    first, second, last = (Job.objects.get(id=job.id) for job in jobs)
    assert [job.task.rpartition(".")[2] for job in (first, second, last)] == STEPS
    assert {(job.state, job.submitter) for job in (first, second, last)} == {("PENDING", "alice")}
    assert (second.parent, last.parent, last.root) == (first.id, second.id, first.id)


def test_a_pipeline_runs_from_the_page_s_function_to_the_dataset(worker: WorkerProcess) -> None:
    jobs = start_pipeline("sample:customers", "people")
    view = ended(jobs[-1].id)
    assert (view.state, view.error) == ("SUCCESS", None)
    assert [ended(job.id).state for job in jobs] == ["SUCCESS"] * 3
    assert view.result["count"] == Record.objects.filter(dataset__name="people").count() > 190


def test_the_chain_of_the_handbook_runs_as_it_stands(worker: WorkerProcess) -> None:
    url = "sample:customers"
    result = chain(download_task.s(url), process_task.s(), upload_task.s()).apply_async()
    view = ended(result.id)
    assert (view.state, view.result["status"]) == ("SUCCESS", "success")
    assert default_storage.exists(view.result["file"]) or Path(view.result["file"]).suffix == ".csv"


def reference(content: str) -> dict[str, Any]:
    path = default_storage.save("pipeline/before/downloaded.csv", ContentFile(content.encode()))
    return {"file": path, "name": "people.csv"}


def stored(data: dict[str, Any]) -> str:
    with default_storage.open(data["file"]) as file:
        return bytes(file.read()).decode()
