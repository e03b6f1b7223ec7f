"""Chapters 8 and 9 of the handbook, on RabbitMQ and on the embedded broker, as docs/handbook.md has them."""

import re
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from celery import chain, group
from celery.result import AsyncResult
from django_celery_beat.models import PeriodicTask

from apps.canvas.tests import handbook, sample_tasks
from apps.canvas.tests.stage import Stage, job_of
from apps.jobs import Job, acting, progress, reading, submit, submit_many
from apps.jobs.models import Attempt
from apps.schedules.tests.making import make_schedule
from tests.beats.processes import BeatProcess
from tests.waiting import ended, wait_until

pytestmark = pytest.mark.django_db(transaction=True)
SECONDS = 30


def test_a_plain_task_runs_apart_from_its_caller(stage: Stage) -> None:
    sent = sample_tasks.add_task.delay(40, 2)
    assert AsyncResult(sent.id).get(timeout=SECONDS) == 42
    job = ended(sent.id)
    assert (job.state, job.result) == ("SUCCESS", 42)
    assert job.worker


def test_a_job_goes_from_pending_by_started_to_success(stage: Stage) -> None:
    job = submit(sample_tasks.slow_task, kwargs={"seconds": 1.5}, delay=timedelta(seconds=2))
    assert reading.find(job.id).state == "PENDING"  # type: ignore[union-attr]
    wait_until(lambda: reading.find(job.id).state == "STARTED", SECONDS)  # type: ignore[union-attr]
    assert AsyncResult(job.id).state == "STARTED"
    assert ended(job.id).state == "SUCCESS"


def test_a_failure_keeps_its_exception(stage: Stage) -> None:
    sent = sample_tasks.fail_task.delay()
    job = ended(sent.id)
    assert (job.state, job.error) == ("FAILURE", "PermanentError: on purpose")
    assert "on purpose" in str(AsyncResult(sent.id).result)
    tried = wait_until(lambda: Attempt.objects.filter(job_id=sent.id).exclude(outcome="").first(), SECONDS)
    assert tried is not None
    assert tried.error_kind == "PermanentError"


def test_a_revoked_job_does_not_run(stage: Stage) -> None:
    job = submit(sample_tasks.note_task, delay=timedelta(seconds=4))
    assert acting.cancel(job.id, by="alice").done
    view = ended(job.id)
    assert (view.state, view.attempts) == ("REVOKED", 0)
    assert str(AsyncResult(job.id).state) == "REVOKED"


def test_retries_wait_as_their_policy_says(stage: Stage) -> None:
    """Fixed: 1 s, 1 s. Exponential: 1 s, 2 s, 4 s. With jitter: at random, up to 40 s."""
    tasks = (sample_tasks.fixed_task, sample_tasks.growing_task, sample_tasks.jitter_task)
    fixed, growing, jitter = [task.delay().id for task in tasks]
    retry = wait_until(lambda: Job.objects.filter(id=jitter, state="RETRY").first(), SECONDS)
    assert retry is not None
    assert ended(fixed).attempts == 3
    assert ended(growing, SECONDS).attempts == 4
    assert waits(fixed) == pytest.approx([1, 1], abs=0.9)
    assert waits(growing) == pytest.approx([1, 2, 4], abs=0.9)
    first = Attempt.objects.filter(job_id=jitter).order_by("token").first()
    assert retry.due_at is not None
    assert first is not None
    assert first.finished_at is not None
    assert 0 <= (retry.due_at - first.finished_at).total_seconds() <= 41
    acting.cancel(jitter)


def waits(job_id: str) -> list[float]:
    """Between each try's end and the next one's start, in seconds."""
    tries = list(Attempt.objects.filter(job_id=job_id).order_by("token"))
    return [
        (later.started_at - earlier.finished_at).total_seconds()
        for earlier, later in pairwise(tries)
        if earlier.finished_at
    ]


def test_a_job_goes_where_the_name_of_its_task_says(stage: Stage) -> None:
    sent = submit(
        "apps.email.tasks.send_email_task", kwargs={"to_email": "ann@example.com", "template": "none"}
    )
    plain = submit(sample_tasks.note_task)
    assert (sent.queue, plain.queue) == ("email", "default")
    assert ended(plain.id).queue == "default"
    tried = wait_until(lambda: Job.objects.filter(id=sent.id, attempts__gt=0).first(), SECONDS)
    assert tried is not None
    assert tried.queue == "email"
    acting.cancel(sent.id)


def test_a_job_goes_where_its_arguments_say(stage: Stage) -> None:
    few, many = ([{"id": str(number)} for number in range(rows)] for rows in (2, 1000))
    sent = [
        submit("apps.data.tasks.batch_import_task", kwargs={"data_list": rows, "dataset": "books"})
        for rows in (few, many)
    ]
    found = [ended(job.id, SECONDS) for job in sent]
    assert [(job.queue, job.state) for job in found] == [("default", "SUCCESS"), ("data", "SUCCESS")]


def test_a_job_goes_where_a_router_of_ones_own_says(stage: Stage, settings: Any) -> None:
    settings.JOB_ROUTERS = ["apps.jobs.tests.routers_of_a_user.ByTenant"]
    sent = [submit(sample_tasks.number_task, args=[number]).id for number in (12, 13)]
    sent += [sample_tasks.number_task.delay(number).id for number in (12, 13)]
    assert [ended(job_id, SECONDS).queue for job_id in sent] == ["default", "report"] * 2


def test_urgent_jobs_have_a_lane_of_their_own(stage: Stage) -> None:
    jobs = [submit(sample_tasks.note_task, priority=priority) for priority in (0, 2, 3, 9)]
    assert [job.queue for job in jobs] == ["urgent", "urgent", "default", "default"]
    assert [ended(job.id).queue for job in jobs] == ["urgent", "urgent", "default", "default"]


def test_a_callback_runs_when_its_task_has_ended(stage: Stage) -> None:
    good = sample_tasks.number_task.apply_async((1,), link=sample_tasks.add_task.s(41))
    bad = sample_tasks.fail_task.apply_async(link_error=sample_tasks.error_task.s())
    assert job_of(sample_tasks.add_task.name).result == 42
    assert job_of(sample_tasks.add_task.name).parent == good.id
    assert job_of(sample_tasks.error_task.name).parent == bad.id


def test_many_jobs_are_handed_in_at_once(stage: Stage) -> None:
    jobs = submit_many(sample_tasks.number_task, [{"number": number} for number in range(50)])
    assert [ended(job.id).result for job in jobs] == list(range(50))


def test_a_batch_tells_its_progress(stage: Stage) -> None:
    job = submit(sample_tasks.rows_task, kwargs={"total": 20})
    assert ended(job.id).result == 20
    said = progress.read(job.id)
    assert said is not None
    assert (said.total, said.message) == (20, "rows")


def test_the_mail_of_9_1_is_sent_and_tried_again(stage: Stage) -> None:
    task = handbook.run("9.1")["send_email_task"]
    sent = task.delay("reader@example.com", "Hello", "Text")
    stuck = task.delay("nowhere", "Hello", "Text")
    assert sent.get(timeout=SECONDS) == {"status": "success", "email": "reader@example.com"}
    row = wait_until(lambda: Job.objects.filter(id=stuck.id, state="RETRY").first(), SECONDS)
    assert row is not None
    assert row.due_at is not None
    tried = Attempt.objects.get(job_id=stuck.id).finished_at
    assert tried is not None
    assert (row.due_at - tried).total_seconds() == pytest.approx(60, abs=3)
    acting.cancel(stuck.id)


def test_a_periodic_task_runs_by_its_schedule(stage: Stage) -> None:
    """The tasks of 9.2; while beat runs, one schedule is added and the other one changed."""
    tasks = handbook.run("9.2")
    beat = BeatProcess()
    beat.environment |= stage.environment
    make_schedule("sync", task=tasks["sync_data_task"].name, rule="every 1 seconds", kwargs={})
    beat.start()
    try:
        wait_until(lambda: reading.rows(schedule="sync", state="SUCCESS").count() >= 2, SECONDS)
        make_schedule("cleanup", task=tasks["cleanup_data_task"].name, rule="every 1 seconds", kwargs={})
        wait_until(lambda: reading.rows(schedule="cleanup", state="SUCCESS").exists(), SECONDS)
        PeriodicTask.objects.get(name="sync").delete()
    finally:
        beat.stop()


def test_the_batch_of_9_3_counts_its_rows(stage: Stage) -> None:
    sent = handbook.run("9.3")["batch_import_task"].delay([{"row": 1}, {"row": 2}])
    assert sent.get(timeout=SECONDS) == {"status": "success", "count": 2}


def test_the_chain_of_9_4_passes_on_its_data(stage: Stage) -> None:
    """As it stands: its last line sends the chain."""
    handbook.run("9.4")
    steps = [job_of(f"handbook_9_4.{name}_task") for name in ("download", "process", "upload")]
    assert [step.result for step in steps] == [[3, 1, 2], [1, 2, 3], "uploaded [1, 2, 3]"]
    assert [step.parent for step in steps] == [None, steps[0].id, steps[1].id]
    assert {step.root for step in steps} <= {None, steps[0].id}
    assert AsyncResult(steps[-1].id).get(timeout=SECONDS) == "uploaded [1, 2, 3]"


def test_the_group_of_9_5_gathers_its_results(stage: Stage) -> None:
    """As it stands: its last line sends the group. And once more, for the results in order."""
    tasks = handbook.run("9.5")
    sent = [job_of("handbook_9_5.send_email_task", number) for number in range(3)]
    assert sorted(job.result for job in sent) == [f"sent to reader{n}@example.com" for n in (1, 2, 3)]
    assert len({job.group for job in sent}) == 1
    again: Any = group(tasks["send_email_task"].s(str(number)) for number in range(3)).apply_async()
    assert again.get(timeout=SECONDS) == ["sent to 0", "sent to 1", "sent to 2"]


def test_the_errors_of_a_chain_reach_who_waits(stage: Stage) -> None:
    broken = chain(sample_tasks.fail_task.s(), sample_tasks.note_task.s()).apply_async()
    with pytest.raises(Exception, match="on purpose"):
        broken.get(timeout=SECONDS)


NAMED = re.compile(r"`((?:apps|tests)/[\w/]+\.py)(?:::(\w+))?`")


def test_every_test_that_the_page_names_is_there() -> None:
    root = handbook.PAGE.parents[1]
    named = NAMED.findall(handbook.PAGE.read_text())
    missing = [f"{file}::{test}" for file, test in named if not has(root / file, test)]
    assert len(named) > 30
    assert missing == []


def has(file: Path, test: str) -> bool:
    return file.exists() and (not test or f"\ndef {test}(" in file.read_text())
