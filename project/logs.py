"""How lines are logged: plain text for people, or one JSON object a line for machines."""

import logging
from collections.abc import Callable
from functools import cached_property
from typing import Any

import structlog
from django.utils.module_loading import import_string

from project.config import AppConfig, CeleryConfig

SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]


def logging_settings(app: AppConfig, celery: CeleryConfig) -> dict[str, Any]:
    """Django's LOGGING; also sets structlog up to pass its events on to it."""
    json = app.log_format == "json"
    processors: list[Any] = [structlog.stdlib.filter_by_level, *SHARED]
    processors += [wrap] if json else [redact, sentence]  # as values still have names
    structlog.configure(
        processors=processors,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    line: dict[str, Any] = {"()": json_formatter}
    task = line
    if not json:
        line = {"()": line_formatter, "words": celery.worker_log_format}
        task = {"()": task_formatter, "words": celery.worker_task_log_format}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": line, "task": task},
        "handlers": {
            "line": {"class": "logging.StreamHandler", "formatter": "line"},
            "task": {"class": "logging.StreamHandler", "formatter": "task"},
        },
        "root": {"handlers": ["line"], "level": app.log_level},
        "loggers": {
            "celery": {"level": celery.worker_log_level},
            # A line for each job that says what its row in the ledger says, too.
            "celery.worker.strategy": {"level": "NOTSET" if celery.worker_log_received else "WARNING"},
            "celery.task": {"handlers": ["task"], "propagate": False},
            "django_structlog": {"level": "INFO" if json else "WARNING"},
            "httpx": {"level": "WARNING"},
            "flower": {"level": "ERROR"},
        },
    }


def json_formatter() -> structlog.stdlib.ProcessorFormatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            # structlog shows local variables by default: they hold the arguments of jobs.
            structlog.processors.ExceptionRenderer(
                structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
            ),
            redact,
            structlog.processors.JSONRenderer(),
        ],
    )


class CleanFormatter(logging.Formatter):
    """Hides what has the shape of a secret: the lines of other libraries have no named values."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self.inner = inner

    @cached_property
    def scrub(self) -> Callable[[str], str]:
        found: Callable[[str], str] = import_string("apps.jobs.scrubbing.scrub_text")
        return found

    def format(self, record: logging.LogRecord) -> str:
        return self.scrub(self.inner.format(record))


def line_formatter(words: str) -> CleanFormatter:
    return CleanFormatter(logging.Formatter(words))


def task_formatter(words: str) -> CleanFormatter:
    """Names the job; Celery's, which is loaded late: the web's start need not wait for it."""
    return CleanFormatter(import_string("celery.app.log.TaskFormatter")(words, use_color=False))


wrap = structlog.stdlib.ProcessorFormatter.wrap_for_formatter


def redact(logger: object, method: str, event: Any) -> Any:
    """Hides secrets; imported late, for apps are named as strings here."""
    return import_string("apps.jobs.scrubbing.redact_event")(logger, method, event)


def sentence(logger: object, method: str, event: dict[str, Any]) -> str:
    """An event as one line: its words, then its values."""
    words = event.pop("event", "")
    for known in ("timestamp", "level", "logger"):
        event.pop(known, None)
    values = " ".join(f"{key}={value!r}" for key, value in event.items() if not key.startswith("_"))
    return f"{words} {values}".rstrip()
