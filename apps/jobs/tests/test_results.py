"""A reader of Redis and a reader of the database see the same."""

from typing import Any

import pytest
from celery import current_app
from celery.app.task import Context
from celery.result import AsyncResult, GroupResult
from django.db import OperationalError
from django_celery_results.models import GroupResult as GroupRow
from django_celery_results.models import TaskResult

from apps.jobs.results import MirroredBackend

pytestmark = pytest.mark.django_db


@pytest.fixture
def backend() -> MirroredBackend:
    found = current_app.backend
    assert isinstance(found, MirroredBackend)
    return found


@pytest.mark.parametrize("state", ["STARTED", "SUCCESS"])
def test_redis_and_the_database_hold_the_same_state(backend: MirroredBackend, state: str) -> None:
    backend.store_result("one", {"count": 3}, state)
    assert AsyncResult("one").state == state
    assert TaskResult.objects.get(task_id="one").status == state


def test_the_result_reads_back_alike(backend: MirroredBackend) -> None:
    backend.store_result("one", {"count": 3, "name": "Łódź"}, "SUCCESS")
    assert AsyncResult[Any]("one").result == {"count": 3, "name": "Łódź"}
    assert backend.mirror.get_task_meta("one")["result"] == {"count": 3, "name": "Łódź"}


def test_a_failure_reads_back_as_its_exception(backend: MirroredBackend) -> None:
    request = Context(id="one", task="demo", argsrepr="()", kwargsrepr="{}")
    backend.mark_as_failure("one", ValueError("no such file"), "Traceback\x00 …", request)
    assert isinstance(AsyncResult("one").result, ValueError)
    assert TaskResult.objects.get().traceback == "Traceback\\x00 …"


@pytest.mark.parametrize("later", ["STARTED", "RETRY", "FAILURE"])
def test_success_is_never_overwritten(backend: MirroredBackend, later: str) -> None:
    backend.store_result("one", 1, "SUCCESS")
    backend.store_result("one", ValueError("late") if later != "STARTED" else None, later)
    assert AsyncResult("one").state == "SUCCESS"
    assert TaskResult.objects.get().status == "SUCCESS"


def test_forgetting_a_result_forgets_both(backend: MirroredBackend) -> None:
    backend.store_result("one", 1, "SUCCESS")
    AsyncResult("one").forget()
    assert AsyncResult("one").state == "PENDING"
    assert not TaskResult.objects.exists()


def test_a_group_is_kept_in_both(backend: MirroredBackend) -> None:
    group = GroupResult("many", [AsyncResult("one"), AsyncResult("two")])
    group.save()
    restored: Any = GroupResult.restore("many")
    assert restored is not None
    assert [result.id for result in restored.results] == ["one", "two"]
    assert GroupRow.objects.get().group_id == "many"


def test_a_lost_database_connection_is_worth_another_try(backend: MirroredBackend) -> None:
    assert backend.exception_safe_to_retry(OperationalError("server closed the connection"))
    assert not backend.exception_safe_to_retry(ValueError("a bug"))


def test_publishing_subscribes_to_nothing(backend: MirroredBackend, monkeypatch: Any) -> None:
    backend.on_task_call(None, "one")
    assert "one" not in backend.result_consumer.subscribed_to
