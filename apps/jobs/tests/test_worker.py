"""The whole way: through the broker, a real worker and both stores of results."""

from celery import current_app
from celery.result import AsyncResult

from apps.jobs import Order, submit
from apps.jobs.tests.sample_tasks import add_task, stumble_task
from tests.waiting import WorkerProcess, ended


def test_a_submitted_job_succeeds_in_both_stores(worker: WorkerProcess) -> None:
    job = submit(add_task, kwargs={"left": 2, "right": 3})
    assert (ended(job.id).state, ended(job.id).result) == ("SUCCESS", 5)
    assert AsyncResult(job.id).get(timeout=10) == 5


def test_a_plain_delay_is_kept_in_both_stores_too(worker: WorkerProcess) -> None:
    result = add_task.delay(2, 3)
    assert result.get(timeout=30) == 5
    assert ended(result.id).task == add_task.name


def test_a_retry_of_a_plain_delay_stays_in_its_queue(worker: WorkerProcess) -> None:
    assert stumble_task.delay(2).get(timeout=30) == "default"
    assert stumble_task.apply_async((1,), queue="data").get(timeout=30) == "data"


def test_an_urgent_job_rides_in_the_urgent_lane(worker: WorkerProcess) -> None:
    job = submit(stumble_task, kwargs={"times": 1}, order=Order(priority=0))
    assert ended(job.id).result == "urgent"


def test_wrong_arguments_in_the_queue_fail_with_their_names(worker: WorkerProcess) -> None:
    result = current_app.send_task(add_task.name, kwargs={"left": "one"})
    assert "left: Input should be a valid integer" in str(ended(result.id).error)
