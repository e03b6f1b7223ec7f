"""Whatever the order, the split and the repetition, the ledger ends the same; and the recorder's loop."""

import math
import threading
from itertools import pairwise
from typing import Any

import pytest
from django.db import OperationalError, connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.jobs.models import Attempt, Job
from apps.jobs.states import FINISHED
from apps.jobs.stream.reaching import stream_redis
from apps.jobs.tests.ledger import (  # noqa: F401
    Picture,
    backend,
    differences,
    entries,
    forget,
    own_stream,
    picture,
    request_of,
    started,
    stream_name,
)
from apps.recorder import recording
from apps.recorder.batch import MOVES, Entry
from apps.recorder.recording import Recording, Stopped, record
from apps.recorder.tests.living import STEPS, Life, write_down
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_stream")]

lives = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def recorded(job_id: str, batches: list[list[Entry]], *, written: bool) -> Picture:
    forget(job_id)
    if written:
        write_down(job_id)
    for batch in batches:
        record(batch)
    return picture(job_id)


def test_a_second_end_of_a_try_takes_nothing_from_what_the_first_told() -> None:
    life = Life()
    lived = life.live([("start", 0, 0, False, "a"), ("retry", "latest"), ("snooze", "latest")])
    expected = recorded(life.id, [[entry] for entry in lived], written=False)
    assert differences(recorded(life.id, [lived], written=False), expected) == {}
    assert differences(recorded(life.id, [lived[:1], lived[1:]], written=False), expected) == {}


@lives
@given(steps=STEPS, written=st.booleans(), data=st.data())
def test_any_split_order_and_repetition_ends_the_same(steps: Any, written: bool, data: st.DataObject) -> None:
    life = Life()
    lived = life.live(steps)
    expected = recorded(life.id, [[entry] for entry in lived], written=written)
    cuts = data.draw(st.lists(st.integers(0, len(lived)), max_size=4).map(sorted), label="cuts")
    batches = [lived[a:b] for a, b in pairwise([0, *cuts, len(lived)]) if a < b]
    order = data.draw(st.permutations(batches), label="order")
    repeats = data.draw(st.lists(st.sampled_from(batches), max_size=2), label="repeats") if batches else []
    found = recorded(life.id, [*order, *repeats], written=written)
    assert differences(found, expected) == {}


@lives
@given(steps=STEPS)
def test_an_end_changes_by_a_reopening_alone(steps: Any) -> None:
    life = Life()
    ended: tuple[Any, ...] | None = None
    for entry in life.live(steps):
        record([entry])
        found = Job.objects.get(id=life.id)
        now = (found.state, found.result, found.error, found.finished_at)
        if ended and entry[1][b"kind"] != b"reopened":
            assert now == ended
        ended = now if found.state in FINISHED else None


@lives
@given(steps=STEPS)
def test_the_ledger_and_redis_agree(steps: Any) -> None:
    life = Life()
    lived = life.live(steps)
    if not lived:
        return
    record(lived)
    kinds = [fields[b"kind"].decode() for _, fields in lived]
    moves = [kind for kind in kinds if kind in MOVES]
    state = MOVES[moves[-1]][0] if moves else "PENDING"
    assert Job.objects.get(id=life.id).state == state
    assert state == "PENDING" or backend().get_task_meta(life.id, cache=False)["status"] in (
        state,
        "PROGRESS",
    )
    assert Attempt.objects.filter(job_id=life.id).count() == len(life.tries)


def test_an_end_that_somebody_else_told_leaves_the_worker_of_the_latest_try() -> None:
    run = started(request_of("one"))
    backend().mark_as_retry("one", ValueError("again"), "a trace", run)
    backend().mark_as_done("one", 1)
    record(entries())
    found = Job.objects.get()
    assert (found.worker, found.instance) == (run.hostname, Attempt.objects.get().instance)
    assert found.instance


@pytest.mark.parametrize("odd", ["a\x00b", "x" * 300], ids=["nul", "long"])
def test_an_id_that_cannot_be_kept_spoils_no_other_job(odd: str, caplog: pytest.LogCaptureFixture) -> None:
    for job_id in ("one", odd, "two"):
        started(request_of(job_id))
    record(entries())
    assert set(Job.objects.values_list("id", flat=True)) == {"one", "two"}
    assert "names no job that can be kept" in caplog.text


@pytest.mark.parametrize(
    "more",
    [
        {"task": "t" * 300},
        {"hostname": "h" * 300},
        {"parent_id": "p" * 300},
        {"periodic_task_name": "s" * 300},
        {"group": {"not": "a text"}},
    ],
    ids=lambda more: next(iter(more)),
)
def test_a_document_that_cannot_be_read_leaves_its_move_and_a_note(more: dict[str, Any]) -> None:
    started(request_of("good"))
    backend().mark_as_done("odd", 1, started(request_of("odd", **more)))
    record(entries())
    assert Job.objects.get(id="good").state == "STARTED"
    assert Job.objects.get(id="odd").state == "SUCCESS"


def test_text_that_is_no_json_leaves_its_move_and_a_note() -> None:
    run = started(request_of("one"))
    stream_redis().xadd(stream_name(), {"kind": "SUCCESS", "id": "one", "n": "1",
                                             "token": run.try_token, "doc": "{broken"})  # fmt: skip
    record(entries())
    found = Job.objects.get()
    assert (found.state, Attempt.objects.get().outcome) == ("SUCCESS", "success")
    assert found.note.startswith("its document can't be read")


def recorder(**more: Any) -> Recording:
    found = Recording(threading.Event())
    found.reader.join()
    for name, value in more.items():
        setattr(found, name, value)
    return found


@pytest.fixture
def small_batches(settings: Any) -> None:
    settings.RECORDER_BATCH, settings.RECORDER_PAUSE_SECONDS = 5, 0


def pending() -> int:
    found: Any = stream_redis().xpending(stream_name(), "recorders")
    return int(found["pending"])


def test_recorders_share_the_stream_and_empty_it(small_batches: None) -> None:
    first, second = recorder(), recorder()
    for number in range(20):
        started(request_of(f"job-{number}"))
    for one in (first, second, first, second):
        one.take()
    assert (first.recorded, second.recorded) == (10, 10)
    assert Job.objects.filter(state="STARTED").count() == 20
    assert (entries(), pending()) == ([], 0)


def test_what_a_dead_recorder_had_is_taken_over(small_batches: None, monkeypatch: Any) -> None:
    monkeypatch.setattr("apps.recorder.reading.DEAD_MILLISECONDS", 0)
    dead, other = recorder(), recorder()
    started(request_of("one"))
    taken = dead.reader.read(10, 100)
    record(taken)  # it died between the commit and the acknowledgement
    assert pending() == 1
    other.take()
    assert (Job.objects.count(), Attempt.objects.count(), pending()) == (1, 1, 0)


def test_what_is_done_leaves_the_stream_once_older_entries_are_taken_over(
    small_batches: None, monkeypatch: Any
) -> None:
    """Else the ledger would seem to lag until the next job, and nothing would be mended."""
    monkeypatch.setattr("apps.recorder.reading.DEAD_MILLISECONDS", 0)
    dead, other = recorder(), recorder(claim_at=math.inf)
    started(request_of("one"))
    assert len(dead.reader.read(10, 100)) == 1
    started(request_of("two"))
    other.take()
    assert (Job.objects.count(), len(entries()), pending()) == (1, 2, 1)
    other.claim_at = 0.0
    other.take()
    assert (Job.objects.count(), entries(), pending()) == (2, [], 0)


def test_a_database_that_is_away_is_waited_for(small_batches: None, monkeypatch: Any) -> None:
    monkeypatch.setattr(recording, "OUTAGE_SECONDS", 0)
    monkeypatch.setattr(connection, "close", lambda: None)  # this test's transaction lives in it
    failures, write = [1, 1], recording.record

    def away(found: list[Entry]) -> None:
        if failures:
            failures.pop()
            raise OperationalError("the server closed the connection")
        write(found)

    monkeypatch.setattr(recording, "record", away)
    started(request_of("one"))
    recorder().take()
    assert Job.objects.get().state == "STARTED"
    assert pending() == 0


def test_a_recorder_that_must_stop_leaves_its_batch_to_others(small_batches: None, monkeypatch: Any) -> None:
    one = recorder()

    def away(found: list[Entry]) -> None:
        one.stop.set()
        raise OperationalError("gone")

    monkeypatch.setattr(recording, "record", away)
    monkeypatch.setattr(connection, "close", lambda: None)
    started(request_of("one"))
    with pytest.raises(Stopped):
        one.take()
    assert pending() == 1


@pytest.mark.django_db(transaction=True)
def test_a_redis_that_lost_everything_is_joined_again(small_batches: None) -> None:
    one = Recording(threading.Event())

    def run() -> None:
        one.run()
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        for number in range(3):
            started(request_of(f"job-{number}"))
            wait_until(lambda: Job.objects.count() == number + 1)  # noqa: B023 - used at once
            stream_redis().delete(stream_name())
    finally:
        one.stop.set()
        thread.join(20)
    assert Job.objects.filter(state="STARTED").count() == 3


def test_large_batches_of_many_jobs_are_the_same_as_small_ones() -> None:
    for number in range(150):
        run = started(request_of(f"job-{number % 50}", retries=number // 50))
        backend().mark_as_retry(run.id, ValueError("no"), request=run)
    lived = entries()
    record(lived)
    one_go = [picture(f"job-{number}") for number in range(50)]
    for number in range(50):
        forget(f"job-{number}")
    for place in range(0, len(lived), 7):
        record(lived[place : place + 7])
    for number, expected in enumerate(one_go):
        assert differences(picture(f"job-{number}"), expected) == {}
