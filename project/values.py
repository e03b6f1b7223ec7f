"""The kinds of value that variables hold, and the spellings each accepts."""

import json
import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field

from project.profiles import expand_profiles
from project.topology import CLASSIC, QUORUM, valid_name


def words(value: Any) -> Any:
    """`json`, `a, b` and `["a", "b"]` are all lists of words."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return parsed(value)
    return [word.strip() for word in value.split(",") if word.strip()]


def parsed(value: Any) -> Any:
    """One line of JSON; anything already parsed passes."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise ValueError(f"expected JSON on one line ({error})") from None


def parsed_routes(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"[\w.:, ]+", value):
        raise ValueError("expected JSON on one line; a router of your own goes into JOB_ROUTERS")
    return parsed(value)


def nothing(value: Any) -> Any:
    """`none`, `null` and `off` mean no limit."""
    return None if isinstance(value, str) and value.lower() in {"none", "null", "off"} else value


def url(*schemes: str) -> AfterValidator:
    def check(value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in schemes or not (parts.hostname or parts.scheme in FILE_SCHEMES):
            raise ValueError(f"expected a URL that starts with {' or '.join(s + '://' for s in schemes)}")
        _ = parts.port  # raises ValueError when the port is no number
        return value

    return AfterValidator(check)


FILE_SCHEMES = {"file", "console"}


def zone(value: str) -> str:
    try:
        ZoneInfo(value)  # asking for the list of all zones would read every one of their files
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("expected a time zone such as UTC or Asia/Shanghai") from None
    return value


def routes(value: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    for pattern, route in value.items():
        if not isinstance(route.get("queue"), str):
            raise ValueError(f'expected {{"queue": "name"}} for the pattern {pattern!r}')
        valid_name(route["queue"])
    return value


def queues(value: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for row in value:
        if not isinstance(row.get("name"), str):
            raise ValueError('expected [{"name": "queue", "routing_key": "key"}, …]')
        valid_name(row["name"])
        valid_name(str(row.get("routing_key", row["name"])))
        if row.get("type", QUORUM) not in {QUORUM, CLASSIC}:
            raise ValueError(
                f"expected the type {QUORUM} or {CLASSIC}, not {row['type']!r}, for {row['name']}"
            )
    return value


def profiles(value: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    expand_profiles(value)
    return value


def credentials(value: str) -> str:
    if not all(re.fullmatch(r"[^:\s]+:\S+", pair) for pair in value.split(",")):
        raise ValueError("expected name:password, several separated by commas")
    return value


Words = Annotated[list[str], BeforeValidator(words)]
Serializer = Literal["json"]
Serializers = Annotated[list[Serializer], BeforeValidator(words)]
Zone = Annotated[str, AfterValidator(zone)]
Seconds = Annotated[int, Field(ge=1, le=366 * 86400)]
SecondsOrNone = Annotated[Seconds | None, BeforeValidator(nothing)]
CountOrNone = Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(nothing)]
Port = Annotated[int, Field(ge=1, le=65535)]
QueueName = Annotated[str, AfterValidator(valid_name)]
Routes = Annotated[dict[str, dict[str, Any]], BeforeValidator(parsed_routes), AfterValidator(routes)]
Queues = Annotated[list[dict[str, Any]], BeforeValidator(parsed), AfterValidator(queues)]
Profiles = Annotated[dict[str, dict[str, Any]], BeforeValidator(parsed), AfterValidator(profiles)]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
DatabaseUrl = Annotated[str, url("postgres", "postgresql")]
RedisUrl = Annotated[str, url("redis", "rediss")]
BrokerUrl = Annotated[str, url("amqp", "amqps", "redis", "rediss")]
EmailUrl = Annotated[str, url("smtp", "smtps", "smtp+tls", "file", "console")]
Credentials = Annotated[str, AfterValidator(credentials)]
