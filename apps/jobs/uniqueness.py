"""Keys by arguments, as a task declares them: `@shared_task(unique_key=("customer",), unique="latest")`."""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from django.utils.crypto import salted_hmac

from apps.jobs.arguments import AnyTask, Arguments, signature
from apps.jobs.errors import ArgumentError
from apps.jobs.redacting import redact

DECLARED = ("unique_key", "unique", "key_for", "debounce", "at_most")
KEY_LENGTH, VALUE_LENGTH, NAME_LENGTH = 255, 60, 150


def declared(task: AnyTask, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options, with what the task declares unless they give a key of their own."""
    given = dict(options)
    own = given.get("key") or given.get("unique_key") is not None
    if own or getattr(task, "unique_key", None) is None:
        return given
    return written(task) | given


def written(task: AnyTask) -> dict[str, Any]:
    """What stands on the task. No names at all are a key, too: that of the task alone."""
    return {name: found for name in DECLARED if (found := getattr(task, name, None)) not in (None, "")}


def key_of(task: AnyTask, arguments: Arguments, names: Sequence[str]) -> str:
    """The task's name with the values of these arguments. Raises ArgumentError for a name of none."""
    if unknown := unknown_names(task, names):
        raise ArgumentError({"unique_key": f"the task has no argument {', '.join(unknown)}"})
    known, hidden = signature(task), {name.partition(".")[0] for name in redact(task, *arguments).names}
    values = {name: found.default for name, found in known.parameters.items() if not found.required}
    values |= dict(known.named(*arguments))
    said = ",".join(f"{name}={spelled(values.get(name), is_secret=name in hidden)}" for name in names)
    key = f"{task.name}:{said}"
    return key if len(key) <= KEY_LENGTH else f"{task.name[:NAME_LENGTH]}:{digest(key)}"


def unknown_names(task: AnyTask, names: Sequence[str]) -> list[str]:
    known = signature(task)
    return [] if known.others else [name for name in names if name not in known.parameters]


def spelled(value: Any, *, is_secret: bool) -> str:
    """A value in a key, which people see: as JSON if it is short and no secret."""
    text = json.dumps(value, default=str, ensure_ascii=False, sort_keys=True)
    if is_secret:
        return salted_hmac("jobs.key", text, algorithm="sha256").hexdigest()[:32]
    return text if len(text) <= VALUE_LENGTH else digest(text)


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:32]
