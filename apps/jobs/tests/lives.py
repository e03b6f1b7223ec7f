"""Workers and recorders of a test's own, quick to find a worker lost."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from celery import current_app
from django.conf import settings

from apps.jobs import workers
from apps.jobs.models import Attempt, Job, Worker
from tests.together import at_once
from tests.waiting import OwnProcess, RecorderProcess, WorkerProcess, wait_until

LOST_SECONDS, AFTER_SECONDS = 3, 4
QUICK = {"WORKER_LOST_SECONDS": str(LOST_SECONDS), "SWEEP_AFTER_SECONDS": str(AFTER_SECONDS)}
DUTIES = ("--only", "record", "--only", "relay", "--only", "sweep")


def own_worker(*arguments: str, **options: Any) -> WorkerProcess:
    environment = QUICK | options.pop("environment", {})
    return WorkerProcess("-I", "apps.jobs.tests.loss_tasks", *arguments, environment=environment, **options)


def own_recorder(**environment: str) -> RecorderProcess:
    return RecorderProcess(*DUTIES, environment=QUICK | environment)


@contextmanager
def running(*processes: OwnProcess) -> Iterator[None]:
    """Starts them, and in the end kills whatever of them is left. What fails meanwhile tells their output."""
    try:
        at_once(*(process.start for process in processes))
        yield
    except BaseException as error:
        for process in processes:
            error.add_note(f"{process.argv[3:]}:\n{process.output()[-3000:]}")
        raise
    finally:
        for process in processes:
            if process.process is not None and process.process.poll() is None:
                process.signal_all(signal.SIGCONT)
                process.kill()


def purge() -> None:
    """Also of dead letters that no keeper of an earlier test took: a sweeper waits until they are kept."""
    work = [queue.name for queue in settings.CELERY_TASK_QUEUES]
    with current_app.connection_for_write() as connection:
        channel: Any = connection.default_channel
        for name in [*work, settings.DEAD_QUEUE, settings.UNROUTED_QUEUE]:
            channel.queue_purge(name)


def started(job_id: str, attempts: int = 1) -> Job:
    def look() -> Job | None:
        return Job.objects.filter(id=job_id, state="STARTED", attempts=attempts).first()

    return wait_until(look, what=f"try {attempts} of {job_id}")  # type: ignore[return-value]


def outcomes(job_id: str) -> list[str]:
    return list(Attempt.objects.filter(job_id=job_id).order_by("token").values_list("outcome", flat=True))


def row_of(process: OwnProcess) -> Worker | None:
    return Worker.objects.filter(pid=process.pid).first()


def seen(process: OwnProcess) -> Worker:
    return wait_until(lambda: row_of(process), what="the worker's row")  # type: ignore[return-value]


def beats_on(process: OwnProcess, times: int = 3) -> bool:
    """Waits for so many more heartbeats."""
    before = seen(process).beats
    return wait_until(lambda: seen(process).beats >= before + times, what="more heartbeats")


def mended(name: str) -> Callable[[], int]:
    return lambda: workers.mended().get(name, 0)
