"""A notification goes once through each of its channels."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from apps.jobs.errors import ArgumentError, PermanentError, TemporaryError
from apps.notification.models import Channel, Delivery, Notification
from apps.notification.notifying import Notice, notify, resend
from apps.notification.notifying import test as send_test
from apps.notification.tests.receiver import Receiver, Reply

DISK = Notice("alice", "Disk full", "97 %", "error", "/jobs/")


def states() -> dict[str, str]:
    return dict(Delivery.objects.values_list("channel__name", "state"))


def test_in_app_puts_it_into_the_inbox(alice: User) -> None:
    result = notify(DISK, ["in-app"])
    notification = Notification.objects.get(inbox=alice)
    assert result == {
        "status": "success", "notification": notification.pk, "sent": ["in-app"], "skipped": []
    }  # fmt: skip
    assert (notification.title, notification.severity, notification.read_at) == ("Disk full", "error", None)


def test_without_in_app_it_is_in_nobodys_inbox(alice: User, ops: Channel) -> None:
    notify(DISK, ["ops"])
    assert Notification.objects.get().inbox is None


def test_every_call_without_a_key_notifies(alice: User) -> None:
    notify(DISK, ["in-app"])
    notify(DISK, ["in-app"])
    assert Notification.objects.count() == 2


def test_a_key_notifies_once(alice: User, ops: Channel, receiver: Receiver) -> None:
    first = notify(DISK, ["in-app", "ops"], key="disk-1")
    assert notify(DISK, ["in-app", "ops"], key="disk-1") == first
    assert Notification.objects.count() == len(receiver.received) == 1


def test_a_key_taken_by_another_text_is_an_error(alice: User) -> None:
    notify(DISK, ["in-app"], key="disk-1")
    with pytest.raises(ArgumentError) as error:
        notify(Notice("alice", "Disk empty", "97 %", "info", "/jobs/"), ["in-app"], key="disk-1")
    assert error.value.problems == {
        "idempotency_key": "is taken by a notification with another title, severity"
    }
    assert Notification.objects.get().title == "Disk full"


def test_one_failing_channel_does_not_stop_the_others(alice: User, ops: Channel, receiver: Receiver) -> None:
    receiver.replies = [Reply(503)]
    with pytest.raises(TemporaryError, match="ops: the receiver answered 503"):
        notify(DISK, ["ops", "in-app"], key="k")
    assert states() == {"ops": "failed", "in-app": "sent"}


def test_a_second_try_takes_only_what_failed(alice: User, ops: Channel, receiver: Receiver) -> None:
    receiver.replies = [Reply(500, body=b"oops"), Reply(200)]
    with pytest.raises(TemporaryError):
        notify(DISK, ["in-app", "ops"], key="k")
    sent_at = Delivery.objects.get(channel__name="in-app").sent_at
    assert notify(DISK, ["in-app", "ops"], key="k")["sent"] == ["in-app", "ops"]
    assert Delivery.objects.get(channel__name="in-app").sent_at == sent_at
    webhook = Delivery.objects.get(channel=ops)
    assert (webhook.state, webhook.attempts, webhook.error, webhook.answer) == ("sent", 2, "", "ok")


def test_both_tries_carry_one_delivery_id(alice: User, ops: Channel, receiver: Receiver) -> None:
    receiver.replies = [Reply(500), Reply(200)]
    with pytest.raises(TemporaryError):
        notify(DISK, ["ops"], key="k")
    notify(DISK, ["ops"], key="k")
    assert len({request.headers["switchyard-delivery"] for request in receiver.received}) == 1


def test_retry_after_becomes_the_jobs_wait(alice: User, ops: Channel, receiver: Receiver) -> None:
    receiver.replies = [Reply(429, {"Retry-After": "90"})]
    with pytest.raises(TemporaryError) as error:
        notify(DISK, ["ops"])
    assert error.value.retry_after_seconds == 90


def test_what_is_given_up_is_not_tried_again(alice: User, ops: Channel, receiver: Receiver) -> None:
    receiver.replies = [Reply(404, body=b"no such hook")]
    for _ in range(2):
        with pytest.raises(PermanentError, match="ops: the receiver answered 404"):
            notify(DISK, ["in-app", "ops"], key="k")
    assert len(receiver.received) == 1
    webhook = Delivery.objects.get(channel=ops)
    assert (webhook.permanent, webhook.status_code, webhook.answer) == (True, 404, "no such hook")


def test_a_lost_channel_is_still_named_when_the_rest_went_well(
    alice: User, ops: Channel, receiver: Receiver
) -> None:
    config = ops.config
    Channel.objects.create(name="second", kind="webhook", config=config)
    receiver.replies = [Reply(410), Reply(500), Reply(200)]
    with pytest.raises(TemporaryError):
        notify(DISK, ["ops", "second"], key="k")
    with pytest.raises(PermanentError, match="ops: the receiver answered 410"):
        notify(DISK, ["ops", "second"], key="k")
    assert states() == {"ops": "failed", "second": "sent"}


def test_a_broken_configuration_fails_with_its_reason(alice: User, ops: Channel) -> None:
    Channel.objects.filter(name="ops").update(config={"url": "gopher://x"})
    with pytest.raises(PermanentError, match="ops: url: expected http"):
        notify(DISK, ["ops", "in-app"])
    assert states() == {"ops": "failed", "in-app": "sent"}


def test_an_error_in_a_channels_code_is_written_down_and_worth_a_try(
    alice: User, ops: Channel, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.WEBHOOK_SECRET = None  # not text: signing raises AttributeError
    Channel.objects.filter(name="ops").update(secret="")
    with pytest.raises(TemporaryError, match="ops: AttributeError"):
        notify(DISK, ["ops", "in-app"])
    assert states() == {"ops": "failed", "in-app": "sent"}
    assert "channel ops failed unexpectedly" in caplog.text


def test_bad_arguments_leave_nothing_behind(alice: User) -> None:
    with pytest.raises(ArgumentError):
        notify(DISK, ["in-app", "nowhere"])
    assert Notification.objects.count() == 0


def test_channels_for_worse_are_skipped_and_named(alice: User, team: Channel) -> None:
    Channel.objects.exclude(name="in-app").update(min_severity="critical")
    result = notify(DISK)
    assert result["sent"] == ["in-app"]
    assert result["skipped"] == ["mail", "team"]


def test_a_test_goes_through_a_disabled_channel(alice: User, ops: Channel, receiver: Receiver) -> None:
    Channel.objects.filter(name="ops").update(enabled=False, min_severity="critical")
    assert send_test("ops", "ops")["sent"] == ["ops"]
    assert b"Test of the channel ops" in receiver.received[0].body


def test_a_test_says_when_the_channel_has_no_way(ops: Channel) -> None:
    with pytest.raises(ArgumentError, match="'in-app' has no way to 'ops'"):
        send_test("in-app", "ops")


def test_sending_again_takes_what_was_given_up(alice: User, ops: Channel, receiver: Receiver) -> None:
    receiver.replies = [Reply(404), Reply(200)]
    with pytest.raises(PermanentError):
        notify(DISK, ["in-app", "ops"], key="k")
    assert resend(Notification.objects.get().pk)["sent"] == ["in-app", "ops"]
    assert states() == {"ops": "sent", "in-app": "sent"}


def test_sending_again_needs_a_notification(db: None) -> None:
    with pytest.raises(ArgumentError, match="no notification has the id 7"):
        resend(7)
