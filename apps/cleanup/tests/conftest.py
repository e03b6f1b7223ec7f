"""Policies of the tests, and rows for them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.utils import timezone

from apps.cleanup import cleaning, retention
from apps.jobs.retention import FolderPolicy, RetentionPolicy

NOW = timezone.now()
Register = Callable[..., RetentionPolicy]


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Register:
    """Adds a policy for one test: by default on users, by the day they joined."""
    listed = list(retention.POLICIES)
    monkeypatch.setattr(retention, "POLICIES", listed)

    def add(name: str = "old users", **fields: Any) -> RetentionPolicy:
        basis = {"model": "auth.User", "timestamp": "date_joined", "keep_days": 30}
        policy = RetentionPolicy(name, **{**basis, **fields})
        listed.append(policy)
        return policy

    return add


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> FolderPolicy:
    policy = FolderPolicy("attic", keep_days=7)
    monkeypatch.setattr(cleaning, "folders", lambda: [policy])
    return policy


def days_ago(days: float) -> datetime:
    return timezone.now() - timedelta(days=days)


def add_sessions(count: int, days: float = 10) -> None:
    moment = days_ago(days)
    for start in range(0, count, 5_000):
        Session.objects.bulk_create(
            Session(session_key=f"{days:g}-{number:08d}", session_data="x" * 200, expire_date=moment)
            for number in range(start, min(start + 5_000, count))
        )


def add_user(name: str, days: float) -> User:
    return User.objects.create(username=name, date_joined=days_ago(days))
