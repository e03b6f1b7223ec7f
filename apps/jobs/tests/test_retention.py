"""The engine's own policies, and what they must not touch."""

from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db.models import Model
from django.utils import timezone
from django_celery_results.models import TaskResult

from apps.cleanup.cleaning import clean_rows
from apps.cleanup.deleting import delete_batch
from apps.jobs.models import Attempt, DeadLetter, Effect, Job, JobKey, Worker
from apps.jobs.retention import POLICIES, RetentionPolicy
from apps.jobs.states import FINISHED, State
from apps.jobs.tests.making import attempt, job

RESULTS = [policy for policy in POLICIES if policy.model.endswith("TaskResult")]


def older_than(policy: RetentionPolicy, days: int) -> Any:
    moment = timezone.now() - timedelta(days=days)
    rows = apps.get_model(policy.model).objects.filter(*policy.where(), **policy.only)
    return rows.filter(**{f"{policy.timestamp}__lt": moment})


def policy_of(model: type[Model]) -> RetentionPolicy:
    return next(policy for policy in POLICIES if apps.get_model(policy.model) is model)


def due(model: type[Model]) -> list[Any]:
    policy = policy_of(model)
    return list(older_than(policy, policy.keep_days))


@pytest.fixture
def results(db: None) -> None:
    """One result of each state, from 50 days ago."""
    TaskResult.objects.bulk_create(TaskResult(task_id=state, status=state) for state in State.values)
    TaskResult.objects.update(date_done=timezone.now() - timedelta(days=50))


def test_every_state_of_a_result_belongs_to_exactly_one_policy(results: None) -> None:
    found = [row.status for policy in RESULTS for row in older_than(policy, 49)]
    assert sorted(found) == sorted(State.values)


def test_a_result_that_waits_is_kept_longer_than_one_that_came(results: None) -> None:
    gone = {row.status for policy in RESULTS for row in older_than(policy, policy.keep_days)}
    assert gone == {"SUCCESS", "FAILURE", "REVOKED"}


def test_a_job_may_be_delayed_for_less_than_its_result_is_kept() -> None:
    (waiting,) = [policy for policy in RESULTS if State.PENDING in policy.only["status__in"]]
    assert waiting.keep_days > 60


@pytest.mark.django_db
def test_jobs_that_have_not_ended_are_kept_however_old() -> None:
    long_ago = timezone.now() - timedelta(days=1000)
    for state in State.values:
        job(state, id=state, created=long_ago)
    job(id="new")
    assert {row.id for row in due(Job)} == FINISHED


@pytest.mark.django_db
def test_attempts_go_with_their_job() -> None:
    for _ in range(2):
        row = job(created=timezone.now() - timedelta(days=1000))
        attempt(row, "retry")
        attempt(row, "success")
    Job.objects.filter(id="job-0").delete()
    assert list(Attempt.objects.values_list("job_id", flat=True)) == ["job-1", "job-1"]


@pytest.mark.django_db
def test_a_key_goes_once_its_time_has_passed() -> None:
    now = timezone.now()
    for key, until in {"held": None, "period": now, "free": now - timedelta(days=2)}.items():
        JobKey.objects.create(key=key, job_id="job-0", until=until)
    assert [row.key for row in due(JobKey)] == ["free"]


@pytest.mark.django_db
def test_a_key_without_a_time_goes_a_day_after_its_job_has_ended() -> None:
    now, days = timezone.now(), timedelta(days=1)
    job("PENDING", id="alive")
    job(id="fresh", created=now - 5 * days, done=now)
    for name in ("old", "again"):
        job(id=name, created=now - 5 * days)
    for key in ("alive", "fresh", "old", "gone"):
        JobKey.objects.create(key=key, job_id=key, first_at=now - 5 * days)
    for key in ("again", "rolled back"):  # taken a moment ago
        JobKey.objects.create(key=key, job_id=key, first_at=now)
    assert clean_rows("keys of jobs that have ended")["deleted"] == 2
    assert set(JobKey.objects.values_list("key", flat=True)) == {"alive", "fresh", "again", "rolled back"}


@pytest.mark.django_db(transaction=True)
def test_a_key_that_is_taken_while_the_cleanup_looks_stays() -> None:
    """The row that it found is another one once it has the lock."""
    long_ago = timezone.now() - timedelta(days=5)
    JobKey.objects.create(key="alice", job_id="gone", first_at=long_ago)
    policy = next(policy for policy in POLICIES if policy.name == "keys of jobs that have ended")
    rows = older_than(policy, policy.keep_days)
    JobKey.objects.update(job_id="new", first_at=timezone.now())
    assert delete_batch(rows, ["alice"], ()).rows == 0


@pytest.mark.django_db
def test_a_job_is_kept_as_long_as_it_has_a_key_for_a_period() -> None:
    now, old = timezone.now(), timezone.now() - timedelta(days=1000)
    for name, until in {"held": now + timedelta(days=9), "over": now, "other": None}.items():
        JobKey.objects.create(key=name, job_id=job(id=name, created=old).id, until=until)
    assert {row.id for row in due(Job)} == {"over", "other"}


@pytest.mark.django_db
def test_an_effect_outlives_the_job_it_belongs_to() -> None:
    assert policy_of(Effect).keep_days > policy_of(Job).keep_days
    Effect.objects.create(key="sent")
    Effect.objects.update(done_at=timezone.now() - timedelta(days=200))
    assert [row.key for row in due(Effect)] == ["sent"]


@pytest.mark.django_db
def test_old_letters_and_workers_go() -> None:
    now, long_ago = timezone.now(), timezone.now() - timedelta(days=100)
    for name, moment in {"new": now, "old": long_ago}.items():
        DeadLetter.objects.create(digest=name, body=b"", died_at=moment)
        Worker.objects.create(instance=name, name="w", pid=1, started_at=long_ago, seen_at=moment)
    assert [row.digest for row in due(DeadLetter)] == ["old"]
    assert [row.instance for row in due(Worker)] == ["old"]


@pytest.mark.django_db
def test_the_cleanup_takes_jobs_and_their_attempts_in_batches() -> None:
    old = timezone.now() - timedelta(days=1000)
    for _ in range(3):
        attempt(attempt(job(created=old), "retry").job, "success")
    attempt(job("STARTED", created=old))
    found = clean_rows("jobs")
    assert (found["deleted"], found["cascaded"]) == (3, 6)
    assert (Job.objects.count(), Attempt.objects.count()) == (1, 1)
