"""What people type for an option, as a value. Each raises ArgumentError that names the option."""

import json
import re
from argparse import ArgumentTypeError
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NoReturn

from django.utils import timezone

from apps.jobs import commanding
from apps.jobs.arguments import AnyTask, Parameter, parameters
from apps.jobs.commanding import DURATION
from apps.jobs.errors import ArgumentError

DURATIONS = "a duration such as 90s, 5m, 2h or 1d"
MOMENTS = "a time with its zone, such as 2026-03-01T09:00:00+01:00"
SHOWN = 60
CENTURY = timedelta(days=36_500)


def whole(option: str, text: str, lowest: int, highest: int) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,12}", text) or not lowest <= int(text) <= highest:
        refuse(option, f"a whole number from {lowest} to {highest}", text)
    return int(text)


def duration(option: str, text: str) -> timedelta:
    try:
        return commanding.duration(text.strip())
    except ArgumentTypeError:
        refuse(option, DURATIONS, text)


def moment(option: str, text: str) -> datetime:
    found = parsed(text)
    if found is None or found.tzinfo is None:
        refuse(option, MOMENTS, text)
    return found


def duration_or_moment(option: str, text: str) -> timedelta | datetime:
    if DURATION.fullmatch(text.strip()):
        return duration(option, text)
    found = parsed(text)
    if found is None or found.tzinfo is None:
        refuse(option, f"{DURATIONS}, or {MOMENTS}", text)
    return found


def since(option: str, text: str) -> datetime:
    """How long ago, or when; a day, or a time without a zone, is meant in the zone of the site."""
    if DURATION.fullmatch(text.strip()):
        return timezone.now() - min(duration(option, text), CENTURY)
    found = parsed(text)
    if found is None:
        refuse(option, f"{DURATIONS}, or a time such as 2026-03-01 or 2026-03-01T09:00:00+01:00", text)
    return found if found.tzinfo else timezone.make_aware(found)


def parsed(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        return None


def json_list(option: str, text: str) -> list[Any]:
    found = loaded(option, text, "a JSON list such as '[1, \"two\"]'")
    if not isinstance(found, list):
        refuse(option, "a JSON list such as '[1, \"two\"]'", text)
    return found


def json_object(option: str, text: str) -> dict[str, Any]:
    found = loaded(option, text, "a JSON object such as '{\"name\": 1}'")
    if not isinstance(found, dict):
        refuse(option, "a JSON object such as '{\"name\": 1}'", text)
    return found


def pairs(option: str, texts: Iterable[str], task: AnyTask) -> dict[str, Any]:
    """Texts like NAME=VALUE; each value is read as the task's parameter of that name wants it."""
    found: dict[str, Any] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name.strip():
            refuse(option, "NAME=VALUE", text)
        if name.strip() in found:
            refuse(option, "each name once", text)
        found[name.strip()] = fitting(option, task, name.strip(), value)
    return found


def fitting(option: str, task: AnyTask, name: str, text: str) -> Any:
    """The text itself where the parameter takes it as it is; else as JSON, where it is some."""
    if takes_text(parameters(task).get(name), text):
        return text
    try:
        return strict_json(text)
    except (ValueError, RecursionError):
        return text


def takes_text(parameter: Parameter | None, text: str) -> bool:
    if parameter is None or parameter.adapter is None:
        return False
    try:
        parameter.adapter.validate_python(text)
    except ValueError:  # pydantic's ValidationError is one
        return False
    return True


def loaded(option: str, text: str, expected: str) -> Any:
    try:
        return strict_json(text)
    except json.JSONDecodeError as error:
        refuse(option, expected, text, f"{error.msg} at character {error.pos + 1}")
    except (ValueError, RecursionError) as error:
        refuse(option, expected, text, str(error))


def strict_json(text: str) -> Any:
    return json.loads(text, parse_constant=no_constant, object_pairs_hook=distinct)


def no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice!r} is there twice")
    return found


def refuse(option: str, expected: str, text: str, why: str = "") -> NoReturn:
    got = repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}…")
    raise ArgumentError({option: f"expected {expected}, got {got}" + (f" ({why})" if why else "")})
