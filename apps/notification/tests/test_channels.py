"""The contract: every kind of channel keeps it, whatever it is."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from apps.jobs.errors import PermanentError
from apps.notification.channel import Answer, ChannelKind, Recipient
from apps.notification.channels import KINDS, kind_named
from apps.notification.models import Channel, Delivery, Notification


@pytest.fixture(params=sorted(KINDS))
def kind(request: pytest.FixtureRequest) -> ChannelKind[Any]:
    return KINDS[request.param]


@pytest.fixture
def recipient(alice: User) -> Recipient:
    return Recipient("alice", alice.pk, alice.email)


def test_it_is_stored_by_a_short_name_and_has_a_title(kind: ChannelKind[Any]) -> None:
    assert len(kind.name) <= 30
    assert kind_named(kind.name) is kind
    assert str(kind.title)


def test_it_reads_its_configuration_and_describes_it(kind: ChannelKind[Any]) -> None:
    assert kind.describe(kind.read(kind.example))


@pytest.mark.parametrize("config", [None, [], "text", 7, {"no such setting": 1}, {"url": 5}, {"to": "a@b"}])
def test_it_refuses_a_bad_configuration(kind: ChannelKind[Any], config: Any) -> None:
    with pytest.raises(PermanentError) as caught:
        kind.read(config)
    assert str(caught.value)


def test_it_reaches_a_user(kind: ChannelKind[Any], recipient: Recipient) -> None:
    assert kind.reaches(recipient, kind.read(kind.example))


def test_it_sends_twice_without_harm(
    kind: ChannelKind[Any], recipient: Recipient, receiver: Any, django_capture_on_commit_callbacks: Any
) -> None:
    config = {"url": receiver.url} if kind.name == "webhook" else kind.example
    channel = Channel.objects.create(name="tried", kind=kind.name, config=config)
    notification = Notification.objects.create(key="k", recipient="alice", title="t", severity="info")
    delivery = Delivery.objects.create(notification=notification, channel=channel)
    for _ in range(2):
        with django_capture_on_commit_callbacks():
            answer = kind.send(delivery, recipient, kind.read(config))
        assert isinstance(answer, Answer)
        assert answer.error is None


def test_a_kind_that_nobody_knows_is_named_with_the_nearest() -> None:
    with pytest.raises(PermanentError, match="did you mean 'webhook'"):
        kind_named("webhok")


def test_in_app_reaches_users_only() -> None:
    kind = KINDS["in-app"]
    assert not kind.reaches(Recipient("bob@example.com", email="bob@example.com"), kind.read({}))


def test_mail_without_addresses_needs_the_recipients() -> None:
    kind = KINDS["mail"]
    assert not kind.reaches(Recipient("alice", 1, ""), kind.read({}))
    assert kind.reaches(Recipient("alice", 1, "alice@example.com"), kind.read({}))


@pytest.mark.parametrize("to", [["no address"], ["a@example.com\nBcc: x@y.z"], [""], ["a@example.com"] * 21])
def test_mail_takes_up_to_twenty_addresses(to: list[str]) -> None:
    with pytest.raises(PermanentError, match="to"):
        KINDS["mail"].read({"to": to})
