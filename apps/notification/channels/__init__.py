"""The kinds of channels: one file each, and one line in the registry below."""

import difflib
from typing import Any

from apps.jobs.errors import PermanentError
from apps.notification.channel import ChannelKind
from apps.notification.channels.in_app import InApp
from apps.notification.channels.mail import Mail
from apps.notification.channels.webhook import Webhook

KINDS: dict[str, ChannelKind[Any]] = {
    kind.name: kind
    for kind in (
        InApp(),
        Mail(),
        Webhook(),
    )
}


def kind_named(name: str) -> ChannelKind[Any]:
    """Raises PermanentError with the nearest name."""
    if name not in KINDS:
        near = difflib.get_close_matches(name, KINDS, n=1)
        raise PermanentError(
            f"no kind of channel is named {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")
        )
    return KINDS[name]
