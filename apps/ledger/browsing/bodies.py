"""The body of a dead letter as people may see it."""

import json

from apps.jobs import catalog
from apps.jobs.models import DeadLetter
from apps.jobs.redacting import redact

SHOWN_CHARACTERS = 20_000


def shown(letter: DeadLetter) -> str:
    """Text, secrets of a known task hidden; what is no text as hexadecimal digits."""
    body = bytes(letter.body)
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = body.hex(" ")
    else:
        text = hidden(letter.task, text)
    more = len(text) - SHOWN_CHARACTERS
    return text if more <= 0 else f"{text[:SHOWN_CHARACTERS]}\n… {more:,} characters more"


def hidden(task: str, text: str) -> str:
    """A call in JSON without its secrets; all else as it is."""
    known = catalog.tasks().get(task)
    try:
        args, kwargs, *rest = json.loads(text)
        call = redact(known, list(args), dict(kwargs))
    except (ValueError, TypeError, RecursionError):  # no call
        return text
    if not call.names:
        return text
    return json.dumps([call.args, call.kwargs, *rest], ensure_ascii=False, indent=2, default=str)
