import time
from decimal import Decimal
from typing import Any

import pytest
from celery import shared_task
from celery.app.task import Context

from apps.jobs import exchange, joblog, submit
from apps.jobs.progress import Progress, current_job_id, progress, progress_key, read, track
from apps.jobs.state import state_redis
from apps.jobs.tests.sample_tasks import add_task, count_task
from tests.waiting import wait_until


def test_outside_a_job_it_says_nothing() -> None:
    progress(1, 2, "nobody listens")
    assert "nobody listens" not in messages()


def messages() -> list[str]:
    """All that is said at the moment: jobs of the shared worker may still speak."""
    redis: Any = state_redis()
    return [redis.hget(key, "message") for key in redis.keys("switchyard:progress:*")]


def test_a_job_says_how_far_it_is() -> None:
    count_task.apply(kwargs={"total": 3}, task_id="one")
    said = read("one")
    assert said is not None
    assert (said.done, said.total, said.message, said.percent) == (3, 3, "counted", 100)


def test_what_was_said_is_forgotten_after_a_day() -> None:
    count_task.apply(kwargs={"total": 1}, task_id="one")
    assert 86_000 < state_redis().ttl(progress_key("one")) <= 86_400


def test_tracking_yields_every_item() -> None:
    assert list(track("abc")) == ["a", "b", "c"]


def test_a_job_that_says_nothing_has_no_progress() -> None:
    assert read("none") is None


def test_the_time_left_follows_from_the_pace() -> None:
    assert Progress(25, 100, "", started=0, updated=10).seconds_left == 30
    assert Progress(0, 100, "", started=0, updated=10).seconds_left is None
    assert Progress(5, 0, "", started=0, updated=10).seconds_left is None


@shared_task
def say_task(done: Any, total: Any, message: Any) -> None:
    progress(done, total, message)


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ((0.5, 1.0, None), (0, 1, "")),
        ((Decimal(3), True, 7), (3, 1, "7")),
        ((None, float("nan"), "a\x00b\nc"), (0, 0, "a\\x00b\\nc")),
        (("many", 10**400, "\udcff.csv"), (0, 0, "\\udcff.csv")),
        ((-1, 2**60, "x" * 9000), (0, 2**53, "x" * 500)),
    ],
)
def test_whatever_a_job_says_can_be_kept(words: Any, kept: tuple[int, int, str]) -> None:
    say_task.apply(args=words, task_id="odd", throw=True)
    said = read("odd")
    assert said is not None
    assert (said.done, said.total, said.message) == kept


def test_what_older_versions_wrote_is_read() -> None:
    state_redis().hset(progress_key("old"), mapping={"done": "0.5", "total": "many"})
    assert read("old") == Progress(0, 0, "", 0, 0)


def test_a_word_that_cannot_be_written_keeps_no_job_from_hearing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = exchange.Exchange()
    found.unsent["bad"] = {"message": "\udcff", "updated": time.time()}
    looked: list[int] = []
    monkeypatch.setattr(found, "look", lambda: looked.append(1))
    assert not found.turn()
    assert found.turn()
    assert len(looked) == 2


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_died_is_followed_by_another() -> None:
    first = exchange.exchange()
    first.follow("job")
    first.turn = None  # type: ignore[assignment, method-assign] # it dies of that
    wait_until(lambda: not first.is_alive(), what="the thread to die")
    second = exchange.exchange()
    assert second.is_alive()
    assert second.asked is first.asked
    second.leave("job")
    assert exchange.exchange() is second


@shared_task
def calling_task() -> tuple[str | None, str | None]:
    """As a function in another job, or eagerly."""
    return current_job_id(), submit(add_task, args=[1]).parent


@pytest.mark.django_db
def test_what_a_job_calls_as_a_function_is_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert calling_task.apply(task_id="eager").get() == ("eager", "eager")
    assert calling_task() == (None, None)
    monkeypatch.setattr(joblog, "running_here", lambda: Context(id="outer"))
    assert calling_task() == ("outer", "outer")
