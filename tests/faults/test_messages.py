"""Messages that come twice, from another time, or as rubbish among good ones."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.jobs.resending import Parcel
from apps.jobs.tests.dying import ADD, TASKS, Mill, call, plain_json
from tests.chaos.jobs import TASK
from tests.faults.ledger import Ledger
from tests.faults.stage import Stage, running
from tests.waiting import wait_until

pytestmark = pytest.mark.faults

YEAR, HOUR = timedelta(days=365), timedelta(hours=1)
SOON = timedelta(seconds=15)
QUEUE, EARLY = "report", 8  # twice what its worker takes at once
MEGABYTES = 10 * 1024 * 1024
TWICE = 200


@pytest.fixture
def mill(stage: Stage) -> Mill:
    return Mill(stage.rabbitmq)


def ids_of(parcels: list[Parcel]) -> list[str]:
    return [str(parcel.headers["id"]) for parcel in parcels]


def moment(away: timedelta) -> str:
    return (datetime.now(UTC) + away).isoformat()


def due(parcel: Parcel) -> datetime:
    return datetime.fromisoformat(parcel.headers["eta"])


def test_every_message_twice_has_every_effect_once(mill: Mill, ledger: Ledger) -> None:
    names = [f"twice-{number}" for number in range(TWICE)]
    parcels = [call(TASK, name, number % 20) for number, name in enumerate(names)]
    mill.publish(*(copy for parcel in parcels for copy in (parcel, parcel)))
    assert ledger.ended(ids_of(parcels)) == ["SUCCESS"] * TWICE
    wait_until(lambda: mill.length("default") == 0, what="the copies to be taken")
    assert ledger.effects(names) == [1] * TWICE
    assert ledger.starts(ids_of(parcels)) == TWICE
    assert ledger.disagreements(ids_of(parcels)) == {}


def test_messages_twice_through_a_broken_connection_have_every_effect_once(
    stage: Stage, mill: Mill, ledger: Ledger
) -> None:
    names = [f"again-{number}" for number in range(100)]
    parcels = [call(TASK, name, 50) for name in names]
    mill.publish(*parcels, *parcels)
    for share in (20, 60):
        wait_until(lambda share=share: sum(ledger.effects(names)) >= share, what=f"{share} effects")  # type: ignore[misc]
        assert "Closed 0" not in stage.rabbitmq.ctl("close_all_connections", "--global", "a fault")
    assert ledger.ended(ids_of(parcels)) == ["SUCCESS"] * 100
    assert ledger.effects(names) == [1] * 100
    assert ledger.starts(ids_of(parcels)) >= 100


CLOCKS: dict[str, tuple[dict[str, Any], tuple[str, str]]] = {
    "eta a year ago": ({"eta": moment(-YEAR)}, ("SUCCESS", "")),
    "expired a year ago": ({"expires": moment(-YEAR)}, ("REVOKED", "expired")),
    "expires in a year": ({"expires": moment(YEAR)}, ("SUCCESS", "")),
    "submitted a year ago": (
        {"submitted_at": datetime.now(UTC).timestamp() - YEAR.total_seconds()},
        ("SUCCESS", ""),
    ),
    "submitted in a year": (
        {"submitted_at": datetime.now(UTC).timestamp() + YEAR.total_seconds()},
        ("SUCCESS", ""),
    ),
    "eta in a year": ({"eta": moment(YEAR)}, ("FAILURE", "unreadable")),
    "eta and expiry a year ago": ({"eta": moment(-YEAR), "expires": moment(-YEAR)}, ("REVOKED", "expired")),
}


@pytest.mark.parametrize("what", CLOCKS)
def test_a_message_from_another_time_gets_a_clear_answer(mill: Mill, ledger: Ledger, what: str) -> None:
    headers, expected = CLOCKS[what]
    parcel = call(ADD, 1, 2, **headers)
    mill.publish(parcel)
    ledger.ended(ids_of([parcel]))
    assert ledger.job(parcel.headers["id"], "state", "reason") == expected


def test_messages_of_a_clock_that_is_ahead_hold_up_nobody(stage: Stage, mill: Mill, ledger: Ledger) -> None:
    """Whoever sent them knows no delays of the broker, or has another time than its workers."""
    hour, soon = (
        [replace(call(ADD, 1, eta=moment(away)), routing_key=QUEUE) for _ in range(EARLY)]
        for away in (HOUR, SOON)
    )
    good = [replace(call(TASK, f"today-{number}"), routing_key=QUEUE) for number in range(4)]
    with running(stage.new_worker(QUEUE)):
        mill.publish(*hour, *soon, *good)
        assert ledger.ended(ids_of(good), 15) == ["SUCCESS"] * 4
        assert ledger.ended(ids_of(soon)) == ["SUCCESS"] * EARLY
    for parcel in soon:
        assert ledger.job(parcel.headers["id"], "started_at")[0] >= due(parcel)
    for parcel in hour:
        found = ledger.job(parcel.headers["id"], "state", "due_at", "note")
        assert found == ("PENDING", due(parcel), "a worker got it before its time")
    assert mill.length(QUEUE) == mill.length("dead") == 0


def test_rubbish_in_the_queue_spoils_no_good_job(mill: Mill, ledger: Ledger) -> None:
    garbage = call(ADD)
    bad = {
        "unreadable": Parcel(b"\xff\x00\xfe garbage", garbage.properties, garbage.headers),
        "unknown_task": call("no.such.task", 1),
        "arguments": call(ADD, "one"),
    }
    bodies = [Parcel(b"\xff\x00 nameless"), Parcel(b"\xff" * MEGABYTES, plain_json())]
    large = call(f"{TASKS}.measure_task", "x" * MEGABYTES)
    good = [call(TASK, f"between-{number}") for number in range(8)]
    every = [*bad.values(), *bodies, large]
    before = ledger.number("SELECT count(*) FROM jobs_deadletter")
    mill.publish(
        *(one for number, parcel in enumerate(good) for one in (parcel, *every[number : number + 1]))
    )
    assert ledger.ended([*ids_of(good), large.headers["id"]]) == ["SUCCESS"] * 9
    ledger.ended(ids_of([*bad.values()]))
    for reason, parcel in bad.items():
        assert ledger.job(parcel.headers["id"], "state", "reason") == ("FAILURE", reason)
    wait_until(lambda: ledger.number("SELECT count(*) FROM jobs_deadletter") == before + 4, what="letters")
    assert mill.length("default") == mill.length("dead") == 0
