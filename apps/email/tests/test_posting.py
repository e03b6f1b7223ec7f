"""What people write, and what they decide."""

from pathlib import Path

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks

from apps.email.models import Message, State
from apps.email.posting import mark_as_sent, post, send_again
from apps.email.tasks import send_email_task
from apps.email.tests.calls import call
from apps.email.writing import Draft
from apps.jobs import Job
from apps.jobs.errors import ArgumentError
from apps.jobs.states import Source

pytestmark = pytest.mark.django_db

DRAFT = Draft("Ann <ann@example.com>", "Hello", "Hi Ann", "<b>Hi</b>", "bob@example.com")


def run(message: Message) -> None:
    """What a worker does with the message's job."""
    send_email_task.apply(kwargs=call(message.job_id), task_id=message.job_id).get()
    message.refresh_from_db()


def test_a_posted_message_has_a_row_and_a_job(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks() as sent:
        message = post(DRAFT, "key", source=Source.PAGE, submitter="alice")
    assert (message.state, message.to) == (State.QUEUED, "Ann <ann@example.com>")
    assert call(message.job_id) == {"to_email": "Ann <ann@example.com>", "idempotency_key": "key"}
    job = Job.objects.get(id=message.job_id)
    assert (job.source, job.submitter, len(sent)) == (Source.PAGE, "alice", 1)


def test_the_job_sends_that_very_message(mail_folder: Path) -> None:
    message = post(DRAFT, "key")
    run(message)
    assert (message.state, Message.objects.count()) == (State.SENT, 1)


def test_a_second_click_posts_nothing() -> None:
    assert post(DRAFT, "key") == post(DRAFT, "key")
    assert Job.objects.count() == Message.objects.count() == 1


def test_a_wrong_draft_leaves_no_row() -> None:
    for draft in (Draft("ann@example.com"), Draft("nobody", "Hello")):
        with pytest.raises(ArgumentError):
            post(draft, "key")
    assert not Message.objects.exists()
    assert not Job.objects.exists()


def test_the_job_of_a_message_that_is_gone_sends_nothing(mail_folder: Path) -> None:
    message = post(DRAFT, "key")
    Message.objects.all().delete()
    with pytest.raises(ArgumentError, match="expected a subject, or a template"):
        send_email_task.apply(kwargs=call(message.job_id), task_id=message.job_id).get()
    assert not list(mail_folder.iterdir())


def test_a_large_message_is_not_in_its_job() -> None:
    message = post(Draft("ann@example.com", "Hello", "x" * 900_000), "key")
    assert len(message.text) == 900_000
    assert len(str(Job.objects.get().kwargs)) < 100


@pytest.mark.parametrize("state", [State.FAILED, State.UNSURE])
def test_a_person_may_send_again(mail_folder: Path, state: State) -> None:
    message = Message.objects.create(
        to="ann@example.com", subject="Hi", state=state, error="x", attempts=1, job_id="old"
    )
    assert send_again(message, source=Source.ADMIN, submitter="alice")
    assert (message.state, message.job_id == "old") == (State.QUEUED, False)
    assert Job.objects.get().submitter == "alice"
    run(message)
    assert (message.state, message.attempts, message.error) == (State.SENT, 2, "")


def test_the_old_job_and_the_new_one_send_one_mail(mail_folder: Path) -> None:
    message = Message.objects.create(
        to="ann@example.com", subject="Hi", state=State.UNSURE, idempotency_key="old", job_id="old"
    )
    send_again(message)
    old = {"to_email": "ann@example.com", "subject": "Hi"}
    assert send_email_task.apply(kwargs=old, task_id="old").get()["message"] == message.pk
    run(message)
    assert len(list(mail_folder.iterdir())) == 1


@pytest.mark.parametrize("state", [State.QUEUED, State.SENDING, State.SENT])
def test_other_messages_are_not_sent_again(state: State) -> None:
    message = Message.objects.create(to="ann@example.com", state=state)
    assert not send_again(message)
    assert not Job.objects.exists()


def test_a_person_may_say_that_it_was_sent() -> None:
    message = Message.objects.create(to="ann@example.com", state=State.UNSURE, error="who knows")
    assert mark_as_sent(message, "alice")
    message.refresh_from_db()
    assert (message.state, message.error) == (State.SENT, "marked as sent by alice")
    assert message.sent_at is not None


@pytest.mark.parametrize("state", [State.QUEUED, State.SENDING, State.SENT, State.FAILED])
def test_only_of_an_unsure_one(state: State) -> None:
    message = Message.objects.create(to="ann@example.com", state=state)
    assert not mark_as_sent(message, "alice")
