"""A mailing's rows and figures."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from apps.email import mailing as work
from apps.email.models import Mailing, MailTemplate, Message, State
from apps.email.posting import SEND
from apps.email.tasks import send_bulk_email_task
from apps.email.writing import Draft
from apps.jobs import Job
from apps.jobs.errors import ArgumentError, PermanentError, Snooze
from apps.jobs.states import Source

pytestmark = pytest.mark.django_db

DRAFT = Draft(subject="News", content="Hello all")


def entered(*recipients: str) -> Mailing:
    return work.enter("job", DRAFT, list(recipients))


def test_each_recipient_gets_a_row_with_a_key_of_its_own() -> None:
    mailing = entered("ann@example.com", "bob@example.com")
    rows = list(mailing.messages.order_by("pk"))
    assert [row.to for row in rows] == ["ann@example.com", "bob@example.com"]
    assert len({row.idempotency_key for row in rows} | {row.message_id for row in rows}) == 4
    assert mailing.counts == {"queued": 2, "sending": 0, "sent": 0, "failed": 0, "unsure": 0}


def test_an_address_that_is_listed_twice_gets_one_mail() -> None:
    mailing = entered("ann@example.com", "Ann <ANN@Example.com>", "bob@example.com")
    assert (mailing.total, mailing.duplicates, mailing.messages.count()) == (2, 1, 2)


def test_a_job_that_is_delivered_twice_is_one_mailing() -> None:
    assert entered("ann@example.com") == entered("bob@example.com")
    assert Message.objects.get().to == "ann@example.com"


def test_each_mail_is_filled_with_its_own_values(welcome: MailTemplate) -> None:
    people = [
        {"to_email": f"{name}@example.com", "context": {"name": name, "link": "x"}} for name in ("ann", "bob")
    ]
    work.enter("job", Draft(template="welcome"), list(people))
    subjects = Message.objects.order_by("pk").values_list("subject", "template")
    assert list(subjects) == [("Welcome, ann", "welcome"), ("Welcome, bob", "welcome")]


def test_one_recipient_without_values_stops_the_whole_mailing(welcome: MailTemplate) -> None:
    bob = {"to_email": "bob@example.com", "context": {"name": "Bob"}}
    with pytest.raises(ArgumentError) as caught:
        work.enter("job", Draft(template="welcome"), ["ann@example.com", bob])
    assert caught.value.problems["recipients"].startswith(
        "2 can't be written to: number 1, ann@example.com: context: welcome wants name, link; missing"
    )
    assert not Mailing.objects.exists()


def test_a_mailing_without_words_names_what_is_missing() -> None:
    with pytest.raises(ArgumentError, match="subject: expected a subject, or a template"):
        work.enter("job", Draft(), ["ann@example.com"])


def test_more_mail_than_fits_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "ALL_BYTES", 17)
    with pytest.raises(ArgumentError, match="expected at most 17 bytes of mail, got 18"):
        entered("ann@example.com", "bob@example.com")


def test_the_first_visit_submits_a_job_for_each_message() -> None:
    mailing = entered(*[f"p{number}@example.com" for number in range(3)])
    with pytest.raises(Snooze) as nap:
        work.send_to_all(mailing)
    rows = list(mailing.messages.order_by("pk"))
    jobs = {job.id: job.kwargs for job in Job.objects.filter(task=SEND)}
    assert jobs == {row.job_id: {"to_email": row.to, "idempotency_key": row.idempotency_key} for row in rows}
    assert (Mailing.objects.get().state, nap.value.seconds) == (Mailing.State.SENDING, 1)


def test_a_second_delivery_submits_nothing_more() -> None:
    mailing = entered("ann@example.com", "bob@example.com")
    for stale in (mailing, mailing):
        with pytest.raises(Snooze):
            work.send_to_all(stale)
    assert Job.objects.filter(task=SEND).count() == 2


@pytest.mark.django_db(transaction=True)
def test_two_deliveries_at_once_submit_each_job_once() -> None:
    mailing = entered(*[f"p{number}@example.com" for number in range(50)])
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(hand_out_in_thread, [mailing] * 4))
    assert Job.objects.filter(task=SEND).count() == 50
    assert len(set(mailing.messages.values_list("job_id", flat=True))) == 50


def hand_out_in_thread(mailing: Mailing) -> None:
    try:
        work.hand_out(mailing)
    finally:
        connection.close()


def test_many_wait_longer_between_two_visits() -> None:
    mailing = entered(*[f"p{number}@example.com" for number in range(400)])
    with pytest.raises(Snooze, match="waits for its messages") as nap:
        work.send_to_all(mailing)
    assert nap.value.seconds == work.LOOK_AGAIN_SECONDS


def test_a_posted_mailing_has_its_rows_before_its_job_runs() -> None:
    job = work.post_to_all(DRAFT, ["ann@example.com"], source=Source.PAGE, submitter="alice")
    mailing = Mailing.objects.get()
    assert (job.kwargs, job.id) == ({"mailing_id": mailing.pk}, mailing.job_id)
    assert (job.submitter, mailing.messages.count()) == ("alice", 1)
    with pytest.raises(Snooze):
        send_bulk_email_task(mailing_id=mailing.pk)
    assert Mailing.objects.get() == mailing


def test_ten_thousand_recipients_fit() -> None:
    people: list[Any] = [f"p{number}@example.com" for number in range(10_000)]
    job = work.post_to_all(DRAFT, people)
    work.hand_out(Mailing.objects.get(job_id=job.id))
    assert Job.objects.filter(task=SEND).count() == 10_000
    assert not Message.objects.filter(job_id="").exists()


def test_a_mailing_that_nobody_stored_is_refused() -> None:
    with pytest.raises(ArgumentError, match="mailing_id: no mailing has the number 7"):
        send_bulk_email_task(mailing_id=7)
    with pytest.raises(ArgumentError, match="recipients: expected recipients"):
        send_bulk_email_task(subject="Hi")


def test_the_figures_are_counted_from_the_rows() -> None:
    mailing = entered(*[f"p{number}@example.com" for number in range(4)])
    states = [State.SENT, State.SENT, State.FAILED, State.UNSURE]
    for row, state in zip(Message.objects.all(), states, strict=True):
        Message.objects.filter(pk=row.pk).update(state=state)
    result = work.finish(mailing, mailing.counts)
    assert result.pop("job_ids") == list(Message.objects.order_by("pk").values_list("job_id", flat=True))
    assert result == {
        "status": "success", "total": 4, "sent": 2, "failed": 1, "unsure": 1, "duplicates": 0,
        "mailing": mailing.pk,
    }  # fmt: skip
    mailing.refresh_from_db()
    assert (mailing.state, mailing.badge) == (Mailing.State.DONE, "SUCCESS")


def test_the_end_of_a_mailing_is_noted_once() -> None:
    mailing = entered("ann@example.com")
    first = work.finish(mailing, mailing.counts)
    ended = Mailing.objects.get().finished_at
    assert work.finish(mailing, mailing.counts) == first
    assert ended is not None
    assert Mailing.objects.get().finished_at == ended < timezone.now()


def test_a_mailing_needs_a_job() -> None:
    with pytest.raises(PermanentError, match="runs as a job only"):
        send_bulk_email_task(["ann@example.com"], "Hello")
