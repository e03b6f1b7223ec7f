"""The tasks, through the engine: their checks at the door, retries, and the whole way."""

from typing import Any, get_args

import pytest
from django.contrib.auth.models import User

from apps.jobs import submit
from apps.jobs.errors import ArgumentError
from apps.notification import tasks
from apps.notification.models import Channel, Delivery, Notification
from apps.notification.severity import Severity
from apps.notification.tests.receiver import Receiver, Reply
from tests.waiting import WorkerProcess, ended

SEND = "apps.notification.tasks.send_notification_task"
GOOD = {"recipient": "alice", "title": "Disk full"}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"recipient": "nobody"}, "user name, a mail address or a channel"),
        ({"recipient": ""}, "at least 1 character"),
        ({"title": ""}, "at least 1 character"),
        ({"title": "bell\x07"}, "U+0007"),
        ({"message": "x" * 100_000}, "at most 20000"),
        ({"message": "\x00"}, "U+0000"),
        ({"url": "javascript:alert(1)"}, "http or https"),
        ({"severity": "fatal"}, "'critical'"),
        ({"channels": []}, "at least 1 item"),
        ({"channels": ["in_app"]}, "did you mean 'in-app'"),
        ({"channels": "in-app"}, "list"),
        ({"idempotency_key": "k" * 201}, "at most 200"),
        ({"chanels": ["in-app"]}, "did you mean channels"),
    ],
)
def test_bad_arguments_are_refused_at_the_door(alice: User, wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ArgumentError) as error:
        submit(SEND, kwargs=GOOD | wrong)
    (name,) = wrong
    assert words in error.value.problems[name]
    assert Notification.objects.count() == 0


def test_the_severities_of_the_task_are_those_of_the_model() -> None:
    assert list(get_args(tasks.SeverityName)) == Severity.values


def test_a_job_retries_what_failed_and_notifies_once(alice: User, ops: Channel, receiver: Receiver) -> None:
    receiver.replies = [Reply(500), Reply(503), Reply(200)]
    kwargs = GOOD | {"channels": ["in-app", "ops"]}
    result = tasks.send_notification_task.apply(kwargs=kwargs).get()
    assert result["sent"] == ["in-app", "ops"]
    assert Notification.objects.count() == 1
    assert Delivery.objects.get(channel=ops).attempts == len(receiver.received) == 3


def test_a_redelivered_job_sends_nothing_twice(alice: User, ops: Channel, receiver: Receiver) -> None:
    for _ in range(2):
        kwargs = GOOD | {"channels": ["in-app", "ops"]}
        assert tasks.send_notification_task.apply(kwargs=kwargs, task_id="job-1").successful()
    assert Notification.objects.get().job_id == "job-1"
    assert len(receiver.received) == 1


def test_a_receiver_that_refuses_fails_the_job_at_once(alice: User, ops: Channel, receiver: Receiver) -> None:
    receiver.replies = [Reply(403)]
    result = tasks.send_notification_task.apply(kwargs=GOOD | {"channels": ["ops"]})
    assert result.state == "FAILURE"
    assert len(receiver.received) == 1


def test_mail_is_handed_to_the_email_family_once_per_address(alice: User, team: Channel) -> None:
    Channel.objects.filter(name="team").update(config={"to": ["a@example.com", "b@example.com"]})
    tasks.send_notification_task.apply(kwargs=GOOD | {"channels": ["team", "mail"]}).get()
    answers = Delivery.objects.values_list("answer", flat=True)
    assert sorted(answer.count(",") for answer in answers) == [0, 1]


@pytest.fixture
def real_alice(transactional_db: None) -> User:
    return User.objects.create_user("alice", "alice@example.com")


def test_the_whole_way_through_broker_and_worker(worker: WorkerProcess, real_alice: User) -> None:
    job = submit(SEND, kwargs=GOOD | {"channels": ["in-app", "mail"], "url": "/jobs/"})
    view = ended(job.id)
    assert view.state == "SUCCESS"
    assert view.result["sent"] == ["in-app", "mail"]
    notification = Notification.objects.get(inbox=real_alice)
    assert (notification.job_id, notification.url) == (job.id, "/jobs/")
    mail_job = Delivery.objects.get(channel__name="mail").answer.rpartition(" ")[2]
    assert ended(mail_job).state == "SUCCESS"
