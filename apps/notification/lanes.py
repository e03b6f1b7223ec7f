"""By what a notification finds its lane, before anything of it is looked at."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from apps.notification.severity import Severity


def headers(task: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, str]:
    """Its severity and, if it is to go through one channel alone, the name of that."""
    try:
        given = inspect.signature(task.run).bind_partial(*args, **kwargs).arguments
    except TypeError:  # the check of the arguments says what is wrong
        given = {}
    channels = given.get("channels")
    one = channels[0] if isinstance(channels, list) and len(channels) == 1 else ""
    return {"severity": str(given.get("severity", Severity.INFO.value)), "channel": str(one)}
