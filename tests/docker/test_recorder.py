"""The recorder of docker/compose.yaml at its work, with its own users of RabbitMQ and Redis."""

import json
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from amqp.exceptions import AccessRefused, AMQPError
from kombu import Exchange

from project.topology import DEAD, QUEUES, TASKS, UNROUTED
from tests.docker.channels import channel, publish
from tests.docker.conftest import READY, Begin
from tests.docker.stack import Container, Stack
from tests.waiting import wait_until

WORK_QUEUES = [row.name for row in QUEUES]


@pytest.fixture(scope="module", autouse=True)
def recorder(stack: Stack) -> Iterator[Container]:
    container = Container(stack, "recorder").start(READY["recorder"])
    yield container
    said = container.said()
    container.kill()
    assert [line for line in said.splitlines() if "NOPERM" in line or "refused" in line.lower()] == []


def one(stack: Stack, statement: str, *values: Any) -> Any:
    """The first value that the statement finds, else None."""
    with psycopg.connect(stack.url("database_url")) as link:
        row = link.execute(statement, values).fetchone()
        return row and row[0]


def state(stack: Stack, job_id: str) -> Any:
    return one(stack, "SELECT state FROM jobs_job WHERE id = %s", job_id)


def submitted(stack: Stack, more: str = "", before: str = "") -> str:
    """The id of a job that the site handed in."""
    script = f"""
from apps.jobs import submit
from tests.docker.jobs import add_task
{before}
print(submit(add_task, kwargs={{"left": 1, "right": 2}}{more}).id)
"""
    return stack.shell("web", script)


def test_what_the_site_submits_is_published_run_and_recorded(stack: Stack, worker: Container) -> None:
    job_id = submitted(stack)
    wait_until(lambda: state(stack, job_id) == "SUCCESS", 30, "the ledger to know")
    assert one(stack, "SELECT published_at IS NOT NULL FROM jobs_job WHERE id = %s", job_id), "noted"
    assert one(stack, "SELECT count(*) FROM jobs_attempt WHERE job_id = %s", job_id) == 1
    assert one(stack, "SELECT status FROM django_celery_results_taskresult WHERE task_id = %s", job_id)


def test_what_the_site_left_behind_is_relayed(stack: Stack, worker: Container) -> None:
    before = "from apps.jobs import publishing; publishing.publisher().broken_until = float('inf')"
    job_id = submitted(stack, before=before)
    wait_until(lambda: state(stack, job_id) == "SUCCESS", 30, "the job to be relayed and run")


def test_a_delayed_job_is_relayed_to_where_delays_wait(stack: Stack, worker: Container) -> None:
    before = "from datetime import timedelta\n"
    before += "from apps.jobs import publishing; publishing.publisher().broken_until = float('inf')"
    job_id = submitted(stack, ", delay=timedelta(seconds=8)", before)
    wait_until(lambda: state(stack, job_id) == "SUCCESS", 40, "the job to be relayed and run")


def test_a_plain_delay_of_the_site_is_recorded_before_it_runs(stack: Stack) -> None:
    script = "from tests.docker.jobs import add_task; print(add_task.apply_async((1, 2), countdown=600).id)"
    job_id = stack.shell("web", script)
    wait_until(lambda: state(stack, job_id) == "PENDING", 10, "the ledger to know")


def test_a_person_cancels_a_job_from_the_site(stack: Stack, worker: Container) -> None:
    job_id = submitted(stack, ", delay=timedelta(seconds=600)", "from datetime import timedelta")
    script = f"from apps.jobs import acting; print(acting.cancel({job_id!r}, 'alice').outcome)"
    assert stack.shell("web", script) == "cancelled"
    wait_until(lambda: state(stack, job_id) == "REVOKED", 10, "the ledger to know")
    again = f"import tests.docker.jobs\nfrom apps.jobs import acting; print(acting.retry({job_id!r}).id)"
    new_id = stack.shell("web", again)
    wait_until(lambda: state(stack, new_id) == "SUCCESS", 30, "the job to run again")


def test_a_cancel_from_the_site_changes_no_job_that_has_ended(stack: Stack, worker: Container) -> None:
    job_id = submitted(stack)
    wait_until(lambda: state(stack, job_id) == "SUCCESS", 30, "the job to end")
    script = f"""
from celery import current_app
from celery.result import AsyncResult
current_app.backend.mark_as_revoked({job_id!r}, "cancelled")
print(AsyncResult({job_id!r}).state)
"""
    assert stack.shell("web", script) == "SUCCESS"


def test_a_dead_letter_is_kept_and_the_site_sends_it_again(stack: Stack, worker: Container) -> None:
    with channel(stack, "web") as link:
        publish(link, TASKS, "default", "not a job")
    found = "SELECT id FROM jobs_deadletter WHERE requeued_at IS NULL ORDER BY id DESC"
    letter = wait_until(lambda: one(stack, found), 20, "the dead letter to be kept")
    script = f"from apps.jobs import letters; print(letters.requeue([{letter}], 'alice'))"
    assert stack.shell("web", script) == "{'sent': 1, 'failed': 0, 'skipped': 0, 'taken': 0}"
    wait_until(lambda: (one(stack, found) or 0) > letter, 20, "it to die again")


def test_the_site_opens_a_dead_job_again(stack: Stack, worker: Container) -> None:
    job_id = submitted(stack, ", delay=timedelta(seconds=600)", "from datetime import timedelta")
    script = f"""
from apps.jobs import ending
from apps.jobs.states import Reason
from celery.app.task import Context
ending.end(Context(id={job_id!r}), Reason.REJECTED, "a test")
ending.reopen({job_id!r}, "a test")
print(ending.standing_of({job_id!r}).state)
"""
    assert stack.shell("web", script) == "PENDING"


def test_it_looks_at_every_queue(stack: Stack) -> None:
    names = [*WORK_QUEUES, DEAD, UNROUTED]
    script = f"from apps.recorder.peeking import peek; print(len(peek({names!r})))"
    assert stack.shell("recorder", script) == str(len(names))


def test_a_chord_hears_of_a_member_that_the_recorder_ends(stack: Stack, worker: Container) -> None:
    script = """
from celery import chord
from tests.docker.jobs import add_task, total_task
late = add_task.s(1, 1).set(countdown=600)
whole = chord([add_task.s(2, 2), late])(total_task.s())
print(whole.parent.results[1].id, whole.id, whole.parent.id)
"""
    member, body, group = stack.shell("web", script).split()
    script = f"""
from celery.app.task import Context
from apps.jobs import ending
from apps.jobs.states import Reason
from tests.docker.jobs import total_task
body = total_task.s(); body.set(task_id={body!r})
ending.end(Context(id={member!r}, group={group!r}, chord=body, group_index=1), Reason.UNROUTED, "a test")
print("told")
"""
    assert stack.shell("recorder", script) == "told"
    look = f"from celery.result import AsyncResult; print(AsyncResult({body!r}).state)"
    wait_until(lambda: stack.shell("web", look) == "FAILURE", 30, "the chord to fail")


def test_a_locked_ledger_is_written_once_it_is_free(stack: Stack, recorder: Container) -> None:
    """Statements give up at the limit on locks and are tried again; nothing is lost."""
    with psycopg.connect(stack.url("database_url")) as link:
        link.execute("LOCK TABLE jobs_job IN ACCESS EXCLUSIVE MODE")
        script = (
            "from tests.docker.jobs import add_task; print(add_task.apply_async((1, 2), countdown=600).id)"
        )
        job_id = stack.shell("web", script)
        wait_until(lambda: "lock timeout" in recorder.said(), 20, "a statement to give up")
    wait_until(lambda: state(stack, job_id) == "PENDING", 20, "the ledger to know")


@pytest.mark.parametrize("name", WORK_QUEUES)
@pytest.mark.parametrize("act", ["basic_get", "basic_consume", "queue_purge", "queue_delete"])
def test_it_can_take_no_job_from_a_work_queue(stack: Stack, name: str, act: str) -> None:
    with channel(stack, "recorder") as link, pytest.raises(AccessRefused):
        getattr(link, act)(name)


@pytest.mark.parametrize("name", [DEAD, UNROUTED, "mine"])
def test_it_declares_and_deletes_nothing(stack: Stack, name: str) -> None:
    with channel(stack, "recorder") as link, pytest.raises(AccessRefused):
        link.queue_delete(name) if name != "mine" else Exchange(name, type="fanout", channel=link).declare()


@pytest.mark.parametrize(
    ("exchange", "key"), [("", "default"), ("", DEAD), (DEAD, "default"), (UNROUTED, "")]
)
def test_it_can_not_put_a_message_past_the_exchange(stack: Stack, exchange: str, key: str) -> None:
    with channel(stack, "recorder") as link, pytest.raises(AMQPError, match="refused"):
        publish(link, exchange, key)


def test_it_ends_at_once_with_what_it_did(stack: Stack, begin: Begin) -> None:
    second = begin("recorder", "--json")
    wait_until(second.healthy, 20, "the recorder to be healthy")
    began = time.monotonic()
    assert second.stop() == 0
    assert time.monotonic() - began < 10
    done = json.loads(second.log.read_text().splitlines()[-1])
    assert set(done) == {
        "recorded", "relayed", "kept", "mended", "rounds", "holds", "batches",
        "events", "subscriptions", "broadcasts",
    }  # fmt: skip
