"""Two workers with the same message in hand, on real transactions."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from aiosmtpd.smtp import SMTP
from django.db import connection

from apps.email.models import Message, State
from apps.email.sending import send
from apps.email.tests.smtp_server import MailServer
from apps.email.writing import Draft
from apps.jobs.errors import TemporaryError
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

DRAFT = Draft(to_email="ann@example.com", subject="Hello", content="Hi Ann")


def send_in_thread(key: str) -> str:
    try:
        return "duplicate" if send(DRAFT, key).get("duplicate") else "sent"
    except TemporaryError as error:
        return str(error)
    finally:
        connection.close()


def test_many_at_once_send_one_mail(mail_server: MailServer) -> None:
    with ThreadPoolExecutor(8) as pool:
        ends = list(pool.map(send_in_thread, ["key"] * 24))
    assert ends.count("sent") == 1
    assert set(ends) <= {"sent", "duplicate", "another process is sending this message"}
    assert len(mail_server.postbox.envelopes) == Message.objects.count() == 1


def test_a_delivery_during_a_live_one_waits_for_its_end(mail_server: MailServer) -> None:
    go_on = Event()

    async def slow(server: SMTP) -> str:
        await server.loop.run_in_executor(None, go_on.wait, 20)
        return "250 OK"

    mail_server.postbox.answers["DATA"] = slow
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(send_in_thread, "key")
        wait_until(lambda: mail_server.postbox.envelopes, 10)
        assert send_in_thread("key") == "another process is sending this message"
        assert Message.objects.get().state == State.SENDING
        go_on.set()
        assert first.result(20) == "sent"
    assert send_in_thread("key") == "duplicate"
    assert len(mail_server.postbox.envelopes) == 1
