"""django-celery-results' rows as people read them: the texts that Celery stores, as values."""

import ast
import json
from collections.abc import Iterable
from typing import Any

from django_celery_results.models import GroupResult, TaskResult

from apps.jobs.stream.documents import error_of


def arguments(row: TaskResult) -> Any:
    return literal(row.task_kwargs)


def positional_arguments(row: TaskResult) -> Any:
    return literal(row.task_args)


def result(row: TaskResult) -> Any:
    return loaded(row.result)


def error(row: TaskResult) -> str:
    return error_of(row.status, loaded(row.result)).get("error", "")


def children(row: TaskResult) -> list[str]:
    meta = loaded(row.meta)
    return job_ids(meta.get("children") or []) if isinstance(meta, dict) else []


def members(row: GroupResult) -> list[str]:
    found = loaded(row.result)
    return job_ids([found]) if isinstance(found, list) else []


def literal(text: str | None) -> Any:
    """Celery stores the repr of the arguments as a JSON string.

    It is made for logs: a shortened one stays text, and one with a backslash too, because it doesn't
    tell a backslash from the escape it may begin.
    """
    value = loaded(text)
    if not isinstance(value, str) or "\\" in value:
        return value
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, RecursionError):
        return value


def loaded(text: str | None) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text


def job_ids(results: Iterable[Any]) -> list[str]:
    """The jobs in Celery's nested result tuples: `[[id, parent], members or None]`."""
    found: list[str] = []
    for (job_id, _), inner in results:
        found += job_ids(inner) if inner else [job_id]
    return found
