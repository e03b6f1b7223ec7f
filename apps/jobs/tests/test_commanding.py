"""What a family's command does for the person at the terminal."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.jobs.commanding import SubmitCommand
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
