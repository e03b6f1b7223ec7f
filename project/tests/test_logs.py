"""Lines of text logs: readable, and without secrets, whoever wrote them."""

import logging
from typing import Any

import pytest

from project.config import AppConfig, CeleryConfig
from project.logs import logging_settings


def written(name: str, *words: Any, formatter: str = "line") -> str:
    """A line as the handler of that formatter writes it."""
    found = logging_settings(AppConfig(log_format="text"), CeleryConfig())["formatters"][formatter]
    record = logging.LogRecord(name, logging.INFO, __file__, 1, words[0], words[1:], None)
    return str(found["()"](found["words"]).format(record))


def test_a_text_line_says_when_who_and_what() -> None:
    line = written("shop.orders", "order %d was shipped", 7)
    assert "INFO" in line
    assert line.endswith("order 7 was shipped")


@pytest.mark.parametrize("formatter", ["line", "task"])
@pytest.mark.parametrize(
    "words",
    [
        ("connecting to amqp://guest:hunter22@broker//",),
        ("headers %s", {"Authorization": "Bearer hunter22hunter22"}),
        ("called with password=%r", "hunter22"),
    ],
)
def test_no_line_of_another_library_shows_a_secret(words: tuple[Any, ...], formatter: str) -> None:
    line = written("some.library", *words, formatter=formatter)
    assert "hunter22" not in line
    assert "[redacted]" in line


def test_a_line_of_a_task_names_its_job() -> None:
    assert "???" in written("celery.task", "counting", formatter="task")  # Celery's word for none


@pytest.mark.parametrize(("asked", "level"), [("false", "WARNING"), ("true", "NOTSET")])
def test_jobs_that_arrive_are_logged_if_asked_for(
    asked: str, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CELERY_WORKER_LOG_RECEIVED", asked)
    found = logging_settings(AppConfig(), CeleryConfig())
    assert found["loggers"]["celery.worker.strategy"]["level"] == level
