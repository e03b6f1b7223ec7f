"""A checked value as JSON from which its type hint makes the same value again."""

import dataclasses
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from apps.jobs.hints import SECRETS
from apps.jobs.plain import NotPlain, at, complaint, kind, what_is_wrong


def dumped(adapter: TypeAdapter[Any], value: Any, *, secrets: bool) -> Any:
    """With `secrets`, pydantic's are written as they are, not as stars.

    Raises NotPlain when the task would get something else, and whatever pydantic raises when it
    can't write the value at all.
    """
    first = written(adapter, value, secrets=secrets)
    if reads_back(adapter, value, first, secrets=secrets):
        return first
    second = written(adapter, value, secrets=secrets, by_alias=False)
    if second != first and reads_back(adapter, value, second, secrets=secrets):
        return second
    raise NotPlain(complaint(first) or difference(adapter, value, first))


def written(adapter: TypeAdapter[Any], value: Any, *, secrets: bool, by_alias: bool = True) -> Any:
    if not secrets:
        return adapter.dump_python(value, mode="json", by_alias=by_alias, round_trip=True, warnings=False)
    found = adapter.dump_python(value, mode="python", by_alias=by_alias, round_trip=True, warnings=False)
    return to_jsonable_python(revealed(found))


def revealed(value: Any) -> Any:
    """The same with every secret in the clear."""
    if isinstance(value, SECRETS):
        return revealed(value.get_secret_value())
    if isinstance(value, dict):
        return {revealed(key): revealed(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [revealed(inner) for inner in value]
    return value


def reads_back(adapter: TypeAdapter[Any], value: Any, json: Any, *, secrets: bool) -> bool:
    try:
        again = adapter.validate_python(json)
    except ValidationError:
        return False
    if again == value:
        return True
    # A class without an __eq__ of its own is never equal: then the same JSON and the same types do.
    return bool(written(adapter, again, secrets=secrets) == json) and retyped(value, again) is None


def difference(adapter: TypeAdapter[Any], value: Any, json: Any) -> str:
    try:
        again = adapter.validate_python(json)
    except ValidationError as error:
        message = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = [str(part) for part in message["loc"]]
        return at(place, f"as JSON the task would refuse it: {message['msg']}")
    place, why = retyped(value, again) or ([], "it would reach the task changed")
    return at(place, why)


def retyped(before: Any, after: Any) -> tuple[list[str], str] | None:
    """Where a value of one type has become one of another: inside a hint of `Any` nobody minds."""
    if type(before) is not type(after):
        changed = f"{kind(before)} would reach the task as {kind(after)}; say its type in the hint"
        return [], (isinstance(before, float) and what_is_wrong(before)) or changed
    for key, one, other in pairs(before, after):
        if found := retyped(one, other):
            return [str(key), *found[0]], found[1]
    return None


def pairs(before: Any, after: Any) -> Iterator[tuple[Any, Any, Any]]:
    """What is inside both, with its key. Keys are compared as well, as a value of their own."""
    if isinstance(before, BaseModel) or dataclasses.is_dataclass(before):
        before, after = vars(before), vars(after)
    if isinstance(before, set | frozenset):
        before, after = sorted(before, key=kind), sorted(after, key=kind)
    if isinstance(before, dict):
        for (key, one), (other_key, other) in zip(before.items(), after.items(), strict=False):
            yield from ((key, key, other_key), (key, one, other))
    elif isinstance(before, list | tuple):
        for place, (one, other) in enumerate(zip(before, after, strict=False)):
            yield place, one, other
