from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings
from django_celery_beat.models import PeriodicTask

from apps.schedules import shipping
from apps.schedules.models import ShippedSchedule
from apps.schedules.shipping import BadDeclaration
from apps.schedules.tests.making import ADD, make_schedule
from project.recurring import Recurring

NIGHTLY = Recurring("nightly", ADD, "0 3 * * * Europe/Berlin", {"left": 1}, description="Adds at night.")
HOURLY = Recurring("hourly", ADD, "every 1 hours", {"left": 2}, queue="data", enabled=False)


@pytest.fixture
def ship(settings: Any, db: None) -> Any:
    """Syncs these declarations, and returns what became of each."""

    def sync(*rows: Recurring, restore: bool = False) -> dict[str, str]:
        settings.SHIPPED_SCHEDULES = rows
        return {change.name: change.outcome for change in shipping.sync(restore=restore)}

    return sync


def schedule(name: str = "nightly") -> PeriodicTask:
    return PeriodicTask.objects.get(name=name)


def test_what_is_missing_is_created_as_declared(ship: Any) -> None:
    assert ship(NIGHTLY, HOURLY) == {"nightly": "created", "hourly": "created"}
    assert str(schedule().crontab) == "0 3 * * * (m/h/dM/MY/d) Europe/Berlin"
    assert (schedule().enabled, schedule().kwargs, schedule().description) == (
        True, '{"left": 1}', "Adds at night.",
    )  # fmt: skip
    assert (schedule("hourly").enabled, schedule("hourly").queue) == (False, "data")


def test_syncing_again_changes_nothing(ship: Any) -> None:
    ship(NIGHTLY)
    before = schedule().date_changed
    assert ship(NIGHTLY) == {"nightly": "unchanged"}
    assert schedule().date_changed == before


def test_an_untouched_schedule_follows_the_code(ship: Any) -> None:
    ship(NIGHTLY)
    assert ship(replace(NIGHTLY, rule="every 5 minutes", kwargs={"left": 9})) == {"nightly": "updated"}
    assert (str(schedule().interval), schedule().crontab, schedule().kwargs) == (
        "every 5 minutes", None, '{"left": 9}',
    )  # fmt: skip


def test_the_marks_of_beat_are_no_change(ship: Any) -> None:
    ship(NIGHTLY)
    PeriodicTask.objects.update(total_run_count=9, last_run_at="2026-01-01T00:00:00Z")
    assert ship(replace(NIGHTLY, kwargs={"left": 3})) == {"nightly": "updated"}
    assert schedule().total_run_count == 9


@pytest.mark.parametrize(
    "change",
    [
        {"enabled": False},
        {"kwargs": '{"left": 5}'},
        {"queue": "email"},
        {"name": "own"},
        {"description": "x"},
    ],
)
def test_what_a_person_changed_is_never_overwritten(ship: Any, change: dict[str, Any]) -> None:
    ship(NIGHTLY)
    PeriodicTask.objects.filter(name="nightly").update(**change)
    assert ship(replace(NIGHTLY, rule="every 5 minutes")) == {"nightly": "kept"}
    (kept,) = PeriodicTask.objects.values(*change)
    assert kept == change
    (shipped,) = ShippedSchedule.objects.all()
    assert shipping.differences(shipped) == tuple(change)


def test_a_schedule_put_back_by_hand_follows_the_code_again(ship: Any) -> None:
    ship(NIGHTLY)
    PeriodicTask.objects.update(enabled=False)
    assert ship(NIGHTLY) == {"nightly": "kept"}
    PeriodicTask.objects.update(enabled=True)
    assert ship(replace(NIGHTLY, description="New.")) == {"nightly": "updated"}


def test_a_deleted_schedule_stays_away_until_it_is_wanted_back(ship: Any) -> None:
    ship(NIGHTLY)
    schedule().delete()
    assert ship(NIGHTLY) == {"nightly": "deleted"}
    assert not PeriodicTask.objects.exists()
    assert ship(NIGHTLY, restore=True) == {"nightly": "restored"}
    assert schedule().enabled


def test_what_the_code_dropped_is_disabled_and_marked(ship: Any) -> None:
    ship(NIGHTLY, HOURLY)
    assert ship(HOURLY) == {"hourly": "unchanged", "nightly": "retired"}
    assert (schedule().enabled, schedule().shipped.retired) == (False, True)
    assert ship(HOURLY) == {"hourly": "unchanged"}


def test_what_the_code_ships_again_comes_back(ship: Any) -> None:
    ship(NIGHTLY)
    ship()
    assert ship(NIGHTLY) == {"nightly": "updated"}
    assert (schedule().enabled, schedule().shipped.retired) == (True, False)


def test_a_persons_own_schedule_of_that_name_is_left_alone(ship: Any) -> None:
    own = make_schedule("nightly", rule="every 2 days")
    assert ship(NIGHTLY) == {"nightly": "kept"}
    assert schedule() == own
    assert str(schedule().interval) == "every 2 days"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"rule": "0 0 30 2 *"}, "never run"),
        ({"task": "apps.jobs.tests.sample_tasks.ad_task"}, "did you mean"),
        ({"kwargs": {"left": "many"}}, "left"),
        ({"kwargs": {}}, "left: missing"),
        ({"queue": "nowhere"}, "nowhere"),
    ],
)
def test_a_bad_declaration_changes_nothing_at_all(ship: Any, change: dict[str, Any], expected: str) -> None:
    with pytest.raises(BadDeclaration, match=expected) as error:
        ship(HOURLY, replace(NIGHTLY, **change))
    assert "nightly" in str(error.value)
    assert not PeriodicTask.objects.exists()


def test_the_code_ships_what_can_run(db: None) -> None:
    assert [shipping.checked(row)["name"] for row in settings.SHIPPED_SCHEDULES]
    assert {change.outcome for change in shipping.sync()} == {"created"}
