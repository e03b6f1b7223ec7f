"""The recorder does other apps' duties, each as often as it asks for."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection

from apps.jobs.duties import Duty
from apps.recorder import rounds
from apps.recorder.rounds import Rounds
from tests.waiting import wait_until

HERE = "apps.recorder.tests.test_rounds"
done: list[str] = []


def fine() -> None:
    done.append("fine")


def broken() -> None:
    done.append("broken")
    raise ValueError("a bug")


def registered(monkeypatch: pytest.MonkeyPatch, *found: Duty) -> Rounds:
    done.clear()
    monkeypatch.setattr(rounds, "REGISTERED", {duty.name: duty for duty in found})
    monkeypatch.setattr(rounds, "LOOK_SECONDS", 0.05)
    return Rounds(threading.Event())


def at_work(found: Rounds, enough: Callable[[], bool]) -> None:
    """In a thread of its own, as in a recorder, until it is enough."""

    def work() -> None:
        found.run()
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        wait_until(enough, 10, "enough rounds")
    finally:
        found.stop.set()
        thread.join(5)


def test_a_duty_that_fails_does_not_disturb_the_next(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    found = registered(
        monkeypatch, Duty("test.broken", 1, f"{HERE}.broken"), Duty("test.fine", 1, f"{HERE}.fine")
    )
    at_work(found, lambda: done.count("fine") >= 2)
    assert done[:4] == ["broken", "fine"] * 2
    assert found.rounds >= 2
    assert "the duty test.broken failed" in caplog.text


def test_each_duty_has_its_own_pace(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    found = registered(
        monkeypatch, Duty("test.often", 1, f"{HERE}.fine"), Duty("test.rare", 30, f"{HERE}.broken")
    )
    at_work(found, lambda: done.count("fine") >= 2)
    assert done.count("broken") == 1


def test_a_wrong_name_ends_the_recorder_at_its_start(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImportError):
        registered(monkeypatch, Duty("test.none", 5, f"{HERE}.no_such_work"))
