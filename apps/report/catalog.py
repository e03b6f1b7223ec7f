"""Which reports exist: the classes that apps list as REPORTS in their `reports.py`."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import module_has_submodule

from apps.report.contract import ReportDefinition
from apps.report.spelling import unknown

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


@cache
def reports() -> Mapping[str, ReportDefinition]:
    """Every report by name. Raises ImproperlyConfigured for one that breaks the contract."""
    found: dict[str, ReportDefinition] = {}
    for origin, report_class in listed():
        problem = fault(report_class, found)
        if problem:
            raise ImproperlyConfigured(
                f"{origin}: {getattr(report_class, '__name__', report_class)} {problem}"
            )
        found[report_class.name] = report_class()
    return dict(sorted(found.items()))


def find(name: str) -> ReportDefinition:
    """The report of that name. Raises ValueError with the nearest known name."""
    known = reports()
    if name not in known:
        raise ValueError(unknown("report", name, known))
    return known[name]


def listed() -> Iterator[tuple[str, Any]]:
    for config in apps.get_app_configs():
        if config.module is not None and module_has_submodule(config.module, "reports"):
            module = import_module(f"{config.name}.reports")
            for report_class in getattr(module, "REPORTS", ()):
                yield module.__name__, report_class


def fault(report_class: Any, found: Mapping[str, ReportDefinition]) -> str | None:
    if not isinstance(report_class, type):
        return "is not a class; list the class itself in REPORTS"
    name = getattr(report_class, "name", None)
    if not isinstance(name, str) or not NAME.fullmatch(name):
        return f"needs a name of lower-case letters, digits and underscores, got {name!r}"
    if name in found:
        return f"has the name {name!r}, which {type(found[name]).__qualname__} has already"
    missing = [part for part in ("title", "description") if not getattr(report_class, part, None)]
    if missing:
        return f"needs {' and '.join(missing)}"
    if not callable(getattr(report_class, "build", None)):
        return "needs a method build"
    return None
