"""The commands, alone and the whole way to a worker and back."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.data.models import Dataset, Import, Record, Source
from apps.data.tests.making import PEOPLE, dataset, rows
from apps.jobs import Job
from tests.sites import answer, served
from tests.waiting import WorkerProcess

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(tmp_path: Path) -> str:
    path = tmp_path / "people.csv"
    path.write_text(PEOPLE)
    return str(path)


def refused(*arguments: str) -> CommandError:
    with pytest.raises(CommandError) as error:
        call_command("import_data", *arguments, stdout=StringIO())
    return error.value


@pytest.mark.parametrize("name", ["-", "gone.csv", ".", "/dev/null", ""])
def test_what_is_no_file_is_a_bad_argument(name: str) -> None:
    error = refused(name, "--dataset", "people")
    assert (error.returncode, "expected the path of a file" in str(error)) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--dataset", "no spaces"], "dataset: expected"),
        (["--dataset", "people", "--key", "email"], "key: no column 'email'"),
        (["--dataset", "people", "--encoding", "utf-16"], "file: "),
        (["--dataset", "people", "--format", "jsonl"], "file: expected a JSON object"),
        (["--dataset", "people", "--priority", "12"], "priority: expected 0"),
        (["--dataset", "people", "--queue", "nowhere"], "queue: expected one of"),
    ],
)
def test_what_does_not_fit_is_a_bad_argument(people: str, arguments: list[str], words: str) -> None:
    error = refused(people, *arguments)
    assert (error.returncode, words in str(error)) == (2, True)
    assert not Dataset.objects.exists()


def test_a_file_over_the_limit_is_a_bad_argument(people: str, settings: Any) -> None:
    settings.IMPORT_MAX_BYTES = 10
    assert refused(people, "--dataset", "people").returncode == 2


def test_an_unknown_encoding_is_a_bad_argument(people: str) -> None:
    assert "invalid choice" in str(refused(people, "--dataset", "people", "--encoding", "klingon"))


def test_without_waiting_the_job_is_named(people: str, django_capture_on_commit_callbacks: Any) -> None:
    out = StringIO()
    with django_capture_on_commit_callbacks() as callbacks:
        call_command("import_data", people, "--dataset", "people", "--json", stdout=out)
    job = Job.objects.get(id=json.loads(out.getvalue())["id"])
    assert (job.source, len(callbacks)) == ("command", 1)
    assert Import.objects.get().job_id == job.id


def test_an_import_goes_the_whole_way(people: str, worker: WorkerProcess, media: str) -> None:
    out = StringIO()
    call_command("import_data", people, "--dataset", "people", "--key", "id", "--wait", stdout=out)
    assert "SUCCESS" in out.getvalue()
    assert '"count": 3' in out.getvalue()
    assert [row["name"] for row in rows()] == ["Ada", "Grace", "Edsger"]


def test_a_file_that_breaks_off_late_fails_with_the_reason(
    tmp_path: Path, worker: WorkerProcess, media: str
) -> None:
    path = tmp_path / "broken.csv"
    path.write_text("a;b\n" + "1;2\n" * 20_000 + '3;"4\n')
    with pytest.raises(CommandError, match="line 20002: a quote is never closed") as error:
        call_command("import_data", path, "--dataset", "people", "--delimiter", "semicolon", "--wait")
    assert error.value.returncode == 1
    assert not Record.objects.exists()
    assert Import.objects.get().state == "FAILURE"


def test_a_source_is_synced_by_command(worker: WorkerProcess) -> None:
    """The worker allows no private address, so the way ends at the guard, and says so."""
    with served(answer(PEOPLE.encode())) as url:
        Source.objects.create(name="crm", url=url, target=dataset())
        with pytest.raises(CommandError, match="ForbiddenAddress"):
            call_command("sync_data", "crm", "--wait", stdout=StringIO())


def test_a_pipeline_is_run_by_command(worker: WorkerProcess, media: str) -> None:
    out = StringIO()
    call_command("run_pipeline", "sample:customers", "--dataset", "people", "--wait", stdout=out)
    assert '"status": "success"' in out.getvalue()
    assert Record.objects.filter(dataset__name="people").exists()


def test_a_pipeline_ends_with_the_step_that_failed(worker: WorkerProcess, media: str) -> None:
    dataset("people", key="email_address")
    with pytest.raises(CommandError, match="no column 'email_address'") as error:
        call_command("run_pipeline", "sample:customers", "--dataset", "people", "--wait", stdout=StringIO())
    assert error.value.returncode == 1


def test_a_pipeline_runs_as_the_command_line_says() -> None:
    call_command(
        "run_pipeline", "sample:customers", "--dataset", "people", "--priority", "8", stdout=StringIO()
    )
    assert set(Job.objects.values_list("priority", "source")) == {(8, "command")}
    assert Job.objects.count() == 3


@pytest.mark.parametrize("url", ["sample:nobody", "http://localhost/", "x"])
def test_a_wrong_url_is_a_bad_argument(url: str) -> None:
    with pytest.raises(CommandError) as error:
        call_command("run_pipeline", url, "--dataset", "people")
    assert error.value.returncode == 2
