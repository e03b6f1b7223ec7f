"""The commands, the demo, and what `migrate` leaves."""

import json
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from apps.jobs import Job, submit
from apps.notification import demo, retention
from apps.notification.models import Channel
from apps.notification.shipped import create_channels

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> dict[str, Any]:
    out = StringIO()
    call_command(*arguments, "--json", stdout=out)
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def arguments(job_id: str) -> str:
    row = Job.objects.get(id=job_id)
    return f"{row.args}{row.kwargs}"


def test_send_notification_submits_a_job(alice: User) -> None:
    job = run("send_notification", "alice", "Hi", "there", "--channel", "in-app", "--channel", "mail")
    assert "['in-app', 'mail']" in arguments(job["id"])


def test_test_channel_goes_to_the_channel_itself(team: Channel) -> None:
    job = run("test_channel", "team")
    assert arguments(job["id"]).count("'team'") == 2


@pytest.mark.parametrize(
    "words",
    [
        ("send_notification", "nobody", "Hi"),
        ("send_notification", "alice", ""),
        ("send_notification", "alice", "Hi", "--channel", "nowhere"),
        ("send_notification", "alice", "Hi", "--url", "javascript:alert(1)"),
        ("test_channel", "nowhere"),
    ],
)
def test_bad_arguments_end_with_2(alice: User, words: tuple[str, ...]) -> None:
    with pytest.raises(CommandError) as error:
        run(*words)
    assert error.value.returncode == 2
    assert Job.objects.count() == 0


def test_the_demo_loads_twice_and_its_job_fits(alice: User) -> None:
    for _ in range(2):
        demo.load()
        ((task, kwargs),) = demo.jobs()
        submit(task, kwargs=kwargs)
    assert Channel.objects.filter(name__in=["team", "example-webhook"]).count() == 2
    assert not Channel.objects.get(name="example-webhook").enabled


def test_the_demo_notifies_the_first_administrator(alice: User) -> None:
    demo.load()
    assert demo.jobs()[0][1]["recipient"] == "team"
    User.objects.create_superuser("root")
    assert demo.jobs()[0][1]["recipient"] == "root"


def test_migrate_brings_shipped_channels_and_changes_none() -> None:
    Channel.objects.filter(name="mail").update(enabled=False)
    Channel.objects.filter(name="in-app").delete()
    create_channels()
    assert dict(Channel.objects.values_list("name", "enabled")) == {"in-app": True, "mail": False}


def test_old_notifications_are_forgotten() -> None:
    (policy,) = retention.POLICIES
    assert (policy.model, policy.timestamp) == ("notification.Notification", "created")
