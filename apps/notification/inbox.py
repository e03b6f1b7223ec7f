"""A user's inbox, for pages."""

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Q, QuerySet
from django.utils import timezone

from apps.notification.models import Notification

User = AbstractBaseUser | AnonymousUser


def of(user: User) -> QuerySet[Notification]:
    """Unread first, then the newest."""
    mine = Notification.objects.filter(inbox_id=user.pk or 0)
    return mine.alias(unread=Q(read_at=None)).order_by("-unread", "-created", "-id")


def unread_count(user: User) -> int:
    return Notification.objects.filter(inbox_id=user.pk or 0, read_at=None).count()


def mark_read(user: User, notification_id: int | None = None) -> int:
    """How many were marked: one of this user's notifications, or all of them."""
    unread = of(user).filter(read_at=None).order_by()
    if notification_id is not None:
        unread = unread.filter(pk=notification_id)
    return unread.update(read_at=timezone.now())
