"""The options of `submit`: what is taken, what is refused, and what is made of them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.jobs.errors import ArgumentError
from apps.jobs.orders import RESERVED, Order

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SOON = timedelta(minutes=5)


def problems(**options: Any) -> dict[str, str]:
    with pytest.raises(ArgumentError) as error:
        Order.of(options)
    return error.value.problems


def test_no_options_are_an_ordinary_job() -> None:
    order = Order.of({})
    assert (order.priority, order.not_before(NOW), order.not_after(NOW)) == (5, None, None)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"priority": -1}, {"priority"}),
        ({"priority": 10}, {"priority"}),
        ({"priority": True}, {"priority"}),
        ({"priority": "5"}, {"priority"}),
        ({"delay": timedelta(seconds=-1)}, {"delay"}),
        ({"delay": timedelta(days=31)}, {"delay"}),
        ({"delay": 60}, {"delay"}),
        ({"eta": datetime(2026, 6, 1)}, {"eta"}),  # noqa: DTZ001 - that is what is wrong
        ({"eta": datetime(9999, 1, 1, tzinfo=UTC)}, {"eta"}),
        ({"eta": "tomorrow"}, {"eta"}),
        ({"delay": SOON, "eta": timezone.now()}, {"eta"}),
        ({"expires": timedelta(0)}, {"expires"}),
        ({"expires": timedelta(days=60)}, {"expires"}),
        ({"expires": timezone.now() - SOON}, {"expires"}),
        ({"expires": 60}, {"expires"}),
        ({"delay": 2 * SOON, "expires": SOON}, {"expires"}),
        ({"queue": ""}, {"queue"}),
        ({"queue": "emial"}, {"queue"}),
        ({"id": ""}, {"id"}),
        ({"id": "with space"}, {"id"}),
        ({"id": "Ł"}, {"id"}),
        ({"id": "x" * 201}, {"id"}),
        ({"key": "x" * 256}, {"key"}),
        ({"key": "a\x00"}, {"key"}),
        ({"key": None}, {"key"}),
        ({"key_for": SOON}, {"key_for"}),
        ({"key": "a", "key_for": timedelta(0)}, {"key_for"}),
        ({"unique": "latest"}, {"unique"}),
        ({"debounce": SOON, "at_most": 2 * SOON}, {"debounce", "at_most"}),
        ({"key": "a", "unique": "newest"}, {"unique"}),
        ({"key": "a", "unique": "latest", "key_for": SOON}, {"key_for"}),
        ({"key": "a", "unique_key": ["left"]}, {"unique_key"}),
        ({"unique_key": "left"}, {"unique_key"}),
        ({"unique_key": [""]}, {"unique_key"}),
        ({"key": "a", "debounce": 5, "expires": SOON}, {"debounce"}),
        ({"key": "a", "debounce": timedelta(0)}, {"debounce"}),
        ({"key": "a", "debounce": timedelta(days=31)}, {"debounce"}),
        ({"key": "a", "debounce": SOON, "at_most": SOON / 2}, {"at_most"}),
        ({"key": "a", "debounce": SOON, "delay": SOON}, {"debounce"}),
        ({"key": "a", "debounce": SOON, "unique": "while_waiting"}, {"debounce"}),
        ({"key": "a", "debounce": 2 * SOON, "expires": SOON}, {"expires"}),
        ({"key": "a", "at_most": SOON}, {"at_most"}),
        ({"tags": "one"}, {"tags"}),
        ({"tags": [""]}, {"tags"}),
        ({"tags": ["x"] * 21}, {"tags"}),
        ({"tags": [1]}, {"tags"}),
        ({"headers": {"id": "other"}}, {"headers"}),
        ({"headers": {"x": float("nan")}}, {"headers"}),
        ({"headers": {"x": "y" * 9000}}, {"headers"}),
        ({"headers": []}, {"headers"}),
        ({"source": "nowhere"}, {"source"}),
        ({"submitter": "x" * 151}, {"submitter"}),
        ({"priority": 99, "queue": "?", "tags": [""]}, {"priority", "queue", "tags"}),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(options: dict[str, Any], names: set[str]) -> None:
    assert set(problems(**options)) == names


def test_an_unknown_option_is_told_with_the_nearest() -> None:
    assert problems(prority=1, zzz=2) == {
        "prority": "no such option; did you mean priority?",
        "zzz": "no such option",
    }


def test_a_header_cannot_be_one_of_celerys_own() -> None:
    assert {"id", "task", "retries", "submitted_at", "eta"} <= RESERVED


@pytest.mark.parametrize(
    "headers",
    [
        {"x" * 256: 1},  # AMQP's names have a length of one byte
        {"ü" * 128: 1},
        {"n": 2**63},  # and its integers eight
        {"deep": {"n": -(2**63) - 1}},
    ],
    ids=["long name", "long name in bytes", "large number", "small number inside"],
)
def test_a_header_that_no_message_can_carry_is_refused(headers: dict[str, Any]) -> None:
    assert set(problems(headers=headers)) == {"headers"}


def test_a_past_eta_is_at_once() -> None:
    assert Order(eta=timezone.now() - timedelta(days=1)).not_before(timezone.now()) is None


def test_an_eta_of_any_zone_is_kept_in_utc() -> None:
    eta = (timezone.now() + SOON).astimezone(ZoneInfo("Asia/Tokyo"))
    found = Order(eta=eta).not_before(timezone.now())
    assert found == eta
    assert found is not None
    assert found.tzinfo is UTC


def test_expires_is_a_period_or_a_moment() -> None:
    now = timezone.now()
    assert Order(expires=SOON).not_after(now) == now + SOON
    assert Order(expires=now + SOON).not_after(now) == now + SOON


@given(st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=30)))
def test_a_delay_is_at_least_a_second(delay: timedelta) -> None:
    found = Order(delay=delay).not_before(NOW)
    assert found is not None
    assert found - NOW == max(delay, timedelta(seconds=1))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from(["priority", "delay", "eta", "expires", "key", "queue", "tags", "headers", "id"]),
        st.one_of(
            st.none(), st.integers(), st.floats(), st.text(), st.binary(), st.lists(st.text()),
            st.timedeltas(), st.datetimes(), st.dictionaries(st.text(), st.integers()),
        ),
    )
)  # fmt: skip
def test_whatever_is_given_is_taken_or_refused_by_name(options: dict[str, Any]) -> None:
    strangers: set[str] = set()
    try:
        order = Order.of(options)
    except ArgumentError as error:
        strangers = error.problems.keys() - options.keys()
    else:
        order.not_before(NOW)
        order.not_after(NOW)
    assert not strangers
