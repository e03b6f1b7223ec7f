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
