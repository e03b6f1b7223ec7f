"""Do these arguments fit that task? Checked against its signature and type hints.

Checked at the door by `submit`, and again in the worker, because a message may come from anywhere.
"""

import difflib
import inspect
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

from celery import Task
from pydantic import Secret, SecretStr, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from apps.jobs.errors import ArgumentError

AnyTask: TypeAlias = Task[Any, Any]
Arguments: TypeAlias = tuple[list[Any], dict[str, Any]]  # by position and by name

VARIADIC = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a task. `adapter` is None where its type can't be checked."""

    name: str
    annotation: Any
    default: Any
    adapter: TypeAdapter[Any] | None

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty


def as_json(task: AnyTask, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Arguments:
    """The arguments as plain JSON values, all of them checked. Raises ArgumentError."""
    return convert(task, args, kwargs, json=True)


def as_python(task: AnyTask, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Arguments:
    """The arguments in the types that the task declares. Raises ArgumentError."""
    return convert(task, args, kwargs, json=False)


def parameters(task: AnyTask) -> dict[str, Parameter]:
    """The task's parameters by name, without `self`, *args and **kwargs."""
    return _parameters(task.run)


def convert(task: AnyTask, args: Sequence[Any], kwargs: Mapping[str, Any], *, json: bool) -> Arguments:
    known = parameters(task)
    bound = bind(task, args, kwargs)
    problems: dict[str, str] = {}
    for name, value in bound.arguments.items():
        if name in known:
            try:
                bound.arguments[name] = converted(known[name], value, json=json)
            except ValidationError as error:
                problems[name] = sentence(error)
    if problems:
        raise ArgumentError(problems)
    return as_given(bound, len(args))


def as_given(bound: inspect.BoundArguments, positional: int) -> Arguments:
    """By position what came by position, by name what came by name: pages then show the names."""
    args, kwargs = list(bound.args), dict(bound.kwargs)
    named = dict(zip(list(bound.signature.parameters)[positional:], args[positional:], strict=False))
    return args[:positional], named | kwargs


def bind(task: AnyTask, args: Sequence[Any], kwargs: Mapping[str, Any]) -> inspect.BoundArguments:
    signature = inspect.signature(task.run)
    variadic = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in signature.parameters.values())
    problems: dict[str, str] = {}
    if not variadic:
        problems = {name: stranger(name, task) for name in kwargs if name not in signature.parameters}
    positional = list(parameters(task))[: len(args)]
    for name, parameter in parameters(task).items():
        if parameter.required and name not in kwargs and name not in positional:
            problems[name] = "missing"
    if problems:
        raise ArgumentError(problems)
    try:
        return signature.bind(*args, **kwargs)
    except TypeError as error:
        raise ArgumentError({"": str(error)}) from None


def stranger(name: str, task: AnyTask) -> str:
    near = difflib.get_close_matches(name, parameters(task), n=1)
    return "the task has no such argument" + (f"; did you mean {near[0]}?" if near else "")


def converted(parameter: Parameter, value: Any, *, json: bool) -> Any:
    if parameter.adapter is None or (value is None and parameter.default is None):
        return value
    checked = parameter.adapter.validate_python(value)
    if json and isinstance(checked, (Secret, SecretStr)):  # pydantic would dump stars
        return checked.get_secret_value()
    return parameter.adapter.dump_python(checked, mode="json") if json else checked


def sentence(error: ValidationError) -> str:
    """The first few complaints of pydantic in one line."""
    lines = []
    for detail in error.errors(include_url=False, include_context=False)[:3]:
        place = ".".join(str(part) for part in detail["loc"])
        lines.append(f"{place}: {detail['msg']}" if place else detail["msg"])
    return "; ".join(lines).replace("Value error, ", "")


@cache
def _parameters(run: Any) -> dict[str, Parameter]:
    hints = type_hints(run)
    return {
        name: Parameter(name, hints.get(name, Any), parameter.default, adapter(hints.get(name)))
        for name, parameter in inspect.signature(run).parameters.items()
        if parameter.kind not in VARIADIC
    }


def type_hints(run: Any) -> dict[str, Any]:
    """Hints that can't be resolved (a name imported for type checkers only) count as none."""
    try:
        return typing.get_type_hints(inspect.unwrap(run), include_extras=True)
    except (NameError, TypeError, AttributeError):
        return {}


def adapter(hint: Any) -> TypeAdapter[Any] | None:
    if hint is None or hint is Any:
        return None
    try:
        return TypeAdapter(hint)
    except PydanticUserError:  # a class that pydantic can't describe: passed as it is
        return None
