"""Many at once, several at once, and from the wrong place."""

import threading
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation
from django_celery_beat.models import PeriodicTask

from apps.jobs import reading
from apps.schedules import rules, shipping
from apps.schedules.tests.making import ADD, LIST, make_schedule
from project.recurring import Recurring

MANY, STATEMENTS = 10_000, 20


def make_many(count: int, **fields: Any) -> None:
    rule = rules.saved(rules.parse("every 1 hours")).row
    PeriodicTask.objects.bulk_create(
        PeriodicTask(name=f"number {number}", task=ADD, interval=rule, kwargs='{"left": 1}', **fields)
        for number in range(count)
    )


def test_ten_thousand_are_enabled_with_few_statements_and_each_is_logged(admin_client: Client) -> None:
    make_many(MANY, enabled=False)
    chosen = {"_selected_action": [PeriodicTask.objects.values_list("pk", flat=True)[0]], "select_across": 1}
    with CaptureQueriesContext(connection) as asked:
        page = admin_client.post(LIST, {"action": "enable_tasks", **chosen}, follow=True)
    assert len(asked) <= STATEMENTS
    assert "10000 schedules were enabled." in page.content.decode()
    assert PeriodicTask.objects.filter(enabled=True).count() == MANY
    user = User.objects.get(username="admin")
    assert user.logentry_set.count() == MANY


def test_too_many_are_not_run_at_once(admin_client: Client) -> None:
    make_many(501)
    chosen = {"_selected_action": [PeriodicTask.objects.first().pk], "select_across": 1}
    page = admin_client.post(LIST, {"action": "run_tasks", **chosen}, follow=True)
    assert "at most 500" in page.content.decode()
    assert not reading.rows().exists()


@pytest.mark.parametrize("page", [LIST, f"{LIST}1/run/", f"{LIST}add/", f"{LIST}1/change/"])
def test_a_post_from_elsewhere_is_refused(admin_user: User, page: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)
    assert client.post(page, {"action": "run_tasks", "_selected_action": 1}).status_code == 403


def test_the_list_is_told_in_the_readers_language(admin_client: Client) -> None:
    make_schedule(rule="0 9 * * mon-fri")
    with translation.override("zh-hans"):
        page = admin_client.get(LIST, headers={"accept-language": "zh-hans"})
    assert "在 09:00" in page.content.decode()


def test_two_deployments_at_once_ship_each_schedule_once(transactional_db: None, settings: Any) -> None:
    settings.SHIPPED_SCHEDULES = [
        Recurring(f"s{n}", ADD, f"every {n + 1} hours", {"left": n}) for n in range(5)
    ]
    outcomes: list[str] = []

    def deploy() -> None:
        try:
            outcomes.extend(change.outcome for change in shipping.sync())
        finally:
            connection.close()

    deployments = [threading.Thread(target=deploy) for _ in range(4)]
    for deployment in deployments:
        deployment.start()
    for deployment in deployments:
        deployment.join()
    assert sorted(outcomes) == ["created"] * 5 + ["unchanged"] * 15
