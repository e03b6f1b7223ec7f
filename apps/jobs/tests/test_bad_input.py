"""What `submit` refuses: each with the name of what is wrong, and nothing is written."""

import math
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from django.utils import timezone

from apps.jobs.errors import ArgumentError, JobError, UnknownTask
from apps.jobs.models import Job
from apps.jobs.submitting import Call, submit, submit_many
from apps.jobs.tests.acting_tasks import hold_task
from apps.jobs.tests.refusing import cases, nothing_written, unpublished  # noqa: F401
from apps.jobs.tests.sample_tasks import add_task

pytestmark = pytest.mark.django_db

ADD, HOLD = str(add_task.name), str(hold_task.name)
NOW = timezone.now()


class Nowhere(tzinfo):
    """A zone that doesn't know its own offset, which makes a time naive."""

    def utcoffset(self, moment: datetime | None) -> None:
        return None

    def dst(self, moment: datetime | None) -> None:
        return None

    def tzname(self, moment: datetime | None) -> None:
        return None


def nested(levels: int) -> Any:
    found: Any = 1
    for _level in range(levels):
        found = [found]
    return found


def endless() -> Any:
    found: list[Any] = []
    found.append(found)
    return found


def refused(task: Any, expected: type[JobError] = ArgumentError, **call: Any) -> Any:
    with pytest.raises(expected) as error:
        submit(task, **call)
    assert len(str(error.value)) < 2000
    return error.value


# --- Options ------------------------------------------------------------------------------------
NAIVE = datetime(2027, 1, 1)  # noqa: DTZ001
UNZONED = datetime(2027, 1, 1, tzinfo=Nowhere())
DAY = date(2027, 1, 1)
UGLY = ["a\x00b", "\ud800", 5]

# fmt: off
BAD_OPTIONS: dict[str, list[Any]] = {
    "delay": [*(timedelta(seconds=number) for number in (2**28, 1e9, 31 * 86_400, -1, -0.000001)),
        5, 0.4, math.nan, math.inf, "5m", "90", [5]],
    "eta": [NAIVE, UNZONED, DAY, NOW - timedelta(days=31), NOW + timedelta(days=31),
        datetime(9999, 12, 31, tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC),
        "tomorrow", "2027-01-01T00:00:00Z", "x" * 100_000, 1.8e9],
    "expires": [*(timedelta(seconds=number) for number in (0, -1, 60 * 86_400)),
        NOW, NOW - timedelta(days=1), NOW + timedelta(days=60), NAIVE, UNZONED, DAY, 60, "60", math.nan],
    "priority": [-1, 10, 255, 256, 10**6000, "high", "5", 5.0, True, None, math.nan],
    "queue": ["emial", "email.high", "email.#", "#", "*", "x" * 300, "", "队列", "email\n", *UGLY,
        ["email"], b"email"],
    "id": ["", "x" * 300, "with space", "ümlaut", "a\n", b"x", *UGLY],
    "key": ["x" * 300, None, *UGLY],
    "key_for": [timedelta(hours=1)],  # of no key
    "schedule": ["x" * 300, None, *UGLY],
    "submitter": ["x" * 151, "x" * 300, None, *UGLY],
    "retry_of": ["", "x" * 300, *UGLY],
    "source": ["moon", "", None, ["code"], "x" * 100_000, *UGLY],
    "tags": ["abc", ["x"] * 21, [""], ["x" * 101], [5], {"a"}, ["a\x00b"], None, *UGLY],
    "headers": [[], None, "x", {"x": "y" * 131_072}, {"x": math.nan}, {5: 1}, {"x": b"y"}, {"x": {1}},
        {"x": "a\x00b"}, {"x": "\ud800"}, {"x": nested(3000)},
        *({name: "x"} for name in ("id", "task", "retries", "expires", "eta", "submitted_at"))],
}
# fmt: on


@pytest.mark.parametrize(("name", "value"), cases(BAD_OPTIONS))
def test_a_bad_option_is_named(name: str, value: Any) -> None:
    error = refused(ADD, args=[1], **{name: value})
    assert set(error.problems) == {name}


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"delay": timedelta(seconds=1), "eta": NOW + timedelta(hours=1)}, "eta"),
        ({"key": "k", "key_for": timedelta(0)}, "key_for"),
        ({"key": "k", "key_for": timedelta(days=400)}, "key_for"),
        ({"key": "k", "key_for": 60}, "key_for"),
        ({"delay": timedelta(hours=2), "expires": timedelta(hours=1)}, "expires"),
        ({"eta": NOW + timedelta(hours=2), "expires": NOW + timedelta(hours=1)}, "expires"),
    ],
)
def test_options_that_contradict_each_other_are_named(options: dict[str, Any], name: str) -> None:
    assert set(refused(ADD, args=[1], **options).problems) == {name}


def test_every_bad_option_is_told_at_once() -> None:
    error = refused(ADD, args=[1], priority=99, queue="nowhere", id="")
    assert set(error.problems) == {"priority", "queue", "id"}


def test_an_option_that_does_not_exist_is_told_with_the_nearest() -> None:
    assert refused(ADD, args=[1], priorty=1).problems == {"priorty": "no such option; did you mean priority?"}
    assert "countdown" in refused(ADD, args=[1], countdown=5).problems


def test_a_delay_below_a_second_is_a_second_and_none_is_none() -> None:
    with transaction.atomic():
        soon = submit(ADD, args=[1], delay=timedelta(seconds=0.4))
        now = submit(ADD, args=[1], delay=timedelta(0))
        late = submit(ADD, args=[1], eta=NOW - timedelta(minutes=5))
        transaction.set_rollback(True)
    assert soon.eta is not None
    assert soon.eta - soon.submitted_at == timedelta(seconds=1)
    assert (now.eta, late.eta) == (None, None)


def test_an_id_that_is_taken_is_refused() -> None:
    with transaction.atomic():
        submit(ADD, args=[1], id="mine")
        error = refused(ADD, args=[2], id="mine")
        assert Job.objects.get(id="mine").args == [1]
        transaction.set_rollback(True)
    assert "id" in error.problems


# --- Tasks --------------------------------------------------------------------------------------
UNKNOWN = [
    "no.such.task",
    "celery.backend_cleanup",
    "celery.chord",
    f"{ADD} ",
    "with some spaces",
    "",
    "队列",
]
ODD = ["x" * 10_240, "a\x00b", "\ud800", "../../etc/passwd", "apps.jobs.tests.sample_tasks"]


@pytest.mark.parametrize("name", UNKNOWN + ODD)
def test_an_unknown_task_is_refused(name: str) -> None:
    error = refused(name, UnknownTask, args=[1])
    assert "no task is named" in str(error)
    assert len(str(error)) < 1000


@pytest.mark.parametrize("task", [5, None, b"x", ["x"], object()])
def test_what_is_no_task_at_all_is_refused(task: Any) -> None:
    with pytest.raises((JobError, TypeError)):
        submit(task, args=[1])


# --- Arguments ----------------------------------------------------------------------------------
BAD_VALUES: dict[str, Any] = {
    "set": {1, 2},
    "object": object(),
    "function": len,
    "bytes": b"x",
    "decimal": Decimal("1.5"),
    "uuid": UUID(int=5),
    "datetime": NOW,
    "complex": 1j,
    "nan": math.nan,
    "infinity": math.inf,
    "lone surrogate": "\ud800",
    "nul": "a\x00b",
    "deep": nested(3000),
    "endless": endless(),
    "large": "x" * 20 * 1024 * 1024,
    "many digits": 10**5000,
    "names that are one": {1: "a", "1": "b"},
    "number as name": {5: 1},
    "nul in a name": {"a\x00b": 1},
    "surrogate in a name": {"\udfff": 1},
    "far inside": {"rows": [{"price": 1}, {"price": math.nan}]},
}


@pytest.mark.parametrize("value", BAD_VALUES.values(), ids=BAD_VALUES.keys())
def test_an_argument_that_is_no_plain_json_is_named(value: Any) -> None:
    assert set(refused(HOLD, kwargs={"value": value}).problems) == {"value"}
    assert set(refused(HOLD, args=[value]).problems) == {"value"}
    assert refused(HOLD, args=[1], kwargs={"extra": value}).problems
    assert refused(HOLD, args=[1, value]).problems


@pytest.mark.parametrize(
    ("args", "kwargs", "names"),
    [
        ([], {}, {"left"}),
        ([], {"right": 1}, {"left"}),
        ([1], {"rigth": 2}, {"rigth"}),
        ([], {"left": "one", "right": []}, {"left", "right"}),
        ([], {"left": math.nan}, {"left"}),
        ([], {"left": 1.5}, {"left"}),
        ([], {"left": None}, {"left"}),
    ],
)
def test_arguments_that_do_not_fit_are_named(
    args: list[Any], kwargs: dict[str, Any], names: set[str]
) -> None:
    assert set(refused(ADD, args=args, kwargs=kwargs).problems) == names


MISSHAPEN: list[dict[str, Any]] = [
    *({"args": args} for args in ([1, 2, 3], 5, "12", {"left": 1}, {1}, b"12", None)),
    *({"kwargs": kwargs} for kwargs in ([1], "left", 5, {1})),
    {"args": [1], "kwargs": {"left": 2}},
    {"args": [1], "kwargs": {5: 1}},
]


@pytest.mark.parametrize("call", MISSHAPEN)
def test_a_call_of_the_wrong_shape_is_refused(call: dict[str, Any]) -> None:
    refused(ADD, **call)


# --- Many at once -------------------------------------------------------------------------------
def test_one_bad_call_of_many_writes_none() -> None:
    calls: list[Any] = [Call([1]), Call([2]), Call([], {"left": "x"}), [3, 4, 5]]
    with pytest.raises(ArgumentError) as error:
        submit_many(ADD, calls)
    assert {".".join(name.split(".")[:2]) for name in error.value.problems} == {"calls.2", "calls.3"}
    odd: list[Any] = [[[1], bad] for bad in ("ab", 5, None, object())]
    for listed in odd:
        with pytest.raises(ArgumentError, match=r"calls\.1: expected a list, a dict or a Call"):
            submit_many(ADD, listed)
    with pytest.raises(ArgumentError, match="key: expected for single jobs only"):
        submit_many(ADD, [[1]], key="k")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_ten_thousand_submits_in_one_transaction_are_all_or_none(
    no_others: None,
    unpublished: list[Job],  # noqa: F811
) -> None:
    """Nobody else looks at them: a recorder would publish what nobody did, and hold their rows."""
    with transaction.atomic():
        for number in range(100):
            submit(ADD, args=[number])
        transaction.set_rollback(True)
    assert (Job.objects.count(), unpublished) == (0, [])
    with transaction.atomic():
        for number in range(10_000):
            submit(ADD, args=[number])
        assert unpublished == []
    assert (Job.objects.count(), len(unpublished)) == (10_000, 10_000)
    Job.objects.all().delete()
    unpublished.clear()
