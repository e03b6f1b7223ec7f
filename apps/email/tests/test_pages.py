import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from apps.email.models import Mailing, MailTemplate, Message, State
from apps.email.posting import SEND, SEND_TO_ALL
from apps.email.sending import send
from apps.email.tests.calls import call
from apps.email.writing import Draft
from apps.jobs import reading, submit
from apps.jobs.permissions import codename

pytestmark = pytest.mark.django_db

FORM = {"to_email": "ann@example.com", "subject": "Hello", "content": "Hi", "idempotency_key": "k"}
PAGES = [("home", []), ("compose", []), ("mailings", []), ("compose_mailing", []), ("message", [1]),
         ("eml", [1]), ("decide", [1]), ("mailing", ["job"])]  # fmt: skip


@pytest.fixture
def alice(client: Client, staff: User) -> Client:
    client.force_login(staff)
    return client


def allow(user: User, *codes: str) -> None:
    user.user_permissions.add(*Permission.objects.filter(codename__in=codes))


def message(**values: Any) -> Message:
    return Message.objects.create(**{"to": "ann@example.com", "subject": "Hello", "text": "Hi"} | values)


def page(client: Client, name: str, *arguments: object, **data: str) -> str:
    response = client.get(reverse(f"email:{name}", args=arguments), data)
    assert response.status_code == 200
    return response.text


@pytest.mark.parametrize(("name", "arguments"), PAGES)
def test_strangers_must_sign_in(client: Client, name: str, arguments: list[object]) -> None:
    method = client.post if name == "decide" else client.get
    response = method(reverse(f"email:{name}", args=arguments))
    assert response.status_code == 302
    assert response.headers["Location"].startswith(reverse("admin:login"))


@pytest.mark.parametrize(("name", "arguments"), [row for row in PAGES if row[0] not in {"home", "mailings"}])
def test_staff_without_a_permission_get_a_sentence(alice: Client, name: str, arguments: list[object]) -> None:
    method = alice.post if name == "decide" else alice.get
    response = method(reverse(f"email:{name}", args=arguments))
    assert response.status_code == 403
    assert "permission" in response.text or "may not read mail" in response.text


def test_lists_show_nothing_to_those_who_may_not_read(alice: Client) -> None:
    message()
    text = page(alice, "home")
    assert "You may not read mail" in text
    assert "ann@example.com" not in text
    assert "Write a mail" not in text


def test_the_right_to_view_shows_mail_and_no_buttons(alice: Client, staff: User) -> None:
    allow(staff, "view_message")
    text = page(alice, "home") + page(alice, "message", message(state=State.UNSURE).pk)
    assert "ann@example.com" in text
    assert "Write a mail" not in text
    assert "Send again" not in text


def test_the_right_to_run_a_task_opens_its_form(alice: Client, staff: User) -> None:
    allow(staff, codename(SEND))
    assert "Write a mail" in page(alice, "home")
    assert "Write to many" not in page(alice, "home")
    assert page(alice, "compose")
    assert alice.get(reverse("email:compose_mailing")).status_code == 403


def test_messages_are_listed_newest_first_and_by_state(admin_client: Client) -> None:
    message(subject="First", state=State.SENT)
    message(subject="Second", state=State.FAILED, error="550 no such person")
    text = page(admin_client, "home")
    assert text.index("Second") < text.index("First")
    assert "550 no such person" in text
    assert re.search(r">\s*Failed</span>", text)
    assert "Second" not in page(admin_client, "home", state="sent")
    assert "First" in page(admin_client, "home", state="nonsense", before="x", mailing="-1")


def test_older_messages_are_a_page_further(admin_client: Client) -> None:
    for number in range(60):
        message(subject=f"Number {number}.")
    oldest_shown = Message.objects.order_by("-pk")[49]
    first = page(admin_client, "home")
    assert f"before={oldest_shown.pk}" in first
    assert "Number 9." not in first
    second = page(admin_client, "home", before=str(oldest_shown.pk))
    assert "Number 9." in second
    assert "before=" not in second.split('class="pagination"')[-1] or "Number 0." in second


def test_a_mail_is_posted_once_however_often_it_is_clicked(admin_client: Client) -> None:
    answers = [admin_client.post(reverse("email:compose"), FORM) for _ in range(2)]
    written = Message.objects.get()
    assert {answer.headers["Location"] for answer in answers} == {written.get_absolute_url()}
    assert call(written.job_id)["idempotency_key"] == "k"
    (job,) = reading.rows()
    assert (job.source, job.submitter) == ("page", "admin")


def test_a_mail_from_a_template(admin_client: Client, welcome: MailTemplate) -> None:
    assert "welcome (name, link)" in page(admin_client, "compose")
    context = '{"name": "Ann", "link": "https://example.com"}'
    form = {"to_email": "a@b.cc", "template": "welcome", "context": context, "idempotency_key": "k"}
    admin_client.post(reverse("email:compose"), form)
    assert Message.objects.get().subject == "Welcome, Ann"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"to_email": "ann"}, "expected one address such as ann@example.com"),
        ({"to_email": "a@b.cc, c@d.ee"}, "not a list"),
        ({"subject": ""}, "expected a subject, or a template"),
        ({"subject": "Hi\nBcc: eve@example.com"}, "U+000A at position 3 is not allowed"),
        ({"reply_to": "bob"}, "expected one address"),
        ({"template": "nope"}, "Select a valid choice"),
        ({"template": "welcome"}, "not both"),
        ({"template": "welcome", "subject": "", "content": ""}, "missing: name, link"),
        ({"context": "{"}, "Enter a valid JSON"),
        ({"context": "[1]"}, "Expected one object in braces"),
        ({"context": '{"a b": 1}'}, "is no name for a variable"),
        ({"context": '{"a": 1}'}, "expected a template to fill with it"),
        ({"idempotency_key": "x" * 300}, "at most 255 characters"),
    ],
)
def test_what_is_wrong_is_shown_and_nothing_is_done(
    admin_client: Client, welcome: MailTemplate, change: dict[str, str], words: str
) -> None:
    response = admin_client.post(reverse("email:compose"), FORM | change)
    assert response.status_code == 200
    assert words in response.text.replace("&#x27;", "'")
    assert not Message.objects.exists()


def test_a_message_is_shown_as_text_and_in_a_sandbox(admin_client: Client, mail_folder: Path) -> None:
    result = send(Draft("ann@example.com", "Hi", "<i>text</i>", "<script>alert(1)</script>"), None)
    text = page(admin_client, "message", result["message"])
    assert "&lt;i&gt;text&lt;/i&gt;" in text
    assert '<iframe sandbox srcdoc="&lt;script&gt;alert(1)&lt;/script&gt;"' in " ".join(text.split())
    assert "<script>alert" not in text
    assert 'hx-get="/email/' not in text


def test_a_message_on_its_way_is_looked_at_again(admin_client: Client) -> None:
    row = message()
    assert 'hx-trigger="every 2s"' in page(admin_client, "message", row.pk)
    response = admin_client.get(row.get_absolute_url(), headers={"HX-Request": "true"})
    assert response.text.strip().startswith("<section")
    assert "<html" not in response.text


def test_the_eml_file_is_a_download(admin_client: Client, mail_folder: Path) -> None:
    pk = send(Draft("ann@example.com", "Hi", "Hello"), None)["message"]
    response = admin_client.get(reverse("email:eml", args=[pk]))
    assert response.headers["Content-Type"] == "message/rfc822"
    assert response.headers["Content-Disposition"].startswith("attachment")
    assert response.getvalue().endswith(b"Hello")


def test_a_message_without_a_file_has_no_download(admin_client: Client, mail_folder: Path) -> None:
    for name in ("", "gone.eml"):
        row = message(eml=name)
        assert admin_client.get(reverse("email:eml", args=[row.pk])).status_code == 404


def test_a_person_decides_on_the_page(admin_client: Client) -> None:
    row = message(state=State.UNSURE)
    assert "Mark as sent" in page(admin_client, "message", row.pk)
    admin_client.post(reverse("email:decide", args=[row.pk]), {"decision": "sent"})
    row.refresh_from_db()
    assert (row.state, row.error) == (State.SENT, "marked as sent by admin")
    answer = admin_client.post(reverse("email:decide", args=[row.pk]), {"decision": "again"}, follow=True)
    assert "Nothing was done: the message is sent now." in answer.text


def test_a_decision_is_no_get(admin_client: Client) -> None:
    assert admin_client.get(reverse("email:decide", args=[message().pk])).status_code == 405


def test_a_mailing_is_submitted_from_pasted_lines(admin_client: Client) -> None:
    form = {"recipients": "ann@example.com\nBob <bob@example.com>", "subject": "News", "content": "x"}
    response = admin_client.post(reverse("email:compose_mailing"), form)
    (job,) = reading.latest()
    assert response.headers["Location"] == reverse("email:mailing", args=[job.id])
    mailing = Mailing.objects.get(job_id=job.id)
    assert (call(job.id), job.submitter) == ({"mailing_id": mailing.pk}, "admin")
    assert set(mailing.messages.values_list("to", flat=True)) == {"ann@example.com", "Bob <bob@example.com>"}
    assert "0 of 2" in " ".join(page(admin_client, "mailing", job.id).split())


def test_a_mailing_that_code_submits_is_shown_before_it_has_rows(admin_client: Client) -> None:
    job = submit(SEND_TO_ALL, kwargs={"recipients": ["ann@example.com"], "subject": "News"})
    assert "has not started yet" in page(admin_client, "mailing", job.id)


def test_a_mailing_without_values_for_its_template_is_not_submitted(
    admin_client: Client, welcome: MailTemplate
) -> None:
    form = {"recipients": "ann@example.com", "template": "welcome"}
    text = admin_client.post(reverse("email:compose_mailing"), form).text
    assert "1 can&#x27;t be written to: number 1, ann@example.com" in text
    assert not Mailing.objects.exists()


@pytest.mark.parametrize(
    ("recipients", "words"),
    [("", "This field is required"), ("x", "number 1: expected one address"),
     ("to_email,a\nb@c.dd\n", "line 2 has another number of columns"),
     ("a@b.cc\n" * 10_001, "expected 1 to 10000 recipients, got 10001")],
)  # fmt: skip
def test_bad_recipients_are_shown(admin_client: Client, recipients: str, words: str) -> None:
    form = {"recipients": recipients, "subject": "News"}
    response = admin_client.post(reverse("email:compose_mailing"), form)
    assert words in response.text
    assert reading.latest() == []


def test_a_mailing_shows_its_counts(admin_client: Client) -> None:
    mailing = Mailing.objects.create(subject="News", job_id="job", total=3, duplicates=1, state="sending")
    for state in (State.SENT, State.SENT, State.FAILED):
        message(mailing=mailing, state=state)
    text = " ".join(page(admin_client, "mailing", "job").split())
    assert 'Sent</span> <strong class="stat-value">2</strong>' in text
    assert "3 of 3" in text
    assert "1 address was listed twice" in text
    assert "News" in page(admin_client, "mailings")
    assert "Hello" in page(admin_client, "home", mailing=str(mailing.pk), state="failed")


def test_an_unknown_mailing_is_not_found(admin_client: Client) -> None:
    assert admin_client.get(reverse("email:mailing", args=["nope"])).status_code == 404
