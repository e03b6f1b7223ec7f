"""A job as a message is what Celery itself would have published."""

import json
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.utils import timezone
from kombu.transport.native_delayed_delivery import calculate_routing_key

from apps.jobs import wire
from apps.jobs.models import Job
from apps.jobs.tests.ledger import TASK

CONTEXT_DEFAULTS: dict[str, Any] = {
    "shadow": None, "group": None, "group_index": None, "timelimit": [None, None], "parent_id": None,
    "ignore_result": False, "replaced_task_nesting": 0, "stamped_headers": None, "stamps": {}, "eta": None,
    "expires": None,
}  # fmt: skip


def job(**more: Any) -> Job:
    given = {
        "id": "one", "task": TASK, "queue": "default", "args": [1], "kwargs": {"right": 2}, "priority": 5,
        "outbox": {}, "submitted_at": timezone.now(),
    }  # fmt: skip
    return Job(**{**given, **more})


def test_the_message_is_the_one_celery_would_make() -> None:
    made = wire.message(job())
    theirs = current_app.amqp.as_task_v2("one", TASK, (1,), {"right": 2}, root_id="one")
    own = {name: value for name, value in made.headers.items() if name != "submitted_at"}
    assert {**CONTEXT_DEFAULTS, **own} == {**theirs.headers, "argsrepr": own["argsrepr"]}
    assert json.loads(made.body) == [list(part) if isinstance(part, tuple) else part for part in theirs.body]
    assert made.properties["correlation_id"] == theirs.properties["correlation_id"]


def test_every_header_that_is_left_out_is_none_to_a_worker() -> None:
    """Which takes it from the class of its context."""
    from celery.app.task import Context

    context = Context(wire.message(job()).headers)
    for name in CONTEXT_DEFAULTS:
        assert getattr(context, name) in (None, False, 0), name


def test_it_goes_to_its_queue_and_is_kept_on_disk() -> None:
    made = wire.message(job(queue="report"))
    assert (made.exchange, made.routing_key) == ("tasks", "report")
    assert made.properties["delivery_mode"] == 2


@pytest.mark.parametrize(("ours", "theirs"), [(0, 9), (5, 4), (9, 0), (None, None)])
def test_the_first_priority_is_rabbitmqs_highest(ours: int | None, theirs: int | None) -> None:
    assert wire.message(job(priority=ours)).properties["priority"] == theirs


def test_the_redis_transport_has_our_order(settings: Any) -> None:
    settings.PUBLISH_OPTIONS = {}
    assert wire.message(job(priority=2)).properties["priority"] == 2


def test_a_delay_is_the_brokers_own() -> None:
    eta = timezone.now() + timedelta(seconds=59.5)
    made = wire.message(job(eta=eta))
    assert made.routing_key == calculate_routing_key(60, "default")
    assert made.exchange == "celery_delayed_27"
    assert made.headers["eta"] == eta.isoformat()


def test_a_time_that_has_passed_is_no_delay() -> None:
    made = wire.message(job(eta=timezone.now() - timedelta(seconds=1)))
    assert (made.exchange, made.routing_key) == ("tasks", "default")


def test_without_native_delays_the_worker_waits(settings: Any) -> None:
    settings.PUBLISH_OPTIONS = {}
    made = wire.message(job(eta=timezone.now() + timedelta(minutes=1)))
    assert (made.exchange, made.routing_key) == ("tasks", "default")
    assert made.headers["eta"]


def test_a_deadline_is_a_header_and_no_time_to_live() -> None:
    """A message that the broker drops tells nobody."""
    made = wire.message(job(expires_at=timezone.now() + timedelta(minutes=1)))
    assert made.headers["expires"]
    assert "expiration" not in made.properties


def test_the_real_arguments_go_and_the_redacted_ones_are_shown() -> None:
    hidden = job(args=["[redacted]"], redacted=["left"])
    hidden.outbox = wire.outbox(hidden, ["s3cret"], {}, {})
    made = wire.message(hidden)
    assert json.loads(made.body)[0] == ["s3cret"]
    assert "s3cret" not in json.dumps(made.headers)
    assert made.headers["redacted"] == ["left"]


def test_an_outbox_holds_only_what_the_row_does_not() -> None:
    assert wire.outbox(job(), [1], {}, {}) == {}
    assert wire.outbox(job(), [1], {}, {"trace": "x"}) == {"headers": {"trace": "x"}}


def test_more_headers_are_sent_and_take_the_place_of_none() -> None:
    made = wire.message(job(outbox={"headers": {"trace": "x"}}))
    assert (made.headers["trace"], made.headers["id"]) == ("x", "one")


def test_where_the_job_stands_among_others_goes_along() -> None:
    made = wire.message(job(parent="p", root="r", group="g", schedule="every night"))
    found = [made.headers[name] for name in ("parent_id", "root_id", "group", "periodic_task_name")]
    assert found == ["p", "r", "g", "every night"]


def test_a_job_without_a_root_is_its_own() -> None:
    assert wire.message(job()).headers["root_id"] == "one"


def test_the_moment_of_submission_goes_along() -> None:
    made = job()
    assert wire.message(made).headers["submitted_at"] == made.submitted_at.timestamp()


def test_unicode_arguments_arrive_as_they_are() -> None:
    assert json.loads(wire.message(job(args=["Łódź 🎉"])).body)[0] == ["Łódź 🎉"]


def test_a_queue_that_is_gone_is_an_error() -> None:
    with pytest.raises(KeyError, match="gone"):
        wire.message(job(queue="gone"))


def test_a_long_delay_waits_for_the_relay(settings: Any) -> None:
    settings.BROKER_DELAY_MAX_SECONDS = 3600
    near = job(eta=timezone.now() + timedelta(minutes=59))
    far = job(eta=timezone.now() + timedelta(hours=3))
    assert (wire.is_for_now(near), wire.is_for_now(far)) == (True, False)
    assert abs(wire.relay_at(far) - timezone.now() - timedelta(hours=2)) < timedelta(minutes=1)


def test_what_is_not_published_at_once_is_relayed_soon(settings: Any) -> None:
    settings.RELAY_GRACE_SECONDS = 5
    found = job()
    assert wire.relay_at(found) == found.submitted_at + timedelta(seconds=5)
