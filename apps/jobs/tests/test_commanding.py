"""What a family's command does for the person at the terminal."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.jobs import Job, submit
from apps.jobs.commanding import SubmitCommand, complaints, duration
from apps.jobs.tests.sample_tasks import add_task
from tests.waiting import WorkerProcess


class Add(SubmitCommand):
    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("left")
        super().add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        self.submit(str(add_task.name), {"left": options["left"]}, options)


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(Add(stdout=out, stderr=StringIO()), *arguments)
    return out.getvalue()


@pytest.mark.django_db
def test_bad_arguments_exit_with_two() -> None:
    with pytest.raises(CommandError, match="left: Input should be a valid integer") as error:
        run("one")
    assert error.value.returncode == 2


@pytest.mark.django_db
def test_a_bad_priority_exits_with_two() -> None:
    with pytest.raises(CommandError, match="priority: expected 0") as error:
        run("1", "--priority", "12")
    assert error.value.returncode == 2


def test_waiting_shows_how_it_ended(worker: WorkerProcess) -> None:
    found = json.loads(run("1", "--wait", "--json"))
    assert (found["state"], found["result"]) == ("SUCCESS", 2)


def test_not_waiting_shows_the_id(worker: WorkerProcess) -> None:
    said = run("1")
    assert "PENDING" in said
    assert "id " in said


def test_a_job_that_takes_too_long_goes_on(broker: str, transactional_db: None) -> None:
    command = Add(stdout=StringIO(), stderr=StringIO())
    with pytest.raises(CommandError, match=r"has not ended after 0\.2 s; it goes on"):
        call_command(command, "1", "--wait", "--timeout", "0.2")


@pytest.mark.django_db
def test_the_job_runs_as_the_command_line_says() -> None:
    found = json.loads(run("1", "--delay", "2h", "--queue", "report", "--priority", "7", "--json"))
    job = Job.objects.get(id=found["id"])
    assert (job.queue, job.priority, job.source, found["state"]) == ("report", 7, "command", "PENDING")
    assert job.eta == job.submitted_at + timedelta(hours=2)


@pytest.mark.django_db
def test_a_live_job_with_the_key_is_taken_instead() -> None:
    first, second = (json.loads(run("1", "--job-key", "nightly", "--json"))["id"] for _ in range(2))
    assert first == second
    assert Job.objects.get().key == "nightly"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("0.5m", 30), ("2h", 7200), ("1d", 86_400), ("99999999d", 86_400 * 99_999_999)],
)
def test_times_are_read(text: str, seconds: float) -> None:
    assert duration(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5", "5 m", "5w", "1e9", "nan", "inf", "٣", "9" * 30])
def test_what_is_no_time_is_refused_by_name(text: str) -> None:
    with pytest.raises(CommandError, match="argument --delay"):
        run("1", "--delay", text)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [("--delay", "31d", "delay: expected"), ("--queue", "nowhere", "queue: expected one of"),
     ("--job-key", "k" * 256, "key: expected")],
)  # fmt: skip
def test_an_option_that_does_not_fit_exits_with_two(option: str, value: str, problem: str) -> None:
    with pytest.raises(CommandError, match=problem) as error:
        run("1", option, value)
    assert error.value.returncode == 2
    assert not Job.objects.exists()


@pytest.mark.django_db
def test_a_task_that_is_gone_exits_with_one() -> None:
    with pytest.raises(CommandError, match="no task is named") as error, complaints():
        submit("apps.jobs.tests.sample_tasks.gone_task")
    assert error.value.returncode == 1
