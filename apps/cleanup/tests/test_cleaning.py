"""A run over the policies, and the history it leaves."""

import itertools
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import IntegrityError, models

from apps.cleanup import cleaning
from apps.cleanup.cleaning import clean_rows, seconds_allowed
from apps.cleanup.models import CleanupRun
from apps.cleanup.retention import SESSIONS
from apps.cleanup.tests.conftest import Register, add_sessions, add_user
from apps.jobs.errors import ArgumentError, PermanentError

pytestmark = pytest.mark.django_db


def test_a_run_says_what_it_did(register: Register) -> None:
    register()
    add_user("ann", 40)
    add_sessions(3)
    result = clean_rows()
    assert (result["status"], result["deleted"], result["unfinished"]) == ("success", 4, [])
    assert (result["policies"]["old users"], result["policies"][SESSIONS]) == (1, 3)


def test_each_policy_leaves_a_row_of_history(register: Register) -> None:
    register()
    add_user("ann", 40)
    clean_rows("old users")
    run = CleanupRun.objects.get()
    assert (run.policy, run.deleted, run.complete, run.dry_run, run.error) == (
        "old users",
        1,
        True,
        False,
        "",
    )
    assert run.finished_at
    assert run.took == run.finished_at - run.started_at


def test_a_dry_run_counts_and_deletes_nothing(register: Register) -> None:
    register()
    add_user("ann", 40)
    add_sessions(1_500)
    result = clean_rows(dry_run=True)
    assert (result["dry_run"], result["deleted"]) == (True, 1_501)
    assert (User.objects.count(), Session.objects.count()) == (1, 1_500)
    assert CleanupRun.objects.filter(dry_run=True, policy=SESSIONS).get().deleted == 1_500


def test_an_unknown_policy_is_named_with_the_nearest() -> None:
    with pytest.raises(ArgumentError) as error:
        clean_rows("expired sesions")
    assert "did you mean 'expired sessions'" in error.value.problems["policy"]
    assert CleanupRun.objects.count() == 0


def test_a_policy_that_fails_does_not_stop_the_others(
    register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    register("aaa")
    add_user("ann", 40)
    add_sessions(2)
    delete = models.QuerySet.delete

    def fail(rows: Any) -> Any:
        if rows.model is User:
            raise IntegrityError("still needed")
        return delete(rows)

    monkeypatch.setattr(models.QuerySet, "delete", fail)
    with pytest.raises(PermanentError, match="aaa: IntegrityError: still needed"):
        clean_rows()
    assert Session.objects.count() == 0
    assert CleanupRun.objects.get(policy="aaa").error == "IntegrityError: still needed"


def test_when_time_is_up_the_next_run_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    add_sessions(2_500)
    clock = itertools.count(step=100)
    monkeypatch.setattr(cleaning, "monotonic", lambda: next(clock))
    first = clean_rows(SESSIONS)
    assert (first["deleted"], first["unfinished"]) == (1_000, [SESSIONS])
    monkeypatch.undo()
    assert clean_rows(SESSIONS)["deleted"] == 1_500


def test_the_time_is_shared_so_that_a_big_policy_starves_nobody(
    register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_sessions(2_500)
    register("zzz")
    add_user("ann", 40)
    clock = itertools.count(step=25)
    monkeypatch.setattr(cleaning, "monotonic", lambda: next(clock))
    result = clean_rows()
    assert SESSIONS in result["unfinished"]
    assert result["policies"]["zzz"] == 1


def test_a_run_that_is_cut_off_keeps_what_it_did(monkeypatch: pytest.MonkeyPatch) -> None:
    add_sessions(3_000)

    def tell(done: int, *_: object) -> None:
        if done == 2_000:
            raise SoftTimeLimitExceeded

    monkeypatch.setattr(cleaning, "progress", tell)
    with pytest.raises(SoftTimeLimitExceeded):
        clean_rows(SESSIONS)
    run = CleanupRun.objects.get()
    assert (run.deleted, run.complete, run.error) == (2_000, False, "the job ran out of time")
    assert Session.objects.count() == 1_000


@pytest.mark.parametrize(("limit", "seconds"), [(None, 180), (600, 180), (100, 70), (10, 7)])
def test_a_run_ends_before_the_soft_time_limit(settings: Any, limit: int | None, seconds: float) -> None:
    settings.CELERY_TASK_SOFT_TIME_LIMIT = limit
    assert seconds_allowed() == pytest.approx(seconds)
