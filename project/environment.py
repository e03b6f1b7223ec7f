"""Reading variables the way people write them, and reporting all the bad ones at once."""

import difflib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource
from pydantic_settings.exceptions import SettingsError

BASE_DIR = Path(__file__).resolve().parent.parent


def variables() -> dict[str, str]:
    """The environment over the `.env` file, names in upper case.

    `SWITCHYARD_ENV_FILE` names another file than `.env`; empty means none.
    """
    file = os.environ.get("SWITCHYARD_ENV_FILE", str(BASE_DIR / ".env"))
    written = dotenv_values(file) if file else {}
    merged = {**written, **os.environ}
    return {name.upper(): value for name, value in merged.items() if value is not None}


class Variables(PydanticBaseSettingsSource):
    """Feeds a settings class from NAME, from the file that NAME_FILE names, and from NAME__KEY__KEY.

    Values stay text: each field's own validator knows the spellings it accepts.
    """

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        super().__init__(settings_cls)
        self.variables = variables()
        self.prefix = str(settings_cls.model_config.get("env_prefix") or "").upper()

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        name = self.prefix + field_name.upper()
        value: Any = self.variables.get(name)
        if value is None and (path := self.variables.get(f"{name}_FILE")):
            value = read_secret(f"{name}_FILE", path)
        nested = self.nested(f"{name}__")
        if nested:
            value = merge(value, nested)
        return value, field_name, False

    def nested(self, start: str) -> dict[str, Any]:
        tree: dict[str, Any] = {}
        for name, value in self.variables.items():
            if name.startswith(start):
                *branches, leaf = name.removeprefix(start).lower().split("__")
                node = tree
                for branch in branches:
                    node = node.setdefault(branch, {})
                node[leaf] = value
        return tree

    def __call__(self) -> dict[str, Any]:
        found = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in found.items() if value not in (None, "")}


def read_secret(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{name}: expected a readable text file, got {path!r} ({error})") from None


def merge(value: Any, nested: dict[str, Any]) -> Any:
    """The one-line JSON of a variable with its NAME__KEY forms laid over it."""
    if value is None:
        return nested
    try:
        base = json.loads(value)
    except ValueError:
        return value
    return {**base, **nested} if isinstance(base, dict) else value


class Section(BaseSettings):
    """A settings class read from `Variables` alone."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (Variables(settings_cls),)


def complaints(section: type[Section], error: ValidationError) -> list[str]:
    """One line for each bad variable: its name, what was expected, what was found."""
    prefix = str(section.model_config.get("env_prefix") or "").upper()
    return [complaint(prefix, dict(detail)) for detail in error.errors(include_url=False)]


def complaint(prefix: str, detail: dict[str, Any]) -> str:
    location = [str(part) for part in detail["loc"]]
    message = str(detail["msg"]).removeprefix("Value error, ")
    if not location:
        return message
    name = prefix + location[0].upper()
    inside = f" at {'.'.join(location[1:])}" if location[1:] else ""
    found = "" if is_secret(name) else f", got {shorten(detail['input'])}"
    return f"{name}{inside}: {expected(message)}{found}"


def expected(message: str) -> str:
    """pydantic's sentence in our words."""
    words = message.removeprefix("Input should be ")
    return f"expected {words}" if words != message else f"{message[0].lower()}{message[1:]}"


def is_secret(name: str) -> bool:
    return any(word in name for word in ("SECRET", "PASSWORD", "AUTH", "URL", "RESULT_BACKEND", "KEY"))


def shorten(value: object, limit: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}…"


def unknown(prefix: str, known: Iterable[str], given: Mapping[str, str]) -> dict[str, str | None]:
    """Names that start with the prefix and mean nothing to us, each with the nearest known one."""
    names = {name.upper() for name in known}
    strangers = [
        name
        for name in given
        if name.startswith(prefix)
        and name.removesuffix("_FILE") not in names
        and name.split("__")[0] not in names
    ]
    return {
        name: next(iter(difflib.get_close_matches(name, names, n=1, cutoff=0.6)), None)
        for name in sorted(strangers)
    }
