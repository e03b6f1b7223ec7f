"""Webhooks, against a real HTTP server."""

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from apps.jobs.errors import PermanentError, TemporaryError
from apps.notification.channel import Answer, Recipient
from apps.notification.channels.webhook import KEPT_BYTES, Webhook, seconds_of
from apps.notification.models import Delivery
from apps.notification.signing import signature
from apps.notification.tests.conftest import KEY
from apps.notification.tests.receiver import Receiver, Reply, elapsed

ALICE = Recipient("alice")


def post(delivery: Delivery, **config: Any) -> Answer:
    kind = Webhook()
    return kind.send(delivery, ALICE, kind.read({**delivery.channel.config, **config}))


def test_the_body_says_it_all(delivery: Delivery, receiver: Receiver, settings: Any) -> None:
    settings.SITE_URL = "https://jobs.example.com/"
    assert post(delivery) == Answer("ok", 200)
    assert json.loads(receiver.received[0].body) == {
        "delivery": str(delivery.uid),
        "notification": delivery.notification.pk,
        "recipient": "alice",
        "title": "Disk full",
        "message": "97 %",
        "severity": "error",
        "url": "https://jobs.example.com/jobs/",
        "created": delivery.notification.created.isoformat(),
    }


def test_the_body_is_signed_with_the_channels_key(delivery: Delivery, receiver: Receiver) -> None:
    post(delivery)
    (request,) = receiver.received
    header = request.headers["switchyard-signature"]
    sent_at = int(header.split(",")[0].removeprefix("t="))
    assert header == signature(KEY, sent_at, request.body)
    assert abs(time.time() - sent_at) < 60


def test_without_a_key_of_its_own_the_sites_key_signs(
    delivery: Delivery, receiver: Receiver, settings: Any
) -> None:
    settings.WEBHOOK_SECRET = "the-key-of-the-site"
    delivery.channel.secret = ""
    post(delivery)
    header = receiver.received[0].headers["switchyard-signature"]
    sent_at = int(header.split(",")[0].removeprefix("t="))
    assert header == signature("the-key-of-the-site", sent_at, receiver.received[0].body)


def test_every_attempt_carries_the_same_delivery_and_body(delivery: Delivery, receiver: Receiver) -> None:
    post(delivery)
    post(Delivery.objects.get(pk=delivery.pk))
    first, second = receiver.received
    assert first.headers["switchyard-delivery"] == second.headers["switchyard-delivery"] == str(delivery.uid)
    assert first.body == second.body


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_success_counts_as_delivered(delivery: Delivery, receiver: Receiver, status: int) -> None:
    receiver.replies = [Reply(status, body=b"")]
    assert post(delivery) == Answer("", status)


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 599])
def test_these_are_worth_another_try(delivery: Delivery, receiver: Receiver, status: int) -> None:
    receiver.replies = [Reply(status, body=b"later")]
    answer = post(delivery)
    assert isinstance(answer.error, TemporaryError)
    assert (answer.status_code, answer.text) == (status, "later")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 413, 422, 451])
def test_these_are_final(delivery: Delivery, receiver: Receiver, status: int) -> None:
    receiver.replies = [Reply(status)]
    answer = post(delivery)
    assert isinstance(answer.error, PermanentError)
    assert str(status) in str(answer.error)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(delivery: Delivery, receiver: Receiver, status: int) -> None:
    receiver.replies = [Reply(status, {"Location": f"{receiver.url}/elsewhere"})]
    answer = post(delivery)
    assert isinstance(answer.error, PermanentError)
    assert "redirects are not followed" in str(answer.error)
    assert len(receiver.received) == 1


def test_retry_after_is_honoured(delivery: Delivery, receiver: Receiver) -> None:
    receiver.replies = [Reply(429, {"Retry-After": "17"})]
    error = post(delivery).error
    assert isinstance(error, TemporaryError)
    assert error.retry_after_seconds == 17


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", None), ("soon", None), ("-5", None), ("1.5", None), ("²", None),
        ("0", 1), ("120", 120), (" 7 ", 7), ("99999", 3600), ("9" * 5000, 3600),
        ("Mon, 23 Nov 2026 10:01:00 GMT", 60), ("Mon, 23 Nov 2026 09:00:00 GMT", 1),
        ("Tue, 23 Nov 2027 10:00:00 GMT", 3600), ("Mon, 23 Nov 2026 10:01:00 -0000", 60),
        ("Mon, 99 Nov 2026 10:01:00 GMT", None),
    ],
)  # fmt: skip
def test_retry_after_is_read_and_capped(header: str, expected: int | None) -> None:
    assert seconds_of(header, datetime(2026, 11, 23, 10, 0, tzinfo=UTC)) == expected


def test_a_silent_receiver_costs_no_more_than_the_timeout(delivery: Delivery, receiver: Receiver) -> None:
    receiver.replies = [Reply(stall_seconds=30)]
    started = time.monotonic()
    with pytest.raises(TemporaryError, match="no answer within 0.3 s"):
        post(delivery, timeout_seconds=0.3)
    assert elapsed(started) < 3


def test_a_huge_answer_is_cut_to_four_kilobytes(delivery: Delivery, receiver: Receiver) -> None:
    receiver.replies = [Reply(500, body=b"\x00\xff" + b"x" * 50_000_000)]
    answer = post(delivery)
    assert answer.text.startswith("\\x00\ufffdxxx")
    assert KEPT_BYTES <= len(answer.text) < KEPT_BYTES + 10


def test_a_compressed_bomb_is_not_inflated(delivery: Delivery, receiver: Receiver) -> None:
    receiver.replies = [Reply(200, {"Content-Encoding": "gzip"}, b"\x1f\x8b" + b"\x00" * 100)]
    assert post(delivery).error is None
    assert receiver.received[0].headers["accept-encoding"] == "identity"


def test_an_answer_that_breaks_off_counts_by_its_status(delivery: Delivery, receiver: Receiver) -> None:
    receiver.replies = [Reply(200, {"Content-Length": "1000"}, b"half")]
    assert post(delivery, timeout_seconds=0.5) == Answer("half", 200)


def test_a_closed_port_is_worth_another_try(delivery: Delivery) -> None:
    with pytest.raises(TemporaryError, match="ConnectError"):
        post(delivery, url="http://127.0.0.1:1/")


def test_a_private_address_is_refused_when_it_is_not_allowed(
    delivery: Delivery, receiver: Receiver, settings: Any
) -> None:
    kind = Webhook()
    config = kind.read(delivery.channel.config)
    settings.WEBHOOK_ALLOWED_HOSTS = []
    with pytest.raises(PermanentError, match=r"127\.0\.0\.1|port"):
        kind.send(delivery, ALICE, config)
    assert receiver.received == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/", "http://127.1/", "http://[::1]/", "http://169.254.169.254/latest", "http://10.0.0.1/",
        "https://localhost/", "ftp://example.com/", "file:///etc/passwd", "https://user:pass@example.com/",
        "https://example.com:22/", "https://example.com/\r\nX: y", "", "https://" + "x" * 3000,
    ],
)  # fmt: skip
def test_an_address_that_leads_inside_is_refused_at_the_door(url: str) -> None:
    with pytest.raises(PermanentError, match="url"):
        Webhook().read({"url": url})


def test_the_list_of_channels_shows_the_host_alone() -> None:
    kind = Webhook()
    config = kind.read({"url": "https://hooks.example.com/services/T000/secret?token=1"})
    assert kind.describe(config) == "https://hooks.example.com/…"
