"""What `manage.py check` says about tasks."""

from collections.abc import Iterator
from typing import Any

import pytest
from celery import current_app
from django.core.checks import run_checks

from apps.jobs.checks import secret_arguments_exist

NAME = "test.pay"


@pytest.fixture
def pay() -> Iterator[Any]:
    def run(card: str, amount: int = 1) -> None: ...

    register: Any = current_app.task(name=NAME, lazy=False, secret_arguments=("card",))
    yield register(run)
    current_app.tasks.pop(NAME)


def test_the_tasks_of_the_project_mark_what_they_have(pay: Any) -> None:
    assert secret_arguments_exist() == []


def test_a_mistyped_secret_argument_stops_the_start(pay: Any) -> None:
    pay.secret_arguments = ("card", "crad", "amount.cents")
    found = [message for message in run_checks() if message.id == "jobs.E001"]
    assert [message.is_serious() for message in found] == [True, True]
    assert found[0].msg == "The task test.pay says that 'crad' is secret, but it takes no such argument."
