"""The pages under /notifications/, without JavaScript."""

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.template import Context, Template
from django.test import Client
from django.urls import reverse

from apps.jobs import Job
from apps.notification.models import Channel, Delivery, Notification
from apps.notification.notifying import Notice, notify

pytestmark = pytest.mark.django_db
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def web(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def text(web: Client, name: str, /, **query: str) -> str:
    response = web.get(reverse(f"notification:{name}"), query)
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize("page", ["home", "unread", "send", "channels", "deliveries"])
def test_visitors_are_sent_to_the_login(client: Client, page: str) -> None:
    response = client.get(reverse(f"notification:{page}"))
    assert response.status_code == 302
    assert "login" in response["Location"]


@pytest.mark.parametrize("page", ["send", "channels", "deliveries"])
def test_without_permission_a_page_says_so(web: Client, page: str) -> None:
    response = web.get(reverse(f"notification:{page}"))
    assert response.status_code == 403
    assert "You may not" in response.content.decode()


def test_without_permission_there_are_no_links_to_it(web: Client) -> None:
    assert reverse("notification:send") not in text(web, "home")


def test_an_empty_inbox_says_what_it_is_for(web: Client) -> None:
    assert "Nothing here yet" in text(web, "home")


def test_the_inbox_shows_unread_first_and_text_as_text(web: Client, alice: User) -> None:
    notify(Notice("alice", "Old but unread", SCRIPT, "error", "/jobs/"), ["in-app"])
    notify(Notice("alice", "New and read"), ["in-app"])
    web.post(reverse("notification:read", args=[Notification.objects.get(title="New and read").pk]))
    shown = text(web, "home")
    assert shown.index("Old but unread") < shown.index("New and read")
    assert SCRIPT not in shown
    assert 'href="/jobs/"' in shown


def test_the_badge_counts_what_is_unread(web: Client, alice: User) -> None:
    assert "badge" not in text(web, "unread")
    notify(Notice("alice", "One"), ["in-app"])
    notify(Notice("alice", "Two"), ["in-app"])
    assert ">2<" in text(web, "unread")
    web.post(reverse("notification:read-all"))
    assert "badge" not in text(web, "unread")


def test_nobody_reads_for_another(web: Client) -> None:
    bob = User.objects.create_user("bob")
    notify(Notice("bob", "For Bob"), ["in-app"])
    notification = Notification.objects.get(inbox=bob)
    assert web.post(reverse("notification:read", args=[notification.pk])).status_code == 404
    web.post(reverse("notification:read-all"))
    notification.refresh_from_db()
    assert notification.read_at is None
    assert "For Bob" not in text(web, "home")


def test_reading_needs_a_post(web: Client) -> None:
    assert web.get(reverse("notification:read-all")).status_code == 405


def test_sending_makes_a_job_and_leads_to_it(web: Client, grant: Any) -> None:
    grant("send_notification_task")
    form = {"recipient": "alice", "title": "Hi", "severity": "info", "channels": ["in-app"]}
    response = web.post(reverse("notification:send"), form)
    job = Job.objects.get(task="apps.notification.tasks.send_notification_task")
    assert response["Location"] == reverse("console:job", args=[job.id])
    assert (job.source, job.submitter) == ("page", "alice")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"recipient": "nobody"}, "expected a user name"),
        ({"title": " "}, "required"),
        ({"title": "bell\x07"}, "U+0007"),
        ({"url": "javascript:alert(1)"}, "http or https"),
        ({"message": "x" * 100_000}, "at most 20000"),
        ({"channels": ["nowhere"]}, "not one of the available choices"),
    ],
)
def test_a_wrong_form_says_what_is_wrong(web: Client, grant: Any, wrong: dict[str, Any], words: str) -> None:
    grant("send_notification_task")
    form = {"recipient": "alice", "title": "Hi", "severity": "info", **wrong}
    response = web.post(reverse("notification:send"), form)
    assert response.status_code == 200
    assert words in response.content.decode()
    assert Job.objects.count() == 0


def test_the_channels_show_where_they_lead_and_no_secrets(web: Client, grant: Any, ops: Channel) -> None:
    Channel.objects.create(name="broken", kind="webhook", config={"url": "gopher://x"})
    grant("view_channel")
    shown = text(web, "channels")
    assert "http://127.0.0.1:" in shown
    assert ops.secret not in shown
    assert "/hook" not in shown
    assert "url: expected http" in shown
    assert "Send a test" not in shown


def test_a_test_is_sent_from_the_list(web: Client, grant: Any) -> None:
    grant("view_channel", "test_channel_task")
    assert "Send a test" in text(web, "channels")
    web.post(reverse("notification:test", args=["in-app"]))
    job = Job.objects.get(task="apps.notification.tasks.test_channel_task")
    assert "alice" in f"{job.args}{job.kwargs}"


def test_a_test_needs_the_permission_to_run_it(web: Client, grant: Any) -> None:
    grant("view_channel")
    assert web.post(reverse("notification:test", args=["in-app"])).status_code == 403
    assert Job.objects.count() == 0


def test_deliveries_show_their_errors_and_offer_another_try(
    web: Client, grant: Any, delivery: Delivery
) -> None:
    Delivery.objects.update(state="failed", permanent=True, error=SCRIPT, attempts=1)
    grant("view_delivery", "resend_notification_task")
    shown = text(web, "deliveries", state="failed")
    assert SCRIPT not in shown
    assert "&lt;script&gt;" in shown
    assert "No deliveries" in text(web, "deliveries", state="sent")
    web.post(reverse("notification:resend", args=[delivery.notification_id]))
    assert Job.objects.filter(task__endswith="resend_notification_task").exists()


@pytest.mark.parametrize("page", ["0", "-1", "1000000000", "x"])
def test_odd_page_numbers_show_a_page(web: Client, page: str) -> None:
    assert text(web, "home", page=page)


def test_the_inbox_costs_few_queries(web: Client, alice: User, django_assert_max_num_queries: Any) -> None:
    for number in range(30):
        notify(Notice("alice", f"Number {number}"), ["in-app"])
    with django_assert_max_num_queries(14):
        text(web, "home")


def test_any_page_can_show_the_badge(alice: User) -> None:
    notify(Notice("alice", "One"), ["in-app"])
    template = Template("{% load inbox %}{% unread_badge user %}")
    assert ">1<" in template.render(Context({"user": alice}))
    assert template.render(Context({"user": AnonymousUser()})).strip() == ""
