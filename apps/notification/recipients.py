"""Who is meant by a recipient's name."""

import difflib

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from apps.jobs.errors import ArgumentError
from apps.notification.channel import Recipient
from apps.notification.models import Channel

NAMES_COMPARED = 5_000


def resolve(name: str) -> Recipient:
    """An active user's name, else a mail address, else a channel. Raises ArgumentError."""
    users = get_user_model().objects.filter(is_active=True)
    user = users.filter(username=name).first()
    if user is not None:
        return Recipient(name, user.pk, user.email)
    if is_address(name):
        holders = users.filter(email__iexact=name).values_list("pk", flat=True)[:2]
        return Recipient(name, holders[0] if len(holders) == 1 else None, name)
    if Channel.objects.filter(name=name).exists():
        return Recipient(name, channel=name)
    known = [*users.values_list("username", flat=True)[:NAMES_COMPARED], *channel_names()]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ArgumentError({
        "recipient": f"expected a user name, a mail address or a channel, got {name!r}{hint}"
    })  # fmt: skip


def known_recipient(name: str) -> str:
    """For the check at the door: the name itself. Raises ValueError."""
    try:
        resolve(name)
    except ArgumentError as error:
        raise ValueError(error.problems["recipient"]) from None
    return name


def known_channel(name: str) -> str:
    """For the check at the door: the name itself. Raises ValueError with the nearest one."""
    names = channel_names()
    if name in names:
        return name
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(names) or 'none'}"
    raise ValueError(f"no channel is named {name!r}{hint}")


def channel_names() -> list[str]:
    return list(Channel.objects.values_list("name", flat=True))


def is_address(name: str) -> bool:
    try:
        validate_email(name)
    except ValidationError:
        return False
    return True
