"""The ledger, dead letters, workers and effects in the admin."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from apps.jobs import events, letters
from apps.jobs.models import Attempt, DeadLetter, Effect, Event, Job, Worker
from apps.jobs.tests.making import ADD, attempt, failure, job
from apps.messaging.models import Subscription

pytestmark = pytest.mark.django_db
JOBS, LETTERS = "/admin/jobs/job/", "/admin/jobs/deadletter/"
WORKERS, EFFECTS, EVENTS = "/admin/jobs/worker/", "/admin/jobs/effect/", "/admin/jobs/event/"
SUBSCRIPTIONS = "/admin/messaging/subscription/"
SCRIPT = "<script>alert(1)</script>"
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def letter(body: bytes = b"[[], {}, {}]", **columns: Any) -> DeadLetter:
    number = DeadLetter.objects.count()
    given = {"digest": f"d{number}", "task": ADD, "job_id": f"job-{number}", "died_at": NOON, **columns}
    return DeadLetter.objects.create(body=body, **given)


def worker(**columns: Any) -> Worker:
    given = {"instance": "w1@host#abc", "name": "w1@host", "pid": 7, "queues": ["email", "data"], **columns}
    return Worker.objects.create(started_at=NOON, seen_at=NOON, **given)


def text(client: Client, url: str) -> str:
    page = client.get(url)
    assert page.status_code == 200
    return page.content.decode()


def listed(client: Client, url: str, query: str = "") -> list[Any]:
    return [row.pk for row in client.get(f"{url}?{query}").context["cl"].result_list]


def test_a_job_reads_like_a_report(admin_client: Client) -> None:
    row = failure(
        "wet", schedule="Every night", key="order-7", tags=["bulk"], note="a note", worker="w1@host"
    )
    attempt(row, "failure", error_kind="ValueError", error_message="wet")
    for words in ("Add", "failure", "2.00 s", "Every night", "ValueError: wet", "/jobs/job-0/"):
        assert words in text(admin_client, JOBS)
    page = text(admin_client, f"{JOBS}job-0/change/")
    for words in (
        "&quot;left&quot;: 1",
        "order-7",
        "bulk",
        "a note",
        "1.00 s",
        "1 · failure · ValueError: wet",
    ):
        assert words in page


def test_the_history_is_read_only(admin_client: Client) -> None:
    job()
    letter()
    worker()
    Effect.objects.create(key="sent")
    pages = [f"{JOBS}job-0/", f"{LETTERS}{DeadLetter.objects.get().pk}/", f"{EFFECTS}sent/"]
    for page in pages:
        assert 'name="_save"' not in text(admin_client, f"{page}change/")
        assert admin_client.post(f"{page}change/", {"note": "x"}).status_code == 403
    for url in (JOBS, LETTERS, WORKERS, EFFECTS):
        assert admin_client.get(f"{url}add/").status_code == 403


def test_jobs_are_found_by_every_filter(admin_client: Client) -> None:
    failure(id="one", task="shop.tasks.a_task", schedule="nightly", key="order-7")
    job(id="two", created=NOON)
    for query in ("state=FAILURE", "task=shop.tasks.a_task", "schedule=nightly", "q=on", "q=order-7"):
        assert listed(admin_client, JOBS, query) == ["one"]
    assert listed(admin_client, JOBS, "submitted_at__year=2026&submitted_at__month=3") == ["two"]
    assert listed(admin_client, JOBS, "q=order") == []


def test_a_job_is_deleted_with_its_attempts(admin_client: Client) -> None:
    attempt(job(), "success")
    text(admin_client, f"{JOBS}job-0/delete/")
    admin_client.post(f"{JOBS}job-0/delete/", {"post": "yes"})
    assert not Job.objects.exists()
    assert not Attempt.objects.exists()


def test_a_dead_letter_shows_its_message(admin_client: Client) -> None:
    body = json.dumps([[1], {"right": 2}, {}]).encode()
    row = letter(body, reason="delivery_limit", deliveries=20, queue="email", headers={"id": "job-0"})
    for words in ("Add", "delivery limit", "email", "20", "/jobs/job-0/"):
        assert words in text(admin_client, LETTERS)
    page = text(admin_client, f"{LETTERS}{row.pk}/change/")
    assert "[[1], {&quot;right&quot;: 2}, {}]" in page
    assert "&quot;id&quot;: &quot;job-0&quot;" in page


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"\xff\xfe\x00", "ff fe 00"),
        (b"not json <b>", "not json &lt;b&gt;"),
        (b"x" * 30_000, "10,000 characters more"),
        (b"", "–"),
    ],
)
def test_any_body_can_be_shown(admin_client: Client, body: bytes, shown: str) -> None:
    assert shown in text(admin_client, f"{LETTERS}{letter(body).pk}/change/")


def test_secrets_in_a_letter_are_hidden(admin_client: Client) -> None:
    body = json.dumps([[], {"password": "open sesame"}, {}]).encode()
    page = text(admin_client, f"{LETTERS}{letter(body).pk}/change/")
    assert "open sesame" not in page
    assert "[redacted]" in page


def test_letters_that_wait_are_told_from_those_sent_again(admin_client: Client) -> None:
    waiting, sent = letter(), letter(requeued_at=NOON)
    assert listed(admin_client, LETTERS, "requeued_at__isempty=1") == [waiting.pk]
    assert listed(admin_client, LETTERS, "requeued_at__isempty=0") == [sent.pk]


@pytest.fixture
def requeued(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Which letters were asked to be sent again, and by whom; of three, one fails and one is skipped."""
    asked: list[Any] = []

    def requeue(ids: list[int], by: str) -> dict[str, int]:
        asked.append((sorted(ids), by))
        return {"sent": len(ids[2:]), "failed": len(ids[:1]), "skipped": len(ids[1:2]), "taken": 0}

    monkeypatch.setattr(letters, "requeue", requeue)
    return asked


def send_again(client: Client, *rows: DeadLetter) -> Any:
    chosen = {"action": "send_again", "_selected_action": [row.pk for row in rows]}
    return client.post(LETTERS, chosen, follow=True)


def test_letters_are_sent_again_by_who_asked(admin_client: Client, requeued: list[Any]) -> None:
    rows = [letter() for _ in range(3)]
    page = send_again(admin_client, *rows).content.decode()
    assert requeued == [([row.pk for row in rows], "admin")]
    for words in ("1 letter was sent again.", "1 could not be sent", "1 were left alone: sent again before"):
        assert words in page


def test_sending_again_needs_the_permission_and_that_of_the_task(
    staff: User, client: Client, requeued: list[Any]
) -> None:
    client.force_login(staff)
    row = letter()
    staff.user_permissions.add(Permission.objects.get(codename="view_deadletter"))
    assert "send_again" not in text(client, LETTERS)
    send_again(client, row)
    assert requeued == []
    staff.user_permissions.add(Permission.objects.get(codename="change_deadletter"))
    assert "you may not run their tasks" in send_again(client, row).content.decode()
    assert requeued == [([], "alice")]


def test_workers_say_how_they_are(admin_client: Client) -> None:
    worker()
    worker(instance="w2", lost_at=NOON)
    worker(instance="w3", stopped_at=NOON)
    page = text(admin_client, WORKERS)
    for words in ("alive", "lost", "stopped", "email, data"):
        assert words in page
    assert listed(admin_client, WORKERS, "lost_at__isempty=0") == ["w2"]
    assert "w1@host#abc" in text(admin_client, f"{WORKERS}w1@host_23abc/change/")


def test_an_effect_shows_what_it_gave(admin_client: Client) -> None:
    Effect.objects.create(key="sent", job_id="job-0", result={"mail": 7})
    assert "/jobs/job-0/" in text(admin_client, EFFECTS)
    assert "&quot;mail&quot;: 7" in text(admin_client, f"{EFFECTS}sent/change/")


def test_what_jobs_say_is_shown_as_text(admin_client: Client) -> None:
    row = failure(
        SCRIPT, task=SCRIPT, kwargs={SCRIPT: SCRIPT}, result={SCRIPT: SCRIPT}, schedule=SCRIPT, note=SCRIPT,
        tags=[SCRIPT], submitter=SCRIPT, key=SCRIPT, worker=SCRIPT, queue=SCRIPT,
    )  # fmt: skip
    attempt(row, "failure", error_kind=SCRIPT, error_message=SCRIPT)
    dead = letter(SCRIPT.encode(), task=SCRIPT, queue=SCRIPT, error=SCRIPT, headers={SCRIPT: SCRIPT})
    worker(name=SCRIPT, queues=[SCRIPT])
    Effect.objects.create(key="k", job_id=SCRIPT, result=SCRIPT)
    pages = [JOBS, f"{JOBS}job-0/change/", LETTERS, f"{LETTERS}{dead.pk}/change/", WORKERS, EFFECTS]
    for url in [*pages, f"{EFFECTS}k/change/", f"{JOBS}job-0/delete/"]:
        assert SCRIPT not in text(admin_client, url)


@pytest.mark.parametrize("query", ["p=1000000000", "state=ODD", "submitted_at__year=99999", "o=99", "q=%00"])
def test_a_senseless_query_is_no_crash(admin_client: Client, query: str) -> None:
    job()
    assert admin_client.get(f"{JOBS}?{query}", follow=True).status_code == 200


def test_only_who_has_the_permission_sees_them(staff: User, client: Client) -> None:
    client.force_login(staff)
    for url, model in {JOBS: "job", LETTERS: "deadletter", WORKERS: "worker", EFFECTS: "effect"}.items():
        assert client.get(url).status_code == 403
        staff.user_permissions.add(Permission.objects.get(codename=f"view_{model}"))
        assert client.get(url).status_code == 200


def test_a_list_takes_few_queries(
    admin_client: Client, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    for _ in range(20):
        failure(schedule="nightly", created=timezone.now())
    admin_client.get(JOBS)
    with django_assert_max_num_queries(10):
        admin_client.get(JOBS)


def test_events_are_listed_by_topic_and_found_by_their_facts(admin_client: Client) -> None:
    events.publish("schedule.late", {"schedule": "Nightly backup", "seconds": 75}, key="late:1")
    events.publish("shop.sold", {"order": SCRIPT})
    page = text(admin_client, EVENTS)
    assert "schedule: Nightly backup" in page
    assert SCRIPT not in page
    assert len(listed(admin_client, EVENTS)) == 2
    for query in ("topic=schedule.late", "q=schedule.", "q=nightly"):
        (found,) = listed(admin_client, EVENTS, query)
        assert "Nightly backup" in text(admin_client, f"{EVENTS}{found}/change/")
    assert listed(admin_client, EVENTS, "topic=none") == []


def test_nobody_makes_or_changes_an_event(admin_client: Client, staff: User, client: Client) -> None:
    events.publish("shop.sold", {})
    (pk,) = listed(admin_client, EVENTS)
    assert admin_client.get(f"{EVENTS}add/").status_code == 403
    assert admin_client.post(f"{EVENTS}{pk}/change/", {"topic": "a.b"}).status_code == 403
    assert admin_client.post(f"{EVENTS}{pk}/delete/", {"post": "yes"}).status_code == 403
    client.force_login(staff)
    assert client.get(EVENTS).status_code == 403
    staff.user_permissions.add(Permission.objects.get(codename="view_event"))
    assert client.get(EVENTS).status_code == 200


def test_an_event_shows_whether_it_was_sent_and_the_jobs_it_caused(admin_client: Client) -> None:
    for order in (1, 2):
        events.publish("shop.sold", {"order": order})
    sent, waits = Event.objects.order_by("pk")
    Event.objects.filter(pk=sent.pk).update(published_at=NOON)
    caused = job(id=f"event:{sent.pk}:books:1", source="event")
    job(id=f"event:{sent.pk}1:books:1", source="event")
    page = text(admin_client, f"{EVENTS}{sent.pk}/change/")
    assert f"/jobs/{caused.id}/" in page
    assert f"event:{sent.pk}1" not in page
    assert "4 Mar 2026 12:00:00" in page
    assert listed(admin_client, EVENTS, "published_at__isempty=1") == [waits.pk]
    assert listed(admin_client, JOBS, f"q=event:{sent.pk}:") == [caused.id]


def test_subscriptions_are_listed_with_what_became_of_them(
    admin_client: Client, staff: User, client: Client
) -> None:
    Subscription.objects.create(name="books", pattern="shop.#", task="shop.subscribers.keep_books")
    lost = Subscription.objects.create(name="old", pattern="*.x", task="shop.subscribers.old", gone_at=NOON)
    page = text(admin_client, SUBSCRIPTIONS)
    for words in ("books", "shop.#", "Keep books", "listens", "manage.py queue delete events_old"):
        assert words in page
    assert listed(admin_client, SUBSCRIPTIONS, "gone_at__isempty=0") == [lost.pk]
    assert "events_old" in text(admin_client, f"{SUBSCRIPTIONS}{lost.pk}/change/")
    client.force_login(staff)
    assert client.get(SUBSCRIPTIONS).status_code == 403
    staff.user_permissions.add(Permission.objects.get(codename="view_subscription"))
    assert client.get(SUBSCRIPTIONS).status_code == 200
    assert client.post(f"{SUBSCRIPTIONS}{lost.pk}/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (JOBS, "No job has been submitted yet."),
        (LETTERS, "No message has died."),
        (WORKERS, "No worker has been seen yet."),
        (EFFECTS, "No effect has been guarded yet."),
        (EVENTS, "Nothing has happened that is worth telling."),
        (SUBSCRIPTIONS, "No app subscribes to events; or no recorder has run since one does."),
    ],
)
def test_an_empty_list_says_so_and_asks_for_nothing_that_cannot_be(
    admin_client: Client, url: str, words: str
) -> None:
    Worker.objects.all().delete()  # the shared one may be alive, and is noted outside of any test
    assert words in text(admin_client, url)
    assert "Nothing fits what was searched for." in text(admin_client, f"{url}?q=nowhere")
