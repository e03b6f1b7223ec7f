"""A team's mail channel, an example of a webhook, and one notification to the administrator."""

from typing import Any

from django.contrib.auth import get_user_model

from apps.notification.models import Channel
from apps.notification.severity import Severity

SEND = "apps.notification.tasks.send_notification_task"


def load() -> None:
    Channel.objects.get_or_create(
        name="team",
        defaults={
            "kind": "mail",
            "config": {"to": ["team@example.com"]},
            "min_severity": Severity.WARNING,
        },
    )
    Channel.objects.get_or_create(
        name="example-webhook",
        defaults={
            "kind": "webhook",
            "config": {"url": "https://hooks.example.com/switchyard"},
            "min_severity": Severity.ERROR,
            "enabled": False,
        },
    )


def jobs() -> list[tuple[str, dict[str, Any]]]:
    """To the first administrator's inbox; without one, to the team."""
    admins = get_user_model().objects.filter(is_superuser=True, is_active=True).order_by("pk")
    name = admins.values_list("username", flat=True).first()
    arguments = {
        "recipient": name or "team",
        "channels": ["in-app" if name else "team"],
        "severity": "info" if name else "warning",
        "title": "Switchyard is ready",
        "message": "This notification was sent by a job. More channels: see Notifications, Channels.",
        "url": "/",
    }
    return [(SEND, arguments)]
