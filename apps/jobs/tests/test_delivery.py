"""The worker's main process tells of a process that died, and of nothing else."""

from typing import Any

import pytest
from billiard.einfo import ExceptionInfo
from billiard.exceptions import Terminated, WorkerLostError
from celery import current_app
from celery.utils.imports import symbol_by_name
from celery.worker.request import Request
from kombu.message import Message as Delivered

from apps.jobs.delivery import JobRequest
from apps.jobs.models import Attempt, Job
from apps.jobs.stream.names import tries_key
from apps.jobs.stream.reaching import stream_redis
from apps.jobs.tests.ledger import (  # noqa: F401
    TASK,
    backend,
    drain,
    kinds,
    own_stream,
    request_of,
    started,
)  # fmt: skip
from apps.jobs.tests.sample_tasks import add_task

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_stream")]


MESSAGE: Any = Delivered


class Mail(MESSAGE):
    """A message that notes what was done with it."""

    def __init__(self) -> None:
        headers = {"id": "one", "task": TASK, "lang": "py", "argsrepr": "()", "kwargsrepr": "{}"}
        super().__init__(body=[[1], {}, {}], headers=headers, properties={}, delivery_info={}, delivery_tag=1)
        self.done: list[str] = []

    def ack_log_error(self, *_: Any, **__: Any) -> None:
        self.done.append("acknowledged")

    def reject_log_error(self, logger: Any, errors: Any, requeue: bool) -> None:
        self.done.append("requeued" if requeue else "rejected")


def delivery_of(mail: Mail) -> JobRequest:
    return JobRequest(
        mail, app=current_app, hostname="first@here", task=add_task, decoded=True,
        on_ack=mail.ack_log_error, on_reject=mail.reject_log_error,
    )  # fmt: skip


def failure(error: BaseException) -> ExceptionInfo:
    with pytest.raises(type(error)) as raised:
        raise error
    return ExceptionInfo((raised.type, raised.value, raised.tb))


def test_every_task_is_delivered_this_way() -> None:
    assert symbol_by_name(add_task.Request) is JobRequest
    assert issubclass(JobRequest, Request)
    assert delivery_of(Mail()).id == "one"


@pytest.mark.parametrize("error", [WorkerLostError("signal 9"), SystemExit(1), Terminated(9)])
def test_a_dead_process_leaves_its_job_waiting_for_redelivery(error: BaseException) -> None:
    started(request_of("one"))
    mail = Mail()
    delivery_of(mail).on_failure(failure(error))
    drain()
    assert mail.done == ["requeued"]
    job, attempt = Job.objects.get(), Attempt.objects.get()
    assert (job.state, job.reason, attempt.outcome) == ("PENDING", "worker_lost", "worker_lost")


@pytest.mark.parametrize("name", ["_already_revoked", "_already_cancelled"])
def test_of_a_process_that_was_told_to_go_there_is_nothing_more_to_tell(name: str) -> None:
    started(request_of("one"))
    mail = Mail()
    request = delivery_of(mail)
    assert getattr(request, name) is False, "Celery names it otherwise now"
    setattr(request, name, True)
    request.on_failure(failure(Terminated(15)))
    assert mail.done == []
    assert "lost" not in kinds()


def test_an_ordinary_failure_is_no_loss() -> None:
    started(request_of("one"))
    delivery_of(Mail()).on_failure(failure(ValueError("no")))
    assert "lost" not in kinds()


def test_a_process_that_died_after_the_end_changes_nothing() -> None:
    backend().mark_as_done("one", 1, started(request_of("one")))
    mail = Mail()
    delivery_of(mail).on_failure(failure(WorkerLostError("signal 9")))
    drain()
    assert Job.objects.get().state == "SUCCESS"
    assert mail.done == ["acknowledged"]


def test_a_redis_that_is_away_stops_no_worker(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from redis.exceptions import ConnectionError as Lost

    started(request_of("one"))

    def away(*_: Any, **__: Any) -> None:
        raise Lost("nobody there")

    monkeypatch.setattr(backend(), "lose_now", away)
    mail = Mail()
    delivery_of(mail).on_failure(failure(WorkerLostError("signal 9")))
    assert mail.done == ["requeued"]
    assert "which Redis can't be told" in caplog.text


def test_the_loss_of_an_old_try_is_not_the_loss_of_the_new_one() -> None:
    """Its own worker tells of a process, while another has run the redelivered message for long."""
    old = started(request_of("one"))
    new = started(request_of("one", delivery_info={"redelivered": True}, hostname="second@here"))
    request = delivery_of(Mail())
    request.on_failure(failure(WorkerLostError("signal 9")))
    state: Any = stream_redis().hmget(tries_key("one"), "s", "t")
    assert [part.decode() for part in state] == ["STARTED", new.try_token]
    assert old.try_token != new.try_token
