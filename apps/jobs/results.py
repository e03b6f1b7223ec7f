"""Results in Redis, where waiters hear of them, mirrored to django-celery-results' tables."""

from functools import cached_property
from typing import Any

from celery import states
from celery.backends.redis import RedisBackend
from django.db import InterfaceError, OperationalError, connection
from django.utils.module_loading import import_string

LOST_DATABASE = (OperationalError, InterfaceError)


class MirroredBackend(RedisBackend):
    """Writes the database first, so that whoever hears from Redis finds the row there already."""

    @cached_property
    def mirror(self) -> Any:
        # By name, because Celery may load this module before Django's models can be imported.
        return import_string("apps.jobs.mirroring.Mirror")(app=self.app)

    def _store_result(
        self,
        task_id: str,
        result: Any,
        state: str,
        traceback: str | None = None,
        request: Any = None,
        **kwargs: Any,
    ) -> Any:
        if self._get_task_meta_for(task_id)["status"] != states.SUCCESS:
            self.mirror._store_result(task_id, result, state, storable(traceback), request)  # noqa: SLF001
        return super()._store_result(task_id, result, state, traceback, request, **kwargs)

    def _save_group(self, group_id: str, result: Any) -> Any:
        self.mirror._save_group(group_id, result)  # noqa: SLF001
        return super()._save_group(group_id, result)

    def _delete_group(self, group_id: str) -> None:
        self.mirror._delete_group(group_id)  # noqa: SLF001
        super()._delete_group(group_id)

    def _forget(self, task_id: str) -> None:
        self.mirror._forget(task_id)  # noqa: SLF001
        super()._forget(task_id)

    def exception_safe_to_retry(self, exc: Exception) -> bool:
        if isinstance(exc, LOST_DATABASE):
            connection.close()
            return True
        return bool(super().exception_safe_to_retry(exc))

    def on_task_call(self, producer: object, task_id: str) -> None:
        """Publishing needs no Redis: whoever waits for the result subscribes when it starts to wait."""


def storable(traceback: str | None) -> str | None:
    """PostgreSQL's text knows no NUL."""
    return traceback.replace("\x00", "\\x00") if traceback else traceback
