"""How lines are logged: plain text for people, or one JSON object a line for machines."""

from typing import Any

import structlog

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
    processors: list[Any] = [structlog.stdlib.filter_by_level, *SHARED, wrap if json else sentence]
    structlog.configure(
        processors=processors,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    line = {"()": json_formatter} if json else {"format": celery.worker_log_format}
    task = (
        line
        if json
        else {
            "()": "celery.app.log.TaskFormatter",
            "fmt": celery.worker_task_log_format,
            "use_color": False,
        }
    )
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
            structlog.processors.dict_tracebacks,
            structlog.processors.JSONRenderer(),
        ],
    )


wrap = structlog.stdlib.ProcessorFormatter.wrap_for_formatter


def sentence(logger: object, method: str, event: dict[str, Any]) -> str:
    """An event as one line: its words, then its values."""
    words = event.pop("event", "")
    for known in ("timestamp", "level", "logger"):
        event.pop(known, None)
    values = " ".join(f"{key}={value!r}" for key, value in event.items() if not key.startswith("_"))
    return f"{words} {values}".rstrip()
