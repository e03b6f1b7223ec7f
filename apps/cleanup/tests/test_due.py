"""Which rows may go."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import models
from django.utils import timezone

from apps.cleanup.due import boundary, due
from apps.cleanup.models import RetentionOverride
from apps.cleanup.tests.conftest import Register, add_user

pytestmark = pytest.mark.django_db
NOW = timezone.now()
EXACTLY = NOW - timedelta(days=30)
MOMENT = timedelta(microseconds=1)


def names(policy: Any) -> list[str]:
    return [user.username for user in due(policy, NOW)]


@pytest.mark.parametrize(
    ("joined", "is_due"),
    [(EXACTLY - MOMENT, True), (EXACTLY, False), (EXACTLY + MOMENT, False), (NOW, False)],
)
def test_a_row_goes_once_it_is_older_than_its_days(register: Register, joined: Any, is_due: bool) -> None:
    User.objects.create(username="ann", date_joined=joined)
    assert names(register()) == (["ann"] if is_due else [])


def test_only_what_the_policy_names_goes(register: Register) -> None:
    add_user("ann", 40)
    User.objects.filter(pk=add_user("bob", 40).pk).update(is_active=False)
    assert names(register(only={"is_active": False})) == ["bob"]


def test_a_row_without_the_timestamp_stays(register: Register) -> None:
    add_user("ann", 40)
    assert names(register(timestamp="last_login")) == []


def test_a_field_of_days_is_compared_by_the_sites_day(settings: Any) -> None:
    settings.TIME_ZONE = "Asia/Shanghai"
    late = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)  # the 24th in Shanghai
    assert boundary(models.DateField(), late, days=3) == date(2026, 11, 21)
    assert boundary(models.DateTimeField(), late, days=3) == datetime(2026, 11, 20, 20, 0, tzinfo=UTC)


def test_a_person_can_keep_rows_longer(register: Register) -> None:
    add_user("ann", 40)
    policy = register()
    RetentionOverride.objects.create(policy=policy.name, keep_days=60)
    assert names(policy) == []


def test_a_person_can_keep_rows_shorter(register: Register) -> None:
    add_user("ann", 10)
    policy = register()
    RetentionOverride.objects.create(policy=policy.name, keep_days=5)
    assert names(policy) == ["ann"]


def test_a_person_can_keep_rows_for_ever(register: Register) -> None:
    add_user("ann", 30_000)
    policy = register()
    RetentionOverride.objects.create(policy=policy.name, keep_days=None)
    assert names(policy) == []


def test_the_override_of_another_policy_counts_for_nothing(register: Register) -> None:
    add_user("ann", 40)
    RetentionOverride.objects.create(policy="something else", keep_days=None)
    assert names(register()) == ["ann"]
