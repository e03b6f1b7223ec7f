import pytest

from project.checks import routes_lead_somewhere, unknown_names


def test_a_name_that_nothing_reads_is_warned_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELERY_WORKER_CONCURENCY", "4")
    (found,) = unknown_names()
    assert found.hint == "Did you mean CELERY_WORKER_CONCURRENCY?"
    assert not found.is_serious()


def test_the_shipped_routes_all_lead_somewhere() -> None:
    assert routes_lead_somewhere() == []


def test_a_route_to_no_queue_is_an_error_with_the_nearest_queue(settings: object) -> None:
    settings.ROUTES = {"shop.*": {"queue": "emial"}}  # type: ignore[attr-defined]
    (found,) = routes_lead_somewhere()
    assert found.is_serious()
    assert found.hint == "Did you mean email?"


def test_a_default_queue_that_does_not_exist_is_an_error(settings: object) -> None:
    settings.CELERY_TASK_DEFAULT_QUEUE = "main"  # type: ignore[attr-defined]
    (found,) = routes_lead_somewhere()
    assert "CELERY_TASK_DEFAULT_QUEUE" in found.msg
