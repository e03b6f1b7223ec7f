"""What a type hint says about a value: is it JSON as it is, and where in it are secrets?"""

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from inspect import unwrap
from typing import Any, TypeAlias

from pydantic import BaseModel, RootModel, Secret, SecretBytes, SecretStr
from pydantic.fields import FieldInfo

SECRETS = (Secret, SecretStr, SecretBytes)
SCALARS = (str, int, float, bool, types.NoneType)
JSON = (*SCALARS, Any, object, list, dict, tuple)
CONTAINERS = (list, tuple, Sequence, typing.Union, types.UnionType)
EACH = "*"  # stands for every key of an object

# Where secrets are: True for the whole value, else by key. Lists are looked through: `rows` may be
# one object or many.
Places: TypeAlias = "bool | dict[str, Places]"


def type_hints(run: Any) -> dict[str, Any]:
    """Hints that can't be resolved (a name imported for type checkers only) count as none."""
    try:
        return typing.get_type_hints(unwrap(run), include_extras=True)
    except (NameError, TypeError, AttributeError):
        return {}


def is_json(hint: Any) -> bool:
    """Whether what fits the hint is JSON already, except perhaps for its `Any` parts.

    Such a value is sent as it is. Others are put into JSON by pydantic, as the hint says.
    """
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if origin is None:
        return any(hint is one for one in JSON)
    if origin is typing.Annotated:
        return all(isinstance(extra, FieldInfo) for extra in inside[1:]) and is_json(inside[0])
    if origin is typing.Literal:
        return all(type(value) in {str, int, bool, types.NoneType} for value in inside)
    if is_mapping(hint):
        return not inside or (inside[0] in (str, Any) and is_json(inside[1]))
    return origin in CONTAINERS and all(part is ... or is_json(part) for part in inside)


def secret_places(hint: Any, known: Mapping[Any, Places] | None = None) -> Places:
    """Where in a value of that type pydantic's secrets are; False for nowhere.

    A model that contains itself is hidden from there on.
    """
    known = known or {}
    if is_secret(hint):
        return True
    if fields := fields_of(hint):
        return known[hint] if hint in known else secret_fields(hint, fields, known)
    inside = inside_of(hint)
    if is_mapping(hint) and inside:
        values = secret_places(inside[-1], known)
        return {EACH: values} if values else False
    found: Places = False
    for part in inside:
        found = merged(found, secret_places(part, known))
    return found


def secret_fields(hint: Any, fields: Mapping[str, Any], known: Mapping[Any, Places]) -> Places:
    def look(*, itself: Places) -> dict[str, Places]:
        places = {name: secret_places(field, {**known, hint: itself}) for name, field in fields.items()}
        return {name: place for name, place in places.items() if place}

    return look(itself=True) if look(itself=False) else False


def merged(one: Places, other: Places) -> Places:
    """The places of both."""
    if isinstance(one, dict) and isinstance(other, dict):
        return {name: merged(one.get(name, False), other.get(name, False)) for name in one | other}
    return True if True in (one, other) else one or other


def fields_of(hint: Any) -> dict[str, Any]:
    """The fields of a model, dataclass or typed dict, by every name they go by; empty for all else."""
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return {
            name: field.annotation
            for own, field in hint.model_fields.items()
            for name in (own, field.alias, field.validation_alias, field.serialization_alias)
            if isinstance(name, str) and not issubclass(hint, RootModel)
        }
    is_typed_dict = hasattr(hint, "__required_keys__")  # of typing and of typing_extensions
    if is_typed_dict or (isinstance(hint, type) and dataclasses.is_dataclass(hint)):
        return type_hints(hint)
    return {}


def reaches(hint: Any, keys: Sequence[str]) -> bool:
    """Whether a value of that type may have that place. A type that doesn't say may have any."""
    if not keys:
        return True
    if fields := fields_of(hint):
        return keys[0] in fields and reaches(fields[keys[0]], keys[1:])
    inside = inside_of(hint)
    if not inside:
        return not any(hint is one for one in SCALARS)
    if is_mapping(hint):
        return reaches(inside[-1], keys[1:])
    return any(reaches(part, keys) for part in inside)


def inside_of(hint: Any) -> list[Any]:
    """The types a type is made of, and what a NewType, a `type` statement or a RootModel stands for."""
    if isinstance(hint, type) and issubclass(hint, RootModel):
        return [hint.model_fields["root"].annotation]
    if typing.get_origin(hint) is typing.Annotated:
        return [typing.get_args(hint)[0]]
    names = [getattr(hint, name, None) for name in ("__supertype__", "__value__")]
    return [part for part in (*typing.get_args(hint), *names) if part not in (None, ...)]


def is_secret(hint: Any) -> bool:
    return typing.get_origin(hint) in SECRETS or (isinstance(hint, type) and issubclass(hint, SECRETS))


def is_mapping(hint: Any) -> bool:
    origin = typing.get_origin(hint)
    return isinstance(origin, type) and issubclass(origin, Mapping)
