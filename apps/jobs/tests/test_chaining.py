"""Chains: one row for each step, one message for the first that carries the others."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from apps.jobs import Call, Job, publishing, wire
from apps.jobs.chaining import submit_chain
from apps.jobs.errors import ArgumentError, UnknownTask
from apps.jobs.tests.sample_tasks import add_task, noop_task
from tests.waiting import WorkerProcess, ended, wait_until

ADD = str(add_task.name)
STEPS = [(ADD, Call((1, 2))), (ADD, Call((10,))), (ADD, Call(kwargs={"right": 100}))]


@pytest.fixture
def crashed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process dies right after the commit: it hands nothing to its publisher."""
    monkeypatch.setattr("apps.jobs.chaining.publish_soon", lambda jobs: None)


@pytest.mark.django_db
def test_each_step_has_a_row_that_knows_the_one_before() -> None:
    jobs = submit_chain(STEPS, priority=7, submitter="alice", tags=["night"])
    first, second, third = (Job.objects.get(id=job.id) for job in jobs)
    assert (first.parent, second.parent, third.parent) == (None, first.id, second.id)
    assert (first.root, second.root, third.root) == (None, first.id, first.id)
    for row in (first, second, third):
        assert (row.state, row.priority, row.submitter, row.tags) == ("PENDING", 7, "alice", ["night"])
    assert (first.outbox is None, second.outbox, third.outbox) == (False, None, None)
    assert (first.args, second.args, third.kwargs) == ([1, 2], None, {"right": 100})


@pytest.mark.django_db
def test_the_message_of_the_first_carries_the_others_last_one_first() -> None:
    jobs = submit_chain(STEPS, priority=7)
    body = json.loads(wire.message(Job.objects.get(id=jobs[0].id)).body)
    links = body[2]["chain"]
    assert [link["options"]["task_id"] for link in links] == [jobs[2].id, jobs[1].id]
    assert [(link["args"], link["kwargs"]) for link in links] == [([], {"right": 100}), ([10], {})]
    assert links[0]["options"]["priority"] == 7


@pytest.mark.django_db
def test_a_chain_of_one_is_a_job() -> None:
    (job,) = submit_chain(STEPS[:1])
    assert json.loads(wire.message(job).body)[2] == wire.NO_LINKS | {"chain": []}


@pytest.mark.django_db
def test_only_the_first_waits_and_expires() -> None:
    first, second, _ = submit_chain(STEPS, delay=timedelta(hours=1), expires=timedelta(hours=2))
    assert first.eta is not None
    assert first.expires_at is not None
    assert (second.eta, second.expires_at) == (None, None)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("place", "call", "problem"),
    [
        (0, Call(), "steps.0.left"),
        (0, Call(("many",)), "steps.0.left"),
        (1, Call(("many",)), "steps.1.right"),
        (1, Call(kwargs={"rigth": 1}), "steps.1.rigth"),
        (2, Call((1, 2, 3)), "steps.2"),
        (2, Call((Decimal(7),)), "steps.2"),
    ],
)
def test_a_step_that_does_not_fit_is_named_and_nothing_is_written(
    place: int, call: Call, problem: str
) -> None:
    steps = [(ADD, call) if at == place else step for at, step in enumerate(STEPS)]
    with pytest.raises(ArgumentError) as error:
        submit_chain(steps)
    assert list(error.value.problems) == [problem]
    assert not Job.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("options", [{"id": "x"}, {"key": "k"}, {"priority": 10}])
def test_options_for_single_jobs_are_refused(options: Any) -> None:
    with pytest.raises(ArgumentError):
        submit_chain(STEPS, **options)


@pytest.mark.django_db
def test_an_unknown_step_and_no_step_are_refused() -> None:
    with pytest.raises(UnknownTask, match="did you mean"):
        submit_chain([*STEPS, (ADD.replace("add_task", "ad_task"), Call())])
    with pytest.raises(ArgumentError, match="steps: expected at least one"):
        submit_chain([])
    assert not Job.objects.exists()


def test_the_steps_run_one_after_the_other(worker: WorkerProcess) -> None:
    jobs = submit_chain(STEPS)
    assert [ended(job.id).result for job in jobs] == [3, 13, 113]
    wait_until(
        lambda: Job.objects.get(id=jobs[1].id).args == [3, 10], what="the ledger to know the arguments"
    )


def test_a_step_that_fails_ends_the_chain(worker: WorkerProcess) -> None:
    steps = [(str(noop_task.name), Call()), (ADD, Call()), (ADD, Call())]  # which can't add to nothing
    first, second, third = submit_chain(steps)
    assert (ended(first.id).state, ended(second.id).state) == ("SUCCESS", "FAILURE")
    end = ended(third.id)
    assert (end.state, end.error, end.started) == ("FAILURE", ended(second.id).error, None)


def test_a_process_that_dies_after_the_commit_loses_no_step(crashed: None, worker: WorkerProcess) -> None:
    jobs = submit_chain(STEPS)
    assert ended(jobs[2].id).result == 113


def test_a_transaction_that_is_rolled_back_leaves_nothing(broker: str, transactional_db: None) -> None:
    with transaction.atomic():
        submit_chain(STEPS)
        transaction.set_rollback(True)
    assert publishing.flush()
    assert not Job.objects.exists()
