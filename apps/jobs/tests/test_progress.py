from typing import Any

from apps.jobs.progress import Progress, progress, progress_key, read, track
from apps.jobs.state import state_redis
from apps.jobs.tests.sample_tasks import count_task


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
