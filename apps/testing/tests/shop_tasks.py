"""Tasks of every kind that `run_pending` has to run as a worker does."""

from datetime import date
from typing import Any

from celery import shared_task
from django.db import transaction

from apps.jobs import submit
from apps.jobs.errors import PermanentError, Snooze, TemporaryError
from apps.jobs.progress import track
from apps.running.steps import last_cursor, steps

DONE: list[Any] = []


@shared_task
def bill_task(customer: int, day: date | None = None, pin: str = "") -> int:
    """Bills a customer, and mails them."""
    DONE.extend(("bill", customer, day) for _ in track([1, 2]))
    submit(mail_task, kwargs={"to": customer})
    mail_task.delay(to=-customer)
    return customer


@shared_task(unique_key=("to",), unique="while_waiting")  # type: ignore[call-overload]
def mail_task(to: int) -> None:
    DONE.append(("mail", to))


@shared_task(bind=True, max_retries=2)
def stumble_task(self: Any, times: int) -> str:
    DONE.append(("try", self.request.retries))
    if self.request.retries < times:
        raise TemporaryError("the road was wet")
    return "there"


@shared_task
def walk_task() -> int | None:
    numbers = steps(lambda after: range(after or 0, 3), cursor=lambda number: number + 1, total=3)
    DONE.extend(("step", number) for number in numbers)
    found: int | None = last_cursor()
    return found


@shared_task
def break_task() -> None:
    raise PermanentError("no such road")


@shared_task
def nap_task() -> str:
    DONE.append("nap")
    if DONE.count("nap") < 3:
        raise Snooze(30, "too early")
    return "awake"


@shared_task
def later_task() -> None:
    transaction.on_commit(lambda: submit(mail_task, kwargs={"to": 9}) and None)


@shared_task
def again_task() -> None:
    again_task.delay()


@shared_task(bind=True)
def relay_task(self: Any, left: int) -> Any:
    raise self.replace(add_task.s(left, 1))


@shared_task
def add_task(left: int, right: int = 1) -> int:
    return left + right


@shared_task
def sum_task(numbers: list[int]) -> int:
    return sum(numbers)
