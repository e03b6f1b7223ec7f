"""What a job logs while it runs, kept in Redis for people.

In the worker a handler turns each record into a line; a thread sends the lines, so that no job waits
for Redis. Lines that are less than a moment old are lost with a process that is killed.
"""

import json
import logging
import re
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from celery import current_app, current_task
from celery.app.task import Context
from celery.signals import (
    task_postrun,
    task_prerun,
    worker_init,
    worker_process_init,
    worker_process_shutdown,
    worker_shutdown,
)

from apps.jobs.linesending import flush, key_of, send_soon
from apps.jobs.redacting import redact, scrub, scrub_text, secret_values
from apps.jobs.state import state_redis

MESSAGE_BYTES = 8192
LOOKED_AT = 4 * MESSAGE_BYTES  # characters of a message, or of a trace at its end
TRACE_LINES = 60
CUT = "…"
ROOTS = ("", "celery.task")  # the loggers where records end
# What runs jobs logs for its operators: its records are none of the job's.
STRANGERS = ("celery.", "kombu", "amqp", "apps.jobs.linesending", "apps.jobs.publishing")
# Control characters, and those that turn the direction of a terminal's text.
UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Line:
    """`number` counts the lines of one attempt, from 1; a gap means that older lines had to go."""

    attempt: int
    number: int
    time: datetime
    level: str
    logger: str
    message: str


def read(job_id: str) -> list[Line]:
    """The last lines, at most 500, of all the job's attempts; they are kept for 7 days. Asks Redis."""
    return [line_of(text) for text in state_redis().lrange(key_of(job_id), 0, -1)]


def line_of(text: Any) -> Line:
    attempt, number, seconds, *words = json.loads(text)
    return Line(attempt, number, datetime.fromtimestamp(seconds, UTC), *words)


class Log:
    """What a job has logged so far; begun with its first line."""

    def __init__(self, request: Context) -> None:
        self.request, self.lines = request, 0

    @property
    def attempt(self) -> int:
        return int(self.request.get("try_number") or (self.request.retries or 0) + 1)

    @cached_property
    def hidden(self) -> tuple[str, ...]:
        """The secrets among the job's arguments; found when its first line is written."""
        args, kwargs = self.request.args or (), self.request.kwargs or {}
        task = current_app.tasks.get(self.request.get("task"))
        names = redact(task, args, kwargs).names
        return secret_values(args, kwargs, names, task) if names else ()

    def write(self, record: logging.LogRecord) -> None:
        """The message, then the end of its trace line by line."""
        self.write_line(record, self.clean(message_of(record)[:LOOKED_AT]))
        if record.exc_info and record.exc_info[0]:
            trace = logging.Formatter().formatException(record.exc_info)
            for line in self.clean(trace[-LOOKED_AT:]).splitlines()[-TRACE_LINES:]:
                self.write_line(record, line)

    def write_line(self, record: logging.LogRecord, message: str) -> None:
        self.lines += 1
        line = [self.attempt, self.lines, record.created, record.levelname, record.name, fitting(message)]
        send_soon(str(self.request.id), json.dumps(line))

    def clean(self, text: str) -> str:
        return scrub_text(scrub(text, self.hidden) if self.hidden else text)


class JobHandler(logging.Handler):
    """Passes what is logged in a job on to its log."""

    def emit(self, record: logging.LogRecord) -> None:
        if not _running or is_stranger(record.name):
            return
        try:
            request = running_here()
            if request is not None:
                log_of(request).write(record)
        except Exception:  # noqa: BLE001 - the custom of handlers: logging must not fail the job
            self.handleError(record)


_handler = JobHandler()
_here: ContextVar[Context | None] = ContextVar("running", default=None)
_running: dict[str, Context] = {}
_logs: dict[str, Log] = {}


@worker_init.connect(dispatch_uid="jobs.log")
@worker_process_init.connect(dispatch_uid="jobs.log")
def attach(**_: Any) -> None:
    for name in ROOTS:
        logger = logging.getLogger(name)
        if _handler not in logger.handlers:
            logger.addHandler(_handler)


@task_prerun.connect(dispatch_uid="jobs.log")
def begin(task_id: str = "", task: Any = None, **_: Any) -> None:
    """Called for every job, so it does no more than it must."""
    request = task.request
    if not request.is_eager:
        _running[task_id] = request
        _here.set(request)


@task_postrun.connect(dispatch_uid="jobs.log")
def end(task_id: str = "", **_: Any) -> None:
    if _running.pop(task_id, None) is not None:
        _here.set(None)
        if _logs.pop(task_id, None):
            send_soon(task_id, None)


@worker_process_shutdown.connect(dispatch_uid="jobs.log")
@worker_shutdown.connect(dispatch_uid="jobs.log")
def leave(**_: Any) -> None:
    flush()


def running_here() -> Context | None:
    """The job of this thread; in a thread of the job's own making, the one job of the process."""
    here = _here.get()
    if here is None and len(_running) == 1:
        return next(iter(_running.values()), None)
    return here


def job_here() -> Context | None:
    """`running_here`, also in another task that the job calls as a function; or what runs eagerly here."""
    here = running_here()
    if here is None and current_task and not current_task.request.called_directly:
        return current_task.request
    return here


def log_of(request: Context) -> Log:
    return _logs.setdefault(str(request.id), Log(request))


def is_stranger(name: str) -> bool:
    return name.startswith(STRANGERS) and name != "celery.task"


def message_of(record: logging.LogRecord) -> str:
    return words(record.msg) if isinstance(record.msg, dict) else record.getMessage()


def words(event: dict[str, Any]) -> str:
    """An event of structlog: its words, then its values."""
    named = {name: value for name, value in event.items() if not name.startswith("_")}
    rest = [
        f"{name}={named[name]!r}" for name in named if name not in {"event", "level", "logger", "timestamp"}
    ]
    return " ".join([str(named.get("event", "")), *rest])


def fitting(text: str) -> str:
    """One line of at most MESSAGE_BYTES in UTF-8, without what a terminal would obey."""
    line = UNSHOWN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
    raw = line.encode("utf-8", "backslashreplace")
    if len(raw) <= MESSAGE_BYTES:
        return raw.decode()
    return raw[: MESSAGE_BYTES - len(CUT.encode())].decode("utf-8", "ignore") + CUT
