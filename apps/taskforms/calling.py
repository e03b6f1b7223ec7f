"""From what was filled in to the args and kwargs of the call."""

import inspect
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from apps.jobs.arguments import VARIADIC, AnyTask, Parameter, adapter, parameters
from apps.jobs.errors import ArgumentError
from apps.jobs.submitting import Call

PREFIXES: dict[Any, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
BY_PLACE = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}


def all_parameters(task: AnyTask) -> dict[str, Parameter]:
    """The task's parameters in order, with `*args` as a list and `**kwargs` as an object."""
    known = parameters(task)
    found: dict[str, Parameter] = {}
    for name, parameter in inspect.signature(task.run).parameters.items():
        if parameter.kind in VARIADIC:
            kind = list if parameter.kind is inspect.Parameter.VAR_POSITIONAL else dict
            found[name_of(parameter)] = Parameter(name_of(parameter), kind, None, adapter(kind))
        else:
            found[name] = known[name]
    return found


def arranged(task: AnyTask, given: Mapping[str, Any]) -> Call:
    """By name wherever that is possible. Raises ArgumentError for an argument given twice.

    By place go positional-only arguments, and with `*args` all before them; gaps are filled with
    defaults, and end the call where there is none: the check that follows says what is missing.
    """
    places = by_place(task, given)
    args: list[Any] = []
    for parameter in places:
        if parameter.name not in given and parameter.default is parameter.empty:
            break
        args.append(given.get(parameter.name, parameter.default))
    else:
        args += next((value for name, value in given.items() if is_more(name)), [])
    placed = {parameter.name for parameter in places[: len(args)]}
    kwargs = {name: value for name, value in given.items() if name not in placed and name[0] != "*"}
    for field, extra in given.items():
        if field.startswith("**"):
            refuse_twice(field, extra, given)
            kwargs |= extra
    return Call(args, kwargs)


def refuse_twice(field: str, extra: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    twice = ", ".join(name for name in extra if name in given)
    if twice:
        raise ArgumentError({field: _("expected other names than those above: %(names)s") % {"names": twice}})


def by_name(task: AnyTask | None, call: Call) -> dict[str, Any]:
    """The reverse of `arranged`: what a job was called with, by argument name.

    By number where the task has changed since, or is gone.
    """
    numbered = {f"#{place}": value for place, value in enumerate(call.args, 1)} | dict(call.kwargs)
    if task is None:
        return numbered
    try:
        bound = inspect.signature(task.run).bind_partial(*call.args, **call.kwargs)
    except TypeError:
        return numbered
    kinds = inspect.signature(task.run).parameters
    named = {name_of(kinds[name]): value for name, value in bound.arguments.items()}
    return {name: list(value) if is_more(name) else value for name, value in named.items()}


def by_place(task: AnyTask, given: Mapping[str, Any]) -> list[inspect.Parameter]:
    known = inspect.signature(task.run).parameters.values()
    positional = [parameter for parameter in known if parameter.kind in BY_PLACE]
    if any(is_more(name) for name in given):
        return positional
    only = [parameter for parameter in positional if parameter.kind is parameter.POSITIONAL_ONLY]
    while only and only[-1].name not in given:
        only.pop()
    return only


def name_of(parameter: inspect.Parameter) -> str:
    return PREFIXES.get(parameter.kind, "") + parameter.name


def is_more(name: str) -> bool:
    return name.startswith("*") and not name.startswith("**")
