"""docs/configuration.md and .env.example, made from `project/config.py`."""

from collections.abc import Iterator
from typing import Any

from pydantic.fields import FieldInfo

from project.config import AppConfig, CeleryConfig, FlowerConfig
from project.environment import Section

SECTIONS: tuple[tuple[str, type[Section]], ...] = (
    ("The site", AppConfig),
    ("Celery", CeleryConfig),
    ("Flower", FlowerConfig),
)

PREFACE = """# Configuration

<!-- Made by `manage.py configuration --write` from project/config.py. -->

Switchyard reads environment variables, and the file `.env` beside `manage.py`, over which the
environment wins. Nothing has to be set to try it: `make run` starts embedded servers and makes its
own secrets under `var/`.

- Every variable may also be given as `NAME_FILE`, the path of a file that holds the value.
- Lists are written `a,b` or `["a","b"]`, switches `true` or `false`, no limit `none`.
- A bad value stops the start with one list of all bad variables. `manage.py check` shows the same,
  and warns of `CELERY_` and `FLOWER_` names that nothing reads.
- With `ENVIRONMENT=production`, secrets and servers have no defaults: they must be set.

Why a default differs from Celery's own: [delivery.md](delivery.md).
"""
EXAMPLE_PREFACE = """# Copy to .env and uncomment what you change. What each means: docs/configuration.md.
# Every NAME may also be given as NAME_FILE, the path of a file that holds the value.
"""


def markdown() -> str:
    return PREFACE + "".join(table(title, section) for title, section in SECTIONS)


def table(title: str, section: type[Section]) -> str:
    rows = "\n".join(
        f"| `{name}` | {default_text(field)} | {(field.description or '').replace('|', '/')} |"
        for name, field in variables(section)
    )
    return f"\n## {title}\n\n| variable | default | what it is |\n|---|---|---|\n{rows}\n"


def env_example() -> str:
    return EXAMPLE_PREFACE + "".join(example(title, section) for title, section in SECTIONS)


def example(title: str, section: type[Section]) -> str:
    rows = "\n".join(f"# {name}={env_text(field.default)}" for name, field in variables(section))
    return f"\n# --- {title} ---\n{rows}\n"


def variables(section: type[Section]) -> Iterator[tuple[str, FieldInfo]]:
    prefix = str(section.model_config.get("env_prefix") or "").upper()
    return ((prefix + name.upper(), field) for name, field in section.model_fields.items())


def default_text(field: FieldInfo) -> str:
    text = env_text(field.default)
    return f"`{text}`" if text else "unset"


def env_text(value: Any) -> str:
    if value is None or value in ([], {}):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, list) else str(value)
