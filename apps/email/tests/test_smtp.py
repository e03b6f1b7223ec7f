"""What a real mail server does to us, and what we make of it."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from pytest_django import Settings

from apps.email.delivering import Unsure
from apps.email.models import Message, State
from apps.email.sending import send
from apps.email.tests.smtp_server import MailServer, hang_up, stall
from apps.email.writing import Draft
from apps.jobs.errors import PermanentError, TemporaryError

pytestmark = pytest.mark.django_db

DRAFT = Draft(to_email="Ann Łee <ann@example.com>", subject="Grüße", content="Hello\n.\nAnn")


def fails(error: type[Exception], words: str, state: State) -> Message:
    with pytest.raises(error, match=words) as caught:
        send(DRAFT, "key")
    assert type(caught.value) is error
    message = Message.objects.get()
    assert (message.state, message.attempts, message.sent_at) == (state, 1, None)
    assert message.error == str(caught.value)
    return message


def parsed(content: bytes | str | None) -> EmailMessage:
    assert isinstance(content, bytes)
    mail = message_from_bytes(content, policy=default)
    assert isinstance(mail, EmailMessage)
    return mail


def body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def test_a_mail_arrives_word_for_word(mail_server: MailServer) -> None:
    result = send(replace(DRAFT, html="<b>hi</b>", reply_to="bob@example.com"), "key")
    (envelope,) = mail_server.postbox.envelopes
    assert envelope.rcpt_tos == ["ann@example.com"]
    assert envelope.mail_from == "switchyard@localhost"
    mail = parsed(envelope.content)
    assert (mail["Subject"], mail["To"]) == ("Grüße", "Ann Łee <ann@example.com>")
    assert (mail["Reply-To"], mail["Message-ID"]) == ("bob@example.com", result["message_id"])
    assert body(mail, "plain").splitlines() == ["Hello", ".", "Ann"]
    assert body(mail, "html").strip() == "<b>hi</b>"


def test_a_mail_of_html_alone_has_no_empty_text(mail_server: MailServer) -> None:
    send(Draft(to_email="ann@example.com", subject="s", html="<b>hi</b>"), "key")
    assert parsed(mail_server.postbox.envelopes[0].content).get_content_type() == "text/html"


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
def test_later_is_a_temporary_error(mail_server: MailServer, verb: str) -> None:
    mail_server.postbox.answers[verb] = "451 come back later"
    fails(TemporaryError, "451 come back later", State.FAILED)


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
def test_no_is_a_permanent_error(mail_server: MailServer, verb: str) -> None:
    mail_server.postbox.answers[verb] = "554 we don't want this"
    fails(PermanentError, "554 we don't want this", State.FAILED)


def test_a_server_that_always_says_later_never_gets_two_mails_at_once(mail_server: MailServer) -> None:
    mail_server.postbox.answers["RCPT"] = "450 greylisted"
    for _ in range(3):
        with pytest.raises(TemporaryError, match="450 greylisted"):
            send(DRAFT, "key")
    assert Message.objects.get().attempts == 3
    del mail_server.postbox.answers["RCPT"]
    send(DRAFT, "key")
    assert (len(mail_server.postbox.envelopes), Message.objects.get().state) == (1, State.SENT)


def test_a_connection_lost_after_the_whole_mail_leaves_it_unsure(mail_server: MailServer) -> None:
    mail_server.postbox.answers["DATA"] = hang_up
    fails(Unsure, "did not confirm it", State.UNSURE)
    with pytest.raises(Unsure, match="send it again, or mark it as sent"):
        send(DRAFT, "key")
    assert len(mail_server.postbox.envelopes) == 1


def test_a_server_that_stalls_after_the_whole_mail_leaves_it_unsure(
    mail_server: MailServer, settings: Settings
) -> None:
    settings.EMAIL_TIMEOUT = 0.3
    mail_server.postbox.answers["DATA"] = stall
    fails(Unsure, "timed out", State.UNSURE)


def test_a_garbled_answer_to_the_whole_mail_leaves_it_unsure(mail_server: MailServer) -> None:
    mail_server.postbox.answers["DATA"] = "what?"
    fails(Unsure, "did not confirm it", State.UNSURE)


@pytest.mark.parametrize("verb", ["MAIL", "RCPT"])
def test_a_connection_lost_before_the_mail_is_a_temporary_error(mail_server: MailServer, verb: str) -> None:
    mail_server.postbox.answers[verb] = hang_up
    fails(TemporaryError, "could not be handed over", State.FAILED)


def test_a_server_that_stalls_before_the_mail_is_a_temporary_error(
    mail_server: MailServer, settings: Settings
) -> None:
    settings.EMAIL_TIMEOUT = 0.3
    mail_server.postbox.answers["MAIL"] = stall
    fails(TemporaryError, "timed out", State.FAILED)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_server_that_never_greets_is_a_temporary_error(
    mail_server: MailServer, settings: Settings, silent_port: int
) -> None:
    settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = silent_port, 0.3
    fails(TemporaryError, "timed out", State.FAILED)


def test_no_server_is_a_temporary_error(mail_server: MailServer, settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings.EMAIL_PORT = listener.getsockname()[1]
    fails(TemporaryError, "refused", State.FAILED)


def test_a_server_without_starttls_gets_nothing_where_tls_is_demanded(
    mail_server: MailServer, settings: Settings
) -> None:
    settings.EMAIL_USE_TLS = True
    fails(PermanentError, "STARTTLS", State.FAILED)
    assert mail_server.postbox.envelopes == []


def test_a_server_that_knows_no_passwords_is_a_permanent_error(
    mail_server: MailServer, settings: Settings
) -> None:
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "us", "secret"
    assert "secret" not in fails(PermanentError, "AUTH", State.FAILED).error


def test_django_s_own_backend_is_unsure_rather_than_wrong(
    mail_server: MailServer, settings: Settings
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    mail_server.postbox.answers["MAIL"] = hang_up
    fails(Unsure, "did not confirm it", State.UNSURE)
