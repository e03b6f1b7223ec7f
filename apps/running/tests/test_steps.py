"""Loops outside jobs, and what is refused."""

import time
from typing import Any

import pytest
from celery import shared_task
from celery.app.task import Context
from django.contrib.auth.models import User

from apps.jobs import exchange, progress
from apps.jobs.errors import ArgumentError, Stop, Superseded
from apps.running import cursors
from apps.running import steps as stepping
from apps.running.checks import is_grace
from apps.running.cursors import Place
from apps.running.steps import BATCH, checkpoint, last_cursor, steps, stop_if_asked


def test_outside_a_job_a_loop_is_a_loop() -> None:
    assert list(steps(lambda after: iter("abc"), cursor=str)) == ["a", "b", "c"]
    checkpoint(5)
    stop_if_asked()
    assert last_cursor() is None


@pytest.mark.django_db
def test_a_queryset_is_read_by_its_key_whatever_its_order() -> None:
    User.objects.bulk_create(User(username=f"user{number}") for number in range(BATCH + 3))
    users: Any = steps(User.objects.order_by("-username"))
    found = [user.pk for user in users]
    assert found == sorted(found)
    assert len(found) == BATCH + 3


@pytest.mark.parametrize(
    ("source", "options", "words"),
    [
        (lambda after: [], {}, "cursor: expected a function"),
        (User.objects.all(), {"cursor": str}, "cursor: expected none"),
        (User.objects.all()[:3], {}, "source: expected a queryset that isn't sliced"),
        (lambda after: [], {"cursor": str, "name": "x" * 101}, "name: expected a text of at most 100"),
    ],
)
def test_a_loop_that_cannot_go_on_is_refused(source: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        list(steps(source, **options))


@pytest.mark.django_db
def test_a_cursor_is_plain_json_and_an_earlier_try_changes_nothing() -> None:
    place = Place("job", 2)
    assert cursors.load(place) == (None, 0)
    assert cursors.save(place, {"page": 3}, 3)
    assert cursors.save(place, {"page": 4}, 1)
    assert not cursors.save(Place("job", 1), {"page": 2}, 1)
    assert cursors.load(place) == ({"page": 4}, 4)
    for bad in ({1, 2}, "x" * 9000):
        with pytest.raises(ArgumentError, match="cursor"):
            cursors.save(place, bad, 1)


def in_try(monkeypatch: pytest.MonkeyPatch, number: int, token: str) -> None:
    request = Context(id="job", task="walk", try_number=number, try_token=token)
    monkeypatch.setattr(stepping, "running_here", lambda: request)
    monkeypatch.setattr(stepping, "why_stop", lambda _request: "")


@pytest.mark.django_db
def test_a_loop_may_delete_what_it_walks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stepping, "BATCH", 2)
    User.objects.bulk_create(User(username=f"user{number}") for number in range(5))
    last = User.objects.order_by("pk").values_list("pk", flat=True).last()
    in_try(monkeypatch, 1, "1-0")
    users: Any = steps(User.objects.all())
    for user in users:
        user.delete()
    assert not User.objects.exists()
    assert last_cursor() == last


@pytest.mark.django_db
def test_the_later_try_is_the_later_one_also_when_redis_counts_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    in_try(monkeypatch, 2, "1764428400000-5")
    checkpoint(7)
    in_try(monkeypatch, 1, "1764428401000-0")
    assert last_cursor() == 7
    checkpoint(8)
    in_try(monkeypatch, 3, "1764428400000-5")
    with pytest.raises(Superseded):
        checkpoint(9)
    assert last_cursor() == 8


def test_a_grace_is_seconds() -> None:
    assert [is_grace(value) for value in (0, 1.5, 3600)] == [True] * 3
    assert not any(is_grace(value) for value in (-1, 3601, "30", None, True))


def test_a_stop_is_no_exception() -> None:
    assert not issubclass(Stop, Exception)


@shared_task
def talkative_task(seconds: float) -> int:
    said, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        said += 1
        progress.progress(said, 0, "said")
        time.sleep(0.001)
    return said


def test_progress_is_written_four_times_a_second_and_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []
    write = exchange.write

    def count(said: dict[str, Any]) -> None:
        written.extend(words["done"] for words in said.values())
        write(said)

    monkeypatch.setattr(exchange, "write", count)
    said = talkative_task.apply(args=(1.0,), task_id="talks").get()
    assert said > 100
    assert 2 <= len(written) <= 7
    assert written[-1] == said
    found = progress.read("talks")
    assert found is not None
    assert found.done == said
