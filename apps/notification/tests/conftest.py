"""The cast: Alice, a team's mail channel, and a webhook whose receiver runs here."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User

from apps.jobs.permissions import codename
from apps.notification.models import Channel, Delivery, Notification
from apps.notification.tests import receiver as receiving
from apps.notification.tests.receiver import Receiver

KEY = "a-key-of-the-tests-0123"


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice", "alice@example.com", is_staff=True)


@pytest.fixture
def team(db: None) -> Channel:
    return Channel.objects.create(name="team", kind="mail", config={"to": ["team@example.com"]})


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.WEBHOOK_ALLOWED_HOSTS = ["127.0.0.1"]
    with receiving.running() as server:
        yield server


@pytest.fixture
def ops(db: None, receiver: Receiver) -> Channel:
    config = {"url": receiver.url, "timeout_seconds": 5}
    return Channel.objects.create(name="ops", kind="webhook", config=config, secret=KEY)


@pytest.fixture
def delivery(ops: Channel) -> Delivery:
    """A notification that is on its way to the webhook."""
    notification = Notification.objects.create(
        key="k1", recipient="alice", title="Disk full", message="97 %", severity="error", url="/jobs/"
    )
    return Delivery.objects.create(notification=notification, channel=ops)


@pytest.fixture
def grant(alice: User) -> Any:
    """Lets Alice run a task of ours, or gives her a permission of this app."""

    def give(*names: str) -> None:
        for name in names:
            wanted = codename(f"apps.notification.tasks.{name}") if name.endswith("_task") else name
            alice.user_permissions.add(Permission.objects.get(codename=wanted))

    return give
