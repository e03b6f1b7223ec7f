"""docker/compose.yaml and docker/Dockerfile, read as data."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\}")
SIZES = {"k": 2**10, "m": 2**20, "g": 2**30, "kb": 2**10, "mb": 2**20, "gb": 2**30}


@cache
def compose() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    return parsed


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose()["services"]
    return found


def ours() -> dict[str, dict[str, Any]]:
    """The services that run our image."""
    return {name: row for name, row in services().items() if row["image"].startswith("switchyard:")}


def secret_files() -> dict[str, str]:
    """Path under docker/secrets by the name of the secret."""
    return {name: row["file"].removeprefix("./secrets/") for name, row in compose()["secrets"].items()}


def with_defaults(value: object) -> str:
    """The value as compose sees it when nobody has set a variable."""
    return VARIABLE.sub(lambda found: found["default"] or "", str(value))


def environment(service: str) -> dict[str, str]:
    found = services()[service].get("environment", {})
    return {name: with_defaults(value) for name, value in found.items()}


def megabytes(size: str) -> float:
    """Of `256mb`, `2g` or `600MB`."""
    found = re.fullmatch(r"(\d+)([a-zA-Z]+)", size.strip())
    assert found, size
    return int(found[1]) * SIZES[found[2].lower()] / 2**20


def directives(path: Path, separator: str | None = None) -> dict[str, str]:
    """The lines `name value`, or `name = value`, of a server's configuration file."""
    lines = [line.strip() for line in path.read_text().splitlines()]
    pairs = [line.split(separator, 1) for line in lines if line and not line.startswith("#")]
    return {name.strip(): value.strip() for name, value in pairs}


@cache
def dockerfile() -> tuple[tuple[str, str], ...]:
    """Instruction and argument, with continued lines joined and comments left out."""
    lines = (DOCKER / "Dockerfile").read_text().splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    whole = re.sub(r"\\\n\s*", " ", text).splitlines()
    rows = [line.split(None, 1) for line in whole if line.strip()]
    return tuple((row[0], row[1]) for row in rows)


def stages() -> list[list[tuple[str, str]]]:
    """The instructions of each stage; the last one is the image."""
    found: list[list[tuple[str, str]]] = []
    for row in dockerfile():
        if row[0] == "FROM":
            found.append([])
        found[-1].append(row)
    return found
