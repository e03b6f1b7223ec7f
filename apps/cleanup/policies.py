"""Every app's policies."""

import difflib
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

from django.apps import apps
from django.utils.module_loading import module_has_submodule

from apps.jobs.errors import ArgumentError
from apps.jobs.retention import FolderPolicy, RetentionPolicy

MODULE = "retention"


def policies() -> dict[str, RetentionPolicy]:
    """By name."""
    return {policy.name: policy for policy in declared("POLICIES")}


def folders() -> list[FolderPolicy]:
    return list(declared("FOLDERS"))


def find(name: str) -> RetentionPolicy:
    """Raises ArgumentError with the nearest name."""
    try:
        return policies()[known_policy(name)]
    except ValueError as error:
        raise ArgumentError({"policy": str(error)}) from None


def known_policy(name: str) -> str:
    """For the check at the door: the name itself. Raises ValueError with the nearest one."""
    known = policies()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(known)}"
        raise ValueError(f"no policy is named {name!r}{hint}")
    return name


def modules() -> Iterator[tuple[str, ModuleType]]:
    """The `retention.py` of each app that has one, by the app's name."""
    for config in apps.get_app_configs():
        if config.module is not None and module_has_submodule(config.module, MODULE):
            yield config.name, import_module(f"{config.name}.{MODULE}")


def declared(name: str) -> Iterator[Any]:
    for _, module in modules():
        yield from getattr(module, name, ())
