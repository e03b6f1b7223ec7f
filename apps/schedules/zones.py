"""Time zones by name, and those that this machine's tzdata doesn't know, or no longer."""

from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError

UNKNOWN = (KeyError, ValueError, OSError, ValidationError)  # a folder of tzdata's is an OSError


@dataclass(frozen=True)
class UnknownZone:
    """Stands for a crontab's zone that isn't there, so that its row can be read, shown and mended."""

    name: str

    def __str__(self) -> str:
        return self.name


def read_unknown() -> None:
    """Beat's field raises for them: one such row would take down every list and loop that reads it."""
    crontab: Any = apps.get_model("django_celery_beat", "CrontabSchedule")
    field = crontab._meta.get_field("timezone")  # noqa: SLF001 - Django's documented API
    read, convert = field.from_db_value, field.to_python

    def lenient(value: str, *rest: Any) -> Any:
        try:
            return read(value, *rest) or UnknownZone(value)
        except UNKNOWN:
            return UnknownZone(value)

    field.from_db_value = lenient
    field.to_python = lambda value: value if isinstance(value, UnknownZone) else convert(value)
