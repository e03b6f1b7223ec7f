"""The engine's own policies, and what they must not touch."""

from datetime import timedelta

import pytest
from django.apps import apps
from django.utils import timezone
from django_celery_results.models import TaskResult

from apps.jobs.retention import POLICIES, RetentionPolicy
from apps.jobs.states import State

RESULTS = [policy for policy in POLICIES if policy.model.endswith("TaskResult")]


def older_than(policy: RetentionPolicy, days: int) -> list[str]:
    moment = timezone.now() - timedelta(days=days)
    rows = apps.get_model(policy.model).objects.filter(**policy.only)
    return list(rows.filter(**{f"{policy.timestamp}__lt": moment}).values_list("status", flat=True))


@pytest.fixture
def results(db: None) -> None:
    """One result of each state, from 50 days ago."""
    TaskResult.objects.bulk_create(TaskResult(task_id=state, status=state) for state in State.values)
    TaskResult.objects.update(date_done=timezone.now() - timedelta(days=50))


def test_every_state_belongs_to_exactly_one_policy(results: None) -> None:
    found = [state for policy in RESULTS for state in older_than(policy, 49)]
    assert sorted(found) == sorted(State.values)


def test_a_job_that_waits_is_kept_longer_than_one_that_ended(results: None) -> None:
    gone = {state for policy in RESULTS for state in older_than(policy, policy.keep_days)}
    assert gone == {"SUCCESS", "FAILURE", "REVOKED"}


def test_a_job_may_be_delayed_for_less_than_its_row_is_kept() -> None:
    (waiting,) = [policy for policy in RESULTS if State.PENDING in policy.only["status__in"]]
    assert waiting.keep_days > 60
