import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from apps.jobs.tests.sample_tasks import count_task
from apps.schedules import declaring, documents, rules, shipping
from apps.schedules.declaring import BadDeclaration
from apps.schedules.models import ShippedSchedule, Timing
from apps.schedules.shipping import CannotReset, Origin
from apps.schedules.tests.making import ADD, make_schedule
from apps.schedules.timetable.renewing import renew_stale
from project.recurring import Recurring

COUNT = str(count_task.name)
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
        {"expire_seconds": 9},
    ],
)
def test_what_a_person_changed_stays_and_the_rest_follows_the_code(ship: Any, change: dict[str, Any]) -> None:
    ship(NIGHTLY)
    PeriodicTask.objects.filter(name="nightly").update(**change)
    (done,) = sync_now(replace(NIGHTLY, rule="every 5 minutes", queue="data"))
    (kept,) = PeriodicTask.objects.values(*change)
    assert kept == change
    assert str(PeriodicTask.objects.get().interval) == "every 5 minutes"
    assert (done.outcome, done.kept) == ("updated", tuple(change))
    assert set(done.written) == {"rule", "queue"} - set(change)


def sync_now(*rows: Recurring) -> list[shipping.Change]:
    settings.SHIPPED_SCHEDULES = rows
    return shipping.sync()


def test_policies_ship_too_and_are_kept_by_field(ship: Any) -> None:
    ship(replace(NIGHTLY, overlap="skip", owner="data team"))
    assert (timing().overlap, timing().owner) == ("skip", "data team")
    Timing.objects.update(overlap="queue")
    assert ship(replace(NIGHTLY, overlap="cancel", missed="skip")) == {"nightly": "updated"}
    assert (timing().overlap, timing().missed, timing().owner) == ("queue", "skip", "")


def timing() -> Timing:
    return Timing.objects.get()


def test_what_a_person_and_the_code_changed_alike_is_no_difference_any_more(ship: Any) -> None:
    ship(NIGHTLY)
    PeriodicTask.objects.update(queue="data")
    assert ship(NIGHTLY) == {"nightly": "kept"}
    assert ship(replace(NIGHTLY, queue="data")) == {"nightly": "unchanged"}
    assert ship(replace(NIGHTLY, queue="email")) == {"nightly": "updated"}
    assert schedule().queue == "email"


def test_what_a_person_changed_first_stays_through_many_deployments(ship: Any) -> None:
    ship(NIGHTLY)
    PeriodicTask.objects.update(queue="data")
    for queue in ("email", "report", None):
        assert ship(replace(NIGHTLY, queue=queue))["nightly"] == "kept"
    assert schedule().queue == "data"


def test_arguments_that_no_longer_fit_keep_their_task(ship: Any) -> None:
    """A person's arguments with the code's new task would be a schedule that nobody wanted."""
    ship(NIGHTLY)
    PeriodicTask.objects.update(kwargs='{"left": 1, "right": 7}')
    (done,) = sync_now(replace(NIGHTLY, task=COUNT, kwargs={"total": 3}, description="New."))
    assert (done.kept, done.written) == (("task", "kwargs"), ("description",))
    assert schedule().task == ADD


def test_a_rule_of_a_persons_own_does_not_become_a_one_off(ship: Any) -> None:
    ship(NIGHTLY)
    every = rules.saved(rules.parse("every 7 hours")).row
    PeriodicTask.objects.update(crontab=None, interval=every)
    assert ship(replace(NIGHTLY, rule="once 2100-01-01T00:00:00+00:00")) == {"nightly": "kept"}
    assert not schedule().one_off


def test_a_run_counted_since_it_was_read_is_not_undone(ship: Any) -> None:
    ship(NIGHTLY)
    read = schedule()
    PeriodicTask.objects.update(total_run_count=4)
    documents.write(read, {"queue": "data"})
    assert (schedule().queue, schedule().total_run_count) == ("data", 4)


def test_what_ran_once_and_is_over_was_touched_by_nobody(ship: Any) -> None:
    once = replace(NIGHTLY, rule="once 2100-01-01T00:00:00+00:00")
    ship(once)
    PeriodicTask.objects.update(enabled=False, total_run_count=1)  # as beat leaves it
    assert ship(once) == {"nightly": "unchanged"}
    assert shipping.origin(schedule()) == Origin.UNTOUCHED
    assert ship(replace(once, rule="once 2101-01-01T00:00:00+00:00")) == {"nightly": "updated"}
    assert schedule().enabled


def test_what_an_older_release_declared_had_the_defaults_for_the_rest(ship: Any) -> None:
    ship(NIGHTLY)
    shipped = ShippedSchedule.objects.get()
    shipped.declared = {name: shipped.declared[name] for name in ("name", "task", "rule", "args", "kwargs")}
    shipped.save()
    assert ship(replace(NIGHTLY, jitter_seconds=9)) == {"nightly": "updated"}
    assert timing().jitter_seconds == 9


def test_a_place_is_the_same_with_and_without_zeros(ship: Any) -> None:
    sunny = replace(NIGHTLY, rule="sunset 52.520 -13.405")
    ship(sunny)
    assert ship(sunny) == {"nightly": "unchanged"}


def test_a_name_that_another_shipped_schedule_has_now_is_left_to_it(ship: Any) -> None:
    ship(NIGHTLY)
    PeriodicTask.objects.update(name="hourly")
    assert ship(NIGHTLY, HOURLY) == {"nightly": "kept", "hourly": "taken"}
    assert PeriodicTask.objects.count() == 1


def test_the_difference_is_from_what_the_code_says_now(ship: Any, settings: Any) -> None:
    ship(NIGHTLY)
    settings.SHIPPED_SCHEDULES = [replace(NIGHTLY, kwargs={"left": 2})]
    assert found_difference() == ["kwargs.left: 2 → 1"]
    PeriodicTask.objects.update(enabled=False)
    assert found_difference() == ["kwargs.left: 2 → 1", "enabled: yes → no"]
    assert shipping.origin(schedule()) == Origin.CHANGED
    settings.SHIPPED_SCHEDULES = []
    assert found_difference() == []
    assert shipping.origin(schedule()) == Origin.RETIRED


def found_difference() -> list[str]:
    return [f"{one.field}: {one.change}" for one in shipping.difference(ShippedSchedule.objects.get())]


def test_reset_makes_it_as_the_code_says_now(ship: Any, settings: Any) -> None:
    ship(NIGHTLY)
    PeriodicTask.objects.update(enabled=False, name="own", queue="data", total_run_count=3)
    Timing.objects.update(owner="alice")
    settings.SHIPPED_SCHEDULES = [replace(NIGHTLY, rule="every 5 minutes")]
    changed = [one.field for one in shipping.reset(schedule("own"))]
    assert changed == ["name", "rule", "queue", "enabled", "owner"]
    assert shipping.origin(schedule()) == Origin.UNTOUCHED
    assert (str(schedule().interval), schedule().total_run_count) == ("every 5 minutes", 3)
    assert ship(replace(NIGHTLY, queue="email")) == {"nightly": "updated"}


def test_reset_fires_nothing_by_surprise(ship: Any) -> None:
    ship(replace(NIGHTLY, rule="every 1 hours"))
    PeriodicTask.objects.update(enabled=False, start_time=timezone.now() - timedelta(days=9))
    renew_stale()
    shipping.reset(schedule())
    renew_stale()
    assert timing().next_run_at > timezone.now()  # type: ignore[operator]


def test_what_is_not_from_the_code_cannot_be_reset(ship: Any) -> None:
    with pytest.raises(CannotReset, match="doesn't ship"):
        shipping.reset(make_schedule("own"))
    ship(NIGHTLY)
    ship()
    with pytest.raises(CannotReset, match="no longer in the code"):
        shipping.reset(schedule())


def test_reset_does_not_take_a_name_from_another(ship: Any) -> None:
    ship(NIGHTLY)
    PeriodicTask.objects.update(name="own")
    make_schedule("nightly")
    with pytest.raises(CannotReset, match="Another schedule"):
        shipping.reset(schedule("own"))


def test_who_disabled_it_before_the_code_dropped_it_is_heard_when_it_comes_back(ship: Any) -> None:
    ship(NIGHTLY)
    PeriodicTask.objects.update(enabled=False)
    ship()
    ship(NIGHTLY)
    assert not schedule().enabled


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
        ({"overlap": "maybe"}, "overlap: Input should be 'allow', 'skip', 'queue' or 'cancel'"),
        ({"jitter_seconds": -1}, "jitter_seconds"),
    ],
)
def test_a_bad_declaration_changes_nothing_at_all(ship: Any, change: dict[str, Any], expected: str) -> None:
    with pytest.raises(BadDeclaration, match=expected) as error:
        ship(HOURLY, replace(NIGHTLY, **change))
    assert "nightly" in str(error.value)
    assert not PeriodicTask.objects.exists()


def test_the_code_ships_what_can_run(db: None) -> None:
    assert [declaring.checked(row)["name"] for row in settings.SHIPPED_SCHEDULES]
    assert {change.outcome for change in shipping.sync()} == {"created"}


def test_beat_passes_over_what_is_being_written_and_waits_for_nobody(transactional_db: None) -> None:
    make_schedule()
    renewed: list[int] = []

    def beat() -> None:
        try:
            renewed.append(renew_stale())
        finally:
            connection.close()

    with transaction.atomic():
        documents.held(PeriodicTask.objects.all())
        round_of_beat = threading.Thread(target=beat)
        round_of_beat.start()
        round_of_beat.join(timeout=30)
        assert renewed == [0]
    assert renew_stale() == 1
