"""A policy with a mistake stops the start: `manage.py check` names the app and the field."""

from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from django.apps import apps
from django.core import checks
from django.core.exceptions import FieldDoesNotExist, FieldError, ValidationError
from django.db.models import DateField, Field, FileField, Model

from apps.cleanup.policies import declared, modules
from apps.cleanup.tables import meta
from apps.jobs.retention import FolderPolicy, RetentionPolicy

KEEP_DAYS_MAX = 36_500
NAME_LENGTH = 100


def check_policies(**_: Any) -> list[checks.CheckMessage]:
    return [
        checks.Error(f"{app}.retention: {problem}", id="cleanup.E001")
        for app, module in modules()
        for problem in [
            *list_problems(getattr(module, "POLICIES", ()), RetentionPolicy, policy_problems),
            *list_problems(getattr(module, "FOLDERS", ()), FolderPolicy, folder_problems),
        ]
    ]


def list_problems(listed: Any, kind: type, look: Any) -> Iterator[str]:
    for entry in listed:
        if isinstance(entry, kind):
            name = getattr(entry, "name", "") or getattr(entry, "folder", "")
            yield from (f"{name!r}: {problem}" for problem in look(entry))
        else:
            yield f"expected a {kind.__name__}, got {entry!r}"


def policy_problems(policy: RetentionPolicy) -> Iterator[str]:
    yield from name_problems(policy.name)
    yield from days_problems(policy.keep_days)
    try:
        model = apps.get_model(policy.model)
    except (LookupError, ValueError, AttributeError):
        yield f"model: expected one such as 'app_label.Model', got {policy.model!r}"
        return
    yield from field_problems(model, "timestamp", policy.timestamp, DateField)
    for name in policy.files:
        yield from field_problems(model, "files", name, FileField)
    try:
        model.objects.filter(**policy.only)  # builds the query, asks nothing
    except (FieldError, ValidationError, ValueError, TypeError) as error:
        yield f"only: {error}"
    try:
        model.objects.filter(*policy.where())
    except (FieldError, ValueError, TypeError) as error:
        yield f"where: {error}"


def name_problems(name: Any) -> Iterator[str]:
    if not isinstance(name, str) or not name.isprintable() or not 1 <= len(name.strip()) <= NAME_LENGTH:
        yield f"name: expected 1 to {NAME_LENGTH} visible characters, got {name!r}"
    elif Counter(getattr(other, "name", None) for other in declared("POLICIES"))[name] > 1:
        yield "name: another policy has the same"


def days_problems(days: Any) -> Iterator[str]:
    if not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= KEEP_DAYS_MAX:
        yield f"keep_days: expected a whole number from 1 to {KEEP_DAYS_MAX}, got {days!r}"


def field_problems(model: type[Model], what: str, name: Any, kind: type[Field[Any, Any]]) -> Iterator[str]:
    try:
        field = meta(model).get_field(name)
    except FieldDoesNotExist:
        yield f"{what}: {meta(model).label} has no field {name!r}"
        return
    if not isinstance(field, kind):
        yield f"{what}: expected a {kind.__name__}, and {name!r} is a {type(field).__name__}"


def folder_problems(policy: FolderPolicy) -> Iterator[str]:
    yield from days_problems(policy.keep_days)
    parts = PurePosixPath(str(policy.folder)).parts
    if not parts or parts[0] == "/" or {"..", "."} & set(parts):
        yield f"folder: expected one inside the storage, such as 'imports', got {policy.folder!r}"
