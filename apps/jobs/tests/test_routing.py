import pytest

from apps.jobs.routing import patterns, route


@pytest.mark.parametrize(
    ("task", "queue"),
    [
        ("apps.email.tasks.send_email_task", "email"),
        ("apps.data.tasks.sync_data_task", "data"),
        ("apps.report.tasks.generate_report_task", "report"),
        ("apps.notification.tasks.send_notification_task", "notification"),
        ("apps.cleanup.tasks.cleanup_data_task", "cleanup"),
        ("shop.tasks.ship", "default"),
    ],
)
def test_a_tasks_name_leads_to_its_queue(task: str, queue: str) -> None:
    assert route(task, (), {}, {})["queue"] == queue


@pytest.mark.parametrize(("priority", "queue"), [(0, "urgent"), (2, "urgent"), (3, "email"), (9, "email")])
def test_high_priorities_ride_in_the_urgent_lane(priority: int, queue: str) -> None:
    assert route("apps.email.tasks.send_email_task", (), {}, {"priority": priority})["queue"] == queue


def test_an_asked_for_queue_wins_over_everything() -> None:
    assert "queue" not in route("apps.email.tasks.send_email_task", (), {}, {"queue": "data", "priority": 0})


@pytest.mark.parametrize("key", ["data", "0." * 27 + "1.data"])
def test_a_retry_stays_in_the_queue_of_its_delivery(key: str) -> None:
    delivery = {"exchange": "tasks", "routing_key": key, "priority": 0}
    assert route("apps.email.tasks.send_email_task", (), {}, delivery)["queue"] == "data"


def test_a_retry_from_an_unknown_key_goes_where_it_says() -> None:
    assert "queue" not in route("shop.tasks.ship", (), {}, {"routing_key": "elsewhere"})


def test_every_route_asks_rabbitmq_to_refuse_what_it_cannot_route() -> None:
    assert route("shop.tasks.ship", (), {}, {})["mandatory"] is True
    assert route("shop.tasks.ship", (), {}, {"queue": "data"})["mandatory"] is True


def test_a_user_may_lead_tasks_elsewhere(settings: object) -> None:
    settings.ROUTES = {"shop.*": {"queue": "data"}}  # type: ignore[attr-defined]
    patterns.cache_clear()
    assert route("shop.tasks.ship", (), {}, {})["queue"] == "data"
    patterns.cache_clear()
