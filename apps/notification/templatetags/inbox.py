from typing import Any

from django import template

from apps.notification.inbox import unread_count

register = template.Library()


@register.inclusion_tag("notification/unread.html")
def unread_badge(user: Any) -> dict[str, Any]:
    """The number of unread notifications, kept up to date; nothing for visitors."""
    return {"count": unread_count(user) if user.is_authenticated else None}
