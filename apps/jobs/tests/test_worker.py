"""The whole way: submit, broker, a real worker, Redis, the recorder and the ledger."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from celery import chain, chord, current_app, group
from celery.result import AsyncResult
from django.utils import timezone
from django_celery_results.models import TaskResult

from apps.jobs import submit, submit_many
from apps.jobs.confirming import Window
from apps.jobs.models import Attempt, Job
from apps.jobs.tests.ledger_tasks import (
    count_runs_task,
    die_task,
    hold_until_task,
    let_go,
    nap_task,
    note_error_task,
    own_retry_task,
    quiet_task,
    replace_task,
    sum_task,
    tell_task,
    times,
)  # fmt: skip
from apps.jobs.tests.lives import running
from apps.jobs.tests.sample_tasks import add_task, stumble_task
from apps.jobs.wire import message
from tests.waiting import RecorderProcess, WorkerProcess, wait_until

DELIVERY = ("--only", "record", "--only", "relay")


@pytest.fixture(scope="module")
def _workers(no_others: None) -> Iterator[WorkerProcess]:
    process = WorkerProcess("-I", "apps.jobs.tests.ledger_tasks")
    with running(RecorderProcess(*DELIVERY), process):
        yield process


@pytest.fixture(autouse=True)
def alive(_workers: WorkerProcess, transactional_db: None) -> None:
    _workers.ensure_alive()


def ended(job_id: str) -> Job:
    def look() -> Job | None:
        return Job.objects.filter(id=job_id, finished_at__isnull=False).first()

    return wait_until(look, what=f"job {job_id} to end")  # type: ignore[return-value]


def outcomes(job_id: str) -> list[str]:
    return list(Attempt.objects.filter(job_id=job_id).order_by("token").values_list("outcome", flat=True))


def publish_again(job: Job, times: int = 1) -> None:
    """Copies of its message, which the broker doesn't mark as redelivered."""
    job.outbox = {}
    with Window() as window:
        for _ in range(times):
            assert window.publish([message(job)]) == {job.id: None}


def child_of(job_id: str) -> Job:
    found = wait_until(lambda: Job.objects.filter(parent=job_id).first(), what=f"a child of {job_id}")
    assert found is not None
    return found


def all_taken() -> bool:
    with current_app.connection_for_write() as connection:
        channel: Any = connection.default_channel
        return not channel.queue_declare("default", passive=True).message_count


def test_a_submitted_job_succeeds_in_every_store() -> None:
    job = submit(add_task, kwargs={"left": 2, "right": 3})
    found = ended(job.id)
    assert (found.state, found.result, found.attempts, found.outbox) == ("SUCCESS", 5, 1, None)
    assert AsyncResult(job.id).get(timeout=10) == 5
    assert TaskResult.objects.get(task_id=job.id).status == "SUCCESS"
    assert found.submitted_at <= found.started_at <= found.finished_at  # type: ignore[operator]
    assert found.published_at is not None
    assert found.worker.startswith("test")


def test_a_plain_delay_is_kept_in_every_store_too() -> None:
    result = add_task.delay(2, right=3)
    found = ended(result.id)
    assert (found.task, found.args, found.kwargs, found.result) == (add_task.name, [2], {"right": 3}, 5)
    assert abs((timezone.now() - found.submitted_at).total_seconds()) < 60


def test_a_hundred_at_once_all_end() -> None:
    jobs = submit_many(count_runs_task, [["many", n] for n in range(100)])
    for number, job in enumerate(jobs):
        assert ended(job.id).result == number
    assert times("many") == 100


def test_the_same_message_twice_runs_once() -> None:
    job = submit(hold_until_task, args=["twice"])
    wait_until(lambda: times("twice") == 1)
    publish_again(job, times=3)
    wait_until(all_taken)
    let_go("twice")
    assert ended(job.id).result == 1
    assert outcomes(job.id) == ["success"]


def test_a_message_of_an_ended_job_does_not_run() -> None:
    job = submit(count_runs_task, args=["once"])
    ended(job.id)
    publish_again(job, times=3)
    last = submit(count_runs_task, args=["last"])
    ended(last.id)
    wait_until(all_taken)
    assert (times("once"), outcomes(job.id)) == (1, ["success"])


def test_a_job_whose_process_dies_runs_again() -> None:
    job = submit(die_task, args=["dies", 1])
    found = ended(job.id)
    assert (found.state, found.result, found.attempts) == ("SUCCESS", 2, 2)
    assert outcomes(job.id) == ["worker_lost", "success"]


def test_a_temporary_error_runs_again_in_its_queue() -> None:
    job = submit(stumble_task, args=[2], queue="data")
    found = ended(job.id)
    assert (found.result, outcomes(job.id)) == ("data", ["retry", "retry", "success"])
    assert found.first_started_at < found.started_at  # type: ignore[operator]


def test_a_retry_without_a_countdown_runs_at_once() -> None:
    job = submit(own_retry_task, args=[0])
    assert (ended(job.id).result, outcomes(job.id)) == (1, ["retry", "success"])


def test_a_job_may_snooze_three_times() -> None:
    job = submit(nap_task, args=["naps", 3])
    found = ended(job.id)
    assert (found.result, found.attempts) == (4, 4)
    assert outcomes(job.id) == ["snoozed"] * 3 + ["success"]


def test_a_snooze_in_a_chord_keeps_the_chord_waiting() -> None:
    result = chord([nap_task.s("chord", 1), add_task.s(1, 1)], sum_task.s()).apply_async()
    assert result.get(timeout=30) == 4
    assert ended(result.id).task == sum_task.name


def test_a_chain_hands_its_results_on() -> None:
    result: Any = chain(add_task.s(1, 1), add_task.s(10), add_task.s(100)).apply_async()
    assert result.get(timeout=30) == 112
    last, first = ended(result.id), ended(result.parent.parent.id)
    assert last.root == first.id
    assert last.parent == result.parent.id


def test_a_group_is_told_by_its_members() -> None:
    result: Any = group(add_task.s(n, n) for n in range(5)).apply_async()
    assert result.get(timeout=30) == [0, 2, 4, 6, 8]
    assert {ended(child.id).group for child in result.children} == {result.id}


def test_callbacks_run_after_their_job() -> None:
    result = add_task.apply_async((1, 1), link=add_task.s(10))
    ended(result.id)
    child = child_of(result.id)
    assert ended(child.id).result == 12


def test_error_callbacks_run_after_a_failure() -> None:
    result = quiet_task.apply_async(("fail",), link_error=note_error_task.si())
    assert ended(result.id).state == "FAILURE"
    wait_until(lambda: times("errors") == 1)


def test_a_replaced_task_ends_as_its_replacement() -> None:
    job = submit(replace_task, args=[1])
    found = ended(job.id)
    assert (found.result, found.attempts, found.task) == (11, 2, replace_task.name)
    assert AsyncResult(job.id).get(timeout=10) == 11


def test_a_state_of_its_own_is_seen_while_it_runs() -> None:
    job = submit(tell_task, args=["tell"])
    wait_until(lambda: TaskResult.objects.filter(task_id=job.id, status="PROGRESS").exists())
    assert Job.objects.get(id=job.id).state == "STARTED"
    let_go("tell")
    assert ended(job.id).result == "told"


@pytest.mark.parametrize(("how", "state", "reason"), [("well", "SUCCESS", ""), ("fail", "FAILURE", "error")])
def test_a_result_that_is_ignored_is_in_the_ledger_all_the_same(how: str, state: str, reason: str) -> None:
    job = submit(quiet_task, args=[how])
    found = ended(job.id)
    assert (found.state, found.reason) == (state, reason)
    assert AsyncResult(job.id).state != state


def test_a_retry_whose_result_is_ignored_has_both_tries() -> None:
    job = submit(quiet_task, args=["retry", "quiet"])
    assert (ended(job.id).state, outcomes(job.id)) == ("SUCCESS", ["retry", "success"])


def test_a_time_limit_ends_even_what_is_ignored() -> None:
    job = submit(quiet_task, args=["hang"])
    found = ended(job.id)
    assert (found.state, found.reason) == ("FAILURE", "time_limit")
    assert outcomes(job.id) == ["failure"]


@pytest.mark.parametrize("task", [add_task, quiet_task])
def test_a_job_that_expired_is_revoked_and_says_so(task: Any) -> None:
    args = [1] if task is add_task else ["well"]
    held = submit_many(hold_until_task, [["expiry"], ["expiry"]])
    wait_until(lambda: times("expiry") == 2)
    job = submit(task, args=args, expires=timedelta(seconds=1))
    wait_until(lambda: timezone.now() > job.expires_at)  # type: ignore[operator]
    let_go("expiry")
    let_go("expiry")
    found = ended(job.id)
    assert (found.state, found.reason, outcomes(job.id)) == ("REVOKED", "expired", [])
    assert [ended(other.id).state for other in held] == ["SUCCESS"] * 2


def test_an_urgent_job_rides_in_the_urgent_lane() -> None:
    job = submit(stumble_task, args=[1], priority=0)
    assert ended(job.id).result == "urgent"


def test_a_delayed_job_waits_for_its_time() -> None:
    job = submit(add_task, args=[1], delay=timedelta(seconds=2))
    found = ended(job.id)
    assert found.started_at >= job.eta  # type: ignore[operator]
    assert found.wait_time is not None
    assert timedelta(0) <= found.wait_time < timedelta(seconds=30)


def test_wrong_arguments_in_the_queue_fail_with_their_names() -> None:
    result = current_app.send_task(add_task.name, kwargs={"left": "one"})
    found = ended(result.id)
    assert (found.state, found.reason) == ("FAILURE", "arguments")
    assert "left" in found.error


def test_a_job_submitted_by_a_job_knows_its_parent() -> None:
    """Callbacks are published by the worker, as is what a task submits."""
    result = add_task.apply_async((1, 1), link=count_runs_task.si("child"))
    ended(result.id)
    child = child_of(result.id)
    assert (ended(child.id).root, times("child")) == (result.id, 1)
