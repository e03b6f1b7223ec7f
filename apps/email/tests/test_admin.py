from pathlib import Path

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from apps.email.models import Mailing, MailTemplate, Message, State
from apps.email.posting import SEND
from apps.jobs import Job
from apps.jobs.permissions import codename

pytestmark = pytest.mark.django_db

CHANGELIST = "admin:email_message_changelist"


@pytest.fixture
def row() -> Message:
    mailing = Mailing.objects.create(subject="News", job_id="job-1", total=1)
    return Message.objects.create(
        to="ann@example.com", subject="Hello", text="<i>Hi</i>", html="<script>alert(1)</script>",
        state=State.UNSURE, error="who knows", job_id="job-2", mailing=mailing, idempotency_key="k",
    )  # fmt: skip


def act(client: Client, action: str, *rows: Message) -> str:
    data = {"action": action, "_selected_action": [row.pk for row in rows]}
    return client.post(reverse(CHANGELIST), data, follow=True).text


@pytest.mark.parametrize("query", ["", "?q=ann", "?state__exact=unsure", "?created__year=2026"])
def test_messages_are_listed_and_found(admin_client: Client, row: Message, query: str) -> None:
    response = admin_client.get(reverse(CHANGELIST) + query)
    assert response.status_code == 200
    assert "Hello" in response.text


def test_a_message_is_shown_safely_and_read_only(admin_client: Client, row: Message) -> None:
    text = admin_client.get(reverse("admin:email_message_change", args=[row.pk])).text
    assert "&lt;i&gt;Hi&lt;/i&gt;" in text
    assert '<iframe sandbox srcdoc="&lt;script&gt;' in text
    assert "<script>alert(1)" not in text
    assert "job-2" in text
    assert 'name="_save"' not in text


def test_messages_are_neither_added_nor_deleted_by_hand(admin_client: Client, row: Message) -> None:
    assert admin_client.get(reverse("admin:email_message_add")).status_code == 403
    assert admin_client.post(reverse("admin:email_message_delete", args=[row.pk])).status_code == 403


def test_the_list_costs_the_same_for_any_number(
    admin_client: Client, row: Message, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    rows = [Message(to="a@b.cc", subject=f"S{n}", mailing=row.mailing) for n in range(50)]
    Message.objects.bulk_create(rows)
    with django_assert_max_num_queries(12):
        admin_client.get(reverse(CHANGELIST))


def test_unsure_messages_are_sent_again(admin_client: Client, row: Message) -> None:
    assert "1 done, 0 left" in act(admin_client, "send_these_again", row)
    row.refresh_from_db()
    job = Job.objects.get(id=row.job_id)
    assert (row.state, job.source, job.submitter) == (State.QUEUED, "admin", "admin")


def test_unsure_messages_are_marked_as_sent(admin_client: Client, row: Message) -> None:
    failed = Message.objects.create(to="bob@example.com", state=State.FAILED)
    assert "1 done, 1 left as they were" in act(admin_client, "mark_these_as_sent", row, failed)
    row.refresh_from_db()
    assert (row.state, row.error) == (State.SENT, "marked as sent by admin")


def test_deciding_needs_the_permission_to_send(client: Client, staff: User, row: Message) -> None:
    staff.user_permissions.add(Permission.objects.get(codename="view_message"))
    client.force_login(staff)
    act(client, "mark_these_as_sent", row)
    assert Message.objects.get().state == State.UNSURE
    staff.user_permissions.add(Permission.objects.get(codename=codename(SEND)))
    act(client, "mark_these_as_sent", row)
    assert Message.objects.get().state == State.SENT


def test_mailings_show_their_counts(admin_client: Client, row: Message) -> None:
    for state in (State.SENT, State.SENT):
        Message.objects.create(to="ann@example.com", state=state, mailing=row.mailing)
    assert "2 sent, 1 unsure" in admin_client.get(reverse("admin:email_mailing_changelist")).text
    text = admin_client.get(reverse("admin:email_mailing_change", args=[row.mailing_id])).text
    assert f"{reverse(CHANGELIST)}?mailing__id__exact={row.mailing_id}" in text


def test_the_link_from_a_mailing_leads_to_its_messages(admin_client: Client, row: Message) -> None:
    Message.objects.create(to="bob@example.com", subject="Another")
    text = admin_client.get(reverse(CHANGELIST) + f"?mailing__id__exact={row.mailing_id}").text
    assert "Hello" in text
    assert "Another" not in text


def test_a_template_is_previewed_with_its_sample(admin_client: Client, welcome: MailTemplate) -> None:
    assert "name, link" in admin_client.get(reverse("admin:email_mailtemplate_changelist")).text
    MailTemplate.objects.update(sample={"name": "<Ann>"})
    text = admin_client.get(reverse("admin:email_mailtemplate_change", args=[welcome.pk])).text
    assert "Hello &lt;Ann&gt;, see «link»." in text
    assert 'srcdoc="&lt;p&gt;Hello &amp;lt;Ann&amp;gt;&lt;/p&gt;"' in text


def test_a_broken_template_still_opens(admin_client: Client, welcome: MailTemplate) -> None:
    MailTemplate.objects.update(text="{{ name")
    for name, arguments in (("changelist", []), ("change", [welcome.pk])):
        response = admin_client.get(reverse(f"admin:email_mailtemplate_{name}", args=arguments))
        assert "a {{ has no }} after it" in response.text


def test_a_template_is_written_and_checked(admin_client: Client, mail_folder: Path) -> None:
    form = {"name": "bye", "subject": "Bye {{ name }}", "text": "{{ name", "html": "", "sample": "{}"}
    url = reverse("admin:email_mailtemplate_add")
    assert "a {{ has no }} after it" in admin_client.post(url, form).text
    admin_client.post(url, form | {"text": "Bye"})
    assert MailTemplate.objects.get().variables == ["name"]
