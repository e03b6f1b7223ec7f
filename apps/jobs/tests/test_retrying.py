import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.jobs.retrying import RetryPolicy


def test_a_fixed_delay_stays_the_same() -> None:
    policy = RetryPolicy(3, 60, backoff=False, delay_max_seconds=600)
    assert [policy.seconds_before(retry) for retry in range(4)] == [60, 60, 60, 60]


def test_backoff_doubles_up_to_the_cap() -> None:
    policy = RetryPolicy(5, 60, backoff=True, delay_max_seconds=600)
    assert [policy.seconds_before(retry) for retry in range(6)] == [60, 120, 240, 480, 600, 600]


@given(st.integers(0, 10_000), st.integers(0, 86_400), st.integers(1, 86_400))
def test_jitter_stays_between_one_second_and_the_cap(retry: int, delay: int, cap: int) -> None:
    policy = RetryPolicy(None, delay, backoff="jitter", delay_max_seconds=cap)
    assert 1 <= policy.seconds_before(retry) <= cap


@given(st.integers(0, 100), st.sampled_from([True, False, "jitter"]))
def test_no_delay_is_below_a_second(retry: int, backoff: bool) -> None:
    assert RetryPolicy(3, 0, backoff, 0).seconds_before(retry) == 1


@pytest.mark.parametrize(
    ("within", "waits", "since", "allowed"),
    [
        (None, 10**6, 10**9, True),
        (60, 30, 30, True),
        (60, 31, 30, False),
        (60, 1, 0, True),
        (60, 0, 61, False),
    ],
)
def test_a_limit_in_time_counts_from_the_submission(
    within: int | None, waits: int, since: float, allowed: bool
) -> None:
    policy = RetryPolicy(None, 60, backoff=False, delay_max_seconds=600, within_seconds=within)
    assert policy.allows(waits, since) is allowed


def test_the_doublings_of_ten_thousand_retries_stay_small() -> None:
    policy = RetryPolicy(None, 60, backoff=True, delay_max_seconds=10**12)
    assert policy.seconds_before(10_000) == policy.seconds_before(30)


def test_the_setting_jitter_is_heeded_by_every_task() -> None:
    code = (
        "import django; django.setup(); from celery import current_app as app; "
        "task = app.tasks['apps.email.tasks.send_email_task']; print(task.policy.backoff, task.retry_backoff)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False,
        env=os.environ | {"CELERY_TASK_RETRY_BACKOFF": "jitter"},
    )  # fmt: skip
    assert done.stdout.split() == ["jitter", "True"], done.stderr[-2000:]
