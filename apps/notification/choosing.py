"""Which channels a notification goes through."""

from collections.abc import Sequence
from dataclasses import dataclass

from apps.jobs.errors import ArgumentError, PermanentError
from apps.notification.channel import Recipient
from apps.notification.channels import kind_named
from apps.notification.models import Channel
from apps.notification.severity import reaches


@dataclass(frozen=True)
class Choice:
    """`skipped` are names of channels that take only worse than this."""

    channels: list[Channel]
    skipped: list[str]


def choose(recipient: Recipient, names: Sequence[str] | None, severity: str) -> Choice:
    """The named channels, or all enabled ones that reach the recipient. Raises ArgumentError."""
    if names is None and recipient.channel:
        names = [recipient.channel]
    found = automatic(recipient) if names is None else named(recipient, names)
    fitting = [channel for channel in found if reaches(severity, channel.min_severity)]
    return Choice(fitting, [channel.name for channel in found if channel not in fitting])


def need_way(recipient: Recipient, channel: Channel) -> None:
    """Raises ArgumentError where the channel can't reach the recipient."""
    if not has_way(recipient, channel):
        raise ArgumentError({"channels": f"channel {channel.name!r} has no way to {recipient.name!r}"})


def automatic(recipient: Recipient) -> list[Channel]:
    found = [c for c in Channel.objects.filter(enabled=True) if has_way(recipient, c)]
    if not found:
        raise ArgumentError({"channels": f"no enabled channel reaches {recipient.name!r}"})
    return found


def named(recipient: Recipient, names: Sequence[str]) -> list[Channel]:
    if not names:
        raise ArgumentError({"channels": "expected at least one channel, or none given at all"})
    found = list(Channel.objects.filter(name__in=names))
    gone = set(names) - {channel.name for channel in found}
    if gone:
        raise ArgumentError({"channels": f"no channel is named {min(gone)!r}"})
    for channel in found:
        if not channel.enabled:
            raise ArgumentError({"channels": f"channel {channel.name!r} is disabled"})
        need_way(recipient, channel)
    return found


def has_way(recipient: Recipient, channel: Channel) -> bool:
    """A broken configuration counts as a way, so that its delivery fails and says why."""
    try:
        kind = kind_named(channel.kind)
        return kind.reaches(recipient, kind.read(channel.config))
    except PermanentError:
        return True
