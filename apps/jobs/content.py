"""What a worker would read in a message, or why it couldn't.

The message may hold anything: nothing of it is taken on trust, and nothing here raises.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from celery import current_app
from celery.utils.time import maybe_iso8601
from django.utils import timezone
from kombu import serialization
from kombu.exceptions import KombuError

from apps.jobs.models.job import ID_LENGTH
from apps.jobs.resending import Parcel
from apps.jobs.stream.documents import cleaned
from apps.jobs.tolerating import UNREADABLE_HEADER
from apps.jobs.unpacking import UNPACKED_MAX_BYTES, unpack

PARTS = 3  # of a body: positional arguments, named ones, links to other jobs
LIMITS = 2  # hard and soft
NAME_LENGTH = 255
WORDS_LENGTH = 500
NUMBER_MAX = 2**31
FURTHEST = timedelta(days=31)  # no delay of ours is longer

WRONG = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError, KombuError)
Check = Callable[[Any], bool]


@dataclass(frozen=True)
class Content:
    """`headers` and `links` are those that the ledger goes by, as far as they are what they should be."""

    job_id: str = ""
    task: str = ""
    headers: dict[str, Any] = field(default_factory=dict)
    args: list[Any] | None = None
    kwargs: dict[str, Any] | None = None
    links: dict[str, Any] = field(default_factory=dict)
    problem: str = ""


def content_of(parcel: Parcel) -> Content:
    headers = {name: value for name, value in parcel.headers.items() if isinstance(name, str)}
    if UNREADABLE_HEADER in headers:
        return named({}, "its properties can't be read")
    try:
        payload = payload_of(parcel, headers)
    except WRONG as error:
        return named(headers, f"{type(error).__name__}: {error}")
    if "task" not in headers:
        older = payload if isinstance(payload, dict) and "task" in payload else headers
        return named(older, "it has no header `task`: it is not of Celery's message protocol 2")
    if not isinstance(payload, list) or len(payload) != PARTS:
        return named(headers, "its body is no list of arguments, named arguments and links")
    return read(headers, *payload)


def payload_of(parcel: Parcel, headers: Mapping[str, Any]) -> Any:
    body = parcel.body
    if packed := headers.get("compression"):
        body = unpack(body, str(packed))
    if len(body) > UNPACKED_MAX_BYTES:
        raise ValueError(f"its {len(body)} bytes are more than is looked into")
    return serialization.loads(
        body,
        parcel.properties.get("content_type") or "",
        parcel.properties.get("content_encoding") or "",
        accept=serialization.prepare_accept_content(current_app.conf.accept_content),
    )


def read(headers: Mapping[str, Any], args: Any, kwargs: Any, links: Any) -> Content:
    """The content of a message that could be decoded."""
    problems = {
        "its arguments are no list": isinstance(args, list),
        "its named arguments are no object": isinstance(kwargs, dict),
        "its links are no object": isinstance(links, dict | None),
    }
    wrong = [*unfitting(headers, HEADERS), *(words for words, good in problems.items() if not good)]
    links = links if isinstance(links, dict) else {}
    return replace(
        named(headers, "; ".join([*wrong, *unfitting(links, LINKS)])),
        args=args if isinstance(args, list) else None,
        kwargs=kwargs if isinstance(kwargs, dict) else None,
        links=fitting(links, LINKS),
    )


def named(headers: Mapping[str, Any], problem: str) -> Content:
    """As far as the headers tell."""
    found = fitting(headers, HEADERS)
    return Content(
        job_id=found.get("id") or "",
        task=found.get("task") or "",
        headers=found,
        problem=str(cleaned(problem))[:WORDS_LENGTH],
    )


def fitting(found: Mapping[str, Any], checks: Mapping[str, Check]) -> dict[str, Any]:
    return {name: found[name] for name, fits in checks.items() if name in found and fits(found[name])}


def unfitting(found: Mapping[str, Any], checks: Mapping[str, Check]) -> list[str]:
    """One sentence for each that is not what it should be."""
    return [
        f"{name}: expected {fits.__doc__}, got {found.get(name)!r:.100}"
        for name, fits in checks.items()
        if not fits(found.get(name))
    ]


def is_id(value: Any) -> bool:
    """a text of 1 to 255 characters"""
    return isinstance(value, str) and 0 < len(value) <= ID_LENGTH and bool(cleaned(value) == value)


def is_short(value: Any) -> bool:
    """a text of at most 255 characters, or null"""
    return value is None or value == "" or is_id(value)


def is_text(value: Any) -> bool:
    """a text, or null"""
    return value is None or (isinstance(value, str) and bool(cleaned(value) == value))


def is_count(value: Any) -> bool:
    """a whole number from 0 up, or null"""
    return value is None or (
        isinstance(value, int) and not isinstance(value, bool) and 0 <= value < NUMBER_MAX
    )


def is_flag(value: Any) -> bool:
    """true, false or null"""
    return isinstance(value, bool | None)


def is_time(value: Any) -> bool:
    """a time in ISO 8601, or null"""
    return value is None or time_of(value) is not None


def is_eta(value: Any) -> bool:
    """a time in ISO 8601 at most 31 days ahead, or null"""
    eta = time_of(value)
    return value is None or (eta is not None and eta - timezone.now() <= FURTHEST)


def time_of(value: Any) -> datetime | None:
    try:
        found = maybe_iso8601(value)
        return found if found is None or found.tzinfo else found.replace(tzinfo=UTC)
    except WRONG:
        return None


def is_limits(value: Any) -> bool:
    """two numbers above 0 or nulls, or null"""
    if value is None:
        return True
    if not isinstance(value, list | tuple) or len(value) != LIMITS:
        return False
    return all(each is None or (isinstance(each, int | float) and each > 0) for each in value)


def is_signatures(value: Any) -> bool:
    """a list of objects, or null"""
    return value is None or (isinstance(value, list) and all(isinstance(item, dict) for item in value))


def is_signature(value: Any) -> bool:
    """an object, or null"""
    return isinstance(value, dict | None)


HEADERS: dict[str, Check] = {
    "id": is_id,
    "task": is_id,
    "root_id": is_short,
    "parent_id": is_short,
    "group": is_short,
    "group_index": is_count,
    "retries": is_count,
    "replaced_task_nesting": is_count,
    "ignore_result": is_flag,
    "argsrepr": is_text,
    "kwargsrepr": is_text,
    "periodic_task_name": is_short,
    "shadow": is_short,
    "eta": is_eta,
    "expires": is_time,
    "timelimit": is_limits,
}
LINKS: dict[str, Check] = {
    "callbacks": is_signatures,
    "errbacks": is_signatures,
    "chain": is_signatures,
    "chord": is_signature,
}
