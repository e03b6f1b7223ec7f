"""The parameters of a report: the arguments of its `build`, checked against their type hints."""

import difflib
import inspect
import typing
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from django.utils import timezone
from pydantic import ValidationError

from apps.jobs.arguments import Parameter, adapter, sentence, type_hints
from apps.jobs.errors import ArgumentError
from apps.jobs.reporting import Choices
from apps.report.contract import ReportDefinition
from apps.report.spelling import unknown

PERIOD = ("since", "until")
PERIOD_DAYS = 30
YEARS = range(1970, 2200)  # far from the ends of the calendar, where time zones overflow


def parameters(report: ReportDefinition) -> dict[str, Parameter]:
    """The parameters by name. `since` and `until` are given a default where they have none."""
    hints = type_hints(report.build)
    found = {}
    for name, parameter in inspect.signature(report.build).parameters.items():
        default = parameter.default
        if name in PERIOD and default is inspect.Parameter.empty:
            default = period()[name]
        found[name] = Parameter(name, hints.get(name, Any), default, adapter(hints.get(name)))
    return found


def checked(report: ReportDefinition, given: Mapping[str, Any]) -> dict[str, Any]:
    """Every argument of `build` in its own type. Raises ArgumentError naming each bad one."""
    known = parameters(report)
    problems = {name: stranger(name, known) for name in given if name not in known}
    values: dict[str, Any] = {}
    for name, parameter in known.items():
        try:
            values[name] = value_of(parameter, given)
        except ValueError as error:  # a ValidationError is one
            problems[name] = sentence(error) if isinstance(error, ValidationError) else str(error)
    problems = problems or period_problems(values)
    if problems:
        raise ArgumentError(problems)
    return values


def as_json(report: ReportDefinition, values: Mapping[str, Any]) -> dict[str, Any]:
    """Checked values as plain JSON."""
    adapters = {name: parameter.adapter for name, parameter in parameters(report).items()}
    return {
        name: found.dump_python(value, mode="json")
        if (found := adapters[name]) and value is not None
        else value
        for name, value in values.items()
    }


def choices_of(annotation: Any) -> list[Any] | None:
    """The values a parameter is limited to by Literal or Choices, or None."""
    for part in parts(annotation):
        if isinstance(part, Choices):
            return list(part.find())
        if typing.get_origin(part) is typing.Literal:
            return list(typing.get_args(part))
    return None


def parts(annotation: Any) -> Iterator[Any]:
    """An annotation and all that is inside: members of a union, base and metadata of Annotated."""
    yield annotation
    if typing.get_origin(annotation) is typing.Literal:
        return
    inside = typing.get_args(annotation) + tuple(getattr(annotation, "__metadata__", ()))
    for part in inside:
        yield from parts(part)


def period(today: date | None = None) -> dict[str, date]:
    """The last 30 days, today included."""
    until = today or timezone.localdate()
    return {"since": until - timedelta(days=PERIOD_DAYS - 1), "until": until}


def value_of(parameter: Parameter, given: Mapping[str, Any]) -> Any:
    if parameter.name not in given:
        if parameter.required:
            raise ValueError("missing")
        return parameter.default
    value = given[parameter.name]
    if parameter.adapter is None or (value is None and parameter.default is None):
        return value
    value = parameter.adapter.validate_python(value)
    offered = choices_of(parameter.annotation)
    if offered is not None and value is not None and value not in offered:
        raise ValueError(unknown(parameter.name, str(value), map(str, offered)))
    return value


def period_problems(values: Mapping[str, Any]) -> dict[str, str]:
    since, until = (values.get(name) for name in PERIOD)
    dates = {"since": since, "until": until}
    problems = {
        name: f"expected a year from {YEARS[0]} to {YEARS[-1]}, got {value}"
        for name, value in dates.items()
        if isinstance(value, date) and value.year not in YEARS
    }
    if not problems and isinstance(since, date) and isinstance(until, date) and since > until:
        problems["since"] = f"expected a day not after until ({until}), got {since}"
    return problems


def stranger(name: str, known: Mapping[str, Parameter]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(known) or 'none'}"
    return f"the report has no such parameter; {hint}"
