"""The gate with real workers and a real recorder."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.gate.desired import publish
from apps.gate.models import LimitSetting, Pause
from apps.gate.pausing import pause, resume
from apps.gate.releasing import clear, forget
from apps.gate.tests import limited_tasks as tasks
from apps.gate.tests.limited_tasks import noted
from apps.gate.tests.pauses import paused_for_sure
from apps.jobs import acting, reading, submit, submit_many
from apps.jobs.models import Attempt, Hold, Job
from apps.jobs.reading import reasons
from apps.jobs.state import state_redis
from apps.jobs.tests.lives import running
from tests.waiting import RecorderProcess, WorkerProcess, wait_until

RECORDER = ("--only", "record", "--only", "relay", "--only", "holds", "--only", "sweep")


@pytest.fixture(scope="module")
def _workers(no_others: None) -> Iterator[WorkerProcess]:
    process = WorkerProcess("-I", "apps.gate.tests.limited_tasks", concurrency=3)
    with running(RecorderProcess(*RECORDER), process):
        yield process


@pytest.fixture(autouse=True)
def alive(_workers: WorkerProcess, transactional_db: None) -> WorkerProcess:
    _workers.ensure_alive()
    publish()  # what an earlier test wanted is over
    return _workers


def all_ended(count: int) -> None:
    wait_until(lambda: Job.objects.exclude(finished_at=None).count() >= count, what=f"{count} jobs to end")


def wait_held(count: int) -> list[Hold]:
    wait_until(lambda: Hold.objects.count() == count, what=f"{count} held jobs")
    return list(Hold.objects.order_by("turn", "held_at"))


def test_a_rate_holds_and_loses_nobody() -> None:
    submit_many(tasks.rate_task, [[n] for n in range(30)])
    all_ended(30)
    moments = sorted(float(line.split()[1]) for line in noted("rate"))
    assert sorted(int(line.split()[0]) for line in noted("rate")) == list(range(30))
    assert moments[-1] - moments[0] >= (30 - 2) / 20 - 0.1
    assert set(Job.objects.values_list("state", "attempts")) == {("SUCCESS", 1)}
    assert not Hold.objects.exists()


def test_a_flood_of_one_does_not_starve_the_rest() -> None:
    submit_many(tasks.fair_task, [["flood"]] * 60)
    wait_until(lambda: Hold.objects.count() > 30, what="the flood to be held")
    submit_many(tasks.fair_task, [["small"]] * 5)
    wait_until(lambda: noted("fair").count("small") == 5, what="the small tenant's jobs")
    assert noted("fair").count("flood") < 60
    all_ended(65)
    assert Counter(noted("fair")) == {"flood": 60, "small": 5}


def test_one_at_once_for_each_key() -> None:
    first = submit(tasks.one_at_once_task, args=["a"], kwargs={"until": "go"})
    wait_until(lambda: noted("begun:a"), what="the first")
    second = submit(tasks.one_at_once_task, args=["a", 1])
    other = submit(tasks.one_at_once_task, args=["b", 2])
    (held,) = wait_held(1)
    wait_until(lambda: Job.objects.get(id=other.id).state == "SUCCESS", what="the other customer's")
    assert (held.job_id, held.share) == (second.id, "")
    assert '1 at once for customer="a"' in held.why
    row: Any = wait_until(
        lambda: Job.objects.filter(id=second.id, reason="held").first(), what="the row to say so"
    )
    assert row.state == "PENDING"
    assert row.attempts == 0
    state_redis().set("go", 1)
    all_ended(3)
    assert noted("begun:a") == ["0", "1"]
    assert Attempt.objects.filter(job_id=second.id).count() == 1
    assert Job.objects.get(id=first.id).state == "SUCCESS"


def test_a_lease_is_renewed_while_its_job_runs() -> None:
    submit(tasks.one_at_once_task, args=["c"], kwargs={"until": "go"})
    wait_until(lambda: noted("begun:c"), what="the first")
    began = timezone.now()
    submit(tasks.one_at_once_task, args=["c", 1])
    wait_until(lambda: timezone.now() - began > timedelta(seconds=5), what="longer than its lease")
    assert noted("begun:c") == ["0"]
    state_redis().set("go", 1)
    all_ended(2)


def test_a_breaker_opens_and_closes_again() -> None:
    state_redis().set("test:bank is down", 1)
    submit_many(tasks.bank_task, [[1], [2]])
    wait_until(lambda: len(noted("bank")) >= 2, what="two failures")
    submit_many(tasks.bank_task, [[3], [4], [5]])
    wait_until(lambda: Hold.objects.count() >= 3, what="the rest to be held")
    tried = len(noted("bank"))
    state_redis().delete("test:bank is down")
    all_ended(5)
    assert len(noted("bank")) - tried == 5
    assert set(Job.objects.values_list("state", flat=True)) == {"SUCCESS"}


def test_a_paused_task_waits_and_goes_on() -> None:
    paused_for_sure("task", tasks.plain_task.name)
    jobs = submit_many(tasks.plain_task, [[1], [2], [3]])
    held = wait_held(3)
    assert {hold.why for hold in held} == {f"paused: task {tasks.plain_task.name}"}
    acting.cancel(jobs[1].id, by="alice")
    resume("task", tasks.plain_task.name)
    all_ended(3)
    assert sorted(noted("plain")) == ["1", "3"]
    assert Job.objects.get(id=jobs[1].id).state == "REVOKED"


def test_who_ended_while_it_waited_waits_no_longer() -> None:
    paused_for_sure("task", tasks.plain_task.name)
    job = submit(tasks.plain_task)
    (held,) = wait_held(1)
    wait_until(lambda: Job.objects.get(id=job.id).reason == "held", what="the ledger to know")
    view = reading.find(job.id)
    assert view is not None
    assert reasons.sentence(view) == f"The gate keeps it: {held.why}."
    Job.objects.filter(id=job.id).update(state="REVOKED", finished_at=timezone.now())
    clear()
    assert not Hold.objects.exists()
    resume("task", tasks.plain_task.name)


def test_who_is_held_again_while_it_is_sent_on_is_kept() -> None:
    values = {"task": "t", "queue": "default", "line": "x", "turn": 1, "why": "", "message": {}}
    hold = Hold.objects.create(job_id="again", held_at=timezone.now(), **values)
    Hold.objects.filter(job_id="again").update(held_at=timezone.now())
    forget([hold])
    assert Hold.objects.filter(job_id="again").exists()
    forget([Hold.objects.get()])
    assert not Hold.objects.exists()


def test_a_pause_ends_by_itself() -> None:
    paused_for_sure("all", until=timezone.now() + timedelta(seconds=4))
    submit(tasks.plain_task, queue="report")
    wait_until(lambda: not Pause.objects.exists(), what="its end")
    all_ended(1)


def test_a_worker_takes_nothing_from_a_paused_queue(alive: WorkerProcess) -> None:
    pause("queue", "default", by="alice")
    wait_until(lambda: "queue default is paused" in alive.output(), seconds=10, what="the worker to follow")
    submit(tasks.plain_task)
    other = submit(tasks.plain_task, queue="report")
    wait_until(lambda: Job.objects.get(id=other.id).state == "SUCCESS", what="another queue's job")
    assert not Hold.objects.exists()
    resume("queue", "default")
    all_ended(2)


def test_a_plain_delay_is_limited_too() -> None:
    results = [tasks.rate_task.delay(n) for n in range(5)]
    all_ended(5)
    assert {Job.objects.get(id=result.id).state for result in results} == {"SUCCESS"}


def test_people_set_a_limit_at_run_time() -> None:
    LimitSetting.objects.create(task="apps.gate.tests.*", kind="concurrency", limit=1)
    publish()
    wait_until(lambda: state_redis().get("switchyard:gate"), what="Redis to know")
    submit_many(tasks.plain_task, [[n] for n in range(6)])
    all_ended(6)
    assert sorted(noted("plain")) == [str(n) for n in range(6)]
