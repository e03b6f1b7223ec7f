import pytest
from django.test import Client

from apps.monitoring import probing


def test_live_needs_no_server(client: Client) -> None:
    answer = client.get("/health/live")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_ready_says_what_answered(client: Client, db: None, broker: str) -> None:
    answer = client.get("/health/ready")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", **dict.fromkeys(probing.PROBES, "ok")}


@pytest.mark.parametrize("name", probing.PROBES)
def test_one_server_that_fails_is_enough_to_be_not_ready(
    client: Client, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def refuse() -> None:
        raise ConnectionError("secret-host:5432 refused")

    monkeypatch.setattr(probing, "PROBES", {name: refuse})
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()[name] == "ConnectionError"
    assert "secret-host" not in answer.text


def test_a_migration_that_was_not_applied_is_counted(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def unmigrated() -> None:
        raise probing.NotReady("2 migrations are not applied")

    monkeypatch.setattr(probing, "PROBES", {"migrations": unmigrated})
    assert client.get("/health/ready").json()["migrations"] == "2 migrations are not applied"


def test_only_reading_is_allowed(client: Client) -> None:
    assert client.post("/health/live").status_code == 405
