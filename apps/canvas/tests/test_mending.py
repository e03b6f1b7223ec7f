"""What becomes of notes of chords, and which chords fail or are left alone. No worker: all is rows."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from celery import chain, chord, current_app, group
from celery.result import AsyncResult
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.canvas import backend, taking
from apps.canvas.models import Chord
from apps.canvas.tests.sample_tasks import (
    add_task,
    charge_task,
    number_task,
    old_error_task,
    slow_task,
    sum_task,
)
from apps.jobs import Job
from apps.jobs.duties import REGISTERED
from apps.jobs.stream.reaching import stream_redis

pytestmark = pytest.mark.django_db(transaction=True)
redis: Any = stream_redis()


def look() -> None:
    assert REGISTERED["canvas.chords"].do()


def notes() -> list[dict[str, Any]]:
    return [json.loads(text) for text in redis.lrange(backend.CHORDS, 0, -1)]


def begun(**fields: Any) -> Chord:
    given = {"group": "g", "body_ids": ["body"], "begun_at": timezone.now() - timedelta(hours=1), **fields}
    return Chord.objects.create(**given)


def ended(*ids: str, ago: timedelta = timedelta(minutes=30), **fields: Any) -> None:
    at = timezone.now() - ago
    given = {"group": "g", "state": "SUCCESS", "submitted_at": at, "finished_at": at, "result": 1, **fields}
    Job.objects.bulk_create(Job(id=job_id, **given) for job_id in ids)


def outcome() -> str:
    look()
    return Chord.objects.get().outcome


def test_a_chord_that_is_still_being_sent_is_left_alone() -> None:
    begun()
    ended("one", "two")
    assert outcome() == ""
    Chord.objects.update(size=3)
    assert outcome() == ""
    ended("three", ago=timedelta(0))
    assert outcome() == ""
    assert AsyncResult("body").state == "PENDING"


def test_a_chord_that_was_sent_and_whose_body_never_came_fails() -> None:
    begun(size=2)
    ended("one", "two")
    assert outcome() == "failed"
    assert AsyncResult("body").state == "FAILURE"


def test_a_chord_that_was_never_sent_as_a_whole_fails_at_last() -> None:
    begun(begun_at=timezone.now() - timedelta(days=30))
    ended("one")
    assert outcome() == "failed"


def test_a_generator_is_told_of_once_it_has_ended(broker: str) -> None:
    before_each = []

    def header() -> Iterator[Any]:
        for number in range(3):
            yield number_task.s(number)
            before_each.append(len(notes()))

    result: Any = chord(header(), sum_task.s())()
    begins, sized = notes()
    assert (begins["members"], begins["body_ids"], before_each) == (None, [result.id], [0, 1, 1])
    assert sized == {"group": begins["group"], "size": 3}
    look()
    assert Chord.objects.get().size == 3


def test_a_large_header_is_told_of_by_its_size(broker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "MEMBERS_MOST", 2)
    chord([number_task.s(1), number_task.s(2)], sum_task.s())()
    assert [len(note["members"]) for note in notes()] == [2]
    chord([number_task.s(1), number_task.s(2), number_task.s(3)], sum_task.s())()
    assert [note.get("size") for note in notes()] == [None, None, 3]


BODY: dict[str, Any] = {"task": "t", "args": [], "kwargs": {}, "options": {}}
GOOD = {"group": "good", "members": ["m"], "body": BODY, "body_ids": ["b"], "begun_at": 1_700_000_000.0}
BODILESS: dict[str, Any] = {
    "nan": {"body": {**BODY, "args": [float("nan")]}},
    "infinity": {"body": {**BODY, "args": [float("-inf")]}},
    "nul": {"body": {**BODY, "args": ["a\x00b"]}},
    "surrogate": {"body": {**BODY, "kwargs": {"\ud800": 1}}},
}
DROPPED: dict[str, Any] = {
    "long id": {"body_ids": ["x" * 256]},
    "long group": {"group": "x" * 256},
    "nul among members": {"members": ["m\x00"]},
    "no time": {"begun_at": "now"},
    "no members": {"members": 5},
}


def test_a_note_that_the_ledger_refuses_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    told = [{**GOOD, "group": name, **found} for name, found in (BODILESS | DROPPED).items()]
    told += [{**GOOD, "more": 1}, {"group": "good", "size": "many"}, {"group": "good", "size": 7}]
    redis.rpush(backend.CHORDS, b"{", b"[]", *map(json.dumps, told))
    look()
    assert notes() == []
    assert set(Chord.objects.filter(body__isnull=True).values_list("group", flat=True)) == set(BODILESS)
    assert Chord.objects.get(body__isnull=False).size == 7
    assert sum("is not watched" in record.message for record in caplog.records) == len(DROPPED) + 3


def test_many_notes_are_taken_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "AT_ONCE", 2)
    monkeypatch.setattr(taking, "PORTIONS", 2)
    redis.rpush(backend.CHORDS, *[json.dumps({**GOOD, "group": str(number)}) for number in range(5)])
    look()
    assert (Chord.objects.count(), len(notes())) == (4, 1)
    look()
    assert (Chord.objects.count(), len(notes())) == (5, 0)


def test_notes_that_nobody_reads_are_made_no_longer(broker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of large ones fewer than of small ones."""
    monkeypatch.setattr(backend, "NOTES_BYTES", 5000)
    for words in ["", "", "", "long" * 1000, ""]:
        chord([number_task.s(1)], sum_task.si([1], words))()
    assert [len(note["body"]["args"][1]) for note in notes()] == [0, 0, 0, 0]
    current_app.backend.client.delete(backend.CHORDS)
    chord([number_task.s(1)], sum_task.si([1], "long" * 1000))()
    assert len(notes()) == 1


def test_a_look_at_a_chord_that_waits_reads_no_results() -> None:
    begun(members=["one", ["two", "three"]], body={})
    ended("one", "two")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert outcome() == ""
    assert [query["sql"] for query in queries if '"result"' in query["sql"]] == []


def test_a_result_that_the_ledger_does_not_have_fails_the_chord() -> None:
    begun(members=["one", "two"], body=dict(sum_task.s()))
    ended("one")
    ended("two", result=None, note="result: 90000 bytes, more than the ledger keeps")
    assert outcome() == "failed"
    assert Chord.objects.get().why == "the result of its job two is not kept"


WHOLE: Any = chain(charge_task.s(), sum_task.s())
WHOLE["args"] = ("4111",)
HOLDS: dict[str, Any] = {
    "by place": charge_task.s("4111"),
    "by name": charge_task.s(token="4111"),
    "by its own place": charge_task.si([], "4111"),
    "later": sum_task.s() | charge_task.s("4111"),
    "in a group": group(sum_task.s(), charge_task.s("4111")),
    "in a link": sum_task.s().set(link=charge_task.s("4111")),
    "in an error callback": sum_task.s().set(link_error=old_error_task.s("4111")),
    "in the body around it": sum_task.signature(chord=charge_task.s("4111")),
    "of the whole": WHOLE,
}
CLEAN: dict[str, Any] = {
    "none": sum_task.s(),
    "by place": add_task.s(3),
    "not by that place": charge_task.si("4111", ""),
    "several": chain(add_task.s(3), group(slow_task.si(1), add_task.s(4))),
}


@pytest.mark.parametrize("body", HOLDS.values(), ids=HOLDS)
def test_a_body_that_holds_a_secret_is_not_kept(body: Any) -> None:
    assert backend.keepable(body) is None


@pytest.mark.parametrize("body", CLEAN.values(), ids=CLEAN)
def test_a_body_without_a_secret_is_kept(body: Any) -> None:
    assert backend.keepable(body) is body


def test_what_is_no_json_is_not_kept() -> None:
    assert backend.keepable(number_task.s(object())) is None
