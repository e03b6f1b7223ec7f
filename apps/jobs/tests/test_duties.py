"""Duties that other apps leave to the recorder."""

import pytest
from django.db import connection

from apps.jobs import duties, events
from apps.jobs.duties import Duty
from apps.jobs.models import Event

HERE = "apps.jobs.tests.test_duties"


def note_it() -> None:
    events.publish("test.noted", {})


def fail_halfway() -> None:
    note_it()
    raise ValueError("halfway")


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> dict[str, Duty]:
    found: dict[str, Duty] = {}
    monkeypatch.setattr(duties, "REGISTERED", found)
    return found


def test_a_duty_is_registered_under_its_name(registered: dict[str, Duty]) -> None:
    for _ in range(2):  # as Django may get ready twice
        duties.register("test.note", every_seconds=5, work=f"{HERE}.note_it")
    assert list(registered) == ["test.note"]


def test_a_name_has_one_work() -> None:
    duties.register("test.note", every_seconds=5, work=f"{HERE}.note_it")
    with pytest.raises(ValueError, match=r"there is a duty 'test\.note' already"):
        duties.register("test.note", every_seconds=5, work=f"{HERE}.fail_halfway")


@pytest.mark.parametrize("seconds", [0, -1, 31])
def test_a_recorder_comes_round_within_a_minute(seconds: float) -> None:
    with pytest.raises(ValueError, match="every_seconds: expected 1 to 30"):
        duties.register("test.note", every_seconds=seconds, work=f"{HERE}.note_it")


def test_a_duty_that_fails_leaves_nothing_half_done(transactional_db: None) -> None:
    with pytest.raises(ValueError, match="halfway"):
        Duty("test.fail", 5, f"{HERE}.fail_halfway").do()
    assert not Event.objects.exists()
    assert Duty("test.note", 5, f"{HERE}.note_it").do()
    assert Event.objects.count() == 1


def test_one_process_at_a_time_does_a_duty(transactional_db: None) -> None:
    duty = Duty("test.note", 5, f"{HERE}.note_it")
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute(duties.CLAIM, ["duty:test.note"])
            assert not duty.do()
            assert Duty("test.other", 5, f"{HERE}.note_it").do()
        other.rollback()
        assert duty.do()
    finally:
        other.close()
    assert Event.objects.count() == 2
