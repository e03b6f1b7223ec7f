"""The channels that every installation has."""

from typing import Any

from django.apps import apps as current
from django.db import DEFAULT_DB_ALIAS

CHANNELS = {"in-app": "in-app", "mail": "mail"}  # name: kind


def create_channels(apps: Any = current, using: str = DEFAULT_DB_ALIAS, **_: Any) -> None:
    """After `migrate`: adds those that are missing, and leaves the others as people set them."""
    try:
        channels = apps.get_model("notification", "Channel").objects.using(using)
    except LookupError:  # migrated back to nothing
        return
    for name, kind in CHANNELS.items():
        channels.get_or_create(name=name, defaults={"kind": kind})
