"""The whole way: command or page, broker, worker, row, file and result."""

from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from celery import current_app
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from apps.email import demo
from apps.email.models import Mailing, Message, State
from apps.email.posting import SEND, SEND_TO_ALL
from apps.email.tests.smtp_server import MailServer, stall
from apps.jobs import submit
from apps.jobs.states import State as JobState
from tests.waiting import WorkerProcess, ended, wait_until

pytestmark = pytest.mark.usefixtures("broker")


def test_a_mail_goes_the_whole_way(worker: WorkerProcess) -> None:
    demo.load()
    ((name, kwargs),) = demo.jobs()
    view = ended(submit(name, kwargs=kwargs).id)
    assert view.state == JobState.SUCCESS, view.error
    message = Message.objects.get(pk=view.result["message"])
    assert (message.state, message.job_id, message.subject) == (State.SENT, view.id, "Welcome, Ann Lee")
    file = Path(settings.EMAIL_FILE_PATH, view.result["file"])
    assert "Hello Ann Lee" in file.read_text()


def test_the_command_waits_for_its_mail(worker: WorkerProcess) -> None:
    out = StringIO()
    call_command("send_email", "ann@example.com", subject="Hi", content="There", wait=True, stdout=out)
    assert "SUCCESS" in out.getvalue()
    assert Message.objects.get().text == "There"


def test_a_page_s_mail_is_queued_and_then_sent(worker: WorkerProcess, admin_client: Client) -> None:
    form = {"to_email": "ann@example.com", "subject": "Hi", "content": "x", "idempotency_key": "k"}
    response = admin_client.post(reverse("email:compose"), form)
    message = Message.objects.get()
    assert response.headers["Location"] == message.get_absolute_url()
    assert ended(message.job_id).result["message"] == message.pk
    message.refresh_from_db()
    assert message.state == State.SENT


def test_a_mailing_ends_with_the_figures_of_all(worker: WorkerProcess) -> None:
    people = ["ann@example.com", "bob@example.com", "ANN@example.com"]
    view = ended(submit(SEND_TO_ALL, kwargs={"recipients": people, "subject": "News"}).id)
    mailing = Mailing.objects.get()
    assert (view.state, mailing.job_id, mailing.state) == (JobState.SUCCESS, view.id, "done")
    job_ids = view.result.pop("job_ids")
    assert view.result == {
        "status": "success", "total": 2, "sent": 2, "failed": 0, "unsure": 0, "duplicates": 1,
        "mailing": mailing.pk,
    }  # fmt: skip
    assert [ended(job_id).state for job_id in job_ids] == ["SUCCESS", "SUCCESS"]


@pytest.fixture
def mail_workers(worker: WorkerProcess, mail_server: MailServer) -> Iterator[list[WorkerProcess]]:
    """Two workers that mail to the server of this process; the shared one leaves mail to them."""
    environment = {"EMAIL_URL": f"smtp://127.0.0.1:{mail_server.port}"}
    current_app.control.cancel_consumer("email", reply=True)
    workers = [WorkerProcess(environment=environment) for _ in range(2)]
    yield workers
    for started in workers:
        started.stop()
    current_app.control.add_consumer("email", reply=True)


@pytest.mark.faults
def test_failures_are_counted_and_the_others_go_out(
    mail_server: MailServer, mail_workers: list[WorkerProcess]
) -> None:
    mail_server.postbox.strangers = {"bob@example.com"}
    mail_workers[0].start()
    people = ["ann@example.com", "bob@example.com", "eve@example.com"]
    view = ended(submit(SEND_TO_ALL, kwargs={"recipients": people, "subject": "News"}).id)
    figures = (view.result["sent"], view.result["failed"], view.result["unsure"])
    assert (view.state, figures) == (JobState.SUCCESS, (2, 1, 0))
    assert Message.objects.get(state=State.FAILED).error == "the mail server answered 550 no such person"


@pytest.mark.faults
def test_a_killed_worker_never_sends_a_second_mail(
    mail_server: MailServer, mail_workers: list[WorkerProcess]
) -> None:
    mail_server.postbox.answers["DATA"] = stall
    first, second = mail_workers
    first.start()
    job = submit(SEND, kwargs={"to_email": "ann@example.com", "subject": "Hello"})
    wait_until(lambda: mail_server.postbox.envelopes, 30, "the mail to arrive")
    first.kill()
    del mail_server.postbox.answers["DATA"]
    second.start()
    view = ended(job.id)
    assert (view.state, "may or may not" in str(view.error)) == (JobState.FAILURE, True)
    assert Message.objects.get().state == State.UNSURE
    assert len(mail_server.postbox.envelopes) == 1
