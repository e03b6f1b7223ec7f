"""Tasks with limits, and what they leave behind in Redis for tests to see."""

import os
import time
from typing import Any

from celery import shared_task

from apps.jobs.errors import TemporaryError
from apps.jobs.limits import Breaker, Concurrency, InOrder, Rate
from apps.jobs.state import state_redis


def note(what: str, value: Any) -> None:
    state_redis().rpush(f"test:{what}", str(value))


def noted(what: str) -> list[str]:
    found: Any = state_redis().lrange(f"test:{what}", 0, -1)
    return list(found)


@shared_task
def plain_task(mark: int = 0) -> int:
    note("plain", mark)
    return mark


@shared_task(limits=[Rate(20, burst=2)])  # type: ignore[call-overload] # celery-types doesn't know our option
def rate_task(mark: int) -> None:
    note("rate", f"{mark} {time.time()}")


@shared_task(limits=[Rate(20, burst=1, share=("tenant",))])  # type: ignore[call-overload] # celery-types doesn't know our option
def fair_task(tenant: str) -> None:
    note("fair", tenant)


@shared_task(limits=[Concurrency(1, key=("customer",), lease_seconds=3)])  # type: ignore[call-overload] # celery-types doesn't know our option
def one_at_once_task(customer: str, mark: int = 0, until: str = "") -> None:
    """Runs until the key `until` is in Redis; nobody waits for an empty one."""
    note(f"begun:{customer}", mark)
    while until and not state_redis().exists(until):
        time.sleep(0.02)
    note(f"ended:{customer}", mark)


@shared_task(limits=[Breaker(2, wait_seconds=2, name="bank")], default_retry_delay=1, retry_backoff=False)  # type: ignore[call-overload] # celery-types doesn't know our option
def bank_task(mark: int) -> None:
    note("bank", mark)
    if state_redis().exists("test:bank is down"):
        raise TemporaryError("the bank doesn't answer")


@shared_task(limits=[InOrder(key=("customer",))], unique_key=("mark",))  # type: ignore[call-overload] # celery-types doesn't know our option
def unique_in_order_task(customer: str, mark: int) -> None: ...


@shared_task(limits=[InOrder(key=("customer",))], default_retry_delay=1, retry_backoff=False)  # type: ignore[call-overload] # celery-types doesn't know our option
def in_order_task(customer: str, mark: int = 0, *, fails: int = 0, until: str = "", pid: str = "") -> None:
    """Fails so many times, then runs until the key `until` is in Redis."""
    note(f"order:{customer}", f"{mark} begins")
    if state_redis().incr(f"test:tries:{customer}:{mark}") <= fails:
        note(f"order:{customer}", f"{mark} fails")
        raise TemporaryError("not yet")
    if pid:
        state_redis().set(pid, os.getpid())
    while until and not state_redis().exists(until):
        time.sleep(0.02)
    note(f"order:{customer}", f"{mark} ends")
