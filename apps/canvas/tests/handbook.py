"""The examples of the handbook's chapter 9, out of docs/handbook.md, as they stand there.

Workers import this module (`-I`), so that they have the tasks. What the examples call without defining it is
below.
"""

import ast
import re
import warnings
from pathlib import Path
from typing import Any

from celery import chain, current_app, exceptions, group

PAGE = Path(__file__).resolve().parents[3] / "docs" / "handbook.md"
SECTIONS = ("9.1", "9.2", "9.3", "9.4", "9.5")


def example(section: str) -> str:
    """The code of a section. Raises ValueError where the page has none."""
    found = re.search(rf"^### {re.escape(section)} .*?^```python\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    if found is None:
        raise ValueError(f"{PAGE.name}: no example in {section}")
    return found[1]


def module_of(section: str) -> str:
    return f"handbook_{section.replace('.', '_')}"


def names(section: str) -> dict[str, Any]:
    """What a section's code may use, and whose tasks are named after its module."""
    return {
        "__name__": module_of(section),
        "app": current_app,
        "chain": chain,
        "group": group,
        **GIVEN[section],
    }


def run(section: str) -> dict[str, Any]:
    """The whole example, as it stands. Returns its names."""
    found = names(section)
    with warnings.catch_warnings():
        # Its tasks are there already, by `define`.
        warnings.simplefilter("ignore", exceptions.DuplicateTaskNameWarning)  # type: ignore[attr-defined]
        exec(example(section), found)
    return found


def define(section: str) -> dict[str, Any]:
    """Its tasks alone: what a worker has, which must not publish anything as it begins."""
    found = names(section)
    tree = ast.parse(example(section))
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    exec(compile(tree, PAGE.name, "exec"), found)
    return found


def download_data(url: str) -> list[int]:
    if not url.startswith("https://"):
        raise ValueError(f"no such place: {url}")
    return [3, 1, 2]


def process_data(data: list[int]) -> list[int]:
    return sorted(data)


def upload_data(data: list[int]) -> str:
    return f"uploaded {data}"


def send_one(email: str) -> str:
    return f"sent to {email}"


def send_email(to_email: str, subject: str, content: str) -> None:
    if "@" not in to_email:
        raise ValueError(f"no address: {to_email}")


def nothing(*_: Any) -> None:
    """Stands for what the examples leave to the reader."""


ADDRESSES = {f"email{number}": f"reader{number}@example.com" for number in (1, 2, 3)}
GIVEN: dict[str, dict[str, Any]] = {
    "9.1": {"send_email": send_email},
    "9.2": {"sync_data": nothing, "cleanup_data": nothing},
    "9.3": {"import_data": nothing},
    "9.4": {
        "download_data": download_data, "process_data": process_data, "upload_data": upload_data,
        "url": "https://example.com/rows",
    },
    "9.5": {"send_email": send_one, **ADDRESSES},
}  # fmt: skip
TASKS = {section: define(section) for section in SECTIONS}
