"""One mail for one key, whatever is delivered again."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from django.db import connection

from apps.email.delivering import Unsure
from apps.email.models import MOVES, MailTemplate, Message, State
from apps.email.sending import hold, known, send
from apps.email.tasks import send_email_task
from apps.email.tests.smtp_server import MailServer
from apps.email.writing import Draft
from apps.jobs.errors import ArgumentError, PermanentError, TemporaryError

pytestmark = pytest.mark.django_db

DRAFT = Draft(to_email="ann@example.com", subject="Hello", content="Hi Ann")


def mails(folder: Path) -> int:
    return len(list(folder.glob("*.eml")))


def test_a_mail_is_sent_and_its_row_says_so(mail_folder: Path) -> None:
    result = send(DRAFT, "key")
    message = Message.objects.get(pk=result["message"])
    assert (message.state, message.attempts, message.error) == (State.SENT, 1, "")
    assert (message.to, message.subject, message.text) == ("ann@example.com", "Hello", "Hi Ann")
    assert message.sent_at is not None
    assert result == {
        "status": "success", "email": "ann@example.com", "message": message.pk,
        "message_id": message.message_id, "file": message.eml.name,
    }  # fmt: skip


def test_the_same_key_sends_once(mail_folder: Path) -> None:
    first, second = send(DRAFT, "key"), send(DRAFT, "key")
    assert second == first | {"duplicate": True}
    assert mails(mail_folder) == Message.objects.count() == 1


def test_other_keys_and_no_keys_send_each(mail_folder: Path) -> None:
    for key in ("one", "two", None, None):
        send(DRAFT, key)
    assert mails(mail_folder) == Message.objects.count() == 4


def test_a_key_belongs_to_one_person(mail_folder: Path) -> None:
    send(DRAFT, "key")
    with pytest.raises(ArgumentError, match="idempotency_key: taken by a message to ann@"):
        send(Draft(to_email="bob@example.com", subject="Hello"), "key")


def test_a_job_delivered_twice_sends_once(mail_folder: Path) -> None:
    for _ in range(2):
        send_email_task.apply(args=("ann@example.com", "Hello", "Hi"), task_id="job-1").get()
    message = Message.objects.get()
    assert (message.job_id, message.idempotency_key, mails(mail_folder)) == ("job-1", "job-1", 1)


def test_a_mail_fails_when_its_job_has_no_tries_left(mail_server: MailServer) -> None:
    mail_server.postbox.answers["RCPT"] = "450 greylisted"
    with pytest.raises(TemporaryError):
        send_email_task.apply(args=("ann@example.com", "Hello"), task_id="job-1").get()
    message = Message.objects.get()
    assert (message.state, message.attempts) == (State.FAILED, 4)


@pytest.mark.parametrize(("retries", "state"), [(0, State.QUEUED), (2, State.QUEUED), (3, State.FAILED)])
def test_a_mail_waits_while_its_job_has_tries_left(
    mail_server: MailServer, monkeypatch: pytest.MonkeyPatch, retries: int, state: State
) -> None:
    mail_server.postbox.answers["RCPT"] = "450 greylisted"
    request = SimpleNamespace(retries=retries, called_directly=False)
    task = SimpleNamespace(request=request, max_retries=3)
    monkeypatch.setattr("apps.email.sending.current_task", task)
    with pytest.raises(TemporaryError):
        send(DRAFT, "key")
    message = Message.objects.get()
    assert (message.state, "450" in message.error) == (state, True)


def test_two_jobs_with_one_key_send_once(mail_folder: Path) -> None:
    kwargs = {"to_email": "ann@example.com", "subject": "Hello", "idempotency_key": "order 7"}
    results = [send_email_task.apply(kwargs=kwargs).get() for _ in range(2)]
    assert [result.get("duplicate", False) for result in results] == [False, True]
    assert mails(mail_folder) == 1


def test_a_mail_whose_template_is_gone_meanwhile_is_no_error(
    mail_folder: Path, welcome: MailTemplate
) -> None:
    draft = Draft("ann@example.com", template="welcome", context={"name": "Ann", "link": "x"})
    send(draft, "key")
    welcome.delete()
    assert send(draft, "key")["duplicate"]


def test_a_worker_that_died_while_sending_leaves_the_mail_unsure(mail_folder: Path) -> None:
    message = left_behind()
    with pytest.raises(Unsure, match=f"message {message.pk} may or may not have been sent"):
        send(DRAFT, "key")
    message.refresh_from_db()
    assert (message.state, message.error) == (State.UNSURE, "the worker died while it was sending")
    with pytest.raises(PermanentError):
        send(DRAFT, "key")
    assert mails(mail_folder) == 0


def left_behind() -> Message:
    return Message.objects.create(
        to="ann@example.com", subject="Hello", idempotency_key="key", state=State.SENDING, attempts=1
    )


def test_a_live_sender_has_the_last_word(mail_folder: Path) -> None:
    sender = left_behind()
    with pytest.raises(Unsure):
        send(DRAFT, "key")
    assert sender.move(State.SENT)
    assert send(DRAFT, "key")["duplicate"]


def test_a_sender_that_was_overtaken_has_none(mail_folder: Path) -> None:
    sender = left_behind()
    Message.objects.update(attempts=2)
    assert not sender.move(State.FAILED)
    assert Message.objects.get().state == State.SENDING


def test_a_failed_mail_may_go_out_with_the_next_delivery(mail_folder: Path) -> None:
    Message.objects.create(to=DRAFT.to_email, idempotency_key="key", state=State.FAILED, error="x")
    send(DRAFT, "key")
    message = Message.objects.get()
    assert (message.state, message.error, mails(mail_folder)) == (State.SENT, "", 1)


def test_an_unexpected_error_is_kept_with_the_mail(mail_folder: Path) -> None:
    mail_folder.rmdir()
    mail_folder.write_text("a file where the folder should be")
    with pytest.raises(Exception, match="exists"):
        send(DRAFT, "key")
    message = Message.objects.get()
    assert (message.state, "exists" in message.error) == (State.FAILED, True)


def test_nothing_leads_out_of_sent() -> None:
    message = Message.objects.create(to="a@example.com", state=State.SENT)
    assert not any(message.move(state) for state in State)
    assert MOVES.keys() == set(State)


def test_the_lock_is_given_back(mail_folder: Path) -> None:
    message = known("key", DRAFT) or left_behind()
    with hold(message) as ours:
        assert ours
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
        assert cursor.fetchone() == (0,)
