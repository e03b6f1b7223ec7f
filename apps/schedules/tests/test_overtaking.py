"""Many changes at once: a single edit is in force before them, and none of them waits for ever."""

import pytest
from django_celery_beat.models import PeriodicTask

from apps.schedules.models import Timing
from apps.schedules.tests.making import make_many
from apps.schedules.timetable import renewing
from apps.schedules.timetable.renewing import renew_stale

pytestmark = pytest.mark.django_db

MANY, NEWEST, OLDEST = 20, 4, 2


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Schedules that were all made at once, none of them looked at; the first was noted first."""
    monkeypatch.setattr(renewing, "NEWEST", NEWEST)
    monkeypatch.setattr(renewing, "OLDEST", OLDEST)
    make_many(MANY)
    return list(Timing.objects.order_by("stale_since", "pk").values_list("pk", flat=True))


def edit(pk: int) -> None:
    schedule = PeriodicTask.objects.get(pk=pk)
    schedule.one_off = not schedule.one_off
    schedule.save()


def waiting() -> set[int]:
    return set(Timing.objects.exclude(stale="").values_list("pk", flat=True))


def test_an_edit_overtakes_all_that_was_changed_before_it(many: list[int]) -> None:
    edit(many[MANY // 2])
    assert renew_stale() == NEWEST + OLDEST
    assert many[MANY // 2] not in waiting()
    assert Timing.objects.get(pk=many[MANY // 2]).next_run_at is not None


def test_what_was_changed_first_waits_for_nothing_that_comes_after_it(many: list[int]) -> None:
    edit(many[0])
    PeriodicTask.objects.exclude(pk=many[0]).update(one_off=True)  # all others are newer now
    renew_stale()
    assert many[0] not in waiting()
    PeriodicTask.objects.filter(pk=many[0]).update(one_off=False)
    older = [pk for pk in many if pk in waiting()]
    rounds = 0
    while older[-1] in waiting():
        PeriodicTask.objects.filter(pk__in=many[:NEWEST]).update(enabled=rounds % 2 == 1)  # on and on
        renew_stale()
        rounds += 1
    assert rounds <= len(older) / OLDEST + 1


def test_each_round_ends_and_all_of_them_get_through(many: list[int]) -> None:
    renewed = []
    while count := renew_stale():
        renewed.append(count)
    assert sum(renewed) == MANY
    assert max(renewed) == NEWEST + OLDEST
    assert waiting() == set()
