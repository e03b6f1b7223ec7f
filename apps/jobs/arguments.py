"""Do these arguments fit that task? Checked against its signature and type hints.

Checked at the door by `submit`, and again in the worker, because a message may come from anywhere.
"""

import difflib
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, TypeAlias

from celery import Task
from django.conf import settings
from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic_core import PydanticCustomError

from apps.jobs import plain
from apps.jobs.dumping import dumped
from apps.jobs.errors import ArgumentError
from apps.jobs.hints import Places, is_json, secret_places, type_hints

__all__ = [
    "VARIADIC", "AnyTask", "Arguments", "Parameter", "Signature", "adapter", "as_json", "as_python",
    "converted", "parameters", "sentence", "signature", "type_hints",
]  # fmt: skip

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

    @cached_property
    def is_json(self) -> bool:
        """Whether a checked value is JSON already."""
        return is_json(self.annotation)

    @cached_property
    def secrets(self) -> Places:
        """Where its type says that secrets are."""
        return secret_places(self.annotation)


@dataclass(frozen=True)
class Signature:
    """What a task may be called with, worked out once: to ask inspect takes longer than all checks."""

    parameters: dict[str, Parameter]
    places: tuple[str, ...]  # names of those that may be given by place, in order
    only_by_place: frozenset[str]
    more: str | None  # the name of *args
    others: bool  # whether there is **kwargs

    @cached_property
    def required(self) -> frozenset[str]:
        return frozenset(name for name, parameter in self.parameters.items() if parameter.required)

    @cached_property
    def by_name(self) -> dict[str, Parameter]:
        return {name: found for name, found in self.parameters.items() if name not in self.only_by_place}

    @cached_property
    def has_types(self) -> bool:
        return any(parameter.adapter for parameter in self.parameters.values())

    def fits(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
        """A quick look at the names. What it doesn't let through is for `explain` to judge."""
        placed = self.places[: len(args)]
        return (
            (len(args) == len(placed) or self.more is not None)
            and (self.others or kwargs.keys() <= self.by_name.keys())
            and kwargs.keys().isdisjoint(self.only_by_place)
            and kwargs.keys().isdisjoint(placed)
            and not self.required.difference(placed, kwargs)
        )

    def named(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[tuple[str, Any]]:
        """Every argument with its name; those of *args are one list, named like `*more`."""
        pairs = list(zip(self.places, args, strict=False))
        if extra := args[len(self.places) :]:
            pairs.append((f"*{self.more or ''}", list(extra)))
        return [*pairs, *kwargs.items()]


def as_json(task: AnyTask, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Arguments:
    """The arguments as plain JSON values, all of them checked, in copies. Raises ArgumentError.

    Secrets are in the clear, as the task needs them; `redacting` hides them where people look.
    """
    if not isinstance(args, Sequence) or isinstance(args, str | bytes):
        raise ArgumentError({"": f"expected a list of arguments, got {plain.kind(args)}"})
    if not isinstance(kwargs, Mapping):
        raise ArgumentError({"": f"expected a dict of arguments by name, got {plain.kind(kwargs)}"})
    checked = convert(task, args, kwargs, json=True)
    try:
        copy = plain.copied(list(checked), settings.JOB_ARGUMENTS_MAX_BYTES, plain.LEVELS + 2)
    except plain.NotPlain as error:
        problems = refusal(signature(task).named(*checked), error)
    else:
        return copy[0], copy[1]
    raise ArgumentError(problems)


def as_python(task: AnyTask, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Arguments:
    """The arguments in the types that the task declares. Raises ArgumentError."""
    return convert(task, args, kwargs, json=False)


def parameters(task: AnyTask) -> dict[str, Parameter]:
    """The task's parameters by name, without `self`, *args and **kwargs."""
    return signature(task).parameters


def signature(task: AnyTask) -> Signature:
    return _signature(task.run)


def convert(task: AnyTask, args: Sequence[Any], kwargs: Mapping[str, Any], *, json: bool) -> Arguments:
    """By place what came by place, by name what came by name: pages then show the names."""
    known = signature(task)
    if not known.fits(args, kwargs):
        explain(task, args, kwargs)
    found_args, found_kwargs = list(args), dict(kwargs)
    problems: dict[str, str] = {}
    if known.has_types:
        for place, name in enumerate(known.places[: len(args)]):
            found_args[place] = attempt(known.parameters[name], args[place], problems, json=json)
        for name in kwargs.keys() & known.by_name.keys():
            found_kwargs[name] = attempt(known.by_name[name], kwargs[name], problems, json=json)
    if problems:
        raise ArgumentError(problems)
    return found_args, found_kwargs


def attempt(parameter: Parameter, value: Any, problems: dict[str, str], *, json: bool) -> Any:
    try:
        return converted(parameter, value, json=json)
    except ValidationError as error:
        problems[parameter.name] = sentence(error)


def converted(parameter: Parameter, value: Any, *, json: bool) -> Any:
    """The value in the parameter's type, or as the JSON of that. Raises pydantic's ValidationError."""
    if parameter.adapter is None or (value is None and parameter.default is None):
        return value
    try:
        checked = parameter.adapter.validate_python(value)
        if not json or parameter.is_json:
            return checked
        return dumped(parameter.adapter, checked, secrets=bool(parameter.secrets))
    except ValidationError:
        raise
    except (ValueError, RecursionError) as error:
        why = str(error) if isinstance(error, plain.NotPlain) else f"can't be written as JSON: {error}"
        raise invalid(parameter, why) from None


def invalid(parameter: Parameter, why: str) -> ValidationError:
    problem = PydanticCustomError("not_json", "{why}", {"why": why})
    return ValidationError.from_exception_data(parameter.name, [{"type": problem, "input": None}])


def sentence(error: ValidationError) -> str:
    """The first few complaints of pydantic in one line."""
    lines = []
    for detail in error.errors(include_url=False, include_context=False, include_input=False)[:3]:
        place = ".".join(str(part) for part in detail["loc"])
        lines.append(f"{place}: {detail['msg']}" if place else detail["msg"])
    return "; ".join(lines).replace("Value error, ", "")


def refusal(named: Sequence[tuple[str, Any]], error: plain.NotPlain) -> dict[str, str]:
    """What to say of arguments that fit the task but can't be sent."""
    if isinstance(error, plain.TooLarge):
        largest = max(named, key=lambda pair: plain.size(pair[1]))[0]
        return {largest: f"the arguments are {error}: store the data and pass its id"}
    problems = {name: why for name, value in named if (why := plain.complaint(value))}
    return problems or {"": str(error)}


def explain(task: AnyTask, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Raises ArgumentError with every reason why the call can't be made. Returns if it can."""
    known = signature(task)
    problems: dict[str, str] = {}
    if not known.others:
        problems = {str(name): stranger(name, known) for name in kwargs if name not in known.parameters}
    placed = known.places[: len(args)]
    for name in known.parameters:
        if name in known.required and name not in kwargs and name not in placed:
            problems[name] = "missing"
    if problems:
        raise ArgumentError(problems)
    try:
        inspect.signature(task.run).bind(*args, **kwargs)
    except TypeError as error:
        raise ArgumentError({"": str(error)}) from None


def stranger(name: Any, known: Signature) -> str:
    near = difflib.get_close_matches(str(name), known.parameters, n=1)
    return "the task has no such argument" + (f"; did you mean {near[0]}?" if near else "")


@cache
def _signature(run: Any) -> Signature:
    hints, known = type_hints(run), inspect.signature(run).parameters
    by_place = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    return Signature(
        parameters={
            name: Parameter(name, hints.get(name, Any), found.default, adapter(hints.get(name)))
            for name, found in known.items()
            if found.kind not in VARIADIC
        },
        places=tuple(name for name, found in known.items() if found.kind in by_place),
        only_by_place=frozenset(n for n, found in known.items() if found.kind is found.POSITIONAL_ONLY),
        more=next((name for name, found in known.items() if found.kind is found.VAR_POSITIONAL), None),
        others=any(found.kind is found.VAR_KEYWORD for found in known.values()),
    )


def adapter(hint: Any) -> TypeAdapter[Any] | None:
    if hint is None or hint is Any:
        return None
    try:
        return TypeAdapter(hint)
    except PydanticUserError:  # a class that pydantic can't describe: passed as it is
        return None
